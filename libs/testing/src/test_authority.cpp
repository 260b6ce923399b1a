#include <weft/core/error.hpp>
#include <weft/core/socket_address.hpp>
#include <weft/testing/test_authority.hpp>

#include <memory>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

namespace weft::testing {

namespace {

template <auto free>
struct Free {
    template <class T>
    void operator()(T* object) const noexcept {
        free(object);
    }
};
using Certificate = std::unique_ptr<X509, Free<X509_free>>;
using Key = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY_free>>;
using Memory = std::unique_ptr<BIO, Free<BIO_free>>;

void require(bool ok, const char* what) {
    if (!ok) throw Error(std::string("test certificates: ") + what);
}

std::string text_of(const Memory& memory) {
    char* data = nullptr;
    const long size = BIO_get_mem_data(memory.get(), &data);
    return {data, static_cast<std::size_t>(size)};
}

std::string pem_of(X509* certificate) {
    const Memory out(BIO_new(BIO_s_mem()));
    require(PEM_write_bio_X509(out.get(), certificate) == 1, "write a certificate");
    return text_of(out);
}

std::string pem_of(EVP_PKEY* key) {
    const Memory out(BIO_new(BIO_s_mem()));
    require(PEM_write_bio_PrivateKey(out.get(), key, nullptr, nullptr, 0, nullptr, nullptr) == 1,
            "write a key");
    return text_of(out);
}

void add_extension(X509* certificate, X509* issuer, int nid, const std::string& value) {
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
    const std::unique_ptr<X509_EXTENSION, Free<X509_EXTENSION_free>> extension(
        X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()));
    require(extension && X509_add_ext(certificate, extension.get(), -1) == 1, value.c_str());
}

Certificate make_certificate(const std::string& name, EVP_PKEY* key, long serial, TestValidity validity) {
    constexpr long hour = 3600;
    const long shift = validity == TestValidity::now ? 0 : validity == TestValidity::expired ? -48 : 48;
    Certificate certificate(X509_new());
    X509* c = certificate.get();
    X509_set_version(c, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(c), serial);
    X509_gmtime_adj(X509_getm_notBefore(c), (shift - 1) * hour);
    X509_gmtime_adj(X509_getm_notAfter(c), (shift + 24) * hour);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(c), "CN", MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
    require(X509_set_pubkey(c, key) == 1, "set a public key");
    return certificate;
}

}  // namespace

struct TestAuthority::State {
    Key key;
    Certificate certificate;
    std::string pem;
    long last_serial = 1;
};

TestAuthority::TestAuthority(const std::string& name) : state_(std::make_unique<State>()) {
    State& s = *state_;
    s.key.reset(EVP_EC_gen("P-256"));
    require(s.key != nullptr, "make a key");
    s.certificate = make_certificate(name, s.key.get(), 1, TestValidity::now);
    X509* c = s.certificate.get();
    X509_set_issuer_name(c, X509_get_subject_name(c));
    add_extension(c, c, NID_basic_constraints, "critical,CA:TRUE");
    add_extension(c, c, NID_key_usage, "critical,keyCertSign,cRLSign");
    add_extension(c, c, NID_subject_key_identifier, "hash");
    require(X509_sign(c, s.key.get(), EVP_sha256()) > 0, "sign the CA");
    s.pem = pem_of(c);
}

TestAuthority::TestAuthority(TestAuthority&&) noexcept = default;
TestAuthority::~TestAuthority() = default;
const std::string& TestAuthority::pem() const noexcept { return state_->pem; }

TestCertificate TestAuthority::issue(const std::vector<std::string>& names, TestValidity validity) const {
    State& s = *state_;
    const Key key(EVP_EC_gen("P-256"));
    require(key != nullptr, "make a key");
    const std::string common = names.empty() ? "nameless" : names.front();
    const Certificate certificate = make_certificate(common, key.get(), ++s.last_serial, validity);
    X509* c = certificate.get();
    X509_set_issuer_name(c, X509_get_subject_name(s.certificate.get()));
    add_extension(c, s.certificate.get(), NID_basic_constraints, "critical,CA:FALSE");
    add_extension(c, s.certificate.get(), NID_ext_key_usage, "serverAuth,clientAuth");
    add_extension(c, s.certificate.get(), NID_authority_key_identifier, "keyid");
    std::string alternatives;
    for (const std::string& name : names) {
        const bool is_ip = SocketAddress::from_ip(name, 0).has_value();
        alternatives += (alternatives.empty() ? "" : ",") + std::string(is_ip ? "IP:" : "DNS:") + name;
    }
    if (!names.empty()) add_extension(c, s.certificate.get(), NID_subject_alt_name, alternatives);
    require(X509_sign(c, s.key.get(), EVP_sha256()) > 0, "sign a certificate");
    return {pem_of(c), pem_of(key.get())};
}

}  // namespace weft::testing
