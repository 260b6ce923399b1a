#include "credentials_interceptor.hpp"

#include "channel_core.hpp"

namespace weft::grpc::detail {

Task<Pimpl<RawCall>> CredentialsInterceptor::intercept(CallDetails details,
                                                       std::optional<std::string> request,
                                                       ClientContinuation& next) {
    if (!confidential_)
        throw RpcError(StatusCode::unauthenticated,
                       "call credentials are not sent over an insecure channel: use secure_channel()");
    for (CallCredentials* credentials : channel_.options().credentials) co_await add(*credentials, details);
    auto call = co_await next(std::move(details), std::move(request));
    co_return call;
}

Task<void> CredentialsInterceptor::add(CallCredentials& credentials, CallDetails& details) {
    const std::size_t slash = details.method.rfind('/');
    const std::string& authority = details.authority.empty() ? channel_.authority() : details.authority;
    std::string url = "https://" + authority + details.method.substr(0, slash);
    std::string method = details.method.substr(slash + 1);
    Metadata made;
    try {
        made = co_await credentials.metadata(std::move(url), std::move(method));
    } catch (const RpcError&) {
        throw;
    } catch (const std::exception& error) {
        throw RpcError(StatusCode::unauthenticated,
                       std::string("the call credentials failed: ") + error.what());
    }
    for (const auto& [key, value] : made) details.metadata.add(key, value);
}

}  // namespace weft::grpc::detail
