// Any bytes from a server into a gRPC client: every call ends, whatever its kind, and the channel can be
// closed.
#include <weft/core.hpp>
#include <weft/grpc/channel.hpp>
#include <weft/grpc/transport.hpp>
#include <weft/testing/memory_stream.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>
#include <string>
#include <utility>

namespace {

using namespace weft;
using namespace std::chrono_literals;

// One connection; whoever asks for a second one is refused.
class OneStream final : public grpc::Transport {
public:
    explicit OneStream(std::unique_ptr<Stream> stream) : stream_(std::move(stream)) {}
    Task<std::unique_ptr<Stream>> connect() override {
        if (!stream_) throw Error("the server is gone");
        co_return std::move(stream_);
    }

private:
    std::unique_ptr<Stream> stream_;
};

template <class Call>
Task<void> read_all(Call call) {
    try {
        for (;;) {
            auto message = co_await call.read();
            if (!message) break;
        }
    } catch (const grpc::RpcError&) {
    }
    static_cast<void>(co_await call.status());
    static_cast<void>(co_await call.initial_metadata());
    static_cast<void>(co_await call.trailing_metadata());
}

Task<void> feed(std::span<const std::byte> input) {
    auto streams = testing::memory_stream_pair();
    auto options = grpc::ChannelOptions()
                       .max_receive_message_length(1 << 16)
                       .transport(grpc::TransportRef(new OneStream(std::move(streams.first))))
                       .service_config(R"({"methodConfig": [{"name": [{}], "retryPolicy": {"maxAttempts": 3,
                           "initialBackoff": "0.1s", "maxBackoff": "1s", "backoffMultiplier": 2,
                           "retryableStatusCodes": ["UNAVAILABLE", "ABORTED"]}}]})");
    auto channel = grpc::insecure_channel("fuzz", std::move(options));
    auto unary = channel.unary_unary("/f/U")("request", grpc::CallOptions().timeout(60s));
    auto stream = channel.unary_stream("/f/L")("request", grpc::CallOptions().timeout(60s));
    auto chat = channel.stream_stream("/f/S")(grpc::CallOptions().timeout(60s));
    try {
        // Requests wait for the server's SETTINGS; their streams are 1, 3 and 5.
        static constexpr unsigned char settings[] = {0, 0, 0, 4, 0, 0, 0, 0, 0};
        co_await streams.second->write_all(std::as_bytes(std::span(settings)));
        for (int i = 0; i < 5; ++i) co_await yield();
        co_await streams.second->write_all(input);
        co_await yield();
        streams.second->shutdown_write();
        co_await yield();
    } catch (const Error&) {  // the client gave up on the connection
    }
    streams.second->close();
    auto listing = spawn(read_all(std::move(stream)));
    auto chatting = spawn(read_all(std::move(chat)));
    static_cast<void>(co_await unary.status());
    co_await listing;
    co_await chatting;
    co_await channel.close();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Loop loop(TimeSource::manual);
    loop.run(timeout(1h, feed(std::as_bytes(std::span(data, size)))));
    return 0;
}
