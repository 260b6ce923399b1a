// Any bytes from a client into a gRPC server: every call ends, and so does the connection. Inputs may leave
// out the connection preface.
#include "grpc_echo_service.hpp"

#include <weft/core.hpp>
#include <weft/grpc/add_connection.hpp>
#include <weft/grpc/server.hpp>
#include <weft/testing/memory_stream.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace {

using namespace weft;

Task<void> feed(std::span<const std::byte> input) {
    static constexpr std::string_view preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    EchoService service;
    grpc::Server server(grpc::ServerOptions().max_receive_message_length(1 << 16));
    server.add_service(service);
    co_await server.start();
    auto streams = testing::memory_stream_pair();
    grpc::add_connection(server, std::move(streams.first));
    std::string bytes(reinterpret_cast<const char*>(input.data()), input.size());
    if (!bytes.starts_with(preface)) bytes.insert(0, preface);
    try {
        co_await streams.second->write_all(bytes);
        streams.second->shutdown_write();
        co_await yield();
    } catch (const Error&) {  // the server gave up on the connection
    }
    streams.second->close();
    co_await server.stop();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Loop loop(TimeSource::manual);
    loop.run(feed(std::as_bytes(std::span(data, size))));
    return 0;
}
