#include "weft_servers.hpp"

#include <weft/core.hpp>

#include <cstdio>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace bench {

namespace {

weft::Task<void> echo(weft::Stream& stream) {
    std::vector<std::byte> buffer(4096);
    for (;;) {
        const std::size_t n = co_await stream.read_some(buffer);
        if (n == 0) co_return;
        co_await stream.write_all(std::span(buffer).first(n));
    }
}

weft::Task<void> serve_one(std::unique_ptr<weft::Stream> stream, std::optional<weft::TlsContext> tls) {
    try {
        if (tls) {
            auto secured = co_await weft::tls_accept(std::move(stream), *tls);
            stream = std::move(secured);
        }
        co_await echo(*stream);
    } catch (const weft::Error&) {  // the client resets its connections
    }
}

weft::Task<void> serve(std::optional<weft::TlsContext> tls) {
    weft::Listener listener(weft::SocketAddress::loopback(0));
    std::printf("%d\n", static_cast<int>(listener.port()));
    std::fflush(stdout);
    co_await weft::with_task_group([&](weft::TaskGroup& group) -> weft::Task<void> {
        for (;;) {
            auto stream = co_await listener.accept();
            group.spawn(serve_one(std::move(stream), tls));
        }
    });
}

}  // namespace

int serve_echo(const char* certificate, const char* key) {
    std::optional<weft::TlsContext> tls;
    if (certificate) tls = weft::TlsContext::server(weft::TlsIdentity::from_files(certificate, key));
    return weft::run(serve(std::move(tls)));
}

}  // namespace bench
