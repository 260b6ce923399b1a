// Who is let in, who is refused, and what the refused are told.
#include "tls_pair.hpp"

#include <weft/core/sleep.hpp>
#include <weft/core/spawn.hpp>
#include <weft/core/timeout.hpp>
#include <weft/testing/co_test.hpp>

#include <array>
#include <functional>
#include <string>

namespace weft::testing {
namespace {

using namespace std::chrono_literals;
using Kind = TlsError::Kind;

// What each side of a handshake that must fail threw.
struct Refusal {
    Refusal() {}
    std::exception_ptr client;
    std::exception_ptr server;
};

Task<void> attempt(Task<std::unique_ptr<TlsStream>> making, std::exception_ptr* failure) {
    try {
        auto stream = co_await std::move(making);
        // TLS 1.3: a server refuses a client's certificate after the client's handshake.
        std::array<std::byte, 1> byte;
        co_await stream->read_some(byte);
    } catch (const Error&) {
        *failure = std::current_exception();
    }
}

Task<Refusal> refuse(TlsContext client, TlsContext server, std::string name = "sw1.test") {
    auto pair = memory_stream_pair();
    Refusal refusal;
    auto c = spawn(
        attempt(tls_connect(std::move(pair.first), std::move(client), std::move(name)), &refusal.client));
    auto s = spawn(attempt(tls_accept(std::move(pair.second), std::move(server)), &refusal.server));
    co_await c;
    co_await s;
    co_return refusal;
}

TlsError tls_error(const std::exception_ptr& failure) {
    if (!failure) return TlsError(Kind::configuration, "nothing was thrown");
    try {
        std::rethrow_exception(failure);
    } catch (const TlsError& e) {
        return e;
    } catch (const std::exception& e) {
        return TlsError(Kind::configuration, std::string("not a TlsError: ") + e.what());
    }
}

void expect_error(const std::exception_ptr& failure, Kind kind, const std::vector<std::string>& words) {
    const TlsError error = tls_error(failure);
    EXPECT_EQ(error.kind(), kind) << error.what();
    for (const std::string& word : words)
        EXPECT_NE(std::string(error.what()).find(word), std::string::npos)
            << error.what() << "\nlacks: " << word;
}

CO_TEST(TlsHandshake, tells_what_was_agreed) {
    auto pair = co_await tls_over(memory_stream_pair(), client_context().alpn("h3", "h2"),
                                  server_context().alpn("http/1.1", "h2"));
    EXPECT_EQ(pair.client->version(), "TLSv1.3");
    EXPECT_EQ(pair.client->version(), pair.server->version());
    EXPECT_EQ(pair.client->cipher(), pair.server->cipher());
    EXPECT_EQ(pair.client->alpn(), "h2");
    EXPECT_EQ(pair.server->alpn(), "h2");
    EXPECT_EQ(pair.server->server_name(), "sw1.test");
    EXPECT_EQ(pair.client->peer(), "memory");
    EXPECT_FALSE(pair.server->peer_certificate().has_value());
    const auto certificate = pair.client->peer_certificate();
    EXPECT_TRUE(certificate.has_value());
    if (!certificate) co_return;
    EXPECT_EQ(certificate->subject, "CN=sw1.test");
    EXPECT_EQ(certificate->issuer, "CN=weft test CA");
    EXPECT_EQ(certificate->dns_names, std::vector<std::string>{"sw1.test"});
    EXPECT_EQ(certificate->ip_addresses, std::vector<std::string>{"127.0.0.1"});
    EXPECT_EQ(certificate->fingerprint.size(), 64u);
    const auto now = std::chrono::system_clock::now();
    EXPECT_LT(certificate->not_before, now);
    EXPECT_GT(certificate->not_after, now + 20h);
    EXPECT_EQ(certificate->pem.rfind("-----BEGIN CERTIFICATE-----", 0), 0u);
}

CO_TEST(TlsHandshake, verifies_an_address_and_does_not_send_it_as_a_name) {
    auto pair = co_await tls_over(memory_stream_pair(), client_context(), server_context(), "127.0.0.1");
    EXPECT_EQ(pair.server->server_name(), "");
    auto dotted = co_await tls_over(memory_stream_pair(), client_context(), server_context(), "sw1.test.");
    EXPECT_EQ(dotted.server->server_name(), "sw1.test");
}

CO_TEST(TlsHandshake, refuses_a_server_of_an_unknown_ca) {
    const TestAuthority stranger("stranger");
    const auto refusal =
        co_await refuse(client_context(), TlsContext::server(identity_for("sw1.test", stranger)));
    expect_error(refusal.client, Kind::verification,
                 {"sw1.test", "unable to get local issuer certificate", "CN=sw1.test", "ca_pem"});
    expect_error(refusal.server, Kind::alert, {"unknown CA", "give the client our CA"});
    EXPECT_EQ(tls_error(refusal.server).alert(), 48);
}

CO_TEST(TlsHandshake, trusts_the_systems_cas_only_unless_told_otherwise) {
    const auto refusal = co_await refuse(TlsContext::client(), server_context());
    expect_error(refusal.client, Kind::verification, {"TlsContext::verify(false)"});
    auto taken = co_await tls_over(memory_stream_pair(), TlsContext::client().verify(false), server_context(),
                                   "another.name");
    EXPECT_EQ(taken.server->server_name(), "another.name");
}

CO_TEST(TlsHandshake, refuses_a_certificate_for_another_name_and_says_for_which_it_is) {
    const auto refusal = co_await refuse(client_context(), server_context(), "sw2.test");
    expect_error(refusal.client, Kind::host_name, {"sw2.test", "it is for sw1.test, 127.0.0.1"});
    const auto by_ip = co_await refuse(client_context(), server_context(), "127.0.0.2");
    expect_error(by_ip.client, Kind::host_name, {"127.0.0.2", "it is for sw1.test, 127.0.0.1"});
}

CO_TEST(TlsHandshake, refuses_certificates_outside_of_their_time) {
    auto server = TlsContext::server(identity_for("sw1.test", authority(), TestValidity::expired));
    const auto expired = co_await refuse(client_context(), server);
    expect_error(expired.client, Kind::verification, {"certificate has expired", "renew it"});
    expect_error(expired.server, Kind::alert, {"certificate expired"});
    server.replace_identity(identity_for("sw1.test", authority(), TestValidity::not_yet));
    const auto early = co_await refuse(client_context(), server);
    expect_error(early.client, Kind::verification, {"not yet valid", "clock"});
}

CO_TEST(TlsHandshake, a_server_may_ask_clients_for_certificates) {
    const auto server =
        server_context().ca_pem(authority().pem()).client_certificates(TlsClientCertificate::required);
    auto pair =
        co_await tls_over(memory_stream_pair(), client_context().identity(identity_for("alice")), server);
    const auto certificate = pair.server->peer_certificate();
    EXPECT_TRUE(certificate.has_value());
    EXPECT_EQ(certificate ? certificate->subject : std::string(), "CN=alice");

    const auto nobody = co_await refuse(client_context(), server);
    expect_error(nobody.server, Kind::verification, {"showed no certificate"});
    expect_error(nobody.client, Kind::alert, {"TlsContext::identity()"});
    EXPECT_EQ(tls_error(nobody.client).alert(), 116);

    const TestAuthority stranger("stranger");
    const auto other = co_await refuse(client_context().identity(identity_for("eve", stranger)), server);
    expect_error(other.server, Kind::verification, {"CN=eve", "ca_pem"});
    expect_error(other.client, Kind::alert, {"give the server our CA"});
}

CO_TEST(TlsHandshake, an_optional_client_certificate_must_still_be_good) {
    const auto server =
        server_context().ca_pem(authority().pem()).client_certificates(TlsClientCertificate::optional);
    auto pair = co_await tls_over(memory_stream_pair(), client_context(), server);
    EXPECT_FALSE(pair.server->peer_certificate().has_value());
    const TestAuthority stranger("stranger");
    const auto other = co_await refuse(client_context().identity(identity_for("eve", stranger)), server);
    expect_error(other.server, Kind::verification, {"CN=eve"});
}

CO_TEST(TlsHandshake, a_client_without_a_common_protocol_is_refused) {
    const auto refusal = co_await refuse(client_context().alpn("h2"), server_context().alpn("http/1.1"));
    expect_error(refusal.client, Kind::alert, {"no application protocol", "alpn()"});
    EXPECT_EQ(tls_error(refusal.client).alert(), 120);
    // One that offers nothing is served, and sees that nothing was chosen.
    auto pair = co_await tls_over(memory_stream_pair(), client_context(), server_context().alpn("h2"));
    EXPECT_EQ(pair.server->alpn(), "");
}

CO_TEST(TlsHandshake, without_a_common_version_both_are_told) {
    const auto refusal = co_await refuse(client_context().max_version(TlsVersion::tls1_2),
                                         server_context().min_version(TlsVersion::tls1_3));
    expect_error(refusal.client, Kind::alert, {"protocol version", "min_version"});
    expect_error(refusal.server, Kind::protocol, {"min_version"});
}

CO_TEST(TlsHandshake, replacing_a_certificate_touches_new_connections_only) {
    auto server = server_context();
    auto before = co_await tls_over(memory_stream_pair(), client_context(), server);
    server.replace_identity(identity_for("sw9.test"));
    auto after = co_await tls_over(memory_stream_pair(), client_context(), server, "sw9.test");
    EXPECT_EQ(after.client->peer_certificate()->subject, "CN=sw9.test");
    EXPECT_EQ(before.client->peer_certificate()->subject, "CN=sw1.test");
    co_await before.client->write_all("still here");
    std::string text(10, '\0');
    co_await before.server->read_exactly(std::as_writable_bytes(std::span(text)));
    EXPECT_EQ(text, "still here");
}

CO_TEST(TlsHandshake, a_peer_that_speaks_something_else_is_named) {
    auto pair = memory_stream_pair();
    co_await pair.first->write_all("GET / HTTP/1.0\r\n\r\n");
    std::exception_ptr failure;
    auto server = spawn(attempt(tls_accept(std::move(pair.second), server_context()), &failure));
    co_await sleep(1ms);
    pair.first.reset();
    co_await server;
    expect_error(failure, Kind::protocol, {"http request", "does not speak TLS"});

    auto other = memory_stream_pair();
    co_await other.second->write_all("SSH-2.0-OpenSSH_9.2\r\n");
    other.second->shutdown_write();
    co_await attempt(tls_connect(std::move(other.first), client_context(), "sw1.test"), &failure);
    expect_error(failure, Kind::protocol, {"sw1.test", "the server does not speak TLS"});
}

CO_TEST(TlsHandshake, a_peer_that_vanishes_in_it_is_named) {
    auto pair = memory_stream_pair();
    pair.second.reset();
    std::exception_ptr failure;
    co_await attempt(tls_connect(std::move(pair.first), client_context(), "sw1.test"), &failure);
    // The memory stream refuses the first write; a socket's peer would be missed at the first read.
    EXPECT_TRUE(failure);
    auto half = memory_stream_pair();
    half.second->shutdown_write();
    co_await attempt(tls_connect(std::move(half.first), client_context(), "sw1.test"), &failure);
    expect_error(failure, Kind::truncated, {"vanished", "handshake"});
}

CO_TEST(TlsHandshake, a_silent_peer_is_given_up_after_the_limit) {
    auto pair = memory_stream_pair();
    std::string text;
    try {
        co_await tls_connect(std::move(pair.first), client_context().handshake_timeout(30ms), "sw1.test");
    } catch (const TimeoutError& e) {
        text = e.what();
    }
    EXPECT_NE(text.find("did not end within 30 ms"), std::string::npos) << text;
    // The stream was closed with it.
    std::string hello(4096, '\0');
    co_await pair.second->read_some(std::as_writable_bytes(std::span(hello)));
    const std::size_t end = co_await pair.second->read_some(std::as_writable_bytes(std::span(hello)));
    EXPECT_EQ(end, 0u);
}

CO_TEST(TlsHandshake, cancelling_closes_the_stream) {
    auto pair = memory_stream_pair();
    auto client = spawn(tls_connect(std::move(pair.first), client_context(), "sw1.test"));
    co_await sleep(1ms);
    client.cancel();
    bool cancelled = false;
    try {
        co_await client;
    } catch (const Cancelled&) {
        cancelled = true;
    }
    EXPECT_TRUE(cancelled);
    EXPECT_THROW((void)pair.second->try_write(std::vector<ConstBuffer>{{"x", 1}}), SystemError);
}

CO_TEST(TlsHandshake, misuse_is_named_before_anything_is_sent) {
    auto pair = memory_stream_pair();
    std::exception_ptr failure;
    co_await attempt(tls_connect(std::move(pair.first), client_context(), ""), &failure);
    EXPECT_THROW(std::rethrow_exception(failure), UsageError);
    auto other = memory_stream_pair();
    co_await attempt(tls_connect(std::move(other.first), server_context(), "x"), &failure);
    EXPECT_THROW(std::rethrow_exception(failure), UsageError);
}

TEST(TlsContext, broken_pem_is_a_configuration_error) {
    const TestCertificate good = authority().issue({"sw1.test"});
    const TestCertificate other = authority().issue({"sw2.test"});
    const auto kind_of = [](const std::function<void()>& f) {
        try {
            f();
        } catch (const TlsError& e) {
            return std::string(e.kind() == Kind::configuration ? "configuration: " : "other: ") + e.what();
        }
        return std::string("nothing thrown");
    };
    const auto expect = [&](const std::function<void()>& f, const std::string& word) {
        const std::string text = kind_of(f);
        EXPECT_EQ(text.rfind("configuration: ", 0), 0u) << text;
        EXPECT_NE(text.find(word), std::string::npos) << text;
    };
    expect([&] { (void)TlsIdentity::from_pem("nonsense", good.key); }, "no certificate in it");
    expect([&] { (void)TlsIdentity::from_pem(good.chain, "nonsense"); }, "private key");
    expect([&] { (void)TlsIdentity::from_pem(good.chain, other.key); }, "certificate of the key");
    std::string cut = good.chain;
    cut.erase(100, 40);
    expect([&] { (void)TlsIdentity::from_pem(cut, good.key); }, "certificate 1");
    expect([&] { (void)client_context().ca_pem(""); }, "CA certificates");
    expect([&] { (void)client_context().alpn(""); }, "ALPN");
    EXPECT_THROW((void)client_context().ca_file("/nonexistent/ca.pem"), SystemError);
}

}  // namespace
}  // namespace weft::testing
