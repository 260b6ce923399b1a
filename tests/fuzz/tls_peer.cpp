// A peer that sends anything: the first byte chooses whether we are its server or its client, the rest is
// what it sends, in pieces. Ends with a connection or a typed error, always.
#include <weft/core/error.hpp>
#include <weft/core/loop.hpp>
#include <weft/core/spawn.hpp>
#include <weft/core/tls_stream.hpp>
#include <weft/testing/memory_stream.hpp>
#include <weft/testing/test_authority.hpp>

#include <array>
#include <cstdint>
#include <string>

namespace {

using namespace weft;

const testing::TestCertificate& certificate() {
    static const testing::TestCertificate made = testing::TestAuthority().issue({"sw1.test"});
    return made;
}

TlsContext server_context() {
    static const TlsContext made =
        TlsContext::server(TlsIdentity::from_pem(certificate().chain, certificate().key)).alpn("h2");
    return made;
}

TlsContext client_context() {
    static const TlsContext made = TlsContext::client().verify(false).alpn("h2");
    return made;
}

Task<void> use(Task<std::unique_ptr<TlsStream>> making) {
    try {
        auto stream = co_await std::move(making);
        std::array<std::byte, 256> buffer;
        for (;;) {
            const std::size_t n = co_await stream->read_some(buffer);
            if (n == 0) break;
        }
    } catch (const Error&) {
    }
}

Task<void> feed(testing::StreamPair pair, std::uint8_t choice, std::string bytes) {
    auto making = (choice & 1) != 0 ? tls_accept(std::move(pair.first), server_context())
                                    : tls_connect(std::move(pair.first), client_context(), "sw1.test");
    auto side = spawn(use(std::move(making)));
    try {
        co_await pair.second->write_all(bytes);
        pair.second->shutdown_write();
    } catch (const Error&) {
        // It has closed already.
    }
    std::array<std::byte, 512> answer;
    for (;;) {
        const std::size_t n = co_await pair.second->read_some(answer);
        if (n == 0) break;
    }
    pair.second->close();
    co_await side;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    testing::MemoryStreamOptions options;
    options.chunk = 1 + (data[0] >> 1);
    Loop loop(TimeSource::manual);
    loop.run(feed(testing::memory_stream_pair(options), data[0],
                  std::string(reinterpret_cast<const char*>(data) + 1, size - 1)));
    return 0;
}
