// The mesh without coroutines.
#include <weft/mesh/sync.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
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
        sync::Client worker(Options("worker").port(router.port()));
        worker.callback(
            "multiply", [](int a, int b) { return a * b; }, "a", "b");
        worker.callback("echo", [](Value v) { return v; });
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

}  // namespace
}  // namespace weft::mesh
