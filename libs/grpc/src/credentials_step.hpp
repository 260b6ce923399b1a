// CredentialsStep: asks the call credentials of a channel and of a call for their metadata before an attempt
// of the call goes on its way.
#pragma once

#include <weft/core/task_control.hpp>
#include <weft/grpc/credentials.hpp>

#include <vector>

namespace weft::grpc::detail {

class ClientCall;
class ChannelCore;

class CredentialsStep {
public:
    CredentialsStep(ClientCall& call, ChannelCore& channel, CallCredentials* of_call);
    // For each attempt.
    void start();
    [[nodiscard]] const Metadata& made() const noexcept { return made_; }
    // The call has ended.
    void stop() noexcept { tasks_.cancel_children(); }

private:
    Task<void> run();

    ClientCall& call_;
    ChannelCore& channel_;
    std::vector<CallCredentials*> credentials_;
    Metadata made_;

    // Last, so that its frame goes before what it uses.
    struct Tasks final : weft::detail::TaskOwner {
        void child_done(weft::detail::TaskControl&) noexcept override {}
    };
    Tasks tasks_;
};

}  // namespace weft::grpc::detail
