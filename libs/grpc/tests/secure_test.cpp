// Calls over TLS: verified servers, mutual TLS, what is refused, call credentials.
#include "echo_service.hpp"

#include <weft/core/connect.hpp>
#include <weft/core/listener.hpp>
#include <weft/core/tls_context.hpp>
#include <weft/core/tls_stream.hpp>
#include <weft/grpc/credentials.hpp>
#include <weft/testing/co_test.hpp>
#include <weft/testing/test_authority.hpp>

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include <unistd.h>

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

// Whatever list the contexts have, or none: they may be made for other protocols as well.
CO_TEST(SecureChannel, agrees_on_http2_by_itself) {
    const TestAuthority authority;
    const auto made = authority.issue({"sw1.test"});
    const auto identity = TlsIdentity::from_pem(made.chain, made.key);
    const auto trusting = [&] { return TlsContext::client().without_system_cas().ca_pem(authority.pem()); };
    for (const bool lists : {false, true}) {
        auto server_tls = TlsContext::server(identity);
        auto client_tls = trusting();
        if (lists) {
            server_tls = std::move(server_tls).alpn("http/1.1");
            client_tls = std::move(client_tls).alpn("http/1.1", "spdy/3");
        }
        SecureServer secure(server_tls);
        co_await secure.server.start();
        auto channel = grpc::secure_channel(secure.target, client_tls, as_sw1());
        const std::string who = co_await channel.unary_unary("/weft.test.Who/AmI")("");
        EXPECT_EQ(who, "-");
        auto plain = co_await connect(SocketAddress::parse(secure.target));
        const auto both = trusting().alpn("h2", "x");
        auto other = co_await tls_connect(std::move(plain), both, "sw1.test");
        EXPECT_EQ(other->alpn(), "h2");
        other->close();
        co_await channel.close();
        co_await secure.server.stop();
    }
}

CO_TEST(SecureServer, stops_without_waiting_for_handshakes) {
    const TestAuthority authority;
    SecureServer secure(TlsContext::server(identity_of(authority, "sw1.test")).alpn("h2"));
    co_await secure.server.start();
    auto silent = co_await connect(SocketAddress::parse(secure.target));
    for (int turns = 0; turns < 3; ++turns) {  // before, while and after it is accepted
        SecureServer other(TlsContext::server(identity_of(authority, "sw1.test")).alpn("h2"));
        co_await other.server.start();
        auto late = co_await connect(SocketAddress::parse(other.target));
        for (int i = 0; i < turns; ++i) co_await yield();
        co_await timeout(5s, other.server.stop());
    }
    co_await timeout(5s, secure.server.stop());
}

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

CO_TEST(SecureChannel, a_client_that_never_ends_the_handshake_is_dropped) {
    const TestAuthority authority;
    grpc::Server server(grpc::ServerOptions().handshake_timeout(20ms));
    const int port = server.add_secure_port(
        "127.0.0.1:0", TlsContext::server(identity_of(authority, "sw1.test")).alpn("h2"));
    co_await server.start();
    auto silent = co_await connect(SocketAddress::loopback(static_cast<std::uint16_t>(port)));
    std::byte byte{};
    const std::size_t got = co_await timeout(10s, silent->read_some(std::span(&byte, 1)));
    EXPECT_EQ(got, 0u) << "the server waits for ever";
    co_await server.stop();
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

Task<void> serve_without_alpn(Listener& listener, TlsContext tls) {
    auto plain = co_await listener.accept();
    auto secure = co_await tls_accept(std::move(plain), std::move(tls));
    std::byte byte{};
    static_cast<void>(co_await secure->read_some(std::span(&byte, 1)));
}

CO_TEST(SecureChannel, says_when_a_server_speaks_no_http2) {
    const TestAuthority authority;
    Listener listener(SocketAddress::loopback(0));
    auto serving =
        spawn(serve_without_alpn(listener, TlsContext::server(identity_of(authority, "sw1.test"))));
    const auto tls = TlsContext::client().without_system_cas().ca_pem(authority.pem());
    auto channel = grpc::secure_channel("127.0.0.1:" + std::to_string(listener.port()), tls, as_sw1());
    auto call = channel.unary_unary("/weft.test.Who/AmI")("");
    const grpc::Status& status = co_await call.status();
    EXPECT_EQ(status.code(), StatusCode::unavailable);
    EXPECT_NE(status.details().find("ALPN"), std::string::npos) << status.details();
    co_await channel.close();
    co_await serving;
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

// A token that is good for one request, and a server that wants another one for each attempt.
class OneTimeToken final : public grpc::CallCredentials {
public:
    Task<grpc::Metadata> metadata(std::string, std::string) override {
        co_await yield();
        grpc::Metadata made;
        made.add("authorization", "token-" + std::to_string(++asked));
        co_return made;
    }
    int asked = 0;
};

class Picky final : public grpc::Service {
public:
    Picky() { add_unary_unary("/weft.test.Picky/Ask", &Picky::answer); }
    Task<std::string> answer(grpc::ServerContext& context, std::string) {
        std::string all;
        for (const auto& token : context.invocation_metadata().get_all("authorization")) all += token;
        seen += all + " ";
        if (++attempts < 3) context.abort(StatusCode::unavailable, "again");
        co_return all;
    }
    int attempts = 0;
    std::string seen;
};

CO_TEST(CallCredentials, are_asked_for_each_attempt) {
    Picky picky;
    grpc::Server server;
    server.add_service(picky);
    const std::string target = "unix-abstract:weft-picky-" + std::to_string(::getpid());
    server.add_insecure_port(target);
    co_await server.start();
    OneTimeToken token;
    auto options = ChannelOptions().call_credentials(token).service_config(R"({"methodConfig": [{"name": [{}],
        "retryPolicy": {"maxAttempts": 4, "initialBackoff": "0.002s", "maxBackoff": "0.01s",
                        "backoffMultiplier": 2, "retryableStatusCodes": ["UNAVAILABLE"]}}]})");
    auto channel = grpc::insecure_channel(target, std::move(options));
    const std::string last = co_await channel.unary_unary("/weft.test.Picky/Ask")("");
    EXPECT_EQ(last, "token-3");
    EXPECT_EQ(picky.seen, "token-1 token-2 token-3 ");
    co_await channel.close();
    co_await server.stop();
}

class Stamp final : public grpc::CallCredentials {
public:
    explicit Stamp(std::string key) : key_(std::move(key)) {}
    Task<grpc::Metadata> metadata(std::string, std::string method) override {
        grpc::Metadata made;
        made.add(key_, method);
        co_return made;
    }

private:
    std::string key_;
};

// Says which of its metadata begins with "x-", and how safe the connection is.
class Headers final : public grpc::Service {
public:
    Headers() { add_unary_unary("/weft.test.Headers/Seen", &Headers::answer); }
    Task<std::string> answer(grpc::ServerContext& context, std::string) {
        static constexpr const char* names[] = {"none", "local", "tls"};
        std::string all = names[static_cast<int>(context.transport_security())];
        for (const auto& [key, value] : context.invocation_metadata())
            if (key.starts_with("x-") || key == "authorization") all += " " + key + "=" + value;
        co_return all;
    }
};

CO_TEST(CallCredentials, of_a_channel_and_of_a_call_are_joined) {
    const TestAuthority authority;
    Headers headers;
    grpc::Server server;
    server.add_service(headers);
    const int port = server.add_secure_port(
        "127.0.0.1:0", TlsContext::server(identity_of(authority, "sw1.test")).alpn("h2"));
    co_await server.start();
    const auto tls = TlsContext::client().without_system_cas().ca_pem(authority.pem()).alpn("h2");
    Stamp one("x-one");
    Stamp two("x-two");
    Stamp three("x-three");
    grpc::CompositeCallCredentials both(one, two);
    auto channel =
        grpc::secure_channel("127.0.0.1:" + std::to_string(port), tls, as_sw1().call_credentials(both));
    auto seen = channel.unary_unary("/weft.test.Headers/Seen");
    const std::string plain = co_await seen("");
    EXPECT_EQ(plain, "tls x-one=Seen x-two=Seen");
    const std::string more = co_await seen("", CallOptions().credentials(three));
    EXPECT_EQ(more, "tls x-one=Seen x-two=Seen x-three=Seen");
    grpc::AccessTokenCredentials token("abc");
    const std::string with_token = co_await seen("", CallOptions().credentials(token));
    EXPECT_EQ(with_token, "tls x-one=Seen x-two=Seen authorization=Bearer abc");
    co_await channel.close();
    co_await server.stop();
}

CO_TEST(CallCredentials, go_over_unix_sockets_and_not_over_plain_tcp) {
    Headers headers;
    grpc::Server server;
    server.add_service(headers);
    const int port = server.add_insecure_port("127.0.0.1:0");
    const std::string local = "unix-abstract:weft-grpc-credentials-" + std::to_string(::getpid());
    server.add_insecure_port(local);
    co_await server.start();
    Stamp own("x-own");
    auto channel = grpc::insecure_channel(local);
    const std::string seen =
        co_await channel.unary_unary("/weft.test.Headers/Seen")("", CallOptions().credentials(own));
    EXPECT_EQ(seen, "local x-own=Seen");
    auto open = grpc::insecure_channel("127.0.0.1:" + std::to_string(port));
    auto refused = open.unary_unary("/weft.test.Headers/Seen")("", CallOptions().credentials(own));
    const StatusCode code = co_await refused.code();
    EXPECT_EQ(code, StatusCode::unauthenticated);
    const std::string without = co_await open.unary_unary("/weft.test.Headers/Seen")("");
    EXPECT_EQ(without, "none");
    co_await channel.close();
    co_await open.close();
    co_await server.stop();
}

class Forever final : public grpc::CallCredentials {
public:
    Task<grpc::Metadata> metadata(std::string, std::string) override {
        try {
            co_await sleep(1h);
        } catch (const Cancelled&) {
            ended.set();
            throw;
        }
        co_return grpc::Metadata();
    }
    Event ended;
};

CO_TEST(CallCredentials, end_with_their_call) {
    Headers headers;
    grpc::Server server;
    server.add_service(headers);
    const std::string local = "unix-abstract:weft-grpc-forever-" + std::to_string(::getpid());
    server.add_insecure_port(local);
    co_await server.start();
    Forever forever;
    auto channel = grpc::insecure_channel(local, ChannelOptions().call_credentials(forever));
    {
        auto call = channel.unary_unary("/weft.test.Headers/Seen")("", CallOptions().timeout(20ms));
        const StatusCode code = co_await call.code();
        EXPECT_EQ(code, StatusCode::deadline_exceeded);
        co_await forever.ended.wait();
    }
    {
        auto dropped = channel.unary_unary("/weft.test.Headers/Seen")("");
        co_await yield();
    }
    co_await channel.close();
    co_await server.stop();
}

void write_file(const std::string& path, const std::string& text) {
    // Another file in its place, as certificate tools do it.
    std::ofstream(path + ".new") << text;
    std::filesystem::rename(path + ".new", path);
}

CO_TEST(IdentityFiles, new_files_are_shown_without_a_restart) {
    const std::string folder =
        (std::filesystem::temp_directory_path() / ("weft-grpc-renewal-" + std::to_string(::getpid())))
            .string();
    std::filesystem::create_directory(folder);
    const TestAuthority first;
    const TestAuthority second;
    const auto before = first.issue({"sw1.test"});
    const auto after = second.issue({"sw1.test"});
    write_file(folder + "/sw1.pem", before.chain);
    write_file(folder + "/sw1.key", before.key);
    WhoAmI service;
    grpc::IdentityFiles files(folder + "/sw1.pem", folder + "/sw1.key");
    grpc::Server server;
    server.add_service(service);
    const int port = server.add_secure_port(
        "127.0.0.1:0",
        TlsContext::server(TlsIdentity::from_files(folder + "/sw1.pem", folder + "/sw1.key")).alpn("h2"),
        files);
    const std::string target = "127.0.0.1:" + std::to_string(port);
    co_await server.start();
    const auto trusts = [&](const TestAuthority& authority) -> Task<StatusCode> {
        const auto tls = TlsContext::client().without_system_cas().ca_pem(authority.pem()).alpn("h2");
        auto channel = grpc::secure_channel(target, tls, as_sw1());
        auto call = channel.unary_unary("/weft.test.Who/AmI")("");
        const StatusCode code = co_await call.code();
        co_await channel.close();
        co_return code;
    };
    const auto tls = TlsContext::client().without_system_cas().ca_pem(first.pem()).alpn("h2");
    auto standing = grpc::secure_channel(target, tls, as_sw1());
    const std::string who = co_await standing.unary_unary("/weft.test.Who/AmI")("");
    EXPECT_EQ(who, "-");
    // Between the two files the old certificate stays.
    write_file(folder + "/sw1.pem", after.chain);
    StatusCode code = co_await trusts(first);
    EXPECT_EQ(code, StatusCode::ok);
    EXPECT_NE(files.last_error(), "");
    write_file(folder + "/sw1.key", after.key);
    code = co_await trusts(second);
    EXPECT_EQ(code, StatusCode::ok);
    code = co_await trusts(first);
    EXPECT_EQ(code, StatusCode::unavailable);
    EXPECT_EQ(files.renewals(), 1u);
    EXPECT_EQ(files.last_error(), "");
    // The connection that stood goes on.
    const std::string still = co_await standing.unary_unary("/weft.test.Who/AmI")("");
    EXPECT_EQ(still, "-");
    co_await standing.close();
    co_await server.stop();
    std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace weft::test
