// Credentials: what a call shows beside its channel's TLS (tokens), and certificates that are renewed while a
// server or a channel runs.
//
//     class Token final : public weft::grpc::CallCredentials {
//         weft::Task<weft::grpc::Metadata> metadata(std::string, std::string) override {
//             std::string token = co_await fetch_token();
//             co_return weft::grpc::Metadata{{"authorization", "Bearer " + token}};
//         }
//     };
#pragma once

#include <weft/core/pimpl.hpp>
#include <weft/core/task.hpp>
#include <weft/grpc/metadata.hpp>

#include <concepts>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace weft {
class TlsContext;
}

namespace weft::grpc {

// Makes metadata for each call. Given to a channel (ChannelOptions::call_credentials) or to one call
// (CallOptions::credentials); what both give is sent. Never sent where others can read it: only on secure
// channels, and on unix sockets (local credentials).
class CallCredentials {
public:
    CallCredentials() = default;
    CallCredentials(const CallCredentials&) = delete;
    CallCredentials& operator=(const CallCredentials&) = delete;
    virtual ~CallCredentials() = default;

    // Asked for each call: `service_url` is "https://<authority>/package.Service", `method` "Method". An
    // RpcError ends the call with its status, any other exception with UNAUTHENTICATED. Cancelled with the
    // call.
    virtual Task<Metadata> metadata(std::string service_url, std::string method) = 0;
};

// "authorization: Bearer <token>" with every call. set_token() renews it for the calls that come.
class AccessTokenCredentials final : public CallCredentials {
public:
    explicit AccessTokenCredentials(std::string token) : token_(std::move(token)) {}
    void set_token(std::string token) { token_ = std::move(token); }
    Task<Metadata> metadata(std::string service_url, std::string method) override;

private:
    std::string token_;
};

// Several as one: the metadata of all, in their order. They must outlive it.
class CompositeCallCredentials final : public CallCredentials {
public:
    template <std::derived_from<CallCredentials>... Parts>
        requires(sizeof...(Parts) > 1)
    explicit CompositeCallCredentials(Parts&... parts) : parts_{&parts...} {}
    Task<Metadata> metadata(std::string service_url, std::string method) override;

private:
    std::vector<CallCredentials*> parts_;
};

// Renews what a server's port or a channel shows, without a restart. Given to Server::add_secure_port() or
// ChannelOptions::tls_renewal().
class TlsRenewal {
public:
    TlsRenewal() = default;
    TlsRenewal(const TlsRenewal&) = delete;
    TlsRenewal& operator=(const TlsRenewal&) = delete;
    virtual ~TlsRenewal() = default;

    // Called before each handshake, on the loop; should be quick. May call replace_identity(), or assign
    // another context (other CAs, for one). When it throws, the handshake goes on with what the context had.
    virtual void renew(TlsContext& context) = 0;
};

// Watches a certificate's and a key's file: looks at their time, size and inode before each handshake, and
// reads them again when one has changed. Files that do not belong together (yet) leave the identity as it is;
// last_error() says why.
class IdentityFiles final : public TlsRenewal {
public:
    // Reads nothing yet. The files that the context was made of are not read again until they change.
    IdentityFiles(std::string chain_file, std::string key_file, std::string passphrase = {});
    ~IdentityFiles() override;
    void renew(TlsContext& context) override;

    // Why the files could not be used the last time they had changed; empty when they could.
    [[nodiscard]] const std::string& last_error() const noexcept;
    // How often the identity has been replaced.
    [[nodiscard]] std::size_t renewals() const noexcept;

private:
    struct State;
    Pimpl<State> state_;
};

}  // namespace weft::grpc
