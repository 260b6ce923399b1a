// Clients and services at a NATS server (nats-server, Debian) in place of a router.
#include "nats_process.hpp"

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

Callbacks methods(std::string name) {
    Callbacks callbacks;
    callbacks.add(
        "multiply", [](int a, int b) { return a * b; }, "a", "b");
    callbacks.add("echo", [](Value v) { return v; });
    callbacks.add("who", [name] { return name; });
    callbacks.add("sum", [](const CallInfo& info) -> Task<int> {
        Duplex talk = info.duplex();
        int sum = 0;
        for (;;) {
            const auto n = co_await talk.next<int>();
            if (!n) break;
            sum += *n;
        }
        co_return sum;
    });
    return callbacks;
}

TEST(Nats, carries_every_call_style_between_services_and_clients) {
    auto body = []() -> Task<void> {
        auto server = co_await NatsProcess::start();
        Service service(Options("svc one").host(server->url()).workers(4), methods("svc one"));
        service.start();
        Client worker(Options("worker").host(server->url()).workers(4), methods("worker"));
        co_await worker.connect();
        Client caller(Options("caller").host(server->url()));
        std::vector<std::string> events;
        caller.on_event([&](const MemberEvent& e) {
            events.push_back((e.kind == MemberEvent::Kind::joined ? "+" : "-") + e.name);
        });
        auto conn = co_await caller.connect();
        co_await conn.wait_for_members(10s, "svc one", "worker");
        for (const Serde serde : {Serde::pickle, Serde::json, Serde::msgpack}) {
            const int product = co_await conn.rpc(5s).serde(serde).with("b", 7).call<int>("multiply", 6);
            EXPECT_EQ(product, 42);
        }
        const auto all = co_await conn.cast(5s).call<std::string>("who");
        EXPECT_EQ(all.size(), 2u);
        for (const auto& [name, result] : all) EXPECT_EQ(result.value(), name);
        const std::string pinned = co_await conn.rpc(5s).receiver("svc one").call<std::string>("who");
        EXPECT_EQ(pinned, "svc one");
        conn.rpc_nowait().call("multiply", 1, 1);
        // Larger than NATS takes in one message.
        const Bytes large(5'000'000, std::byte{7});
        const Bytes back = co_await conn.rpc(20s).serde(Serde::opaque).call<Bytes>("echo", large);
        EXPECT_EQ(back, large);
        const std::vector<std::string> chunks = {"a", "b"};
        const std::size_t streamed = co_await conn.stream().call("echo", chunks);
        EXPECT_EQ(streamed, 2u);
        auto talk = conn.open().call("sum");
        for (int i = 1; i <= 100; ++i) co_await talk.send(i);
        talk.finish();
        const int sum = co_await talk.result<int>();
        EXPECT_EQ(sum, 5050);
        std::vector<Task<int>> many;
        for (int i = 0; i < 500; ++i) many.push_back(conn.rpc(10s).call<int>("multiply", i, 2));
        const auto products = co_await gather(std::move(many));
        EXPECT_EQ(products.at(499), 998);
        const std::string wrong = co_await error_of<RemoteError>(conn.rpc(5s).call<int>("multiply", "x", 1));
        EXPECT_THAT(wrong, ::testing::HasSubstr("TypeError"));
        // Announced later; leaves.
        worker.callback("later", [] { return 1; });
        co_await conn.wait_for_method("later", 10s);
        co_await worker.stop();
        auto gone = [&]() -> Task<void> {
            while (conn.members().size() != 2) co_await sleep(10ms);
        };
        co_await timeout(10s, gone());
        EXPECT_THAT(events, ::testing::Contains("-worker"));
        co_await service.stop();
        co_await caller.stop();
    };
    weft::testing::run(body(), 60s);
}

TEST(Nats, callers_of_a_worker_that_dies_hear_of_it) {
    auto body = []() -> Task<void> {
        auto server = co_await NatsProcess::start();
        auto worker = std::make_unique<Client>(Options("worker").host(server->url()));
        Event started;
        worker->callback("hang", [&]() -> Task<int> {
            started.set();
            co_await sleep(1h);
            co_return 1;
        });
        co_await worker->connect();
        Client caller(Options("caller").host(server->url()));
        auto conn = co_await caller.connect();
        co_await conn.wait_for_method("hang", 10s);
        auto call = spawn(error_of<Disconnected>(conn.rpc(60s).call<int>("hang")), "call");
        co_await started.wait();
        worker.reset();
        const std::string text = co_await std::move(call);
        EXPECT_THAT(text, ::testing::HasSubstr("left before it answered"));
    };
    weft::testing::run(body(), 60s);
}

// Workers that offer the same.
class Workers {
public:
    Workers(const NatsProcess& server, std::size_t count) {
        for (std::size_t i = 0; i < count; ++i) {
            const std::string name = "worker" + std::to_string(i);
            auto worker = std::make_unique<Client>(Options(name).host(server.url()).workers(4));
            worker->callback("who", [name] { return name; });
            worker->callback("size", [](const Bytes& bytes) { return bytes.size(); });
            worker->callback("zeros", [](std::size_t n) { return Bytes(n); });
            worker->callback("hang", [this, name]() -> Task<void> {
                hangs_at = name;
                hangs.set();
                try {
                    co_await sleep(1h);
                } catch (const Cancelled&) {
                    cancelled.set();
                    throw;
                }
            });
            all.push_back(std::move(worker));
        }
    }
    Task<void> connect() {
        for (const auto& worker : all) co_await worker->connect();
    }
    std::vector<std::unique_ptr<Client>> all;
    Event hangs;
    Event cancelled;
    std::string hangs_at;
};

TEST(NatsQueueGroup, gives_each_call_to_one_of_those_that_are_there) {
    auto body = []() -> Task<void> {
        auto server = co_await NatsProcess::start();
        Workers workers(*server, 3);
        co_await workers.connect();
        Client caller(Options("caller").host(server->url()));
        auto conn = co_await caller.connect();
        // One that says it offers the same, and is dead: NATS does not ask it.
        NatsTalker ghost = co_await NatsTalker::connect(server->port);
        co_await ghost.publish("weft.ev", R"(A0123456789abcdef{"meta":{"type":"client;weft=1","error":null},)"
                                          R"("members":[{"name":"ghost","methods":["who"]}]})");
        co_await conn.wait_for_members(10s, "worker0", "worker1", "worker2", "ghost");
        std::map<std::string, int> answered;
        for (int i = 0; i < 100; ++i) {
            const std::string name = co_await conn.rpc(10s).call<std::string>("who");
            ++answered[name];
        }
        EXPECT_EQ(answered.size(), 3u);
        conn.rpc_nowait().call("who");
        // Too large for one message: the caller chooses.
        const Bytes large(3'000'000);
        const std::size_t size = co_await conn.rpc(20s).call<std::size_t>("size", large);
        EXPECT_EQ(size, large.size());
        const Bytes back = co_await conn.rpc(20s).call<Bytes>("zeros", 3'000'000);
        EXPECT_EQ(back, large);
    };
    weft::testing::run(body(), 60s);
}

TEST(NatsQueueGroup, tells_the_worker_that_took_a_call_when_its_caller_gives_up) {
    auto body = []() -> Task<void> {
        auto server = co_await NatsProcess::start();
        Workers workers(*server, 2);
        co_await workers.connect();
        Client caller(Options("caller").host(server->url()));
        auto conn = co_await caller.connect();
        co_await conn.wait_for_members(10s, "worker0", "worker1");
        auto call = spawn(error_of<weft::Error>(conn.rpc().call<void>("hang")), "call");
        co_await workers.hangs.wait();
        call.cancel();
        co_await workers.cancelled.wait();
        // Before the worker could say that it has the call, even.
        workers.hangs.clear();
        workers.cancelled.clear();
        auto quick = spawn(error_of<weft::Error>(conn.rpc().call<void>("hang")), "quick");
        co_await yield();
        quick.cancel();
        co_await workers.cancelled.wait();
        std::string who = co_await conn.rpc(10s).call<std::string>("who");
        EXPECT_THAT(who, ::testing::StartsWith("worker"));
    };
    weft::testing::run(body(), 60s);
}

TEST(NatsQueueGroup, loses_no_call_when_a_worker_drains) {
    auto body = []() -> Task<void> {
        auto server = co_await NatsProcess::start();
        Workers workers(*server, 3);
        for (const auto& worker : workers.all) {
            // Done as it comes: a worker has nothing to do at the moment in which it leaves.
            worker->callback("quick", [](int n) { return n; });
        }
        co_await workers.connect();
        Client caller(Options("caller").host(server->url()));
        auto conn = co_await caller.connect();
        int answered = 0;
        bool enough = false;
        auto call = [&]() -> Task<void> {
            while (!enough) {
                const int back = co_await conn.rpc(10s).call<int>("quick", answered);
                answered += back >= 0 ? 1 : 0;
            }
        };
        auto drain = [&]() -> Task<void> {
            for (const int i : {0, 1}) {
                const int before = answered;
                while (answered < before + 2000) co_await sleep(1ms);
                co_await workers.all.at(i)->drain();
            }
            enough = true;
        };
        std::vector<Task<void>> tasks;
        for (int i = 0; i < 20; ++i) tasks.push_back(call());
        tasks.push_back(drain());
        co_await gather(std::move(tasks));
        EXPECT_GE(answered, 4000);
    };
    weft::testing::run(body(), 60s);
}

TEST(NatsQueueGroup, fails_the_calls_of_the_worker_that_had_them) {
    auto body = []() -> Task<void> {
        auto server = co_await NatsProcess::start();
        Workers workers(*server, 2);
        co_await workers.connect();
        Client caller(Options("caller").host(server->url()));
        auto conn = co_await caller.connect();
        co_await conn.wait_for_members(10s, "worker0", "worker1");
        auto call = spawn(error_of<Disconnected>(conn.rpc().call<void>("hang")), "call");
        co_await workers.hangs.wait();
        auto& gone = workers.all.at(workers.hangs_at == "worker0" ? 0 : 1);
        gone.reset();
        const std::string text = co_await std::move(call);
        EXPECT_THAT(text, ::testing::HasSubstr("left before it answered"));
    };
    weft::testing::run(body(), 60s);
}

TEST(Nats, a_name_belongs_to_the_last_one_that_took_it) {
    auto body = []() -> Task<void> {
        auto server = co_await NatsProcess::start();
        Client first(Options("same").host(server->url()));
        co_await first.connect();
        Client second(Options("same").host(server->url()));
        co_await second.connect();
        const std::string end = co_await error_of<Evicted>(timeout(10s, first.join()));
        EXPECT_THAT(end, ::testing::HasSubstr("took the name"));
    };
    weft::testing::run(body(), 60s);
}

TEST(Nats, refuses_with_the_servers_reason) {
    auto body = []() -> Task<void> {
        const std::vector<std::string> auth = {"--user", "ada", "--pass", "s3cret"};
        auto server = co_await NatsProcess::start(auth);
        Client stranger(Options("stranger").host(server->url()));
        const std::string text = co_await error_of<Error>(stranger.connect());
        EXPECT_THAT(text, ::testing::HasSubstr("Authorization Violation"));
        Client ada(Options("ada").host(server->url("ada:s3cret@")));
        co_await ada.connect();
        EXPECT_THROW(Router(Options("r").host(server->url())).start(), InitializationError);
    };
    weft::testing::run(body(), 60s);
}

}  // namespace
}  // namespace weft::mesh
