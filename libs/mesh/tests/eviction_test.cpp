// Members that are given up because they do not read: who is told, and what.
#include "raw_peer.hpp"

#include <weft/core.hpp>
#include <weft/mesh.hpp>
#include <weft/testing/co_test.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <string>
#include <thread>
#include <vector>

namespace weft::mesh {
namespace {

using namespace std::chrono_literals;
using namespace testing;
using ::testing::HasSubstr;

constexpr std::string_view one_arg = R"({"args": [1], "kwargs": {}})";

// The events of one node, as "kind name: reason".
class EventLog {
public:
    MemberHandler handler() {
        return [this](const MemberEvent& event) {
            const char* kind = event.kind == MemberEvent::Kind::joined ? "joined "
                               : event.kind == MemberEvent::Kind::left ? "left "
                                                                       : "evicted ";
            lines.push_back(kind + event.name + ": " + event.reason);
        };
    }
    // The one that begins so; waits for it.
    Task<std::string> wait(std::string begin) {
        for (;;) {
            for (const std::string& line : lines)
                if (line.starts_with(begin)) co_return line;
            co_await sleep(1ms);
        }
    }
    std::vector<std::string> lines;
};

// Asks for answers of 4 MB and reads none, until the other end has enough.
Task<void> ask_for_much(Stream& stream, std::string from, std::string to) {
    const std::string ask =
        frame(request_header(2), from, to, "zeros", R"({"args": [4000000], "kwargs": {}})");
    try {
        for (int i = 0; i < 40; ++i) {
            co_await stream.write_all(ask);
            co_await sleep(1ms);
        }
    } catch (const SystemError&) {  // it was given up already
    }
}

struct RouterWithZeros {
    explicit RouterWithZeros(Options options) : router(std::move(options)) {
        router.on_event(local.handler());
        router.start();
    }
    Task<void> join() {
        worker.emplace(Options("worker").port(router.port()));
        worker->callback("zeros", [](std::size_t n) { return std::string(n, 'x'); });
        worker->on_event(remote.handler());
        co_await worker->connect();
    }
    Router router;
    std::optional<Client> worker;
    EventLog local;
    EventLog remote;
};

CO_TEST(Evictions, are_told_to_wefts_nodes_with_the_reason_and_to_daffis_as_leaving) {
    RouterWithZeros mesh(Options("router").send_limit(1 << 20).stall_limit(1h));
    co_await mesh.join();
    auto daffi = co_await introduced(mesh.router.port(), "daffi");
    auto deaf = co_await introduced(mesh.router.port(), "deaf");
    co_await ask_for_much(*deaf, "deaf", "worker");
    const std::string local = co_await mesh.local.wait("evicted deaf");
    EXPECT_THAT(local, HasSubstr("it does not read"));
    EXPECT_EQ(mesh.router.stats().evicted, 1u);
    const std::string remote = co_await mesh.remote.wait("evicted deaf");
    EXPECT_EQ(remote, local);
    for (const std::string_view type : {"connected", "disconnected"}) {
        const Received event = co_await read_frame(*daffi);
        EXPECT_EQ(event.header.flag, Flag::events);
        EXPECT_EQ(event.data, R"({"type":")" + std::string(type) + R"(","member":"deaf"})");
    }
    for (const std::string& line : mesh.remote.lines) EXPECT_FALSE(line.starts_with("left deaf")) << line;
}

CO_TEST(Evictions, for_having_read_nothing_for_too_long_are_no_leaving_either) {
    RouterWithZeros mesh(Options("router").stall_limit(100ms));
    co_await mesh.join();
    auto deaf = co_await introduced(mesh.router.port(), "deaf");
    co_await ask_for_much(*deaf, "deaf", "worker");
    const std::string local = co_await mesh.local.wait("evicted deaf");
    EXPECT_EQ(local, "evicted deaf: it has not read for too long");
    const std::string remote = co_await mesh.remote.wait("evicted deaf");
    EXPECT_EQ(remote, local);
    EXPECT_EQ(mesh.router.stats().evicted, 1u);
    auto back = co_await introduced(mesh.router.port(), "deaf", "null", std::string(weft_client));
    const Received why = co_await read_until(*back, Flag::extension);
    EXPECT_THAT(why.data, HasSubstr("reason=it has not read for too long\ndeaf"));
}

CO_TEST(Evictions, for_a_taken_name_reach_wefts_nodes_as_such) {
    RouterWithZeros mesh{Options("router")};
    co_await mesh.join();
    auto loser = co_await introduced(mesh.router.port(), "name");
    auto winner = co_await introduced(mesh.router.port(), "name");
    const std::string remote = co_await mesh.remote.wait("evicted name");
    EXPECT_THAT(remote, HasSubstr("another node took the name"));
    const std::string again = co_await mesh.remote.wait("joined name");
    EXPECT_EQ(mesh.remote.lines.back(), again);
}

// A node of weft's whose loop stands still, in a thread of its own.
CO_TEST(Evictions, are_told_to_the_one_concerned_when_it_is_back) {
    RouterWithZeros mesh(Options("router").send_limit(1 << 20).stall_limit(1h));
    co_await mesh.join();
    const std::uint16_t port = mesh.router.port();
    std::promise<void> release;
    std::atomic<bool> blocked = false;
    std::string told;
    std::thread thread([&] {
        auto body = [&]() -> Task<void> {
            Client slow(Options("slow").port(port).backoff(1ms, 5ms));
            auto released = release.get_future().share();
            slow.callback("block", [&blocked, released] {
                blocked = true;
                released.wait();
            });
            slow.callback("sink", [](Bytes) {});
            Event back;
            slow.on_event([&](const MemberEvent& event) {
                if (event.name != "slow") return;
                told += event.reason;
                back.set();
            });
            int removed = 0;
            slow.on_member_removed([&](std::string name) { removed += name == "slow" ? 1 : 0; });
            co_await slow.connect();
            co_await back.wait();
            EXPECT_EQ(removed, 0);
            co_await slow.stop();
        };
        run(timeout(30s, body()));
    });
    Client caller(Options("caller").port(port));
    auto conn = co_await caller.connect();
    co_await conn.wait_for_method("sink", 5s);
    conn.rpc_nowait().call("block");
    while (!blocked) co_await sleep(1ms);
    const Bytes block(std::size_t{4} << 20);
    for (int i = 0; i < 20 && mesh.router.stats().evicted == 0; ++i) {
        conn.rpc_nowait().serde(Serde::opaque).call("sink", block);
        co_await sleep(5ms);
    }
    const std::string local = co_await mesh.local.wait("evicted slow");
    release.set_value();
    co_await mesh.local.wait("left slow");
    thread.join();
    EXPECT_EQ("evicted slow: " + told, local);
    EXPECT_THAT(told, HasSubstr("bytes wait for it"));
}

// What is told at the next handshake is told once, and 256 of them wait at most.
CO_TEST(Evictions, are_told_once) {
    Service service(Options("calc").send_limit(1 << 20).stall_limit(1h));
    service.callback("zeros", [](std::size_t n) { return std::string(n, 'x'); });
    EventLog local;
    service.on_event(local.handler());
    service.start();
    auto deaf = co_await introduced(service.port(), "deaf");
    co_await ask_for_much(*deaf, "deaf", "calc");
    const std::string reason = co_await local.wait("evicted deaf");
    EXPECT_THAT(reason, HasSubstr("it does not read"));
    EXPECT_EQ(service.stats().evicted, 1u);
    const std::string request = frame(request_header(2), "deaf", "calc", "zeros", one_arg);
    for (const Flag first : {Flag::extension, Flag::response}) {
        auto back = co_await introduced(service.port(), "deaf", "null", std::string(weft_client));
        co_await back->write_all(request);
        const Received next = co_await read_frame(*back);
        EXPECT_EQ(next.header.flag, first);
    }
}

// Answers of the router's own wait in the same queue.
CO_TEST(Evictions, strike_those_who_ask_for_errors_and_do_not_read_them) {
    Router router(Options("router").send_limit(1 << 18).stall_limit(1h));
    router.start();
    auto deaf = co_await introduced(router.port(), "deaf");
    std::string requests;
    for (std::uint16_t id = 2; id < 1002; ++id)
        requests += frame(request_header(id), "deaf", "nobody", "f", one_arg);
    try {
        for (int i = 0; i < 200 && !router.members().empty(); ++i) {
            co_await deaf->write_all(requests);
            co_await yield();
        }
    } catch (const SystemError&) {
    }
    auto gone = [&]() -> Task<void> {
        while (!router.members().empty()) co_await sleep(1ms);
    };
    co_await timeout(5s, gone());
    EXPECT_EQ(router.stats().evicted, 1u);
}

}  // namespace
}  // namespace weft::mesh
