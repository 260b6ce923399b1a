// ClientInterceptor: code around every call of a channel. It sees and may change headers, each message and
// the status; it may call again (retry), call something else, answer itself, or refuse.
//
//     class Log final : public grpc::ClientInterceptor {
//         Task<Pimpl<grpc::RawCall>> intercept(grpc::CallDetails details, std::optional<std::string> request,
//                                              grpc::ClientContinuation& next) override {
//             auto call = co_await next(std::move(details), std::move(request));
//             const grpc::CallEnd end = co_await call->end();
//             …
//             co_return call;
//         }
//     };
//     auto channel = grpc::insecure_channel(target, grpc::ChannelOptions().interceptor(log));
#pragma once

#include <weft/core/pimpl.hpp>
#include <weft/core/task.hpp>
#include <weft/grpc/detail/call_core.hpp>
#include <weft/grpc/metadata.hpp>
#include <weft/grpc/status.hpp>

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace weft::grpc {

class CallCredentials;

// What a call is about to be; change it before handing it on.
class CallDetails {
public:
    CallDetails() {}

    std::string method;  // "/package.Service/Method"
    std::optional<TimePoint> deadline;
    Metadata metadata;
    bool wait_for_ready = false;
    std::string authority;                                  // empty: the channel's
    std::optional<Compression> compression;                 // nullopt: the channel's
    std::optional<std::size_t> max_receive_message_length;  // nullopt: the channel's
    CallCredentials* credentials = nullptr;                 // of the call; the channel's count too
    bool many_requests = false;
    bool many_responses = false;
};

// How a call ended.
class CallEnd {
public:
    CallEnd() {}
    CallEnd(Status s, Metadata trailing) : status(std::move(s)), trailing_metadata(std::move(trailing)) {}

    Status status;
    Metadata trailing_metadata;
};

// A call with its messages as bytes. Derive from it to answer in place of a server, from RawCallWrapper to
// look at or change what passes. Destroying it cancels the call.
class RawCall {
public:
    RawCall() = default;
    RawCall(const RawCall&) = delete;
    RawCall& operator=(const RawCall&) = delete;
    virtual ~RawCall() = default;

    // The headers of the response; empty when there are none.
    virtual Task<Metadata> initial_metadata() = 0;
    // The next response; nullopt after the last one, however the call ended.
    virtual Task<std::optional<std::string>> read() = 0;
    // The next request, where details.many_requests. Throws RpcError when the call has ended.
    virtual Task<void> write(std::string message) = 0;
    virtual void done_writing() noexcept = 0;
    // Waits for the end. May be awaited repeatedly, and beside read().
    virtual Task<CallEnd> end() = 0;
    virtual void cancel() noexcept = 0;
};

// Hands everything on to another call.
class RawCallWrapper : public RawCall {
public:
    explicit RawCallWrapper(Pimpl<RawCall> inner) noexcept : inner_(std::move(inner)) {}

    Task<Metadata> initial_metadata() override { return inner_->initial_metadata(); }
    Task<std::optional<std::string>> read() override { return inner_->read(); }
    Task<void> write(std::string message) override { return inner_->write(std::move(message)); }
    void done_writing() noexcept override { inner_->done_writing(); }
    Task<CallEnd> end() override { return inner_->end(); }
    void cancel() noexcept override { inner_->cancel(); }

protected:
    Pimpl<RawCall> inner_;
};

// A call that ends as it is told, without a server: a cached answer, for one.
[[nodiscard]] Pimpl<RawCall> answered_call(std::vector<std::string> responses, Status status = Status(),
                                           Metadata initial = Metadata(), Metadata trailing = Metadata());

class ClientInterceptor;

// The next interceptor, or the call itself.
class ClientContinuation {
public:
    ClientContinuation(detail::ChannelCore& channel, ClientInterceptor* const* next,
                       std::size_t count) noexcept
        : channel_(channel), next_(next), count_(count) {}
    // `request`: of a call with one request; nullopt with details.many_requests. May be used repeatedly.
    [[nodiscard]] Task<Pimpl<RawCall>> operator()(CallDetails details, std::optional<std::string> request);

private:
    detail::ChannelCore& channel_;
    ClientInterceptor* const* next_;
    std::size_t count_;
};

// Must outlive its channels. Runs in a task of the call: cancelling the call cancels it.
class ClientInterceptor {
public:
    ClientInterceptor() = default;
    ClientInterceptor(const ClientInterceptor&) = delete;
    ClientInterceptor& operator=(const ClientInterceptor&) = delete;
    virtual ~ClientInterceptor() = default;

    // Gives the call whose responses and end the caller sees. An RpcError thrown is the call's end; any other
    // exception ends it with INTERNAL. `next` is valid until the task is done.
    virtual Task<Pimpl<RawCall>> intercept(CallDetails details, std::optional<std::string> request,
                                           ClientContinuation& next) = 0;
};

}  // namespace weft::grpc
