// The mesh without coroutines.
#include <weft/core/sleep.hpp>
#include <weft/mesh/sync.hpp>
#include <weft/testing/test_authority.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace weft::mesh {
namespace {

using namespace std::chrono_literals;

// A router and a worker on a thread of their own, served there until they are told to stop.
class Served {
public:
    Served() : thread_([this] { serve(); }) {
        while (port == 0) std::this_thread::yield();
    }
    ~Served() {
        ended_ = true;
        thread_.join();
    }
    std::atomic<std::uint16_t> port = 0;

private:
    void serve() {
        sync::Router router(Options("router"));
        router.start();
        sync::Client worker(Options("worker").port(router.port()).workers(8));
        worker.callback(
            "multiply", [](int a, int b) { return a * b; }, "a", "b");
        worker.callback("echo", [](Value v) { return v; });
        worker.callback("nap", [](double seconds) -> Task<void> {
            co_await sleep(std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds)));
        });
        (void)worker.connect();
        port = router.port();
        while (!ended_) router.join_for(10ms);
        worker.stop();
        router.stop();
    }
    std::atomic<bool> ended_ = false;
    std::thread thread_;
};

TEST(Sync, has_every_call_under_the_same_name) {
    Served served;
    sync::Client client(Options("caller").port(served.port));
    const auto conn = client.connect();
    conn.wait_for_members(5s, "worker");
    EXPECT_EQ(conn.rpc(5s).call<int>("multiply", 6, 7), 42);
    EXPECT_EQ(conn.rpc(5s).with("b", 8).serde(Serde::json).receiver("worker").call<int>("multiply", 6), 48);
    EXPECT_EQ(conn.rpc(5s).call("echo", "text"), Value("text"));
    const auto all = conn.cast(5s).call<int>("multiply", 2, 3);
    EXPECT_EQ(all.at("worker").value(), 6);
    conn.rpc_nowait().call("multiply", 1, 1);
    EXPECT_EQ(conn.cast_nowait().call("multiply", 1, 1), 1u);
    const std::vector<std::string> chunks = {"a", "b", "c"};
    EXPECT_EQ(conn.stream().call("echo", chunks), 3u);
    EXPECT_EQ(conn.stream_nowait().call("echo", chunks), 3u);
    EXPECT_EQ(conn.inspect("stats", "worker").at("methods").at("multiply").at("calls").as<int>(), 5);
    EXPECT_EQ(conn.members().size(), 2u);
    EXPECT_THROW(conn.rpc(5s).call<int>("nothing"), ReceiverNotFound);
    client.stop();
    EXPECT_THROW(conn.rpc(5s).call<int>("multiply", 1, 1), Disconnected);
}

TEST(Sync, each_thread_has_a_client_of_its_own) {
    Served served;
    std::vector<std::thread> threads;
    std::atomic<int> right = 0;
    for (int t = 0; t < 4; ++t)
        threads.emplace_back([&, t] {
            sync::Client client(Options("caller-" + std::to_string(t)).port(served.port));
            const auto conn = client.connect();
            conn.wait_for_method("multiply", 5s);
            for (int i = 0; i < 50; ++i) right += conn.rpc(5s).call<int>("multiply", i, t) == i * t ? 1 : 0;
        });
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(right, 200);
}

TEST(Sync, threads_share_a_connection_object_and_have_one_each_underneath) {
    Served served;
    sync::Client client(Options("caller").port(served.port));
    const auto conn = client.connect();
    conn.wait_for_method("multiply", 5s);
    std::vector<std::thread> threads;
    std::atomic<int> right = 0;
    std::atomic<int> ready = 0;
    std::atomic<std::size_t> most = 0;
    for (int t = 0; t < 4; ++t)
        threads.emplace_back([&, t] {
            const auto mine = conn;
            mine.wait_for_method("multiply", 5s);
            ++ready;
            for (int i = 0; i < 50 || ready < 4; ++i)
                right += mine.rpc(5s).call<int>("multiply", i, t) == i * t && i < 50 ? 1 : 0;
            std::size_t callers = 0;
            const Value members = mine.inspect("members");
            for (const Value& member : members.get_if<List>()->items)
                callers += member.at("name").as<std::string>().starts_with("caller") ? 1 : 0;
            for (std::size_t seen = most; seen < callers && !most.compare_exchange_weak(seen, callers);) {
            }
        });
    for (int i = 0; i < 50; ++i) right += conn.rpc(5s).call<int>("multiply", i, 2) == 2 * i ? 1 : 0;
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(right, 250);
    EXPECT_GE(most, 2u);  // at the same time; a thread's goes with it
    // Those threads' connections went with them; the router hears that before it answers this.
    std::vector<std::string> left;
    for (int i = 0; i < 500; ++i) {
        left.clear();
        const Value members = conn.inspect("members");
        for (const Value& member : members.get_if<List>()->items)
            left.push_back(member.at("name").as<std::string>());
        if (left.size() == 2) break;
        std::this_thread::sleep_for(10ms);
    }
    EXPECT_THAT(left, ::testing::UnorderedElementsAre("worker", "caller"));
}

// At a router, or a service, that lets each in only under the name of its certificate.
TEST(Sync, threads_of_a_client_with_a_certificate_are_let_in_by_it) {
    const testing::TestAuthority authority;
    const auto identity = [&](const char* name) {
        const auto issued = authority.issue({name});
        return TlsIdentity::from_pem(issued.chain, issued.key);
    };
    const auto server = [&](const char* name) {
        return Options(name)
            .tls(TlsContext::server(identity("127.0.0.1"))
                     .ca_pem(authority.pem())
                     .client_certificates(TlsClientCertificate::required))
            .names_from_certificates(true);
    };
    const auto client_tls = [&](const char* name) {
        return TlsContext::client().without_system_cas().ca_pem(authority.pem()).identity(identity(name));
    };
    std::atomic<bool> ended = false;
    std::atomic<std::uint16_t> router_port = 0;
    std::atomic<std::uint16_t> service_port = 0;
    std::thread servers([&] {
        sync::Router router(server("router"));
        router.start();
        sync::Service service(server("service"));
        service.callback("twice", [](int n) { return 2 * n; });
        service.start();
        sync::Client worker(Options("worker").port(router.port()).tls(client_tls("worker")));
        worker.callback("twice", [](int n) { return 2 * n; });
        (void)worker.connect();
        service_port = service.port();
        router_port = router.port();
        while (!ended) router.join_for(10ms);
    });
    while (router_port == 0) std::this_thread::yield();
    std::atomic<int> right = 0;
    for (const std::uint16_t port : {router_port.load(), service_port.load()}) {
        sync::Client client(Options("caller").port(port).tls(client_tls("caller")));
        const auto conn = client.connect();
        std::vector<std::thread> threads;
        for (int t = 0; t < 3; ++t)
            threads.emplace_back([&, t] {
                conn.wait_for_method("twice", 5s);
                right += conn.rpc(5s).call<int>("twice", t) == 2 * t ? 1 : 0;
            });
        for (auto& thread : threads) thread.join();
    }
    ended = true;
    servers.join();
    EXPECT_EQ(right, 6);
}

TEST(Sync, a_slow_call_of_one_thread_is_in_no_others_way) {
    Served served;
    sync::Client client(Options("caller").port(served.port));
    const auto conn = client.connect();
    conn.wait_for_method("nap", 5s);
    std::atomic<bool> slept = false;
    std::thread sleeper([&] {
        conn.rpc(20s).call<void>("nap", 0.5);
        slept = true;
    });
    int calls = 0;
    while (!slept) calls += conn.rpc(5s).call<int>("multiply", 1, 1);
    sleeper.join();
    EXPECT_GT(calls, 10);
}

TEST(Sync, other_threads_hear_that_their_client_was_stopped) {
    Served served;
    sync::Client client(Options("caller").port(served.port));
    const auto conn = client.connect();
    std::atomic<int> step = 0;
    std::string text;
    std::thread other([&] {
        conn.wait_for_method("multiply", 5s);
        step = 1;
        while (step != 2) std::this_thread::yield();
        try {
            (void)conn.rpc(5s).call<int>("multiply", 1, 1);
        } catch (const Disconnected& error) {
            text = error.what();
        }
    });
    while (step != 1) std::this_thread::yield();
    client.stop();
    step = 2;
    other.join();
    EXPECT_THAT(text, ::testing::HasSubstr("caller was stopped"));
}

std::vector<std::string> callers_at(const sync::ClientConnection& conn) {
    std::vector<std::string> out;
    const Value members = conn.inspect("members");
    for (const Value& member : members.get_if<List>()->items) {
        const auto name = member.at("name").as<std::string>();
        if (name != "worker") out.push_back(name);
    }
    return out;
}

// As a thread of a pool does, which lives on.
TEST(Sync, a_thread_lets_go_of_clients_that_are_gone_when_it_uses_another) {
    Served served;
    auto first = std::make_unique<sync::Client>(Options("first").port(served.port));
    const auto old = first->connect();
    sync::Client second(Options("second").port(served.port));
    const auto conn = second.connect();
    std::atomic<int> step = 0;
    const auto reach = [&](int n) {
        while (step != n) std::this_thread::yield();
    };
    std::thread pooled([&] {
        old.wait_for_method("multiply", 5s);
        step = 1;
        reach(2);
        (void)conn.rpc(5s).call<int>("multiply", 1, 1);
        step = 3;
        reach(4);
    });
    reach(1);
    EXPECT_THAT(callers_at(conn), ::testing::UnorderedElementsAre("first", "first#2", "second"));
    first.reset();
    step = 2;
    reach(3);
    std::vector<std::string> left;
    for (int i = 0; i < 500 && left.size() != 2; ++i) {
        left = callers_at(conn);
        std::this_thread::sleep_for(10ms);
    }
    EXPECT_THAT(left, ::testing::UnorderedElementsAre("second", "second#2"));
    step = 4;
    pooled.join();
}

}  // namespace
}  // namespace weft::mesh
