// Service: methods under their names. The plugin generates subclasses; write one by hand for raw bytes or
// your own message types.
//
//     struct Upper : weft::grpc::Service {
//         Upper() { add_unary_unary("/demo.Upper/Do", &Upper::run); }
//         Task<std::string> run(ServerContext&, std::string text);
//     };
#pragma once

#include <weft/core/pimpl.hpp>
#include <weft/core/task.hpp>
#include <weft/grpc/detail/server_core.hpp>
#include <weft/grpc/server_context.hpp>
#include <weft/grpc/server_stream.hpp>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weft::grpc {

namespace detail {

// A call through a member pointer, kept out of coroutines: with UndefinedBehaviorSanitizer g++ 12 evaluates
// it there from a stale address.
template <class S, class R, class... Parameters, class... Arguments>
R invoke(S& service, R (S::*function)(Parameters...), Arguments&&... arguments) {
    return (service.*function)(std::forward<Arguments>(arguments)...);
}

}  // namespace detail

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
        Pimpl<detail::MethodHandler> handler;
    };
    [[nodiscard]] const std::vector<Method>& methods() const noexcept { return methods_; }

protected:
    // The answer of a method that the subclass did not write.
    [[noreturn]] static void throw_unimplemented(std::string_view method);

    template <class S, class Request, class Response>
    void add_unary_unary(std::string path, Task<Response> (S::*method)(ServerContext&, Request)) {
        class Handler final : public detail::MethodHandler {
        public:
            using Function = Task<Response> (S::*)(ServerContext&, Request);
            Handler(S& service, Function function)
                : MethodHandler(detail::RequestKind::single), service_(service), function_(function) {}
            Task<void> handle(detail::ServerCall& call) override {
                std::optional<Request> request = detail::server_take_message<Request>(call);
                Task<Response> task =
                    detail::invoke(service_, function_, detail::context_of(call), std::move(*request));
                Response response = co_await std::move(task);
                if (detail::answers_ok(call)) detail::server_write_message(call, response);
            }

        private:
            S& service_;
            Function function_;
        };
        add(std::move(path), Pimpl<detail::MethodHandler>(new Handler(static_cast<S&>(*this), method)));
    }

    template <class S, class Request, class Response>
    void add_unary_stream(std::string path,
                          Task<void> (S::*method)(ServerContext&, Request, ServerWriter<Response>&)) {
        class Handler final : public detail::MethodHandler {
        public:
            using Function = Task<void> (S::*)(ServerContext&, Request, ServerWriter<Response>&);
            Handler(S& service, Function function)
                : MethodHandler(detail::RequestKind::single), service_(service), function_(function) {}
            Task<void> handle(detail::ServerCall& call) override {
                std::optional<Request> request = detail::server_take_message<Request>(call);
                ServerWriter<Response> writer(call);
                Task<void> task = detail::invoke(service_, function_, detail::context_of(call),
                                                 std::move(*request), writer);
                co_await std::move(task);
            }

        private:
            S& service_;
            Function function_;
        };
        add(std::move(path), Pimpl<detail::MethodHandler>(new Handler(static_cast<S&>(*this), method)));
    }

    template <class S, class Request, class Response>
    void add_stream_unary(std::string path,
                          Task<Response> (S::*method)(ServerContext&, ServerReader<Request>&)) {
        class Handler final : public detail::MethodHandler {
        public:
            using Function = Task<Response> (S::*)(ServerContext&, ServerReader<Request>&);
            Handler(S& service, Function function)
                : MethodHandler(detail::RequestKind::stream), service_(service), function_(function) {}
            Task<void> handle(detail::ServerCall& call) override {
                ServerReader<Request> reader(call);
                Task<Response> task = detail::invoke(service_, function_, detail::context_of(call), reader);
                Response response = co_await std::move(task);
                if (detail::answers_ok(call)) detail::server_write_message(call, response);
            }

        private:
            S& service_;
            Function function_;
        };
        add(std::move(path), Pimpl<detail::MethodHandler>(new Handler(static_cast<S&>(*this), method)));
    }

    template <class S, class Request, class Response>
    void add_stream_stream(std::string path,
                           Task<void> (S::*method)(ServerContext&, ServerReaderWriter<Request, Response>&)) {
        class Handler final : public detail::MethodHandler {
        public:
            using Function = Task<void> (S::*)(ServerContext&, ServerReaderWriter<Request, Response>&);
            Handler(S& service, Function function)
                : MethodHandler(detail::RequestKind::stream), service_(service), function_(function) {}
            Task<void> handle(detail::ServerCall& call) override {
                ServerReaderWriter<Request, Response> stream(call);
                Task<void> task = detail::invoke(service_, function_, detail::context_of(call), stream);
                co_await std::move(task);
            }

        private:
            S& service_;
            Function function_;
        };
        add(std::move(path), Pimpl<detail::MethodHandler>(new Handler(static_cast<S&>(*this), method)));
    }

private:
    void add(std::string path, Pimpl<detail::MethodHandler> handler);

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
