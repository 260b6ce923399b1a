// What typed handlers are made of: the server's side of a call, and the waits on it.
#pragma once

#include <weft/core/loop.hpp>
#include <weft/core/task.hpp>
#include <weft/grpc/codec.hpp>
#include <weft/grpc/server_context.hpp>

#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>

namespace weft::grpc::detail {

class ServerCall;

// What comes before the handler starts: one complete request, or only the headers.
enum class RequestKind : std::uint8_t { single, stream };

// One method of a service, as the server sees it.
class MethodHandler {
public:
    explicit MethodHandler(RequestKind request) noexcept : request_(request) {}
    MethodHandler(const MethodHandler&) = delete;
    MethodHandler& operator=(const MethodHandler&) = delete;
    virtual ~MethodHandler() = default;

    // Answers the call; its end is the end of the call, an RpcError the status.
    virtual Task<void> handle(ServerCall& call) = 0;
    [[nodiscard]] RequestKind request() const noexcept { return request_; }

private:
    RequestKind request_;
};

[[nodiscard]] ServerContext& context_of(ServerCall& call) noexcept;
// The handler has not set another code than OK.
[[nodiscard]] bool answers_ok(ServerCall& call) noexcept;

// As their namesakes of the client. prepare_message() throws Cancelled when the call is over.
[[nodiscard]] std::byte* server_prepare_message(ServerCall& call, std::size_t size);
void server_commit_message(ServerCall& call, std::size_t size);
[[nodiscard]] std::optional<std::span<const std::byte>> server_front_message(ServerCall& call);
void server_pop_message(ServerCall& call) noexcept;
[[noreturn]] void throw_unparsable_request();

template <class T>
void server_write_message(ServerCall& call, const T& message) {
    const std::size_t size = Codec<T>::size(message);
    Codec<T>::write(message, server_prepare_message(call, size), size);
    server_commit_message(call, size);
}

// The next request; nullopt at the end of the client's stream.
template <class Request>
std::optional<Request> server_take_message(ServerCall& call) {
    const auto bytes = server_front_message(call);
    if (!bytes) return std::nullopt;
    std::optional<Request> message(std::in_place);
    if (!Codec<Request>::read(*bytes, *message)) throw_unparsable_request();
    server_pop_message(call);
    return message;
}

enum class ServerEvent : std::uint8_t { readable, writable };

class ServerWait : public weft::detail::Waiter {
public:
    ServerWait(ServerCall& call, ServerEvent event) noexcept : call_(call), event_(event) {}
    bool await_ready() { return cancel_pending() || ready(); }
    void await_suspend(std::coroutine_handle<> frame) noexcept {
        park(frame);
        link();
    }

protected:
    ~ServerWait() { unlink(); }
    void unlink_wait() noexcept override { unlink(); }
    ServerCall& call_;

private:
    [[nodiscard]] bool ready();
    void link() noexcept;
    void unlink() noexcept;
    ServerEvent event_;
    bool linked_ = false;
};

template <class Request>
class ServerReadWait final : public ServerWait {
public:
    explicit ServerReadWait(ServerCall& call) noexcept : ServerWait(call, ServerEvent::readable) {}
    std::optional<Request> await_resume() {
        throw_if_cancelled();
        return server_take_message<Request>(call_);
    }
};

template <class Response>
class ServerWriteWait final : public ServerWait {
public:
    ServerWriteWait(ServerCall& call, const Response& message) noexcept
        : ServerWait(call, ServerEvent::writable), message_(message) {}
    void await_resume() {
        throw_if_cancelled();
        server_write_message(call_, message_);
    }

private:
    const Response& message_;
};

}  // namespace weft::grpc::detail
