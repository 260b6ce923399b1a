// TLS over any stream: tls_connect() for clients, tls_accept() for servers.
#pragma once

#include <weft/core/stream.hpp>
#include <weft/core/task.hpp>
#include <weft/core/tls_context.hpp>
#include <weft/core/tls_error.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace weft {

// What a peer's certificate says.
struct TlsCertificate {
    TlsCertificate() {}

    std::string subject;  // RFC 2253: "CN=sw1,O=lab"
    std::string issuer;
    std::vector<std::string> dns_names;     // subjectAltName
    std::vector<std::string> ip_addresses;  // subjectAltName, as text
    std::vector<std::string> uris;          // subjectAltName (SPIFFE identities)
    std::chrono::system_clock::time_point not_before;
    std::chrono::system_clock::time_point not_after;
    std::string fingerprint;  // SHA-256, lower-case hex
    std::string pem;
};

// A stream whose bytes are encrypted on the way. Reading and writing need no task of their own; while the
// stream underneath has no room, one task sends what is encrypted already.
//
// try_read() and try_write() also throw TlsError; after one the stream is good for close() only.
// shutdown_write() sends close_notify and leaves the stream underneath open, for the peer to answer.
// close() sends close_notify; when there is no room for what was written, the stream underneath stays open
// until it is sent, at most 10 s.
class TlsStream : public Stream {
public:
    // "TLSv1.3"
    [[nodiscard]] virtual std::string version() const = 0;
    // "TLS_AES_256_GCM_SHA384"
    [[nodiscard]] virtual std::string cipher() const = 0;
    // The protocol that ALPN chose; empty when there was none.
    [[nodiscard]] virtual std::string alpn() const = 0;
    // The name that the client asked for (SNI); empty when it asked for none.
    [[nodiscard]] virtual std::string server_name() const = 0;
    // nullopt when the peer showed none, as most clients.
    [[nodiscard]] virtual std::optional<TlsCertificate> peer_certificate() const = 0;
};

// Makes the client's handshake over `stream`, which is closed when that fails. `server_name` goes to the
// server (SNI, RFC 6066 3) and must be in its certificate; an IP literal must be there as an address. Throws
// TlsError, TimeoutError after the context's handshake_timeout, UsageError for a server's context or an empty
// name with verification on, and what the stream throws. Cancelling closes the stream.
//
// TLS 1.3: a server that wants a certificate and got none says so after the handshake: the first read throws.
[[nodiscard]] Task<std::unique_ptr<TlsStream>> tls_connect(std::unique_ptr<Stream> stream, TlsContext context,
                                                           std::string server_name);
// The same, for a protocol that knows its name: `alpn` is offered in place of the context's list, unless it
// is empty.
[[nodiscard]] Task<std::unique_ptr<TlsStream>> tls_connect(std::unique_ptr<Stream> stream, TlsContext context,
                                                           std::string server_name,
                                                           std::vector<std::string> alpn);

// Makes the server's handshake over an accepted stream. Throws as tls_connect().
[[nodiscard]] Task<std::unique_ptr<TlsStream>> tls_accept(std::unique_ptr<Stream> stream, TlsContext context);
[[nodiscard]] Task<std::unique_ptr<TlsStream>> tls_accept(std::unique_ptr<Stream> stream, TlsContext context,
                                                          std::vector<std::string> alpn);

}  // namespace weft
