// What to do about a failure of TLS, as the end of its message.
#pragma once

namespace weft::detail {

// True for the verdicts of X509_verify_cert() that are about the name and not about the certificate.
[[nodiscard]] bool names_a_host(long verification_result) noexcept;
[[nodiscard]] const char* verification_advice(long verification_result, bool we_are_server) noexcept;
// `alert`: RFC 8446 6.
[[nodiscard]] const char* alert_advice(int alert, bool we_are_server) noexcept;
// `reason`: SSL_R_….
[[nodiscard]] const char* protocol_advice(int reason, bool we_are_server) noexcept;

}  // namespace weft::detail
