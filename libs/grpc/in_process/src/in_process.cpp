#include <weft/grpc/add_connection.hpp>
#include <weft/grpc/in_process.hpp>
#include <weft/grpc/transport.hpp>
#include <weft/testing/memory_stream.hpp>

#include <utility>

namespace weft::grpc {

namespace {

class Memory final : public Transport {
public:
    explicit Memory(Server& server) noexcept : server_(server) {}
    Task<std::unique_ptr<Stream>> connect() override {
        weft::testing::MemoryStreamOptions options;
        options.capacity = std::size_t{1} << 20;
        auto pair = weft::testing::memory_stream_pair(options);
        add_connection(server_, std::move(pair.second));
        co_return std::move(pair.first);
    }
    [[nodiscard]] bool confidential() const noexcept override { return true; }

private:
    Server& server_;
};

}  // namespace

Channel in_process_channel(Server& server, ChannelOptions options) {
    return insecure_channel("in-process", std::move(options).transport(TransportRef(new Memory(server))));
}

}  // namespace weft::grpc
