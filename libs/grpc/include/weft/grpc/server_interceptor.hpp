// ServerInterceptor: code around every handler of a server. It sees headers, every message and the status.
//
//     class Auth final : public grpc::ServerInterceptor {
//         Task<void> intercept(grpc::ServerContext& context, grpc::ServerContinuation& next) override {
//             if (!context.invocation_metadata().contains("authorization"))
//                 context.abort(grpc::StatusCode::unauthenticated, "who are you?");
//             co_await next();
//         }
//     };
#pragma once

#include <weft/core/task.hpp>
#include <weft/grpc/server_context.hpp>

#include <cstddef>
#include <string>

namespace weft::grpc {

namespace detail {
class MethodHandler;
}

class ServerInterceptor;

// The next interceptor, or the handler.
class ServerContinuation {
public:
    ServerContinuation(detail::ServerCall& call, detail::MethodHandler& handler,
                       ServerInterceptor* const* next, std::size_t count) noexcept
        : call_(call), handler_(handler), next_(next), count_(count) {}
    // Runs it to its end. Throws what it throws: an RpcError is its status.
    [[nodiscard]] Task<void> operator()();

private:
    detail::ServerCall& call_;
    detail::MethodHandler& handler_;
    ServerInterceptor* const* next_;
    std::size_t count_;
};

// Must outlive its server.
class ServerInterceptor {
public:
    ServerInterceptor() = default;
    ServerInterceptor(const ServerInterceptor&) = delete;
    ServerInterceptor& operator=(const ServerInterceptor&) = delete;
    virtual ~ServerInterceptor() = default;

    // Runs in the handler's task, and ends the call as a handler does: returning is OK (also without next(),
    // if the method answers with a stream), an RpcError its status. It is cancelled as the handler is.
    virtual Task<void> intercept(ServerContext& context, ServerContinuation& next) = 0;

    // Every request before the handler gets it, and every response before it is sent, in serialised form;
    // both may be changed. Throw RpcError to refuse. Called only when sees_messages() is true, which costs a
    // copy.
    virtual void on_request(ServerContext& context, std::string& message);
    virtual void on_response(ServerContext& context, std::string& message);
    [[nodiscard]] virtual bool sees_messages() const noexcept { return false; }
};

}  // namespace weft::grpc
