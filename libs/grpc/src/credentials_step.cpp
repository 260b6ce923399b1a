#include "credentials_step.hpp"

#include "channel_core.hpp"

#include <weft/core/error.hpp>

namespace weft::grpc::detail {

CredentialsStep::CredentialsStep(ClientCall& call, ChannelCore& channel, CallCredentials* of_call)
    : call_(call), channel_(channel), credentials_(channel.options().credentials) {
    if (of_call) credentials_.push_back(of_call);
}

void CredentialsStep::start() {
    if (!channel_.confidential())
        return call_.fail(Status(StatusCode::unauthenticated,
                                 "call credentials are not sent over an insecure channel: use "
                                 "secure_channel(), or a unix socket"));
    weft::detail::start_task(Loop::current(), tasks_, run(), "grpc call credentials")->mark_retrieved();
}

Task<void> CredentialsStep::run() {
    Status failure;
    made_ = Metadata();
    try {
        const std::string full = call_.method();
        const std::size_t slash = full.rfind('/');
        const std::string url = "https://" + call_.authority() + full.substr(0, slash);
        for (CallCredentials* credentials : credentials_) {
            const Metadata made = co_await credentials->metadata(url, full.substr(slash + 1));
            for (const auto& [key, value] : made) made_.add(key, value);
        }
        channel_.submit(call_);
        co_return;
    } catch (const RpcError& error) {
        failure = error.status();
    } catch (const Cancelled&) {
        // The call has ended, or the credentials gave up by themselves.
        failure = Status(StatusCode::cancelled, "the call credentials were cancelled");
    } catch (const std::exception& error) {
        failure =
            Status(StatusCode::unauthenticated, std::string("the call credentials failed: ") + error.what());
    }
    if (failure.ok())
        failure = Status(StatusCode::unauthenticated, "the call credentials failed with status OK");
    if (!call_.ended()) call_.fail(std::move(failure));
}

}  // namespace weft::grpc::detail
