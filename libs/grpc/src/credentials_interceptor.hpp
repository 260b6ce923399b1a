// The innermost interceptor of a channel with call credentials.
#pragma once

#include <weft/grpc/client_interceptor.hpp>
#include <weft/grpc/credentials.hpp>

namespace weft::grpc::detail {

class CredentialsInterceptor final : public ClientInterceptor {
public:
    CredentialsInterceptor(ChannelCore& channel, bool confidential) noexcept
        : channel_(channel), confidential_(confidential) {}

    Task<Pimpl<RawCall>> intercept(CallDetails details, std::optional<std::string> request,
                                   ClientContinuation& next) override;

private:
    Task<void> add(CallCredentials& credentials, CallDetails& details);

    ChannelCore& channel_;
    bool confidential_;
};

}  // namespace weft::grpc::detail
