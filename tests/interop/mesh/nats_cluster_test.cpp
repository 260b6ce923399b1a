// Several NATS servers, TLS, rights and limits: what a cluster is in practice.
#include "nats_cluster.hpp"

#include <weft/core.hpp>
#include <weft/mesh.hpp>
#include <weft/testing/co_test.hpp>
#include <weft/testing/error_of.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace weft::mesh {
namespace {

using namespace std::chrono_literals;
using weft::testing::error_of;

TEST(NatsCluster, a_killed_server_is_replaced_by_another_of_the_cluster) {
    auto body = []() -> Task<void> {
        auto servers = co_await start_cluster(3);
        // All but the watcher know one server only; it names the others.
        Service worker(Options("worker").host(servers[0]->url()).workers(4));
        Event started;
        worker.callback("hang", [&]() -> Task<int> {
            started.set();
            co_await sleep(1h);
            co_return 1;
        });
        worker.callback("twice", [](int n) { return 2 * n; });
        worker.start();
        std::vector<std::string> log;
        Client caller(Options("caller").host(servers[0]->url()).on_log([&](std::string_view line) {
            log.emplace_back(line);
        }));
        auto conn = co_await caller.connect();
        Client watcher(Options("watcher").host("nats://" + servers[1]->place() + "," + servers[2]->place()));
        auto watching = co_await watcher.connect();
        co_await conn.wait_for_members(10s, "worker", "watcher");
        co_await watching.wait_for_members(10s, "worker", "caller");
        auto hanging = spawn(error_of<Disconnected>(conn.rpc().call<int>("hang")), "hanging");
        co_await started.wait();
        servers[0]->kill();
        const std::string lost = co_await std::move(hanging);
        EXPECT_THAT(lost, ::testing::HasSubstr("the request was sent"));
        // Both are with the cluster's other servers, and hear each other and the watcher as before.
        co_await conn.wait_for_method("twice", 20s);
        co_await conn.wait_for_members(20s, "worker", "watcher");
        const int four = co_await conn.rpc(10s).call<int>("twice", 2);
        EXPECT_EQ(four, 4);
        co_await watching.wait_for_method("twice", 20s);
        const int six = co_await watching.rpc(10s).idempotent(20).call<int>("twice", 3);
        EXPECT_EQ(six, 6);
        EXPECT_THAT(log, ::testing::Contains(::testing::HasSubstr("connected again")));
        co_await worker.stop();
    };
    weft::testing::run(body(), 60s);
}

TEST(NatsCluster, a_server_that_is_not_there_is_passed_over) {
    auto body = []() -> Task<void> {
        auto server = co_await NatsProcess::start();
        const std::string nobody = "127.0.0.1:" + std::to_string(NatsProcess::free_port());
        for (int i = 0; i < 8; ++i) {  // they begin anywhere
            Client client(Options("client").host("nats://" + nobody + "," + server->place() + "," + nobody));
            co_await client.connect();
            co_await client.stop();
        }
        Client lost(Options("lost").host("nats://" + nobody));
        const std::string text = co_await error_of<weft::Error>(lost.connect());
        EXPECT_THAT(text, ::testing::HasSubstr("refused"));
    };
    weft::testing::run(body(), 60s);
}

TEST(NatsTls, is_used_where_it_is_asked_for_or_wanted) {
    auto body = []() -> Task<void> {
        const NatsTlsFiles files;
        auto server = co_await NatsProcess::start(files.arguments(false));
        Service worker(Options("worker").host(server->url()).tls(files.client()));
        worker.callback("echo", [](Value v) { return v; });
        worker.start();
        Client caller(Options("caller").host("tls://" + server->place()).tls(files.client()));
        auto conn = co_await caller.connect();
        co_await conn.wait_for_method("echo", 10s);
        const Bytes large(3'000'000, std::byte{5});
        const Bytes back = co_await conn.rpc(20s).serde(Serde::opaque).call<Bytes>("echo", large);
        EXPECT_EQ(back, large);
        // The server wants TLS: without a context of its own the system's CAs are asked, which do not know
        // it.
        Client trusting(Options("trusting").host(server->url()));
        const std::string unknown = co_await error_of<TlsError>(trusting.connect());
        EXPECT_THAT(unknown, ::testing::HasSubstr("certificate"));
        Client elsewhere(Options("elsewhere").host(server->url()).tls(files.client(), "nats.example"));
        const std::string name = co_await error_of<TlsError>(elsewhere.connect());
        EXPECT_THAT(name, ::testing::HasSubstr("nats.example"));
        auto plain = co_await NatsProcess::start();
        Client secret(Options("secret").host("tls://" + plain->place()));
        const std::string none = co_await error_of<Disconnected>(secret.connect());
        EXPECT_THAT(none, ::testing::HasSubstr("has no TLS, which is asked for"));
        co_await worker.stop();
    };
    weft::testing::run(body(), 60s);
}

TEST(NatsTls, shows_a_certificate_to_servers_that_want_one) {
    auto body = []() -> Task<void> {
        const NatsTlsFiles files;
        auto server = co_await NatsProcess::start(files.arguments(true));
        const auto mine = files.authority.issue({"node.example"});
        TlsContext context = files.client().identity(TlsIdentity::from_pem(mine.chain, mine.key));
        Client known(Options("known").host(server->url()).tls(context));
        co_await known.connect();
        Client stranger(Options("stranger").host(server->url()).tls(files.client()));
        const std::string text = co_await error_of<weft::Error>(stranger.connect());
        EXPECT_THAT(text, ::testing::HasSubstr("certificate"));
    };
    weft::testing::run(body(), 60s);
}

TEST(NatsRights, a_token_opens_the_door) {
    auto body = []() -> Task<void> {
        const std::vector<std::string> auth = {"--auth", "s3cr:et"};
        auto server = co_await NatsProcess::start(auth);
        Client known(Options("known").host(server->url("s3cr%3Aet@")));
        co_await known.connect();
        Client stranger(Options("stranger").host(server->url("wrong@")));
        const std::string text = co_await error_of<InitializationError>(stranger.connect());
        EXPECT_THAT(text, ::testing::HasSubstr("Authorization Violation"));
    };
    weft::testing::run(body(), 60s);
}

TEST(NatsRights, a_call_that_may_not_be_published_fails_and_the_others_do_not) {
    auto body = []() -> Task<void> {
        auto server = co_await NatsProcess::start(
            std::vector<std::string>(),
            "authorization { users = [ { user: boss, password: b },\n"
            "  { user: guest, password: g, permissions: { publish: { deny: \"weft.node.vault\" } } } ] }");
        Client vault(Options("vault").host(server->url("boss:b@")));
        vault.callback("gold", [] { return 1; });
        co_await vault.connect();
        Client shop(Options("shop").host(server->url("boss:b@")));
        shop.callback("bread", [] { return 2; });
        co_await shop.connect();
        Client guest(Options("guest").host(server->url("guest:g@")));
        auto conn = co_await guest.connect();
        co_await conn.wait_for_members(10s, "vault", "shop");
        const std::string text = co_await error_of<ReceiverNotFound>(conn.rpc(10s).call<int>("gold"));
        EXPECT_THAT(text, ::testing::HasSubstr("publish to weft.node.vault"));
        const int bread = co_await conn.rpc(10s).call<int>("bread");
        EXPECT_EQ(bread, 2);
    };
    weft::testing::run(body(), 60s);
}

TEST(NatsLimits, large_messages_fit_through_a_small_max_payload) {
    auto body = []() -> Task<void> {
        auto server = co_await NatsProcess::start(std::vector<std::string>(), "max_payload: 131072");
        Client worker(Options("worker").host(server->url()));
        worker.callback("echo", [](Value v) { return v; });
        co_await worker.connect();
        Client caller(Options("caller").host(server->url()));
        auto conn = co_await caller.connect();
        co_await conn.wait_for_method("echo", 10s);
        for (const std::size_t size : {60'000u, 65'000u, 70'000u, 131'072u, 2'000'000u}) {
            const Bytes large(size, std::byte{5});
            const Bytes back = co_await conn.rpc(20s).serde(Serde::msgpack).call<Bytes>("echo", large);
            EXPECT_EQ(back, large);
        }
        const Bytes large(200'000);
        EXPECT_THROW(conn.rpc_nowait().serde(Serde::opaque).call("echo", large), EncodeError);
        auto tiny = co_await NatsProcess::start(std::vector<std::string>(), "max_payload: 1000");
        Client lost(Options("lost").host(tiny->url()));
        const std::string text = co_await error_of<Disconnected>(lost.connect());
        EXPECT_THAT(text, ::testing::HasSubstr("max_payload, 1000 bytes, is too small"));
    };
    weft::testing::run(body(), 60s);
}

TEST(NatsPresence, whoever_has_connected_knows_those_who_were_there) {
    auto body = []() -> Task<void> {
        auto servers = co_await start_cluster(2);
        std::vector<std::unique_ptr<Client>> clients;
        for (int i = 0; i < 12; ++i) {
            const std::string name = "node" + std::to_string(i);
            clients.push_back(std::make_unique<Client>(Options(name).host(servers.at(i % 2)->url())));
            clients.back()->callback("name", [name] { return name; });
            auto conn = co_await clients.back()->connect();
            EXPECT_THAT(conn.members(), ::testing::SizeIs(i + 1));
            if (i == 0) continue;
            const auto all = co_await conn.cast(10s).call<std::string>("name");
            EXPECT_THAT(all, ::testing::SizeIs(i));
        }
        // One that has died without a word is not waited for long.
        NatsTalker ghost = co_await NatsTalker::connect(servers[0]->port);
        co_await ghost.publish("weft.ev", R"(A0123456789abcdef{"meta":{"type":"client;weft=1","error":null},)"
                                          R"("members":[{"name":"ghost","methods":["boo"]}]})");
        Client late(Options("late").host(servers[1]->url()));
        auto conn = co_await timeout(2s, late.connect());
        EXPECT_THAT(conn.members(), ::testing::SizeIs(13));
    };
    weft::testing::run(body(), 60s);
}

TEST(NatsPresence, a_member_without_a_subscription_is_found_out_at_once) {
    auto body = []() -> Task<void> {
        auto server = co_await NatsProcess::start();
        Client caller(Options("caller").host(server->url()));
        auto conn = co_await caller.connect();
        NatsTalker ghost = co_await NatsTalker::connect(server->port);
        co_await ghost.publish("weft.ev", R"(A0123456789abcdef{"meta":{"type":"client;weft=1","error":null},)"
                                          R"("members":[{"name":"ghost","methods":["boo"]}]})");
        co_await conn.wait_for_method("boo", 10s);
        const std::string text = co_await error_of<ReceiverNotFound>(conn.rpc(30s).call<int>("boo"));
        EXPECT_THAT(text, ::testing::HasSubstr("the call was not delivered"));
        EXPECT_THAT(conn.members(), ::testing::SizeIs(1));
    };
    weft::testing::run(body(), 20s);
}

}  // namespace
}  // namespace weft::mesh
