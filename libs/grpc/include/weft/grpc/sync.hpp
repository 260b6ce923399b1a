// gRPC for code without coroutines: the same names, each call blocks. No logic of its own.
//
//     auto channel = grpc::sync::insecure_channel("127.0.0.1:9559");
//     Echo::SyncStub stub(channel);
//     EchoReply reply = stub.Say(request, grpc::CallOptions().timeout(2s)).result();
//     for (const EchoReply& each : stub.List(request)) print(each);
//
// A channel may be used from any thread: each thread has its own connection, on its own loop
// (weft::SyncLoop). A call belongs to the thread that made it. Nothing runs between the calls: a call goes on
// while its thread is inside any blocking member of this API, and no longer. What was written has left when
// write() and done_writing() return. Only deadlines end a wait early: give calls a timeout(). Inside a
// running loop every member throws UsageError: co_await there.
#pragma once

#include <weft/core/sync_wait.hpp>
#include <weft/core/unique_function.hpp>
#include <weft/grpc/call.hpp>
#include <weft/grpc/channel.hpp>

#include <cstddef>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace weft::grpc::sync {

namespace detail {

class ChannelState;  // private: src/sync_channel.cpp

// What `make` gives, awaited.
template <class R, class F>
Task<R> awaited(F make) {
    co_return co_await make();
}
template <class F>
Task<void> awaited_void(F make) {
    co_await make();
}

// Lets the loop see what came while it stood still: the connection may be gone since.
Task<void> catch_up();

template <class R, class F>
Task<R> called(F function) {
    co_await catch_up();
    if constexpr (std::is_void_v<R>) {
        function();
    } else {
        co_return function();
    }
}

// A channel on the loop of one thread. A call keeps it.
class ThreadChannel {
public:
    ThreadChannel(SyncLoop own_loop, grpc::Channel own_channel) noexcept
        : loop(std::move(own_loop)), channel(std::move(own_channel)) {}

    // Runs the loop until what `make` gives is there; gives or throws its result.
    template <class F>
    auto wait(F make) const {
        using R = std::remove_cvref_t<decltype(make().await_resume())>;
        if constexpr (std::is_void_v<R>) {
            loop.wait(awaited_void(make));
        } else {
            return loop.wait(awaited<R>(make));
        }
    }
    // Runs a plain function on the loop, whose turn then ends: what it sent is written.
    template <class F>
    auto run(F function) const {
        return loop.wait(called<decltype(function())>(function));
    }
    // The same, for destructors: on the thread's loop when that may run, else right here.
    void run_last(UniqueFunction function) const noexcept;

    SyncLoop loop;
    grpc::Channel channel;
};
using ThreadChannelPtr = std::shared_ptr<ThreadChannel>;

// Throws UsageError inside a running loop.
[[nodiscard]] ThreadChannelPtr of_this_thread(ChannelState& state);

// What every call has; each member is grpc::Call's, and waits.
template <class AsyncCall>
class Call {
public:
    // Valid as long as the call.
    [[nodiscard]] const Metadata& initial_metadata() {
        const Metadata* found = nullptr;
        channel_->loop.wait(keep(found, call_));
        return *found;
    }
    [[nodiscard]] const Metadata& trailing_metadata() {
        (void)status();
        return *trailing_;
    }
    // These wait for the end. Read the messages of a stream first.
    [[nodiscard]] const Status& status() {
        if (!status_) channel_->loop.wait(keep_end(*this));
        return *status_;
    }
    [[nodiscard]] StatusCode code() { return status().code(); }
    [[nodiscard]] const std::string& details() { return status().details(); }
    // Throws RpcError when the call ends before.
    void wait_for_connection() {
        channel_->wait([&] { return call_.wait_for_connection(); });
    }
    // Ends the call at once with CANCELLED. False when it has ended already.
    bool cancel() {
        return channel_->run([&] { return call_.cancel(); });
    }
    [[nodiscard]] bool cancelled() {
        return channel_->run([&] { return call_.cancelled(); });
    }
    // Does not wait, but sees what has come.
    [[nodiscard]] bool done() {
        return channel_->run([&] { return call_.done(); });
    }
    // Never negative; nullopt without a deadline.
    [[nodiscard]] std::optional<Duration> time_remaining() const noexcept { return call_.time_remaining(); }
    [[nodiscard]] std::string peer() const { return call_.peer(); }
    [[nodiscard]] bool last_response_compressed() const noexcept { return call_.last_response_compressed(); }
    // On this thread, inside of a blocking member of this API.
    template <class F>
    void add_done_callback(F callback) {
        auto add = [&] { call_.add_done_callback(std::move(callback)); };
        channel_->run(add);
    }

protected:
    explicit Call(ThreadChannelPtr channel, AsyncCall call) noexcept
        : channel_(std::move(channel)), call_(std::move(call)) {}
    Call(Call&&) noexcept = default;
    Call& operator=(Call&& other) noexcept {
        drop();
        channel_ = std::move(other.channel_);
        call_ = std::move(other.call_);
        status_ = other.status_;
        trailing_ = other.trailing_;
        return *this;
    }
    ~Call() { drop(); }

    ThreadChannelPtr channel_;
    AsyncCall call_;

private:
    static Task<void> keep(const Metadata*& found, AsyncCall& call) {
        const Metadata& metadata = co_await call.initial_metadata();
        found = &metadata;
    }
    static Task<void> keep_end(Call& self) {
        const Status& status = co_await self.call_.status();
        const Metadata& trailing = co_await self.call_.trailing_metadata();
        self.status_ = &status;
        self.trailing_ = &trailing;
    }
    // A call that still runs is cancelled, and the server is told.
    void drop() noexcept {
        if (!call_ || call_.done()) return;
        channel_->run_last([call = std::move(call_)]() mutable {
            const AsyncCall dropped = std::move(call);
            (void)dropped;
        });
    }
    // Of the call's end, where the call keeps them.
    const Status* status_ = nullptr;
    const Metadata* trailing_ = nullptr;
};

// The members of a call with a stream of requests.
template <class AsyncCall>
class WritingCall : public Call<AsyncCall> {
public:
    using request_type = typename AsyncCall::request_type;
    using response_type = typename AsyncCall::response_type;

    // Until the message has left; waits while the server takes messages more slowly than we make them. Throws
    // as the asynchronous write() does.
    void write(const request_type& message) {
        this->channel_->wait([&] { return this->call_.write(message); });
        this->channel_->wait([&] { return this->call_.flush(); });
    }
    // No more requests; until the server has been told, or the call has ended.
    void done_writing() {
        auto end = [&] { this->call_.done_writing(); };
        this->channel_->run(end);
        this->channel_->wait([&] { return this->call_.flush(); });
    }
    void disable_next_message_compression() noexcept { this->call_.disable_next_message_compression(); }

protected:
    using Call<AsyncCall>::Call;
    WritingCall(WritingCall&&) noexcept = default;
    WritingCall& operator=(WritingCall&&) noexcept = default;
    ~WritingCall() = default;
};

// for (const Response& each : call)
template <class SyncCall>
class Responses {
public:
    using value_type = typename SyncCall::response_type;
    using difference_type = std::ptrdiff_t;
    explicit Responses(SyncCall& call) : call_(&call), response_(call.read()) {}
    value_type& operator*() const noexcept { return *response_; }
    Responses& operator++() {
        response_ = call_->read();
        return *this;
    }
    void operator++(int) { ++*this; }
    bool operator==(std::default_sentinel_t) const noexcept { return !response_; }

private:
    SyncCall* call_;
    mutable std::optional<value_type> response_;
};

}  // namespace detail

// One request, one response.
template <class Response>
class UnaryUnaryCall : public detail::Call<grpc::UnaryUnaryCall<Response>> {
public:
    using response_type = Response;
    UnaryUnaryCall(detail::ThreadChannelPtr channel, grpc::UnaryUnaryCall<Response> call) noexcept
        : detail::Call<grpc::UnaryUnaryCall<Response>>(std::move(channel), std::move(call)) {}

    // The response; throws RpcError. What co_await gives on an asynchronous call. May be asked again.
    [[nodiscard]] Response result() {
        return this->channel_->wait([&] { return this->call_.operator co_await(); });
    }
};

// One request, a stream of responses.
template <class Response>
class UnaryStreamCall : public detail::Call<grpc::UnaryStreamCall<Response>> {
public:
    using response_type = Response;
    UnaryStreamCall(detail::ThreadChannelPtr channel, grpc::UnaryStreamCall<Response> call) noexcept
        : detail::Call<grpc::UnaryStreamCall<Response>>(std::move(channel), std::move(call)) {}

    // The next response; nullopt when the server has finished with OK. Throws RpcError at any other end.
    [[nodiscard]] std::optional<Response> read() {
        return this->channel_->wait([&] { return this->call_.read(); });
    }
    // Reads until the end, which throws RpcError unless it is OK.
    [[nodiscard]] auto begin() { return detail::Responses<UnaryStreamCall>(*this); }
    [[nodiscard]] std::default_sentinel_t end() const noexcept { return {}; }
};

// A stream of requests, one response.
template <class Request, class Response>
class StreamUnaryCall : public detail::WritingCall<grpc::StreamUnaryCall<Request, Response>> {
public:
    StreamUnaryCall(detail::ThreadChannelPtr channel, grpc::StreamUnaryCall<Request, Response> call) noexcept
        : detail::WritingCall<grpc::StreamUnaryCall<Request, Response>>(std::move(channel), std::move(call)) {
    }

    // The response, after done_writing(); throws RpcError.
    [[nodiscard]] Response result() {
        return this->channel_->wait([&] { return this->call_.operator co_await(); });
    }
};

// Streams both ways. One thread does both: it must not write while the server waits for it to read.
template <class Request, class Response>
class StreamStreamCall : public detail::WritingCall<grpc::StreamStreamCall<Request, Response>> {
public:
    StreamStreamCall(detail::ThreadChannelPtr channel,
                     grpc::StreamStreamCall<Request, Response> call) noexcept
        : detail::WritingCall<grpc::StreamStreamCall<Request, Response>>(std::move(channel),
                                                                         std::move(call)) {}

    // As UnaryStreamCall's.
    [[nodiscard]] std::optional<Response> read() {
        return this->channel_->wait([&] { return this->call_.read(); });
    }
    [[nodiscard]] auto begin() { return detail::Responses<StreamStreamCall>(*this); }
    [[nodiscard]] std::default_sentinel_t end() const noexcept { return {}; }
};

// The way to a server, from every thread: the first call of a thread makes the thread's own connection, which
// ends with the thread or with the channel, whichever comes first. Interceptors, credentials and renewals
// that the options name are used by every thread that calls. Move-only; must outlive its calls' starts, and
// no other thread may use it while it is moved or destroyed.
class Channel {
public:
    Channel(Channel&&) noexcept = default;
    Channel& operator=(Channel&& other) noexcept;
    // Abortive, as the asynchronous one's; other threads drop their connections at their next call or end.
    ~Channel();

    // Callables of a method "/package.Service/Method", as grpc::Channel's.
    template <class Request = std::string, class Response = std::string>
    [[nodiscard]] auto unary_unary(std::string_view method) const;
    template <class Request = std::string, class Response = std::string>
    [[nodiscard]] auto unary_stream(std::string_view method) const;
    template <class Request = std::string, class Response = std::string>
    [[nodiscard]] auto stream_unary(std::string_view method) const;
    template <class Request = std::string, class Response = std::string>
    [[nodiscard]] auto stream_stream(std::string_view method) const;

    // These speak of the calling thread's connection.
    [[nodiscard]] ChannelConnectivity get_state(bool try_to_connect = false);
    // Throw TimeoutError after `limit`.
    void wait_for_state_change(ChannelConnectivity last, Duration limit = Duration::max());
    void channel_ready(Duration limit = Duration::max());
    [[nodiscard]] std::string last_connect_error();
    [[nodiscard]] const std::string& target() const noexcept;

    // New calls of all threads fail with CANCELLED. This thread's running ones get `grace` to end, then its
    // connection closes; another's does at its next call. Harmless when repeated.
    void close(Duration grace = Duration::zero());

    // For generated stubs.
    [[nodiscard]] detail::ChannelState& state() const noexcept { return *state_; }

private:
    friend Channel insecure_channel(std::string target, ChannelOptions options);
    friend Channel secure_channel(std::string target, const TlsContext& tls, ChannelOptions options);
    explicit Channel(std::shared_ptr<detail::ChannelState> state) noexcept;
    std::shared_ptr<detail::ChannelState> state_;
};

// As grpc::insecure_channel() and grpc::secure_channel(), and what they throw. A channel with a transport()
// of its own is for one thread: another one's call throws UsageError.
[[nodiscard]] Channel insecure_channel(std::string target, ChannelOptions options = ChannelOptions());
[[nodiscard]] Channel secure_channel(std::string target, const TlsContext& tls,
                                     ChannelOptions options = ChannelOptions());

namespace detail {

// Starts a call of each kind on the calling thread. Generated stubs call these.
template <class Request, class Response>
UnaryUnaryCall<Response> start_unary_unary(ChannelState& state, std::string_view method,
                                           const Request& request, CallOptions&& options) {
    auto here = of_this_thread(state);
    auto call = here->run([&] {
        return grpc::detail::start_unary_unary<Request, Response>(here->channel.core(), method, request,
                                                                  std::move(options));
    });
    return {std::move(here), std::move(call)};
}
template <class Request, class Response>
UnaryStreamCall<Response> start_unary_stream(ChannelState& state, std::string_view method,
                                             const Request& request, CallOptions&& options) {
    auto here = of_this_thread(state);
    auto call = here->run([&] {
        return grpc::detail::start_unary_stream<Request, Response>(here->channel.core(), method, request,
                                                                   std::move(options));
    });
    return {std::move(here), std::move(call)};
}
template <class Request, class Response>
StreamUnaryCall<Request, Response> start_stream_unary(ChannelState& state, std::string_view method,
                                                      CallOptions&& options) {
    auto here = of_this_thread(state);
    auto call = here->run([&] {
        return grpc::detail::start_stream_unary<Request, Response>(here->channel.core(), method,
                                                                   std::move(options));
    });
    return {std::move(here), std::move(call)};
}
template <class Request, class Response>
StreamStreamCall<Request, Response> start_stream_stream(ChannelState& state, std::string_view method,
                                                        CallOptions&& options) {
    auto here = of_this_thread(state);
    auto call = here->run([&] {
        return grpc::detail::start_stream_stream<Request, Response>(here->channel.core(), method,
                                                                    std::move(options));
    });
    return {std::move(here), std::move(call)};
}

}  // namespace detail

// Makes calls of one method. A value; valid as long as its channel, on any thread.
template <class Request, class Response>
class UnaryUnaryMultiCallable {
public:
    UnaryUnaryMultiCallable(detail::ChannelState& state, std::string_view method)
        : state_(&state), method_(method) {}
    UnaryUnaryCall<Response> operator()(const Request& request, CallOptions options = CallOptions()) const {
        return detail::start_unary_unary<Request, Response>(*state_, method_, request, std::move(options));
    }

private:
    detail::ChannelState* state_;
    std::string method_;
};

template <class Request, class Response>
class UnaryStreamMultiCallable {
public:
    UnaryStreamMultiCallable(detail::ChannelState& state, std::string_view method)
        : state_(&state), method_(method) {}
    UnaryStreamCall<Response> operator()(const Request& request, CallOptions options = CallOptions()) const {
        return detail::start_unary_stream<Request, Response>(*state_, method_, request, std::move(options));
    }

private:
    detail::ChannelState* state_;
    std::string method_;
};

template <class Request, class Response>
class StreamUnaryMultiCallable {
public:
    StreamUnaryMultiCallable(detail::ChannelState& state, std::string_view method)
        : state_(&state), method_(method) {}
    StreamUnaryCall<Request, Response> operator()(CallOptions options = CallOptions()) const {
        return detail::start_stream_unary<Request, Response>(*state_, method_, std::move(options));
    }

private:
    detail::ChannelState* state_;
    std::string method_;
};

template <class Request, class Response>
class StreamStreamMultiCallable {
public:
    StreamStreamMultiCallable(detail::ChannelState& state, std::string_view method)
        : state_(&state), method_(method) {}
    StreamStreamCall<Request, Response> operator()(CallOptions options = CallOptions()) const {
        return detail::start_stream_stream<Request, Response>(*state_, method_, std::move(options));
    }

private:
    detail::ChannelState* state_;
    std::string method_;
};

template <class Request, class Response>
auto Channel::unary_unary(std::string_view method) const {
    return UnaryUnaryMultiCallable<Request, Response>(*state_, method);
}
template <class Request, class Response>
auto Channel::unary_stream(std::string_view method) const {
    return UnaryStreamMultiCallable<Request, Response>(*state_, method);
}
template <class Request, class Response>
auto Channel::stream_unary(std::string_view method) const {
    return StreamUnaryMultiCallable<Request, Response>(*state_, method);
}
template <class Request, class Response>
auto Channel::stream_stream(std::string_view method) const {
    return StreamStreamMultiCallable<Request, Response>(*state_, method);
}

}  // namespace weft::grpc::sync
