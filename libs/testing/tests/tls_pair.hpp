// TLS streams for the tests: a CA, contexts, and two ends that shake hands with each other.
#pragma once

#include <weft/core/gather.hpp>
#include <weft/core/tls_stream.hpp>
#include <weft/testing/memory_stream.hpp>
#include <weft/testing/test_authority.hpp>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace weft::testing {

inline const TestAuthority& authority() {
    static const TestAuthority made;
    return made;
}

[[nodiscard]] inline TlsIdentity identity_for(const std::string& name, const TestAuthority& by = authority(),
                                              TestValidity validity = TestValidity::now) {
    const TestCertificate made = by.issue({name}, validity);
    return TlsIdentity::from_pem(made.chain, made.key);
}

[[nodiscard]] inline TlsContext server_context() {
    static const TestCertificate made = authority().issue({"sw1.test", "127.0.0.1"});
    static const TlsIdentity identity = TlsIdentity::from_pem(made.chain, made.key);
    return TlsContext::server(identity);
}

[[nodiscard]] inline TlsContext client_context() {
    return TlsContext::client().without_system_cas().ca_pem(authority().pem());
}

struct TlsPair {
    TlsPair(std::unique_ptr<TlsStream> c, std::unique_ptr<TlsStream> s) noexcept
        : client(std::move(c)), server(std::move(s)) {}
    std::unique_ptr<TlsStream> client;
    std::unique_ptr<TlsStream> server;
};

[[nodiscard]] inline Task<TlsPair> tls_over(StreamPair pair, TlsContext client, TlsContext server,
                                            std::string name = "sw1.test") {
    auto ends = co_await gather(tls_connect(std::move(pair.first), std::move(client), std::move(name)),
                                tls_accept(std::move(pair.second), std::move(server)));
    co_return TlsPair(std::move(std::get<0>(ends)), std::move(std::get<1>(ends)));
}

}  // namespace weft::testing
