// TlsContext: how to speak TLS, decided once and used for many connections.
#pragma once

#include <weft/core/timer.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weft {

enum class TlsVersion : std::uint8_t { tls1_2, tls1_3 };

// Whether a server lets in clients that show no certificate. A bad one is refused always.
enum class TlsClientCertificate : std::uint8_t { required, optional };

// A certificate with its chain, and the private key. A value: copies share.
class TlsIdentity {
public:
    // `chain`: PEM, our own certificate first, then those between it and the CA. `passphrase`: of the key,
    // when that is encrypted. Throws TlsError (configuration), also when the key is another certificate's.
    [[nodiscard]] static TlsIdentity from_pem(std::string_view chain, std::string_view key,
                                              std::string_view passphrase = {});
    // The same from files, which are read at once. Throws SystemError as well.
    [[nodiscard]] static TlsIdentity from_files(const std::string& chain_file, const std::string& key_file,
                                                std::string_view passphrase = {});

private:
    friend class TlsContext;
    struct State;
    explicit TlsIdentity(std::shared_ptr<const State> state) noexcept : state_(std::move(state)) {}
    std::shared_ptr<const State> state_;
};

// A handle: copies share one context. Set it up before its first connection; afterwards only
// replace_identity() may be called, which is safe from any thread. One context may serve several loops.
// TLS 1.2 and 1.3, no renegotiation, no compression.
//
//     auto tls = TlsContext::client().ca_file("/etc/lab/ca.pem").alpn("h2");
//     auto tls = TlsContext::server(TlsIdentity::from_files("sw1.pem", "sw1.key")).alpn("h2", "http/1.1");
class TlsContext {
public:
    static constexpr Duration default_handshake_timeout = std::chrono::seconds(30);

    // Verifies the server's certificate and its name against the system's CAs, which are read at the first
    // connection.
    [[nodiscard]] static TlsContext client();
    // Shows `identity`; asks clients for nothing.
    [[nodiscard]] static TlsContext server(TlsIdentity identity);

    // Trusts these CAs too: for the servers that a client meets, for the clients that a server lets in.
    // PEM, one or more certificates. Throws TlsError (configuration); ca_file() SystemError as well.
    TlsContext&& ca_pem(std::string_view pem) &&;
    TlsContext&& ca_file(const std::string& path) &&;
    // A client that trusts only what ca_pem() and ca_file() gave. (A server never trusts the system's CAs.)
    TlsContext&& without_system_cas() && noexcept;
    // false: a client takes any certificate, whoever shows it. Whoever is on the way can then read and change
    // everything; for laboratories.
    TlsContext&& verify(bool on) && noexcept;

    // The certificate that a client shows to servers that ask for one.
    TlsContext&& identity(TlsIdentity identity) &&;
    // A server asks clients for a certificate that a CA of ca_pem() has signed (mutual TLS).
    TlsContext&& client_certificates(TlsClientCertificate wanted) && noexcept;

    // The protocols inside (RFC 7301), best first: "h2", "http/1.1". A client offers them; a server takes its
    // first one that the client offers, and refuses a client that offers only others. Throws TlsError.
    TlsContext&& alpn(std::vector<std::string> protocols) &&;
    template <class... Names>
        requires(sizeof...(Names) > 0 && (std::is_convertible_v<Names, std::string> && ...))
    TlsContext&& alpn(Names&&... names) && {
        std::vector<std::string> protocols;
        protocols.reserve(sizeof...(Names));
        (protocols.emplace_back(std::forward<Names>(names)), ...);
        return std::move(*this).alpn(std::move(protocols));
    }

    // TLS 1.2 unless said otherwise.
    TlsContext&& min_version(TlsVersion version) && noexcept;
    TlsContext&& max_version(TlsVersion version) && noexcept;
    TlsContext&& handshake_timeout(Duration limit) && noexcept;
    // true: a peer that vanishes without close_notify has ended its stream, as with plain TCP, instead of
    // TlsError (truncated). For protocols that frame their messages themselves.
    TlsContext&& accept_truncation(bool on) && noexcept;

    // Whether a server's TLS 1.3 connections that begin from now on get a ticket, with which a client's next
    // one is quicker. It is sent by itself, behind the handshake, and some clients stand still there: those
    // that read with a lock held without which they cannot write. Default: they do. From any thread.
    void session_tickets(bool on);
    // Connections that begin from now on show the new certificate; those that stand are not touched. From any
    // thread. Throws TlsError.
    void replace_identity(TlsIdentity identity);

    [[nodiscard]] bool is_server() const noexcept;

    struct State;
    // For weft's own use.
    [[nodiscard]] const std::shared_ptr<State>& state() const noexcept { return state_; }

private:
    explicit TlsContext(std::shared_ptr<State> state) noexcept : state_(std::move(state)) {}
    std::shared_ptr<State> state_;
};

}  // namespace weft
