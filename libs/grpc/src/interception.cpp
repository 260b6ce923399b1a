#include "interception.hpp"

#include "channel_core.hpp"
#include "hedged_call.hpp"

#include <deque>
#include <utility>

namespace weft::grpc {

namespace detail {

namespace {

// The real call under the interceptors.
class InnerCall final : public RawCall {
public:
    explicit InnerCall(ClientCallPtr call) noexcept : call_(std::move(call)) {}

    Task<Metadata> initial_metadata() override {
        const Metadata& metadata = co_await TakeWait<const Metadata&>(
            *call_, CallEvent::headers,
            [](ClientCall& c) -> const Metadata& { return c.initial_metadata(); });
        co_return metadata;
    }
    Task<std::optional<std::string>> read() override { return read_response(*call_, taken_); }
    Task<void> write(std::string message) override {
        co_await WriteWait<std::string>(*call_, message);
        co_await TakeWait<void>(*call_, CallEvent::connected, no_result);
    }
    void done_writing() noexcept override { call_->half_close(); }
    Task<CallEnd> end() override {
        co_await TakeWait<void>(*call_, CallEvent::ended, [](ClientCall&) {});
        co_return CallEnd(call_->status(), call_->trailing_metadata());
    }
    void cancel() noexcept override { cancel_call(*call_); }

private:
    ClientCallPtr call_;
    bool taken_ = false;
};

class AnsweredCall final : public RawCall {
public:
    AnsweredCall(std::vector<std::string> responses, Status status, Metadata initial, Metadata trailing)
        : responses_(std::make_move_iterator(responses.begin()), std::make_move_iterator(responses.end())),
          initial_(std::move(initial)),
          end_(std::move(status), std::move(trailing)) {}

    Task<Metadata> initial_metadata() override { co_return initial_; }
    Task<std::optional<std::string>> read() override {
        if (responses_.empty()) co_return std::nullopt;
        std::string front = std::move(responses_.front());
        responses_.pop_front();
        co_return front;
    }
    Task<void> write(std::string) override { co_return; }
    void done_writing() noexcept override {}
    Task<CallEnd> end() override { co_return end_; }
    void cancel() noexcept override {}

private:
    std::deque<std::string> responses_;
    Metadata initial_;
    CallEnd end_;
};

}  // namespace

Task<std::optional<std::string>> read_response(ClientCall& call, bool& taken) {
    if (!call.many_responses()) {
        // The single response stays in the call until its end is known.
        co_await TakeWait<void>(call, CallEvent::ended, [](ClientCall&) {});
        if (std::exchange(taken, true) || !call.status().ok()) co_return std::nullopt;
        const auto bytes = call.front_message();
        if (!bytes) co_return std::nullopt;
        co_return std::string(reinterpret_cast<const char*>(bytes->data()), bytes->size());
    }
    try {
        auto message = co_await ReadWait<std::string>(call);
        co_return message;
    } catch (const RpcError&) {
        co_return std::nullopt;
    }
}

ClientCallPtr make_inner_call(ChannelCore& channel, CallDetails details) {
    const auto kind =
        static_cast<CallKind>((details.many_requests ? 1 : 0) | (details.many_responses ? 2 : 0));
    CallOptions options;
    if (details.deadline) std::move(options).deadline(*details.deadline);
    std::move(options)
        .metadata(std::move(details.metadata))
        .authority(std::move(details.authority))
        .wait_for_ready(details.wait_for_ready);
    if (details.compression) std::move(options).compression(*details.compression);
    if (details.max_receive_message_length)
        std::move(options).max_receive_message_length(*details.max_receive_message_length);
    if (details.credentials) std::move(options).credentials(*details.credentials);
    return ClientCallPtr(
        new ClientCall(channel, kind, details.method, std::move(options), ClientCall::Purpose::inner));
}

void Interception::start() {
    weft::detail::start_task(Loop::current(), tasks_, run(), "grpc interceptors")->mark_retrieved();
}

void Interception::stop() noexcept {
    if (inner_) inner_->cancel();
    tasks_.cancel_children();
}

Task<void> Interception::run() {
    Status failure;
    try {
        CallDetails details = call_.details();
        std::optional<std::string> request;
        if (!details.many_requests) request = call_.take_written();
        const auto& chain = channel_.options().interceptors;
        ClientContinuation first(channel_, chain.data(), chain.size());
        inner_ = co_await first(std::move(details), std::move(request));
        if (!inner_) throw RpcError(StatusCode::internal, "an interceptor gave no call");
        if (call_.many_requests())
            weft::detail::start_task(Loop::current(), tasks_, forward_requests(), "grpc interceptors")
                ->mark_retrieved();
        Metadata initial = co_await inner_->initial_metadata();
        call_.give_initial(std::move(initial));
        for (;;) {
            while (!call_.wants_response()) {
                changed_.clear();
                co_await changed_.wait();
            }
            auto message = co_await inner_->read();
            if (!message) break;
            call_.give_response(*message);
        }
        CallEnd end = co_await inner_->end();
        call_.give_end(std::move(end));
        co_return;
    } catch (const RpcError& error) {
        failure = error.status();
    } catch (const Cancelled&) {
        throw;
    } catch (const std::exception& error) {
        failure = Status(StatusCode::internal, std::string("an interceptor failed: ") + error.what());
    }
    if (failure.ok()) failure = Status(StatusCode::internal, "an interceptor failed with status OK");
    call_.fail(std::move(failure));
}

Task<void> Interception::forward_requests() {
    try {
        for (;;) {
            auto message = call_.take_written();
            if (message) {
                co_await inner_->write(std::move(*message));
                continue;
            }
            if (call_.output_ended()) break;
            idle_ = true;
            call_.requests_forwarded();
            changed_.clear();
            co_await changed_.wait();
            idle_ = false;
        }
        inner_->done_writing();
    } catch (const Error&) {
        // The call has ended: its end comes by the other direction.
    }
    idle_ = forwarded_ = true;
    call_.requests_forwarded();
}

}  // namespace detail

Pimpl<RawCall> answered_call(std::vector<std::string> responses, Status status, Metadata initial,
                             Metadata trailing) {
    return Pimpl<RawCall>(new detail::AnsweredCall(std::move(responses), std::move(status),
                                                   std::move(initial), std::move(trailing)));
}

Task<Pimpl<RawCall>> ClientContinuation::operator()(CallDetails details, std::optional<std::string> request) {
    if (count_ != 0) {
        ClientContinuation after(channel_, next_ + 1, count_ - 1);
        auto call = co_await next_[0]->intercept(std::move(details), std::move(request), after);
        co_return call;
    }
    const auto* config = channel_.config().find(details.method);
    if (config && config->hedging && channel_.options().retries)
        co_return Pimpl<RawCall>(
            new detail::HedgedCall(channel_, std::move(details), std::move(request), *config->hedging));
    detail::ClientCallPtr call = detail::make_inner_call(channel_, std::move(details));
    if (request) {
        detail::write_message(*call, *request);
        call->half_close();
    }
    call->launch();
    co_return Pimpl<RawCall>(new detail::InnerCall(std::move(call)));
}

}  // namespace weft::grpc
