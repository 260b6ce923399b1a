#include "tls_advice.hpp"

#include <openssl/ssl.h>
#include <openssl/sslerr.h>
#include <openssl/x509_vfy.h>

namespace weft::detail {

bool names_a_host(long result) noexcept {
    return result == X509_V_ERR_HOSTNAME_MISMATCH || result == X509_V_ERR_IP_ADDRESS_MISMATCH;
}

const char* verification_advice(long result, bool we_are_server) noexcept {
    switch (result) {
        case X509_V_ERR_HOSTNAME_MISMATCH:
        case X509_V_ERR_IP_ADDRESS_MISMATCH:
            return " (connect by one of these names, or give the server a certificate with this one in its "
                   "subjectAltName)";
        case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
        case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
        case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
            return we_are_server
                       ? " (trust the client's CA with TlsContext::ca_pem(), or give the client a "
                         "certificate of a CA that is trusted)"
                       : " (trust its CA with TlsContext::ca_pem() or ca_file(); TlsContext::verify(false) "
                         "takes anything)";
        case X509_V_ERR_CERT_HAS_EXPIRED:
            return " (renew it, and check the clock of this machine)";
        case X509_V_ERR_CERT_NOT_YET_VALID:
            return " (check the clock of this machine)";
        case X509_V_ERR_INVALID_PURPOSE:
            return " (its extendedKeyUsage is for the other side: serverAuth for servers, clientAuth for "
                   "clients)";
        case X509_V_ERR_EE_KEY_TOO_SMALL:
        case X509_V_ERR_CA_KEY_TOO_SMALL:
        case X509_V_ERR_CA_MD_TOO_WEAK:
            return " (make a new one: RSA 2048 or P-256, SHA-256)";
        default:
            return "";
    }
}

const char* alert_advice(int alert, bool we_are_server) noexcept {
    switch (alert) {
        case SSL_AD_UNKNOWN_CA:
            return we_are_server ? ": it does not trust our certificate; give the client our CA"
                                 : ": it does not trust our certificate; give the server our CA";
        case SSL_AD_BAD_CERTIFICATE:
        case SSL_AD_UNSUPPORTED_CERTIFICATE:
        case SSL_AD_CERTIFICATE_UNKNOWN:
        case SSL_AD_CERTIFICATE_EXPIRED:
        case SSL_AD_CERTIFICATE_REVOKED:
            return ": it refuses our certificate; check its name, dates and CA";
        case TLS13_AD_CERTIFICATE_REQUIRED:
            return ": it wants a client certificate; set TlsContext::identity()";
        case SSL_AD_HANDSHAKE_FAILURE:
            return we_are_server
                       ? ": no common cipher, or it wants a certificate of another kind"
                       : ": no common cipher, or it wants a client certificate (TlsContext::identity())";
        case SSL_AD_PROTOCOL_VERSION:
            return ": no common version; see TlsContext::min_version()";
        case TLS1_AD_NO_APPLICATION_PROTOCOL:
            return ": it speaks none of our protocols; see TlsContext::alpn()";
        case TLS1_AD_UNRECOGNIZED_NAME:
            return ": it does not serve this server name";
        default:
            return "";
    }
}

const char* protocol_advice(int reason, bool we_are_server) noexcept {
    switch (reason) {
        case SSL_R_WRONG_VERSION_NUMBER:
        case SSL_R_PACKET_LENGTH_TOO_LONG:
        case SSL_R_RECORD_LENGTH_MISMATCH:
        case SSL_R_HTTP_REQUEST:
        case SSL_R_HTTPS_PROXY_REQUEST:
            return we_are_server ? " (the client does not speak TLS)"
                                 : " (the server does not speak TLS on this port)";
        case SSL_R_NO_SHARED_CIPHER:
            return " (the certificate's key may suit no cipher that the client offers)";
        case SSL_R_UNSUPPORTED_PROTOCOL:
        case SSL_R_NO_PROTOCOLS_AVAILABLE:
            return " (no common version; see TlsContext::min_version())";
        case SSL_R_NO_APPLICATION_PROTOCOL:
            return " (the client offers none of our protocols; see TlsContext::alpn())";
        default:
            return "";
    }
}

}  // namespace weft::detail
