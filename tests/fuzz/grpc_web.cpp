// Any bytes from a client, browser or not, into a server that speaks gRPC-Web: every call ends, and so does
// the connection. And a body of HTTP/1.1 is the same however it is cut.
#include "grpc_echo_service.hpp"
#include "http1_request.hpp"

#include <weft/core.hpp>
#include <weft/grpc/add_connection.hpp>
#include <weft/grpc/server.hpp>
#include <weft/testing/memory_stream.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>

namespace {

using namespace weft;

Task<void> feed(std::span<const std::byte> input, std::size_t step) {
    EchoService service;
    grpc::Server server(grpc::ServerOptions().grpc_web().max_receive_message_length(1 << 16));
    server.add_service(service);
    co_await server.start();
    auto streams = testing::memory_stream_pair();
    grpc::add_connection(server, std::move(streams.first));
    try {
        while (!input.empty()) {
            const auto piece = input.first(std::min(step, input.size()));
            input = input.subspan(piece.size());
            co_await streams.second->write_all(piece);
            co_await yield();
        }
        streams.second->shutdown_write();
        co_await yield();
    } catch (const Error&) {  // the server gave up on the connection
    }
    streams.second->close();
    co_await server.stop();
}

struct Body {
    std::string text;
    std::size_t rest = 0;
    bool ended = false;
    bool broken = false;
    bool operator==(const Body&) const = default;
};

Body read_body(const grpc::http1::Request& request, std::span<const std::byte> bytes, std::size_t step) {
    grpc::http1::BodyReader reader(request);
    Body body;
    while (!bytes.empty() && !reader.ended() && !reader.broken()) {
        auto in = bytes.first(std::min(step, bytes.size()));
        const std::size_t size = in.size();
        for (;;) {
            const auto piece = reader.next(in);
            if (piece.empty()) break;
            body.text.append(reinterpret_cast<const char*>(piece.data()), piece.size());
        }
        bytes = bytes.subspan(size - in.size());
        if (!in.empty() && !reader.ended() && !reader.broken()) std::abort();
    }
    body.rest = bytes.size();
    body.ended = reader.ended();
    body.broken = reader.broken();
    return body;
}

void compare_bodies(std::string_view text) {
    const std::size_t size = grpc::http1::head_size(text, 0);
    grpc::http1::Request request;
    if (size == 0 || request.parse(text.substr(0, size)) != 0) return;
    const auto rest = std::as_bytes(std::span(text.substr(size)));
    if (read_body(request, rest, rest.size()) != read_body(request, rest, 1)) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    compare_bodies({reinterpret_cast<const char*>(data), size});
    for (const std::size_t step : {size, std::size_t{3}}) {
        Loop loop(TimeSource::manual);
        loop.run(feed(std::as_bytes(std::span(data, size)), step));
    }
    return 0;
}
