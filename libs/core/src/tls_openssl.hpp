// OpenSSL's objects with owners, and its error queue as text.
#pragma once

#include <weft/core/tls_context.hpp>
#include <weft/core/tls_error.hpp>
#include <weft/core/tls_stream.hpp>

#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include <openssl/bio.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

namespace weft {

namespace detail {

template <auto free>
struct OpensslFree {
    template <class T>
    void operator()(T* object) const noexcept {
        free(object);
    }
};
template <class T, auto free>
using OpensslPtr = std::unique_ptr<T, OpensslFree<free>>;

using SslPtr = OpensslPtr<SSL, SSL_free>;
using SslContextPtr = OpensslPtr<SSL_CTX, SSL_CTX_free>;
using BioPtr = OpensslPtr<BIO, BIO_free>;
using BioMethodPtr = OpensslPtr<BIO_METHOD, BIO_meth_free>;
using X509Ptr = OpensslPtr<X509, X509_free>;
using KeyPtr = OpensslPtr<EVP_PKEY, EVP_PKEY_free>;

// Empties the calling thread's error queue; the text of its innermost error, or "unknown error".
[[nodiscard]] std::string take_openssl_error();
[[noreturn]] void throw_tls_configuration(const std::string& what);

// All certificates of a PEM text. Throws TlsError (configuration) when there is none or one is broken; `what`
// says whose they are.
[[nodiscard]] std::vector<X509Ptr> parse_certificates(std::string_view pem, const std::string& what);
[[nodiscard]] TlsCertificate describe_certificate(X509* certificate);
// "sw1, 10.0.0.1": the names for which it is good.
[[nodiscard]] std::string names_of(X509* certificate);

}  // namespace detail

struct TlsIdentity::State {
    detail::X509Ptr certificate;
    std::vector<detail::X509Ptr> chain;
    detail::KeyPtr key;
};

namespace detail {
// ALPN names as on the wire: length, name, length, name … Throws TlsError (configuration).
[[nodiscard]] std::vector<unsigned char> alpn_wire(const std::vector<std::string>& protocols);
}  // namespace detail

struct TlsContext::State {
    explicit State(bool server);

    // A new connection's SSL, with the identity of this moment. Throws TlsError.
    [[nodiscard]] detail::SslPtr make_ssl();
    void use_identity(const TlsIdentity::State& identity);

    detail::SslContextPtr context;
    std::mutex mutex;                 // guards context against what is changed beside make_ssl()
    std::vector<unsigned char> alpn;  // as alpn_wire() has it
    Duration handshake_timeout = default_handshake_timeout;
    std::optional<TlsClientCertificate> client_certificate;  // of a server: whether it asks
    bool is_server;
    bool verify = true;
    bool system_cas = true;  // of a client; not loaded yet
};

}  // namespace weft
