// Call objects: one running RPC each. Move-only; a call that is dropped while it runs is cancelled
// (RST_STREAM CANCEL). They belong to their channel's loop and must not outlive it.
//
// The names are grpc.aio's. The call runs from its creation, whether it is awaited or not.
#pragma once

#include <weft/grpc/detail/call_core.hpp>

#include <optional>
#include <string>
#include <utility>

namespace weft::grpc {

// What every call has. The awaitables of a call that ended with an error give its code and metadata, they do
// not throw it; one that was dropped during the wait throws ClosedError.
class Call {
public:
    // The headers of the response; empty when the call ended without any. Valid as long as the call.
    [[nodiscard("co_await it")]] auto initial_metadata() {
        return detail::TakeWait<const Metadata&>(*call_, detail::CallEvent::headers, take_initial);
    }
    // These wait for the end of the call. Read the messages of a stream first: an end behind unread messages
    // comes only when they have been read or fit in the window.
    [[nodiscard("co_await it")]] auto trailing_metadata() {
        return detail::TakeWait<const Metadata&>(*call_, detail::CallEvent::ended, take_trailing);
    }
    [[nodiscard("co_await it")]] auto status() {
        return detail::TakeWait<const Status&>(*call_, detail::CallEvent::ended, take_status);
    }
    [[nodiscard("co_await it")]] auto code() {
        return detail::TakeWait<StatusCode>(*call_, detail::CallEvent::ended, take_code);
    }
    [[nodiscard("co_await it")]] auto details() {
        return detail::TakeWait<const std::string&>(*call_, detail::CallEvent::ended, take_details);
    }
    // Until the request has its place on a connection. Throws RpcError when the call ends before.
    [[nodiscard("co_await it")]] auto wait_for_connection() {
        return detail::TakeWait<void>(*call_, detail::CallEvent::connected, take_connected);
    }

    // Ends the call at once with CANCELLED. False when it has ended already.
    bool cancel() noexcept;
    // The call has ended with CANCELLED, whoever said so.
    [[nodiscard]] bool cancelled() const noexcept;
    [[nodiscard]] bool done() const noexcept;
    // Never negative; nullopt without a deadline.
    [[nodiscard]] std::optional<Duration> time_remaining() const noexcept;
    // The server's address ("ipv4:127.0.0.1:9559"); empty before there is a connection.
    [[nodiscard]] std::string peer() const;

    // The response that was read last came compressed.
    [[nodiscard]] bool last_response_compressed() const noexcept;

    // Calls `callback(const Status&)` when the call has ended, at once after its end; on the loop, never from
    // inside of another member. What it throws is dropped. It runs also when the call object is gone by then.
    template <class F>
    void add_done_callback(F callback) {
        struct Holder final : detail::DoneCallback {
            explicit Holder(F&& f) : function(std::move(f)) {}
            void call(const Status& status) override { function(status); }
            F function;
        };
        detail::add_done_callback(*call_, Pimpl<detail::DoneCallback>(new Holder(std::move(callback))));
    }

    [[nodiscard]] explicit operator bool() const noexcept { return static_cast<bool>(call_); }

protected:
    Call() = default;
    explicit Call(detail::ClientCallPtr call) noexcept : call_(std::move(call)) {}
    Call(Call&&) noexcept = default;
    Call& operator=(Call&&) noexcept = default;
    ~Call() = default;

    detail::ClientCallPtr call_;

private:
    static const Metadata& take_initial(detail::ClientCall& call);
    static const Metadata& take_trailing(detail::ClientCall& call);
    static const Status& take_status(detail::ClientCall& call);
    static StatusCode take_code(detail::ClientCall& call);
    static const std::string& take_details(detail::ClientCall& call);
    static void take_connected(detail::ClientCall& call);
};

// One request, one response.
//
//     Reply reply = co_await stub.Say(request);       // throws RpcError
//     auto call = stub.Say(request);                  // or with everything around it
//     auto& headers = co_await call.initial_metadata();
//     Reply reply = co_await call;                    // may be awaited again: the same answer
template <class Response>
class UnaryUnaryCall : public Call {
public:
    using response_type = Response;
    UnaryUnaryCall() = default;
    explicit UnaryUnaryCall(detail::ClientCallPtr call) noexcept : Call(std::move(call)) {}

    auto operator co_await() & noexcept { return detail::ResponseWait<Response>(*call_); }
    auto operator co_await() && noexcept { return detail::ResponseWait<Response>(std::move(call_)); }
};

// One request, a stream of responses.
template <class Response>
class UnaryStreamCall : public Call {
public:
    using response_type = Response;
    UnaryStreamCall() = default;
    explicit UnaryStreamCall(detail::ClientCallPtr call) noexcept : Call(std::move(call)) {}

    // The next response; nullopt when the server has finished with OK. Throws RpcError at any other end,
    // after the last response that came. One task reads at a time (UsageError). A cancelled read takes no
    // message, and the call goes on: drop or cancel() it to end it.
    [[nodiscard("co_await it")]] auto read() { return detail::ReadWait<Response>(*call_); }
};

// A stream of requests, one response.
template <class Request, class Response>
class StreamUnaryCall : public Call {
public:
    using request_type = Request;
    using response_type = Response;
    StreamUnaryCall() = default;
    explicit StreamUnaryCall(detail::ClientCallPtr call) noexcept : Call(std::move(call)) {}

    // Waits while the peer takes messages more slowly than we make them, then queues `message` (which must
    // stay until then). Throws RpcError when the call has failed, ClosedError when the server ended it with
    // OK, UsageError after done_writing(). A cancelled write has sent nothing.
    [[nodiscard("co_await it")]] auto write(const Request& message) {
        return detail::WriteWait<Request>(*call_, message);
    }
    // No more requests. Harmless when repeated and after the end.
    void done_writing() noexcept { detail::half_close(*call_); }
    // Until what was written, and its end after done_writing(), has left for the server, or the call has
    // ended: for who stops the loop next. The peer's window may hold it up. Through interceptors: until the
    // last of them has handed it on.
    [[nodiscard("co_await it")]] auto flush() {
        return detail::TakeWait<void>(*call_, detail::CallEvent::sent, detail::no_result);
    }
    // The next message is sent as it is, whatever the call's compression.
    void disable_next_message_compression() noexcept { detail::skip_compression(*call_); }

    auto operator co_await() & noexcept { return detail::ResponseWait<Response>(*call_); }
    auto operator co_await() && noexcept { return detail::ResponseWait<Response>(std::move(call_)); }
};

// Streams both ways, independent of each other: one task may read while another writes.
template <class Request, class Response>
class StreamStreamCall : public Call {
public:
    using request_type = Request;
    using response_type = Response;
    StreamStreamCall() = default;
    explicit StreamStreamCall(detail::ClientCallPtr call) noexcept : Call(std::move(call)) {}

    // As UnaryStreamCall::read().
    [[nodiscard("co_await it")]] auto read() { return detail::ReadWait<Response>(*call_); }
    // As StreamUnaryCall::write().
    [[nodiscard("co_await it")]] auto write(const Request& message) {
        return detail::WriteWait<Request>(*call_, message);
    }
    // As StreamUnaryCall::done_writing().
    void done_writing() noexcept { detail::half_close(*call_); }
    // As StreamUnaryCall's.
    [[nodiscard("co_await it")]] auto flush() {
        return detail::TakeWait<void>(*call_, detail::CallEvent::sent, detail::no_result);
    }
    void disable_next_message_compression() noexcept { detail::skip_compression(*call_); }
};

}  // namespace weft::grpc
