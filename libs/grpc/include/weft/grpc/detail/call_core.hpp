// What the typed call objects are made of: the call behind them, and the waits on it.
#pragma once

#include <weft/core/intrusive_list.hpp>
#include <weft/core/loop.hpp>
#include <weft/core/pimpl.hpp>
#include <weft/grpc/call_options.hpp>
#include <weft/grpc/codec.hpp>
#include <weft/grpc/metadata.hpp>
#include <weft/grpc/status.hpp>

#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace weft::grpc::detail {

class ClientCall;
class ChannelCore;

// Destroying the call cancels it when it is still going on.
using ClientCallPtr = Pimpl<ClientCall>;

// Something to be told when a call has ended.
class DoneCallback {
public:
    virtual ~DoneCallback() = default;
    virtual void call(const Status& status) = 0;
};

// Which streams a call has. The numbers are bits: 1 = many requests, 2 = many responses.
enum class CallKind : std::uint8_t { unary_unary = 0, stream_unary = 1, unary_stream = 2, stream_stream = 3 };

// What one can wait for. Every wait also ends when the call does.
enum class CallEvent : std::uint8_t {
    connected = 1,
    headers = 2,
    message = 4,
    writable = 8,
    ended = 16,
    sent = 32,
};

[[nodiscard]] ClientCallPtr new_call(ChannelCore& channel, CallKind kind, std::string_view method,
                                     CallOptions&& options);
// Puts the call on the wire, or in the channel's queue. The request of a unary call is written before.
void launch(ClientCall& call);

// Room for a message of `size` bytes; commit_message() sends it. Throws RpcError RESOURCE_EXHAUSTED (and the
// call ends with it) when it is over the channel's limit, or the call's status when it has ended; UsageError
// after done_writing().
[[nodiscard]] std::byte* prepare_message(ClientCall& call, std::size_t size);
void commit_message(ClientCall& call, std::size_t size) noexcept;
void half_close(ClientCall& call) noexcept;

// The complete message in front, if any; valid until pop_message() or the next wait.
[[nodiscard]] std::optional<std::span<const std::byte>> front_message(ClientCall& call) noexcept;
void pop_message(ClientCall& call) noexcept;
// The message did not parse: the call ends with INTERNAL, which is thrown.
[[noreturn]] void throw_unparsable(ClientCall& call);

void skip_compression(ClientCall& call) noexcept;
void add_done_callback(ClientCall& call, Pimpl<DoneCallback> callback);
[[noreturn]] void throw_status(ClientCall& call);
void throw_unless_ok(ClientCall& call);
void cancel_call(ClientCall& call) noexcept;
inline void no_result(ClientCall&) {}

template <class T>
void write_message(ClientCall& call, const T& message) {
    const std::size_t size = Codec<T>::size(message);
    Codec<T>::write(message, prepare_message(call, size), size);
    commit_message(call, size);
}

// One suspension on a call.
class CallWait : public weft::detail::Waiter, public ListHook<> {
public:
    CallWait(ClientCall& call, CallEvent event) noexcept : call_(&call), event_(event) {}
    bool await_ready() { return cancel_pending() || ready(); }
    void await_suspend(std::coroutine_handle<> frame) noexcept {
        park(frame);
        link();
    }

protected:
    ~CallWait() = default;
    // The call; throws Cancelled, or ClosedError when the call object was dropped during the wait.
    ClientCall& finished_wait() const {
        throw_if_cancelled();
        if (!call_) throw_dropped();
        return *call_;
    }
    void unlink_wait() noexcept override { ListHook<>::unlink(); }

    ClientCall* call_;

private:
    friend class ClientCall;
    [[nodiscard]] bool ready();
    void link() noexcept;
    [[noreturn]] static void throw_dropped();
    CallEvent event_;
};

// Waits for an event, then gives what `Take` makes of the call.
template <class R>
class TakeWait final : public CallWait {
public:
    using Take = R (*)(ClientCall&);
    TakeWait(ClientCall& call, CallEvent event, Take take) noexcept : CallWait(call, event), take_(take) {}
    R await_resume() const { return take_(finished_wait()); }

private:
    Take take_;
};

// The next response of a stream.
template <class Response>
class ReadWait final : public CallWait {
public:
    explicit ReadWait(ClientCall& call) noexcept : CallWait(call, CallEvent::message) {}
    std::optional<Response> await_resume() const {
        ClientCall& call = finished_wait();
        const auto bytes = front_message(call);
        if (!bytes) {
            throw_unless_ok(call);
            return std::nullopt;
        }
        std::optional<Response> message(std::in_place);
        if (!Codec<Response>::read(*bytes, *message)) throw_unparsable(call);
        pop_message(call);
        return message;
    }
};

// The one response of a call. Cancelling the wait cancels the call, as awaiting a grpc.aio call does.
template <class Response>
class ResponseWait final : public CallWait {
public:
    explicit ResponseWait(ClientCall& call) noexcept : CallWait(call, CallEvent::ended) {}
    explicit ResponseWait(ClientCallPtr call) noexcept
        : CallWait(*call, CallEvent::ended), owned_(std::move(call)) {}
    Response await_resume() const {
        ClientCall& call = finished_wait();
        throw_unless_ok(call);
        Response message;
        const auto bytes = front_message(call);
        if (!bytes || !Codec<Response>::read(*bytes, message)) throw_unparsable(call);
        return message;
    }
    void cancel_wait() noexcept override {
        CallWait::cancel_wait();
        if (call_) cancel_call(*call_);
    }

private:
    ClientCallPtr owned_;
};

// Waits for room, then writes. `message` must stay until the wait is over.
template <class Request>
class WriteWait final : public CallWait {
public:
    WriteWait(ClientCall& call, const Request& message) noexcept
        : CallWait(call, CallEvent::writable), message_(message) {}
    void await_resume() const { write_message(finished_wait(), message_); }

private:
    const Request& message_;
};

}  // namespace weft::grpc::detail
