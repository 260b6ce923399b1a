#include "tls_openssl.hpp"
#include "tls_session.hpp"

#include <weft/core/error.hpp>

#include <cerrno>
#include <climits>
#include <cstring>
#include <fstream>
#include <iterator>

#include <openssl/err.h>
#include <openssl/pem.h>

namespace weft {

namespace {

using detail::throw_tls_configuration;

std::string read_text_file(const std::string& path, const char* what) {
    std::ifstream file(path, std::ios::binary);
    errno = file ? 0 : errno;
    std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    if (!file.is_open() || file.bad()) throw_errno(errno, std::string("read ") + what + " " + path);
    return text;
}

// Without a callback OpenSSL asks on the terminal.
int give_passphrase(char* buffer, int size, int, void* user) {
    const auto& passphrase = *static_cast<const std::string_view*>(user);
    if (passphrase.size() > static_cast<std::size_t>(size)) return -1;
    std::memcpy(buffer, passphrase.data(), passphrase.size());
    return static_cast<int>(passphrase.size());
}

detail::KeyPtr parse_key(std::string_view pem, std::string_view passphrase) {
    ERR_clear_error();
    const detail::BioPtr in(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
    detail::KeyPtr key(in ? PEM_read_bio_PrivateKey(in.get(), nullptr, give_passphrase, &passphrase)
                          : nullptr);
    if (!key)
        throw_tls_configuration(
            "read the private key (it must be PEM, and the passphrase right when it is encrypted)");
    return key;
}

// RFC 7301 3.2: the server chooses; no overlap is fatal.
int select_alpn(SSL* ssl, const unsigned char** out, unsigned char* out_size, const unsigned char* offered,
                unsigned offered_size, void*) {
    const auto& own = static_cast<const detail::TlsSession*>(SSL_get_app_data(ssl))->alpn();
    if (own.empty()) return SSL_TLSEXT_ERR_NOACK;
    unsigned char* chosen = nullptr;
    const int result = SSL_select_next_proto(&chosen, out_size, own.data(), static_cast<unsigned>(own.size()),
                                             offered, offered_size);
    *out = chosen;
    return result == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

int openssl_version(TlsVersion version) noexcept {
    return version == TlsVersion::tls1_2 ? TLS1_2_VERSION : TLS1_3_VERSION;
}

}  // namespace

TlsIdentity TlsIdentity::from_pem(std::string_view chain, std::string_view key, std::string_view passphrase) {
    auto state = std::make_shared<State>();
    auto certificates = detail::parse_certificates(chain, "the certificate chain");
    state->key = parse_key(key, passphrase);
    state->certificate = std::move(certificates.front());
    certificates.erase(certificates.begin());
    state->chain = std::move(certificates);
    if (X509_check_private_key(state->certificate.get(), state->key.get()) != 1)
        throw_tls_configuration(
            "use a certificate with its key (the chain must begin with the certificate of the key)");
    return TlsIdentity(std::move(state));
}

TlsIdentity TlsIdentity::from_files(const std::string& chain_file, const std::string& key_file,
                                    std::string_view passphrase) {
    const std::string chain = read_text_file(chain_file, "the certificate chain");
    const std::string key = read_text_file(key_file, "the private key");
    return from_pem(chain, key, passphrase);
}

TlsContext::State::State(bool server) : context(SSL_CTX_new(TLS_method())), is_server(server) {
    if (!context) throw_tls_configuration("make a TLS context");
    SSL_CTX* c = context.get();
    SSL_CTX_set_min_proto_version(c, TLS1_2_VERSION);
    SSL_CTX_set_options(c, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_mode(
        c, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    // Header and body of a record in one read.
    SSL_CTX_set_read_ahead(c, 1);
    SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
    if (server) {
        // Tickets carry the session, so the server keeps none; one is enough for the next connection.
        SSL_CTX_set_num_tickets(c, 1);
        static constexpr unsigned char id[] = {'w', 'e', 'f', 't'};
        SSL_CTX_set_session_id_context(c, id, sizeof id);
        SSL_CTX_set_alpn_select_cb(c, select_alpn, nullptr);
    }
}

void TlsContext::State::use_identity(const TlsIdentity::State& identity) {
    ERR_clear_error();
    const detail::OpensslPtr<STACK_OF(X509), [](STACK_OF(X509) * s) { sk_X509_free(s); }> chain(
        sk_X509_new_null());
    for (const detail::X509Ptr& certificate : identity.chain) sk_X509_push(chain.get(), certificate.get());
    const std::lock_guard lock(mutex);
    if (SSL_CTX_use_cert_and_key(context.get(), identity.certificate.get(), identity.key.get(), chain.get(),
                                 1) != 1)
        throw_tls_configuration("use a certificate with its key");
}

detail::SslPtr TlsContext::State::make_ssl() {
    ERR_clear_error();
    const std::lock_guard lock(mutex);
    if (!is_server && verify && system_cas) {
        if (SSL_CTX_set_default_verify_paths(context.get()) != 1)
            throw_tls_configuration("load the system's CAs (install ca-certificates, or give a CA)");
        system_cas = false;
    }
    detail::SslPtr ssl(SSL_new(context.get()));
    if (!ssl) throw_tls_configuration("begin a TLS connection");
    return ssl;
}

TlsContext TlsContext::client() { return TlsContext(std::make_shared<State>(false)); }

TlsContext TlsContext::server(TlsIdentity identity) {
    auto state = std::make_shared<State>(true);
    state->use_identity(*identity.state_);
    return TlsContext(std::move(state));
}

TlsContext&& TlsContext::ca_pem(std::string_view pem) && {
    X509_STORE* store = SSL_CTX_get_cert_store(state_->context.get());
    for (const detail::X509Ptr& ca : detail::parse_certificates(pem, "the CA certificates")) {
        if (X509_STORE_add_cert(store, ca.get()) != 1) throw_tls_configuration("trust a CA");
        // The names that a server tells its clients, so that they can choose a certificate.
        if (state_->is_server) SSL_CTX_add_client_CA(state_->context.get(), ca.get());
    }
    return std::move(*this);
}

TlsContext&& TlsContext::ca_file(const std::string& path) && {
    return std::move(*this).ca_pem(read_text_file(path, "the CA certificates"));
}

TlsContext&& TlsContext::without_system_cas() && noexcept {
    state_->system_cas = false;
    return std::move(*this);
}

TlsContext&& TlsContext::verify(bool on) && noexcept {
    state_->verify = on;
    return std::move(*this);
}

TlsContext&& TlsContext::identity(TlsIdentity identity) && {
    state_->use_identity(*identity.state_);
    return std::move(*this);
}

TlsContext&& TlsContext::client_certificates(TlsClientCertificate wanted) && noexcept {
    state_->client_certificate = wanted;
    return std::move(*this);
}

std::vector<unsigned char> detail::alpn_wire(const std::vector<std::string>& protocols) {
    std::vector<unsigned char> wire;
    for (const std::string& name : protocols) {
        if (name.empty() || name.size() > 255)
            throw TlsError(TlsError::Kind::configuration, "ALPN name '" + name + "' has " +
                                                              std::to_string(name.size()) +
                                                              " bytes; it must have 1 to 255 (RFC 7301 3.1)");
        wire.push_back(static_cast<unsigned char>(name.size()));
        wire.insert(wire.end(), name.begin(), name.end());
    }
    return wire;
}

TlsContext&& TlsContext::alpn(std::vector<std::string> protocols) && {
    state_->alpn = detail::alpn_wire(protocols);
    return std::move(*this);
}

TlsContext&& TlsContext::min_version(TlsVersion version) && noexcept {
    SSL_CTX_set_min_proto_version(state_->context.get(), openssl_version(version));
    return std::move(*this);
}

TlsContext&& TlsContext::max_version(TlsVersion version) && noexcept {
    SSL_CTX_set_max_proto_version(state_->context.get(), openssl_version(version));
    return std::move(*this);
}

TlsContext&& TlsContext::handshake_timeout(Duration limit) && noexcept {
    state_->handshake_timeout = limit;
    return std::move(*this);
}

TlsContext&& TlsContext::accept_truncation(bool on) && noexcept {
    if (on) {
        SSL_CTX_set_options(state_->context.get(), SSL_OP_IGNORE_UNEXPECTED_EOF);
    } else {
        SSL_CTX_clear_options(state_->context.get(), SSL_OP_IGNORE_UNEXPECTED_EOF);
    }
    return std::move(*this);
}

void TlsContext::replace_identity(TlsIdentity identity) { state_->use_identity(*identity.state_); }

void TlsContext::session_tickets(bool on) {
    const std::lock_guard lock(state_->mutex);
    SSL_CTX_set_num_tickets(state_->context.get(), on ? 1 : 0);
}

bool TlsContext::is_server() const noexcept { return state_->is_server; }

}  // namespace weft
