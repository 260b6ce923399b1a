// TlsError: what went wrong in TLS, by kind.
#pragma once

#include <weft/core/error.hpp>

#include <cstdint>
#include <optional>
#include <source_location>
#include <string>
#include <utility>

namespace weft {

// what() names the peer, what was tried, what TLS said about it and what to do. Failures of the stream
// underneath (ECONNRESET …) stay SystemError.
class TlsError : public Error {
public:
    enum class Kind : std::uint8_t {
        configuration,  // our certificate, key, CA or option: nothing was sent
        verification,   // the peer's certificate is not good, or there is none: reason() is OpenSSL's text
        host_name,      // it is good, but for another name
        alert,          // the peer refused: alert() is its number (RFC 8446 6.2)
        protocol,       // the peer sent what TLS forbids, or does not speak TLS at all
        truncated,      // the peer vanished without close_notify: bytes may be missing (RFC 8446 6.1)
    };

    TlsError(Kind kind, const std::string& what, std::string reason = {}, std::optional<int> alert = {},
             std::source_location where = std::source_location::current())
        : Error(what, where), reason_(std::move(reason)), alert_(alert), kind_(kind) {}

    [[nodiscard]] Kind kind() const noexcept { return kind_; }
    // OpenSSL's own words, without context: "self-signed certificate", "wrong version number".
    [[nodiscard]] const std::string& reason() const noexcept { return reason_; }
    // The number of the alert that the peer sent.
    [[nodiscard]] std::optional<int> alert() const noexcept { return alert_; }

private:
    std::string reason_;
    std::optional<int> alert_;
    Kind kind_;
};

}  // namespace weft
