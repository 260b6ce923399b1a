#include "tls_openssl.hpp"

#include <weft/core/socket_address.hpp>

#include <algorithm>
#include <array>
#include <ctime>

#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

namespace weft::detail {

std::string take_openssl_error() {
    const unsigned long code = ERR_peek_last_error();
    const char* text = code == 0 ? nullptr : ERR_reason_error_string(code);
    ERR_clear_error();
    return text ? text : "unknown error";
}

void throw_tls_configuration(const std::string& what) {
    std::string reason = take_openssl_error();
    throw TlsError(TlsError::Kind::configuration, what + ": " + reason, reason);
}

std::vector<X509Ptr> parse_certificates(std::string_view pem, const std::string& what) {
    ERR_clear_error();
    std::vector<X509Ptr> certificates;
    const BioPtr in(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
    if (!in) throw_tls_configuration("read " + what);
    // The passphrase is empty, never asked for on the terminal.
    while (X509Ptr certificate{PEM_read_bio_X509(in.get(), nullptr, nullptr, const_cast<char*>(""))})
        certificates.push_back(std::move(certificate));
    const unsigned long error = ERR_peek_last_error();
    if (ERR_GET_LIB(error) != ERR_LIB_PEM || ERR_GET_REASON(error) != PEM_R_NO_START_LINE)
        throw_tls_configuration("read certificate " + std::to_string(certificates.size() + 1) + " of " +
                                what + " (is it PEM, from BEGIN to END?)");
    ERR_clear_error();
    if (certificates.empty())
        throw TlsError(
            TlsError::Kind::configuration,
            what + ": there is no certificate in it (it must be PEM: -----BEGIN CERTIFICATE-----)");
    return certificates;
}

namespace {

std::string text_of(BIO* memory) {
    char* data = nullptr;
    const long size = BIO_get_mem_data(memory, &data);
    return size > 0 ? std::string(data, static_cast<std::size_t>(size)) : std::string();
}

std::string name_text(const X509_NAME* name) {
    const BioPtr out(BIO_new(BIO_s_mem()));
    X509_NAME_print_ex(out.get(), name, 0, XN_FLAG_RFC2253);
    return text_of(out.get());
}

std::chrono::system_clock::time_point time_of(const ASN1_TIME* time) {
    std::tm parts{};
    if (!time || ASN1_TIME_to_tm(time, &parts) != 1) return {};
    return std::chrono::system_clock::from_time_t(::timegm(&parts));
}

std::string ip_text(const ASN1_OCTET_STRING* bytes) {
    const unsigned char* data = ASN1_STRING_get0_data(bytes);
    const int size = ASN1_STRING_length(bytes);
    sockaddr_in v4{};
    sockaddr_in6 v6{};
    if (size == 4) {
        v4.sin_family = AF_INET;
        std::copy_n(data, 4, reinterpret_cast<unsigned char*>(&v4.sin_addr));
        return SocketAddress::from_native(&v4, sizeof v4).host();
    }
    if (size == 16) {
        v6.sin6_family = AF_INET6;
        std::copy_n(data, 16, reinterpret_cast<unsigned char*>(&v6.sin6_addr));
        return SocketAddress::from_native(&v6, sizeof v6).host();
    }
    return {};
}

std::string string_of(const ASN1_STRING* text) {
    return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
            static_cast<std::size_t>(ASN1_STRING_length(text))};
}

void add_names(X509* certificate, TlsCertificate& into) {
    const OpensslPtr<GENERAL_NAMES, GENERAL_NAMES_free> names(
        static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
    for (int i = 0; names && i < sk_GENERAL_NAME_num(names.get()); ++i) {
        const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
        if (name->type == GEN_DNS) into.dns_names.push_back(string_of(name->d.dNSName));
        if (name->type == GEN_URI) into.uris.push_back(string_of(name->d.uniformResourceIdentifier));
        if (name->type == GEN_IPADD) into.ip_addresses.push_back(ip_text(name->d.iPAddress));
    }
}

}  // namespace

TlsCertificate describe_certificate(X509* certificate) {
    TlsCertificate result;
    result.subject = name_text(X509_get_subject_name(certificate));
    result.issuer = name_text(X509_get_issuer_name(certificate));
    add_names(certificate, result);
    result.not_before = time_of(X509_get0_notBefore(certificate));
    result.not_after = time_of(X509_get0_notAfter(certificate));
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
    unsigned size = 0;
    if (X509_digest(certificate, EVP_sha256(), digest.data(), &size) == 1) {
        constexpr const char* hex = "0123456789abcdef";
        for (unsigned i = 0; i < size; ++i) {
            result.fingerprint += hex[digest[i] >> 4];
            result.fingerprint += hex[digest[i] & 15];
        }
    }
    const BioPtr out(BIO_new(BIO_s_mem()));
    if (PEM_write_bio_X509(out.get(), certificate) == 1) result.pem = text_of(out.get());
    ERR_clear_error();
    return result;
}

std::string names_of(X509* certificate) {
    TlsCertificate names;
    add_names(certificate, names);
    ERR_clear_error();
    std::string text;
    for (const auto* list : {&names.dns_names, &names.ip_addresses})
        for (const std::string& name : *list) text += (text.empty() ? "" : ", ") + name;
    return text.empty() ? "no name at all" : text;
}

}  // namespace weft::detail
