// HedgedCall: a call of a method with a hedging policy (gRFC A6): copies go out one after the other, without
// waiting for an answer; the first that is answered is the call, and the others are cancelled.
#pragma once

#include "client_call.hpp"
#include "interception.hpp"
#include "service_config.hpp"

#include <weft/core/event.hpp>
#include <weft/core/task_control.hpp>
#include <weft/grpc/client_interceptor.hpp>

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace weft::grpc::detail {

class HedgedCall final : public RawCall {
public:
    HedgedCall(ChannelCore& channel, CallDetails details, std::optional<std::string> request,
               const HedgingPolicy& policy);

    Task<Metadata> initial_metadata() override;
    Task<std::optional<std::string>> read() override;
    Task<void> write(std::string message) override;
    void done_writing() noexcept override;
    Task<CallEnd> end() override;
    void cancel() noexcept override;

private:
    struct Copy {
        explicit Copy(ClientCallPtr c) noexcept : call(std::move(c)) {}
        ClientCallPtr call;
        std::size_t sent = 0;  // of the requests, counted from the first
        bool failed = false;
    };

    void start_copy();
    Task<void> send_copies();
    Task<void> watch(Copy& copy);
    Task<void> feed(Copy& copy);
    void attempt_failed(Copy& copy);
    void commit(Copy& copy) noexcept;
    void pulse() noexcept;
    [[nodiscard]] std::size_t written() const noexcept { return dropped_ + requests_.size(); }

    ChannelCore& channel_;
    CallDetails details_;
    HedgingPolicy policy_;
    std::deque<std::string> requests_;  // its elements stay where they are
    std::size_t dropped_ = 0;           // requests before the first of these
    std::size_t buffered_ = 0;
    bool requests_done_ = false;
    std::vector<std::unique_ptr<Copy>> copies_;
    Copy* winner_ = nullptr;
    bool no_more_ = false;             // copies are started
    std::optional<Duration> next_in_;  // the server's wish
    bool response_taken_ = false;
    Event changed_;  // pulsed
    Event hurry_;    // a copy failed: the next one need not wait

    // Last, so that its frames go before what they use.
    struct Tasks final : weft::detail::TaskOwner {
        void child_done(weft::detail::TaskControl&) noexcept override {}
    };
    Tasks tasks_;
};

}  // namespace weft::grpc::detail
