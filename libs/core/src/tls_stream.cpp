#include "tls_session.hpp"

#include <weft/core/error.hpp>
#include <weft/core/sleep.hpp>
#include <weft/core/timeout.hpp>
#include <weft/core/tls_stream.hpp>

#include <exception>

namespace weft {

namespace {

using detail::TlsSession;

// How long a refused peer may take to read why.
constexpr Duration refusal_limit = std::chrono::milliseconds(500);

class SessionStream final : public TlsStream {
public:
    explicit SessionStream(std::shared_ptr<TlsSession> session) noexcept : session_(std::move(session)) {}
    ~SessionStream() override { session_->close(); }

    IoResult try_read(std::span<std::byte> buffer) override { return session_->try_read(buffer); }
    IoResult try_write(std::span<const ConstBuffer> buffers) override { return session_->try_write(buffers); }
    // TLS without renegotiation reads only to read, so the stream underneath knows.
    Readiness& read_readiness() override {
        session_->require_open();
        return session_->stream().read_readiness();
    }
    Readiness& write_readiness() override {
        session_->require_open();
        return session_->writable;
    }
    void shutdown_write() override { session_->shutdown_write(); }
    void close() noexcept override { session_->close(); }
    [[nodiscard]] std::string peer() const override { return session_->stream().peer(); }

    [[nodiscard]] std::string version() const override { return SSL_get_version(session_->ssl()); }
    [[nodiscard]] std::string cipher() const override { return SSL_get_cipher_name(session_->ssl()); }
    [[nodiscard]] std::string alpn() const override {
        const unsigned char* name = nullptr;
        unsigned size = 0;
        SSL_get0_alpn_selected(session_->ssl(), &name, &size);
        return size == 0 ? std::string() : std::string(reinterpret_cast<const char*>(name), size);
    }
    [[nodiscard]] std::string server_name() const override {
        const char* name = SSL_get_servername(session_->ssl(), TLSEXT_NAMETYPE_host_name);
        return name ? name : "";
    }
    [[nodiscard]] std::optional<TlsCertificate> peer_certificate() const override {
        X509* certificate = SSL_get0_peer_certificate(session_->ssl());
        if (!certificate) return std::nullopt;
        return detail::describe_certificate(certificate);
    }

private:
    std::shared_ptr<TlsSession> session_;
};

Task<void> flush_all(TlsSession& session) {
    for (;;) {
        const bool done = session.flush();
        if (done) co_return;
        co_await session.stream().write_readiness().wait();
    }
}

Task<void> shake_hands(TlsSession& session) {
    for (;;) {
        const auto progress = session.shake_hands();
        if (progress == TlsSession::Progress::done) break;
        co_await flush_all(session);
        co_await session.stream().read_readiness().wait();
    }
    // The rest goes out beside the peer's first bytes.
    session.flush_later();
}

// The alert that says why is lost when the connection is reset, and closing one with bytes unread resets it.
Task<void> let_peer_read_why(TlsSession& session) {
    co_await flush_all(session);
    session.stream().shutdown_write();
    std::byte unread[512];
    for (;;) {
        const std::size_t n = co_await session.stream().read_some(unread);
        if (n == 0) break;
    }
}

Task<std::unique_ptr<TlsStream>> make_tls(std::unique_ptr<Stream> stream,
                                          std::shared_ptr<TlsContext::State> context, std::string name,
                                          std::vector<unsigned char> alpn) {
    const auto session =
        std::make_shared<TlsSession>(std::move(stream), std::move(context), std::move(name), std::move(alpn));
    std::exception_ptr failure;
    {
        TimeoutScope scope(session->handshake_timeout());
        try {
            co_await shake_hands(*session);
        } catch (const Cancelled&) {
            if (!scope.claim()) throw;
            const auto ms =
                std::chrono::duration_cast<std::chrono::milliseconds>(session->handshake_timeout());
            throw TimeoutError("TLS handshake with " + session->text() + " did not end within " +
                               std::to_string(ms.count()) +
                               " ms (does the peer speak TLS? see TlsContext::handshake_timeout())");
        } catch (const TlsError&) {
            failure = std::current_exception();
        }
    }
    if (failure) {
        try {
            co_await timeout(refusal_limit, let_peer_read_why(*session));
        } catch (const Error&) {
            // The peer is gone already, or does not care.
        }
        std::rethrow_exception(failure);
    }
    co_return std::make_unique<SessionStream>(session);
}

}  // namespace

Task<std::unique_ptr<TlsStream>> tls_connect(std::unique_ptr<Stream> stream, TlsContext context,
                                             std::string server_name, std::vector<std::string> alpn) {
    if (context.is_server())
        throw UsageError("tls_connect() with a server's context; use TlsContext::client()");
    auto wire = alpn.empty() ? context.state()->alpn : detail::alpn_wire(alpn);
    auto tls = co_await make_tls(std::move(stream), context.state(), std::move(server_name), std::move(wire));
    co_return tls;
}

Task<std::unique_ptr<TlsStream>> tls_connect(std::unique_ptr<Stream> stream, TlsContext context,
                                             std::string server_name) {
    return tls_connect(std::move(stream), std::move(context), std::move(server_name),
                       std::vector<std::string>());
}

Task<std::unique_ptr<TlsStream>> tls_accept(std::unique_ptr<Stream> stream, TlsContext context,
                                            std::vector<std::string> alpn) {
    if (!context.is_server())
        throw UsageError("tls_accept() with a client's context; use TlsContext::server()");
    auto wire = alpn.empty() ? context.state()->alpn : detail::alpn_wire(alpn);
    auto tls = co_await make_tls(std::move(stream), context.state(), std::string(), std::move(wire));
    co_return tls;
}

Task<std::unique_ptr<TlsStream>> tls_accept(std::unique_ptr<Stream> stream, TlsContext context) {
    return tls_accept(std::move(stream), std::move(context), std::vector<std::string>());
}

}  // namespace weft
