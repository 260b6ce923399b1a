// Interception: runs a channel's interceptors around one call. The caller's ClientCall then is no HTTP/2
// stream: its messages go to and come from the RawCall that the interceptors gave.
#pragma once

#include <weft/core/event.hpp>
#include <weft/core/task_control.hpp>
#include <weft/grpc/client_interceptor.hpp>

namespace weft::grpc::detail {

// The call of the interceptors' end, not launched yet.
[[nodiscard]] ClientCallPtr make_inner_call(ChannelCore& channel, CallDetails details);
// The next response of a call, or its single one; nullopt after the last. `taken`: the single one was read.
[[nodiscard]] Task<std::optional<std::string>> read_response(ClientCall& call, bool& taken);

class Interception {
public:
    Interception(ClientCall& call, ChannelCore& channel) noexcept : call_(call), channel_(channel) {}

    void start();
    // The caller has written, ended its requests or taken a response.
    void changed() noexcept {
        idle_ = forwarded_;
        changed_.set();
    }
    // The caller's call has ended.
    void stop() noexcept;
    // Nothing of what the caller wrote is under way to the interceptors' call.
    [[nodiscard]] bool idle() const noexcept { return idle_; }

private:
    Task<void> run();
    Task<void> forward_requests();

    ClientCall& call_;
    ChannelCore& channel_;
    Pimpl<RawCall> inner_;
    Event changed_;
    bool idle_ = false;
    bool forwarded_ = false;  // all that there will ever be

    // Last, so that its frames go before what they wait on.
    struct Tasks final : weft::detail::TaskOwner {
        void child_done(weft::detail::TaskControl&) noexcept override {}
    };
    Tasks tasks_;
};

}  // namespace weft::grpc::detail
