// The mesh over TLS, with certificates made for the occasion.
#include <weft/core.hpp>
#include <weft/mesh.hpp>
#include <weft/testing/co_test.hpp>
#include <weft/testing/error_of.hpp>
#include <weft/testing/test_authority.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace weft::mesh {
namespace {

using namespace std::chrono_literals;
using weft::testing::error_of;

class Certificates {
public:
    [[nodiscard]] TlsIdentity identity(std::vector<std::string> names) const {
        const auto issued = authority_.issue(names);
        return TlsIdentity::from_pem(issued.chain, issued.key);
    }
    [[nodiscard]] TlsContext server() const { return TlsContext::server(identity({"127.0.0.1"})); }
    [[nodiscard]] TlsContext mutual() const {
        return server().ca_pem(authority_.pem()).client_certificates(TlsClientCertificate::required);
    }
    [[nodiscard]] TlsContext client() const {
        return TlsContext::client().without_system_cas().ca_pem(authority_.pem());
    }
    [[nodiscard]] TlsContext client(std::string name) const { return client().identity(identity({name})); }

private:
    testing::TestAuthority authority_;
};

CO_TEST(Tls, carries_calls_through_a_router) {
    Certificates certificates;
    Router router(Options("router").tls(certificates.server()));
    router.start();
    Client worker(Options("worker").port(router.port()).tls(certificates.client()));
    worker.callback("echo", [](Value v) { return v; });
    co_await worker.connect();
    Client caller(Options("caller").port(router.port()).tls(certificates.client()));
    auto conn = co_await caller.connect();
    co_await conn.wait_for_method("echo", 5s);
    const Bytes large(5 << 20, std::byte{3});
    const Bytes back = co_await conn.rpc(10s).serde(Serde::opaque).call<Bytes>("echo", large);
    EXPECT_EQ(back, large);
    std::vector<Task<int>> calls;
    for (int i = 0; i < 100; ++i) calls.push_back(conn.rpc(5s).call<int>("echo", i));
    const auto results = co_await gather(std::move(calls));
    EXPECT_EQ(results.at(99), 99);
}

CO_TEST(Tls, of_an_unknown_authority_is_refused) {
    Certificates certificates;
    Certificates others;
    Service service(Options("svc").tls(certificates.server()));
    service.start();
    Client client(Options("client").port(service.port()).tls(others.client()));
    const std::string text = co_await error_of<TlsError>(client.connect());
    EXPECT_THAT(text, ::testing::HasSubstr("verif"));
    // The other name: good for 127.0.0.1 only.
    Client lost(Options("lost").port(service.port()).tls(certificates.client(), "router.example"));
    const std::string name = co_await error_of<TlsError>(lost.connect());
    EXPECT_THAT(name, ::testing::HasSubstr("router.example"));
}

CO_TEST(Tls, a_connection_that_says_nothing_is_in_nobodys_way) {
    Certificates certificates;
    Router router(Options("router").tls(certificates.server()).handshake_timeout(5s));
    router.start();
    auto silent = co_await connect(SocketAddress::loopback(router.port()));
    Client client(Options("client").port(router.port()).tls(certificates.client()));
    co_await timeout(3s, client.connect());
    auto plain = co_await connect(SocketAddress::loopback(router.port()));
    co_await plain->write_all(std::string_view("this is no TLS, and long enough to show it"));
    std::vector<std::byte> room(64);
    bool refused = false;
    try {
        while (!refused) {
            const std::size_t n = co_await plain->read_some(room);
            refused = n == 0;
        }
    } catch (const SystemError&) {
        refused = true;
    }
    EXPECT_TRUE(refused);
    EXPECT_EQ(router.members().size(), 1u);
    co_await router.stop();
}

CO_TEST(MutualTls, lets_each_node_take_only_the_names_of_its_certificate) {
    Certificates certificates;
    Router router(Options("router").tls(certificates.mutual()).names_from_certificates(true));
    router.start();
    Client honest(Options("worker").port(router.port()).tls(certificates.client("worker")));
    co_await honest.connect();
    Client thief(Options("worker").port(router.port()).tls(certificates.client("thief")));
    const std::string text = co_await error_of<InitializationError>(thief.connect());
    EXPECT_THAT(text, ::testing::HasSubstr("the certificate is not that of 'worker'"));
    Client nameless(Options("nameless").port(router.port()).tls(certificates.client()));
    const std::string refused = co_await error_of<weft::Error>(nameless.connect());
    EXPECT_NE(refused, "(no error)");
    const auto members = router.members();
    EXPECT_EQ(members.size(), 1u);
}

// The names of a client's threads.
CO_TEST(MutualTls, a_numbered_name_is_that_of_the_certificate_without_the_number) {
    Certificates certificates;
    Router router(Options("router").tls(certificates.mutual()).names_from_certificates(true));
    router.start();
    for (const char* name : {"worker", "worker#2", "worker#10"}) {
        Client client(Options(name).port(router.port()).tls(certificates.client("worker")));
        co_await client.connect();
        co_await client.stop();
    }
    for (const char* name : {"worker#", "worker#1", "worker#02", "worker#0", "worker#2x", "worker#-2", "#2",
                             "worker#2#2", "workers#2", "orker#2", "worker2", "worker#1234567890"}) {
        Client thief(Options(name).port(router.port()).tls(certificates.client("worker")));
        const std::string text = co_await error_of<InitializationError>(thief.connect());
        EXPECT_THAT(text, ::testing::HasSubstr("the certificate is not that of")) << name;
    }
    Client other(Options("worker#2").port(router.port()).tls(certificates.client("thief")));
    const std::string text = co_await error_of<InitializationError>(other.connect());
    EXPECT_THAT(text, ::testing::HasSubstr("'worker#2'"));
}

CO_TEST(MutualTls, names_are_checked_by_a_service_too) {
    Certificates certificates;
    Service service(Options("svc").tls(certificates.mutual()).names_from_certificates(true));
    service.callback("twice", [](int n) { return 2 * n; });
    service.start();
    Client thief(Options("boss").port(service.port()).tls(certificates.client("thief")));
    const std::string text = co_await error_of<InitializationError>(thief.connect());
    EXPECT_THAT(text, ::testing::HasSubstr("'boss'"));
    Client boss(Options("boss").port(service.port()).tls(certificates.client("boss")));
    auto conn = co_await boss.connect();
    const int result = co_await conn.rpc(5s).call<int>("twice", 4);
    EXPECT_EQ(result, 8);
}

// daffi's clients stand still at bytes that are none of the mesh's before they have said who they are.
CO_TEST(Tls, servers_send_no_ticket_before_the_client_has_spoken) {
    Certificates certificates;
    for (const bool is_router : {true, false}) {
        Router router(Options("router").tls(certificates.server()).handshake_timeout(200ms));
        Service service(Options("calc").tls(certificates.server()).handshake_timeout(200ms));
        if (is_router) {
            router.start();
        } else {
            service.start();
        }
        const std::uint16_t port = is_router ? router.port() : service.port();
        const std::string place = "127.0.0.1:" + std::to_string(port);
        // It says what it reads, until the server has waited long enough.
        const std::vector<std::string> command = {"openssl", "s_client", "-connect", place,
                                                  "-tls1_3", "-ign_eof", "-msg"};
        const ProcessResult result = co_await run_process(command);
        EXPECT_THAT(result.out, ::testing::HasSubstr(", Finished"));
        EXPECT_THAT(result.out, ::testing::Not(::testing::HasSubstr("NewSessionTicket")));
    }
}

}  // namespace
}  // namespace weft::mesh
