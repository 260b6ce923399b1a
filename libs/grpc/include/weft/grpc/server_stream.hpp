// The streams of a handler: requests to read, responses to write. Valid until the handler has ended.
#pragma once

#include <weft/grpc/detail/server_core.hpp>

namespace weft::grpc {

template <class Request>
class ServerReader {
public:
    explicit ServerReader(detail::ServerCall& call) noexcept : call_(call) {}

    // The next request; nullopt when the client has finished writing. Throws RpcError INTERNAL for bytes that
    // are no Request (let it pass: it is the answer), Cancelled when the call is over. One task reads at a
    // time.
    [[nodiscard("co_await it")]] auto read() { return detail::ServerReadWait<Request>(call_); }

private:
    detail::ServerCall& call_;
};

template <class Response>
class ServerWriter {
public:
    explicit ServerWriter(detail::ServerCall& call) noexcept : call_(call) {}

    // Waits while the client takes messages more slowly than we make them, then queues `message` (which must
    // stay until then). Throws Cancelled when the call is over. One task writes at a time.
    [[nodiscard("co_await it")]] auto write(const Response& message) {
        return detail::ServerWriteWait<Response>(call_, message);
    }

private:
    detail::ServerCall& call_;
};

// Both directions; one task may read while another writes.
template <class Request, class Response>
class ServerReaderWriter : public ServerReader<Request>, public ServerWriter<Response> {
public:
    explicit ServerReaderWriter(detail::ServerCall& call) noexcept
        : ServerReader<Request>(call), ServerWriter<Response>(call) {}
};

}  // namespace weft::grpc
