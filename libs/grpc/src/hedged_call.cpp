#include "hedged_call.hpp"

#include "channel_core.hpp"

#include <weft/core/error.hpp>
#include <weft/core/sleep.hpp>
#include <weft/core/timeout.hpp>

#include <algorithm>

namespace weft::grpc::detail {

namespace {

Task<void> wait_for(Event& event) { co_await event.wait(); }

// Requests that a writer may be ahead of the copy that has won.
constexpr std::size_t most_ahead = 4;

void nothing(ClientCall&) {}

}  // namespace

HedgedCall::HedgedCall(ChannelCore& channel, CallDetails details, std::optional<std::string> request,
                       const HedgingPolicy& policy)
    : channel_(channel), details_(std::move(details)), policy_(policy) {
    if (request) {
        requests_.push_back(std::move(*request));
        requests_done_ = true;
    }
    start_copy();
    weft::detail::start_task(Loop::current(), tasks_, send_copies(), "grpc hedging")->mark_retrieved();
}

void HedgedCall::start_copy() {
    CallDetails details = details_;
    copies_.push_back(std::make_unique<Copy>(make_inner_call(channel_, std::move(details))));
    Copy& copy = *copies_.back();
    copy.call->set_previous_attempts(static_cast<int>(copies_.size()) - 1);
    copy.call->launch();
    weft::detail::start_task(Loop::current(), tasks_, watch(copy), "grpc hedging")->mark_retrieved();
    weft::detail::start_task(Loop::current(), tasks_, feed(copy), "grpc hedging")->mark_retrieved();
}

Task<void> HedgedCall::send_copies() {
    while (static_cast<int>(copies_.size()) < policy_.max_attempts) {
        try {
            co_await timeout(policy_.delay, wait_for(hurry_));
        } catch (const TimeoutError&) {
        }
        hurry_.clear();
        if (next_in_) {
            const Duration pause = *next_in_;
            next_in_.reset();
            co_await sleep(pause);
        }
        if (winner_ || no_more_) co_return;
        start_copy();
    }
}

Task<void> HedgedCall::watch(Copy& copy) {
    co_await TakeWait<void>(*copy.call, CallEvent::headers, nothing);
    if (winner_) co_return;
    const ClientCall& call = *copy.call;
    const bool failed = call.ended() && !call.headers_seen() && policy_.non_fatal.has(call.status().code());
    if (failed) {
        attempt_failed(copy);
    } else {
        channel_.throttle().succeeded();
        commit(copy);
    }
}

void HedgedCall::attempt_failed(Copy& copy) {
    copy.failed = true;
    if (!channel_.throttle().failed()) no_more_ = true;
    if (const auto pushback = copy.call->pushback_ms()) {
        if (*pushback < 0) no_more_ = true;
        next_in_ = std::chrono::milliseconds(std::max<std::int64_t>(*pushback, 0));
    }
    const bool all_out = no_more_ || static_cast<int>(copies_.size()) >= policy_.max_attempts;
    const bool all_failed =
        std::all_of(copies_.begin(), copies_.end(), [](const auto& one) { return one->failed; });
    if (all_out && all_failed) return commit(copy);
    hurry_.set();
}

void HedgedCall::commit(Copy& copy) noexcept {
    winner_ = &copy;
    for (const auto& other : copies_)
        if (other.get() != &copy) cancel_call(*other->call);
    hurry_.set();
    pulse();
}

void HedgedCall::pulse() noexcept {
    changed_.set();
    changed_.clear();
}

Task<void> HedgedCall::feed(Copy& copy) {
    try {
        for (;;) {
            if (copy.sent < written()) {
                const std::string& message = requests_[copy.sent - dropped_];
                co_await WriteWait<std::string>(*copy.call, message);
                ++copy.sent;
                if (winner_ == &copy) {
                    // Nobody else will need them.
                    while (dropped_ < copy.sent) {
                        buffered_ -= std::min(buffered_, requests_.front().size());
                        requests_.pop_front();
                        ++dropped_;
                    }
                    pulse();
                }
            } else if (requests_done_) {
                copy.call->half_close();
                co_return;
            } else {
                co_await changed_.wait();
            }
            if (winner_ && winner_ != &copy) co_return;
        }
    } catch (const Error&) {
        pulse();  // the copy has ended: watch() has seen why
    }
}

Task<void> HedgedCall::write(std::string message) {
    if (winner_ && winner_->call->ended()) winner_->call->throw_status();
    buffered_ += message.size();
    requests_.push_back(std::move(message));
    if (!winner_ && buffered_ > channel_.options().retry_buffer) {
        // More than is kept for others: what has begun is the call.
        no_more_ = true;
        const auto live =
            std::find_if(copies_.begin(), copies_.end(), [](const auto& c) { return !c->failed; });
        commit(live == copies_.end() ? *copies_.front() : **live);
    }
    pulse();
    while (winner_ && !winner_->call->ended() && written() > winner_->sent + most_ahead)
        co_await changed_.wait();
}

void HedgedCall::done_writing() noexcept {
    requests_done_ = true;
    pulse();
}

Task<Metadata> HedgedCall::initial_metadata() {
    while (!winner_) co_await changed_.wait();
    co_await TakeWait<void>(*winner_->call, CallEvent::headers, nothing);
    co_return winner_->call->initial_metadata();
}

Task<std::optional<std::string>> HedgedCall::read() {
    while (!winner_) co_await changed_.wait();
    auto message = co_await read_response(*winner_->call, response_taken_);
    co_return message;
}

Task<CallEnd> HedgedCall::end() {
    while (!winner_) co_await changed_.wait();
    co_await TakeWait<void>(*winner_->call, CallEvent::ended, nothing);
    co_return CallEnd(winner_->call->status(), winner_->call->trailing_metadata());
}

void HedgedCall::cancel() noexcept {
    no_more_ = true;
    for (const auto& copy : copies_) cancel_call(*copy->call);
    pulse();
}

}  // namespace weft::grpc::detail
