// Any bytes from a server into an HTTP/2 client session with two requests under way: the session ends, with a
// reason.
#include <weft/core.hpp>
#include <weft/http2/session.hpp>
#include <weft/testing/memory_stream.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>

namespace {

using namespace weft;

class Call final : public http2::Exchange {
public:
    bool over() const { return closed; }

private:
    void on_headers(http2::HeaderBlock fields, bool, bool) noexcept override {
        for (const auto& field : fields) seen += field.name.size() + field.value.size();
    }
    void on_data(std::span<const std::byte> bytes) noexcept override {
        seen += bytes.size();
        release_window(bytes.size() / 2);
    }
    void on_remote_end() noexcept override {}
    void on_closed(const http2::CloseReason&) noexcept override { closed = true; }
    std::size_t seen = 0;
    bool closed = false;
};

class Handler final : public http2::SessionHandler {};

Task<void> feed(std::span<const std::byte> input) {
    auto streams = testing::memory_stream_pair();
    Handler handler;
    http2::Session session(std::move(streams.first), http2::Role::client, handler);
    auto running = spawn(session.run());
    static constexpr http2::HeaderField fields[] = {
        {":method", "POST"}, {":scheme", "http"}, {":path", "/"}, {":authority", "x"}};
    Call first;
    Call second;
    session.start(first, fields, true);
    session.start(second, fields, true);
    co_await yield();
    try {
        co_await streams.second->write_all(input);
        streams.second->shutdown_write();
    } catch (const Error&) {  // the session gave up on the connection
    }
    streams.second->close();
    co_await running;
    if (!first.over() || !second.over() || session.end_text().empty()) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Loop loop(TimeSource::manual);
    loop.run(feed(std::as_bytes(std::span(data, size))));
    return 0;
}
