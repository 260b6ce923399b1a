// Calls over TLS: verified servers, mutual TLS, what is refused, call credentials.
#include "echo_service.hpp"

#include <weft/core/tls_context.hpp>
#include <weft/grpc/credentials.hpp>
#include <weft/testing/co_test.hpp>
#include <weft/testing/test_authority.hpp>

#include <gtest/gtest.h>

namespace weft::test {
namespace {

using namespace std::chrono_literals;
using grpc::CallOptions;
using grpc::ChannelOptions;
using grpc::StatusCode;
using weft::testing::TestAuthority;

TlsIdentity identity_of(const TestAuthority& authority, const std::string& name) {
    const auto made = authority.issue({name});
    return TlsIdentity::from_pem(made.chain, made.key);
}

class WhoAmI final : public grpc::Service {
public:
    WhoAmI() { add_unary_unary("/weft.test.Who/AmI", &WhoAmI::answer); }
    Task<std::string> answer(grpc::ServerContext& context, std::string) {
        std::string all = std::string(context.invocation_metadata().get("authorization").value_or("-"));
        for (const std::string& name : context.peer_identities()) all += " " + name;
        co_return all;
    }
};

struct SecureServer {
    explicit SecureServer(const TlsContext& tls) {
        server.add_service(service);
        target = "127.0.0.1:" + std::to_string(server.add_secure_port("127.0.0.1:0", tls));
    }
    WhoAmI service;
    grpc::Server server;
    std::string target;
};

ChannelOptions as_sw1() { return ChannelOptions().ssl_target_name_override("sw1.test"); }

CO_TEST(SecureChannel, calls_a_server_that_its_ca_has_signed) {
    const TestAuthority authority;
    SecureServer secure(TlsContext::server(identity_of(authority, "sw1.test")).alpn("h2"));
    co_await secure.server.start();
    const auto tls = TlsContext::client().without_system_cas().ca_pem(authority.pem()).alpn("h2");
    auto channel = grpc::secure_channel(secure.target, tls, as_sw1());
    const std::string who = co_await channel.unary_unary("/weft.test.Who/AmI")("");
    EXPECT_EQ(who, "-");
    auto other =
        grpc::secure_channel(secure.target, tls, ChannelOptions().ssl_target_name_override("sw2.test"));
    auto call = other.unary_unary("/weft.test.Who/AmI")("");
    const grpc::Status& status = co_await call.status();
    EXPECT_EQ(status.code(), StatusCode::unavailable);
    EXPECT_NE(status.details().find("sw2.test"), std::string::npos) << status.details();
    co_await channel.close();
    co_await other.close();
    co_await secure.server.stop();
}

CO_TEST(SecureChannel, mutual_tls_tells_the_handler_who_calls) {
    const TestAuthority authority;
    SecureServer secure(TlsContext::server(identity_of(authority, "sw1.test"))
                            .ca_pem(authority.pem())
                            .client_certificates(TlsClientCertificate::required)
                            .alpn("h2"));
    co_await secure.server.start();
    const auto known = TlsContext::client()
                           .without_system_cas()
                           .ca_pem(authority.pem())
                           .identity(identity_of(authority, "controller.test"))
                           .alpn("h2");
    auto channel = grpc::secure_channel(secure.target, known, as_sw1());
    const std::string who = co_await channel.unary_unary("/weft.test.Who/AmI")("");
    EXPECT_EQ(who, "- controller.test");
    const auto unknown = TlsContext::client().without_system_cas().ca_pem(authority.pem()).alpn("h2");
    auto stranger = grpc::secure_channel(secure.target, unknown, as_sw1());
    auto call = stranger.unary_unary("/weft.test.Who/AmI")("", CallOptions().timeout(5s));
    const StatusCode code = co_await call.code();
    EXPECT_EQ(code, StatusCode::unavailable);
    co_await channel.close();
    co_await stranger.close();
    co_await secure.server.stop();
}

CO_TEST(SecureChannel, asks_for_http2) {
    const TestAuthority authority;
    SecureServer secure(TlsContext::server(identity_of(authority, "sw1.test")));
    co_await secure.server.start();
    const auto tls = TlsContext::client().without_system_cas().ca_pem(authority.pem()).alpn("h2");
    auto channel = grpc::secure_channel(secure.target, tls, as_sw1());
    auto call = channel.unary_unary("/weft.test.Who/AmI")("");
    const grpc::Status& status = co_await call.status();
    EXPECT_EQ(status.code(), StatusCode::unavailable);
    EXPECT_NE(status.details().find("ALPN"), std::string::npos) << status.details();
    co_await channel.close();
    co_await secure.server.stop();
}

class Token final : public grpc::CallCredentials {
public:
    Task<grpc::Metadata> metadata(std::string service_url, std::string method) override {
        asked = service_url + " " + method;
        co_await sleep(1ms);
        if (broken) throw std::runtime_error("no token");
        grpc::Metadata made;
        made.add("authorization", "Bearer t");
        co_return made;
    }
    std::string asked;
    bool broken = false;
};

CO_TEST(CallCredentials, go_with_each_call_of_a_secure_channel_only) {
    const TestAuthority authority;
    Token token;
    SecureServer secure(TlsContext::server(identity_of(authority, "sw1.test")).alpn("h2"));
    co_await secure.server.start();
    const auto tls = TlsContext::client().without_system_cas().ca_pem(authority.pem()).alpn("h2");
    auto channel = grpc::secure_channel(secure.target, tls, as_sw1().call_credentials(token));
    const std::string who = co_await channel.unary_unary("/weft.test.Who/AmI")("");
    EXPECT_EQ(who, "Bearer t");
    EXPECT_EQ(token.asked, "https://" + secure.target + "/weft.test.Who AmI");
    token.broken = true;
    auto failing = channel.unary_unary("/weft.test.Who/AmI")("");
    const StatusCode code = co_await failing.code();
    EXPECT_EQ(code, StatusCode::unauthenticated);
    auto open = grpc::insecure_channel(secure.target, ChannelOptions().call_credentials(token));
    auto refused = open.unary_unary("/weft.test.Who/AmI")("");
    const grpc::Status& status = co_await refused.status();
    EXPECT_EQ(status.code(), StatusCode::unauthenticated);
    EXPECT_NE(status.details().find("insecure"), std::string::npos);
    co_await channel.close();
    co_await open.close();
    co_await secure.server.stop();
}

}  // namespace
}  // namespace weft::test
