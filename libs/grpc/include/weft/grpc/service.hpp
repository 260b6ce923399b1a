// Service: methods under their names. The plugin generates subclasses; write one by hand for raw bytes or
// your own message types.
//
//     struct Upper : weft::grpc::Service {
//         Upper() { add_unary_unary("/demo.Upper/Do", &Upper::run); }
//         Task<std::string> run(ServerContext&, std::string text);
//     };
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>
#include <weft/core/task.hpp>
#include <weft/grpc/detail/server_core.hpp>
#include <weft/grpc/server_context.hpp>
#include <weft/grpc/server_stream.hpp>

namespace weft::grpc {

// A handler is a coroutine. What it returns is the answer, with OK. An RpcError that leaves it is the answer
// with that status; any other exception is answered as UNKNOWN, without its text. It is cancelled when the
// client is gone or its deadline has passed.
class Service {
public:
    Service() = default;
    Service(const Service&) = delete;
    Service& operator=(const Service&) = delete;
    virtual ~Service();

    struct Method {
        std::string path;  // "/package.Service/Method"
        std::unique_ptr<detail::MethodHandler> handler;
    };
    [[nodiscard]] const std::vector<Method>& methods() const noexcept { return methods_; }

protected:
    // The answer of a method that the subclass did not write.
    [[noreturn]] static void throw_unimplemented(std::string_view method);

    template <class S, class Request, class Response>
    void add_unary_unary(std::string path, Task<Response> (S::*method)(ServerContext&, Request)) {
        class Handler final : public detail::MethodHandler {
        public:
            Handler(S& service, Task<Response> (S::*function)(ServerContext&, Request))
                : MethodHandler(detail::RequestKind::single), service_(service), function_(function) {}
            Task<void> handle(detail::ServerCall& call) override {
                std::optional<Request> request = detail::server_take_message<Request>(call);
                Response response =
                    co_await (service_.*function_)(detail::context_of(call), std::move(*request));
                detail::server_write_message(call, response);
            }

        private:
            S& service_;
            Task<Response> (S::*function_)(ServerContext&, Request);
        };
        add(std::move(path), std::make_unique<Handler>(static_cast<S&>(*this), method));
    }

    template <class S, class Request, class Response>
    void add_unary_stream(std::string path,
                          Task<void> (S::*method)(ServerContext&, Request, ServerWriter<Response>&)) {
        class Handler final : public detail::MethodHandler {
        public:
            Handler(S& service, Task<void> (S::*function)(ServerContext&, Request, ServerWriter<Response>&))
                : MethodHandler(detail::RequestKind::single), service_(service), function_(function) {}
            Task<void> handle(detail::ServerCall& call) override {
                std::optional<Request> request = detail::server_take_message<Request>(call);
                ServerWriter<Response> writer(call);
                co_await (service_.*function_)(detail::context_of(call), std::move(*request), writer);
            }

        private:
            S& service_;
            Task<void> (S::*function_)(ServerContext&, Request, ServerWriter<Response>&);
        };
        add(std::move(path), std::make_unique<Handler>(static_cast<S&>(*this), method));
    }

    template <class S, class Request, class Response>
    void add_stream_unary(std::string path,
                          Task<Response> (S::*method)(ServerContext&, ServerReader<Request>&)) {
        class Handler final : public detail::MethodHandler {
        public:
            Handler(S& service, Task<Response> (S::*function)(ServerContext&, ServerReader<Request>&))
                : MethodHandler(detail::RequestKind::stream), service_(service), function_(function) {}
            Task<void> handle(detail::ServerCall& call) override {
                ServerReader<Request> reader(call);
                Response response = co_await (service_.*function_)(detail::context_of(call), reader);
                detail::server_write_message(call, response);
            }

        private:
            S& service_;
            Task<Response> (S::*function_)(ServerContext&, ServerReader<Request>&);
        };
        add(std::move(path), std::make_unique<Handler>(static_cast<S&>(*this), method));
    }

    template <class S, class Request, class Response>
    void add_stream_stream(std::string path,
                           Task<void> (S::*method)(ServerContext&, ServerReaderWriter<Request, Response>&)) {
        class Handler final : public detail::MethodHandler {
        public:
            Handler(S& service,
                    Task<void> (S::*function)(ServerContext&, ServerReaderWriter<Request, Response>&))
                : MethodHandler(detail::RequestKind::stream), service_(service), function_(function) {}
            Task<void> handle(detail::ServerCall& call) override {
                ServerReaderWriter<Request, Response> stream(call);
                co_await (service_.*function_)(detail::context_of(call), stream);
            }

        private:
            S& service_;
            Task<void> (S::*function_)(ServerContext&, ServerReaderWriter<Request, Response>&);
        };
        add(std::move(path), std::make_unique<Handler>(static_cast<S&>(*this), method));
    }

private:
    void add(std::string path, std::unique_ptr<detail::MethodHandler> handler);

    std::vector<Method> methods_;
};

// Takes the calls whose method no service has: proxies, and methods that are known only at run time. Messages
// are raw bytes; a call of any kind looks like two streams.
class GenericHandler {
public:
    virtual ~GenericHandler() = default;
    // False leaves the call to the next generic handler; the last answer is UNIMPLEMENTED.
    [[nodiscard]] virtual bool handles(std::string_view method) const = 0;
    virtual Task<void> handle(ServerContext& context,
                              ServerReaderWriter<std::string, std::string>& stream) = 0;
};

}  // namespace weft::grpc
