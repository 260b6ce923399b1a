// What a router counts of the calls that it forwards, by method.
#include "raw_peer.hpp"

#include <weft/core.hpp>
#include <weft/mesh.hpp>
#include <weft/testing/co_test.hpp>
#include <weft/testing/error_of.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace weft::mesh {
namespace {

using namespace std::chrono_literals;
using namespace testing;
using weft::testing::error_of;

constexpr std::string_view one_arg = R"({"args": [1], "kwargs": {}})";

MethodStats method(const Router& router, const std::string& name) {
    const NodeStats stats = router.stats();
    const auto found = stats.methods.find(name);
    return found == stats.methods.end() ? MethodStats() : found->second;
}

std::uint64_t all_calls(const Router& router) {
    std::uint64_t sum = 0;
    const NodeStats stats = router.stats();
    for (const auto& [name, counted] : stats.methods) sum += counted.calls;
    return sum;
}

CO_TEST(RouterStats, count_calls_errors_and_time_by_method) {
    Router router(Options("router"));
    router.start();
    Client worker(Options("worker").port(router.port()));
    worker.callback("slow", []() -> Task<int> {
        co_await sleep(30ms);
        co_return 1;
    });
    worker.callback("fail", []() -> int { throw RemoteError("ValueError", "no"); });
    worker.callback("unused", [] { return 1; });
    co_await worker.connect();
    Client caller(Options("caller").port(router.port()));
    auto conn = co_await caller.connect();
    co_await conn.wait_for_method("slow", 5s);
    co_await conn.rpc(5s).call<int>("slow");
    for (int i = 0; i < 3; ++i) co_await error_of<RemoteError>(conn.rpc(5s).call<int>("fail"));
    conn.rpc_nowait().call("fail");
    // The nodes' own functions are nobody's methods.
    co_await conn.inspect("stats", "worker");
    while (method(router, "fail").calls != 4) co_await sleep(1ms);
    EXPECT_EQ(method(router, "slow").calls, 1u);
    EXPECT_EQ(method(router, "slow").errors, 0u);
    EXPECT_GE(method(router, "slow").time, 25ms);
    EXPECT_LT(method(router, "slow").time, 5s);
    EXPECT_EQ(method(router, "fail").errors, 3u);
    EXPECT_EQ(router.stats().methods.size(), 2u);
    EXPECT_THAT(router.stats().prometheus(),
                ::testing::HasSubstr("weft_mesh_errors_total{node=\"router\",method=\"fail\"} 3\n"));
    // Asked from elsewhere it is the same.
    const Value told = co_await conn.inspect("stats", "");
    EXPECT_EQ(told.at("methods").at("fail").at("errors").as<int>(), 3);
}

CO_TEST(RouterStats, count_what_the_router_answers_itself) {
    Router router(Options("router").worker_in_flight(2));
    router.start();
    auto worker = co_await introduced(router.port(), "worker", R"(["f"])");
    auto caller = co_await introduced(router.port(), "caller");
    std::string requests;
    for (std::uint16_t id = 2; id <= 4; ++id)
        requests += frame(request_header(id), "caller", "worker", "f", one_arg);
    requests += frame(request_header(5), "caller", "nobody", "f", one_arg);
    requests += frame(request_header(6), "caller", "nobody", "invented", one_arg);
    requests += frame(request_header(7), "caller", "worker", "invented too", one_arg);
    co_await caller->write_all(requests);
    for (int i = 0; i < 4; ++i) co_await read_until(*caller, Flag::error);
    MethodStats f = method(router, "f");
    EXPECT_EQ(f.calls, 2u);  // two are on their way
    EXPECT_EQ(f.errors, 2u);
    EXPECT_EQ(f.busy, 1u);
    worker->close();
    for (int i = 0; i < 2; ++i) {
        const Received lost = co_await read_until(*caller, Flag::error);
        EXPECT_THAT(lost.data, ::testing::HasSubstr("left before it answered"));
    }
    f = method(router, "f");
    EXPECT_EQ(f.calls, 4u);
    EXPECT_EQ(f.errors, 4u);
    EXPECT_EQ(f.busy, 1u);
    EXPECT_EQ(f.time, Duration::zero());
    EXPECT_EQ(router.stats().methods.size(), 1u);
}

// The caller has gone, or has asked anew with the same id: nobody got a result.
CO_TEST(RouterStats, count_calls_that_were_given_up_as_errors) {
    Router router(Options("router"));
    router.start();
    auto worker = co_await introduced(router.port(), "worker", R"(["f"])");
    auto caller = co_await introduced(router.port(), "caller");
    const std::string request = frame(request_header(2), "caller", "worker", "f", one_arg);
    co_await caller->write_all(request + request);
    co_await read_until(*worker, Flag::request);
    co_await read_until(*worker, Flag::request);
    EXPECT_EQ(method(router, "f").calls, 1u);
    EXPECT_EQ(method(router, "f").errors, 1u);
    caller->close();
    while (method(router, "f").calls != 2) co_await sleep(1ms);
    EXPECT_EQ(method(router, "f").errors, 2u);
}

// One that offers and calls thousands of methods, and comes back with others.
CO_TEST(RouterStats, have_room_for_4096_methods_and_lose_no_call) {
    Router router(Options("router"));
    router.start();
    auto honest = co_await introduced(router.port(), "honest", R"(["kept"])");
    auto caller = co_await introduced(router.port(), "caller");
    const auto call_kept = [&]() -> Task<void> {
        FrameHeader header = request_header(2);
        header.wants_reply = false;
        co_await caller->write_all(frame(header, "caller", "honest", "kept", one_arg));
    };
    co_await call_kept();
    constexpr int offered = 3000;
    for (int round = 1; round <= 3; ++round) {
        std::string names;
        std::string requests;
        FrameHeader header = request_header(2);
        header.wants_reply = false;
        for (int i = 0; i < offered; ++i) {
            const std::string name = "m" + std::to_string(round) + "_" + std::to_string(i);
            names += (i ? ",\"" : "\"") + name + "\"";
            requests += frame(header, "flood", "flood", name, one_arg);
        }
        const std::string list = "[" + names + "]";
        auto flood = co_await introduced(router.port(), "flood", list);
        co_await flood->write_all(requests);
        for (int i = 0; i < offered; ++i) co_await read_until(*flood, Flag::request);
        EXPECT_EQ(all_calls(router), static_cast<std::uint64_t>(round * offered + 1));
        EXPECT_EQ(method(router, "m" + std::to_string(round) + "_2999").calls, 1u);
        EXPECT_LE(router.stats().methods.size(), 4097u);
        flood->close();
        while (router.members().size() != 2) co_await sleep(1ms);
    }
    EXPECT_EQ(method(router, "m1_0").calls, 0u);  // with the others by now
    EXPECT_EQ(method(router, "").calls, 3u * offered + 1 - 4096);
    co_await call_kept();
    while (method(router, "kept").calls != 2) co_await sleep(1ms);
}

// All places are taken by what is offered: the next ones are counted together, until there is room.
CO_TEST(RouterStats, count_methods_without_a_place_together) {
    Router router(Options("router"));
    router.start();
    std::string names;
    std::string requests;
    FrameHeader header = request_header(2);
    header.wants_reply = false;
    for (int i = 0; i < 4096; ++i) {
        const std::string name = "m" + std::to_string(i);
        names += (i ? ",\"" : "\"") + name + "\"";
        requests += frame(header, "flood", "flood", name, one_arg);
    }
    const std::string list = "[" + names + "]";
    auto flood = co_await introduced(router.port(), "flood", list);
    co_await flood->write_all(requests);
    for (int i = 0; i < 4096; ++i) co_await read_until(*flood, Flag::request);
    auto worker = co_await introduced(router.port(), "worker", R"(["a","b"])");
    auto caller = co_await introduced(router.port(), "caller");
    const std::string both =
        frame(header, "caller", "worker", "a", one_arg) + frame(header, "caller", "worker", "b", one_arg);
    co_await caller->write_all(both);
    while (all_calls(router) != 4098) co_await sleep(1ms);
    EXPECT_EQ(method(router, "").calls, 2u);
    EXPECT_EQ(method(router, "a").calls, 0u);
    flood->close();
    while (router.members().size() != 2) co_await sleep(1ms);
    co_await caller->write_all(both);
    while (all_calls(router) != 4100) co_await sleep(1ms);
    EXPECT_EQ(method(router, "a").calls, 1u);
    EXPECT_EQ(method(router, "b").calls, 1u);
    EXPECT_EQ(method(router, "").calls, 4u);  // two of flood's are among them
}

}  // namespace
}  // namespace weft::mesh
