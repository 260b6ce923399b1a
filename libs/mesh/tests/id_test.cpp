// Call ids have 16 bits: what happens when they are used up, and when an answer comes to a call that was
// given up. Never the answer of another call.
#include "raw_peer.hpp"

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
using namespace testing;
using ::testing::HasSubstr;
using weft::testing::error_of;

constexpr int all_ids = 65535;

// An answer to a call of "me".
std::string answer(std::uint16_t id, std::string_view from, int value) {
    FrameHeader header;
    header.id = id;
    header.flag = Flag::response;
    header.serde = Serde::json;
    return frame(header, from, "me", "f", R"({"args": [)" + std::to_string(value) + R"(], "kwargs": {}})");
}

std::string left(std::string_view who) {
    FrameHeader header;
    header.flag = Flag::events;
    header.serde = Serde::json;
    return frame(header, "", "", "", R"({"type":"disconnected","member":")" + std::string(who) + R"("})");
}

std::string joined(std::string_view who) {
    FrameHeader header;
    header.serde = Serde::json;
    return frame(
        header, "", "", "",
        R"({"meta":{"type":"router"},"members":[{"name":")" + std::string(who) + R"(","methods":["f"]}]})");
}

// What a client of a router of daffi's knows, which stands still between the lines of a test.
constexpr std::string_view two_workers =
    R"({"name":"a","methods":["f"]},{"name":"b","methods":["f"]},{"name":"me","methods":null})";

class AllIds : public ::testing::TestWithParam<bool> {};
INSTANTIATE_TEST_SUITE_P(Mesh, AllIds, ::testing::Bool(), [](const auto& routed) {
    return routed.param ? std::string("routed") : std::string("direct");
});

// Half a million tasks and timers with a sanitizer take their time.
TEST_P(AllIds, in_use_make_the_next_call_busy_and_every_answer_finds_its_call) {
    auto body = [](bool routed) -> Task<void> {
        Event gate;
        const auto hold = [&](int n) -> Task<int> {
            co_await gate.wait();
            co_return n;
        };
        Router router{Options("router")};
        Service service(Options("service").queue_limit(70'000, std::size_t{1} << 30));
        service.callback("hold", hold);
        std::optional<Client> worker;
        if (routed) {
            router.start();
            worker.emplace(Options("worker").port(router.port()).queue_limit(70'000, std::size_t{1} << 30));
            worker->callback("hold", hold);
            co_await worker->connect();
        } else {
            service.start();
        }
        Client caller(Options("caller").port(routed ? router.port() : service.port()));
        auto conn = co_await caller.connect();
        int right = 0;
        const auto one = [&](int n) -> Task<void> {
            const int result = co_await conn.rpc().call<int>("hold", n);
            if (result == n) ++right;
        };
        std::vector<TaskHandle<void>> calls;
        calls.reserve(all_ids);
        for (int i = 0; i < all_ids; ++i) calls.push_back(spawn(one(i), "call"));
        co_await yield();
        const std::string busy = co_await error_of<BusyError>(conn.rpc(5s).call<int>("hold", -1));
        EXPECT_THAT(busy, HasSubstr("call hold: 65535 calls are in flight on this connection"));
        // Nothing of it is left: one answer, one more call.
        gate.set();
        for (auto& call : calls) co_await std::move(call);
        EXPECT_EQ(right, all_ids);
        const int after = co_await conn.rpc(5s).call<int>("hold", 7);
        EXPECT_EQ(after, 7);
    };
    weft::testing::run(body(GetParam()), 100s);
}

// Calls to a worker that were given up keep their ids until it answers or leaves; others' calls may have
// them.
TEST(Ids, of_calls_that_were_given_up_are_not_used_for_the_same_worker) {
    auto body = []() -> Task<void> {
        Listener server(SocketAddress::loopback(0));
        auto accepting = spawn(welcomed(server, "router", std::string(two_workers)), "server");
        Client client(Options("me").port(server.port()).reconnect(false));
        auto conn = co_await client.connect();
        auto stream = co_await std::move(accepting);
        constexpr int given_up = 20;
        std::vector<Task<std::string>> brief;
        for (int i = 0; i < given_up; ++i)
            brief.push_back(error_of<CallTimeout>(conn.rpc(10ms).receiver("a").call<int>("f", i)));
        co_await gather(std::move(brief));
        std::vector<std::uint16_t> ids;
        for (int i = 0; i < given_up; ++i) {
            const Received request = co_await read_frame(*stream);
            ids.push_back(request.header.id);
        }
        // All others are in flight, to the other worker.
        int answered = 0;
        const auto one = [&](int n) -> Task<void> {
            const int result = co_await conn.rpc().serde(Serde::json).receiver("b").call<int>("f", n);
            if (result == n) ++answered;
        };
        std::vector<TaskHandle<void>> calls;
        for (int i = given_up; i < all_ids; ++i) calls.push_back(spawn(one(i), "call"));
        co_await yield();
        const std::string busy = co_await error_of<BusyError>(conn.rpc(5s).receiver("a").call<int>("f", -1));
        EXPECT_THAT(busy, HasSubstr("given up and that a may still answer"));
        std::uint16_t id = 0;
        std::string answers;
        for (int i = given_up; i < all_ids; ++i) {
            const Received request = co_await read_frame(*stream);
            const int n = std::stoi(request.data.substr(request.data.find('[') + 1));
            answers += answer(request.header.id, "b", n);
        }
        // The other worker's calls may use them, and the late answer does not disturb those.
        auto other = spawn(conn.rpc(5s).receiver("b").call<int>("f", 1), "other");
        Received request = co_await read_frame(*stream);
        id = request.header.id;
        EXPECT_THAT(ids, ::testing::Contains(id));
        co_await stream->write_all(answer(id, "a", -1) + answer(id, "b", 1));
        const int of_other = co_await std::move(other);
        EXPECT_EQ(of_other, 1);
        // The late answer has set the id free.
        auto same = spawn(conn.rpc(5s).receiver("a").call<int>("f", 2), "same");
        request = co_await read_frame(*stream);
        EXPECT_EQ(request.header.id, id);
        co_await stream->write_all(answer(id, "a", 2));
        const int of_same = co_await std::move(same);
        EXPECT_EQ(of_same, 2);
        // So does leaving, for all.
        co_await stream->write_all(answers + left("a") + joined("a"));
        for (auto& call : calls) co_await std::move(call);
        EXPECT_EQ(answered, all_ids - given_up);
        EXPECT_EQ(client.stats().dropped, 1u);
    };
    weft::testing::run(body(), 100s);
}

// A router finds callers by name: what a worker answers to the connection before arrives on this one.
CO_TEST(Ids, go_on_counting_when_the_connection_is_lost) {
    Listener server(SocketAddress::loopback(0));
    auto accepting = spawn(welcomed(server, "router", std::string(two_workers)), "server");
    Client client(Options("me").port(server.port()).backoff(1ms, 2ms));
    auto conn = co_await client.connect();
    auto stream = co_await std::move(accepting);
    auto lost = spawn(error_of<Disconnected>(conn.rpc(5s).receiver("a").call<int>("f", 1)), "lost");
    const Received before = co_await read_frame(*stream);
    auto again = spawn(welcomed(server, "router", std::string(two_workers)), "server");
    stream->close();
    const std::string error = co_await std::move(lost);
    EXPECT_THAT(error, HasSubstr("the request was sent"));
    stream = co_await std::move(again);
    while (!conn.connected()) co_await sleep(1ms);
    auto call = spawn(conn.rpc(5s).receiver("a").call<int>("f", 2), "call");
    const Received now = co_await read_frame(*stream);
    EXPECT_NE(now.header.id, before.header.id);
    co_await stream->write_all(answer(before.header.id, "a", 1) + answer(now.header.id, "a", 2));
    const int result = co_await std::move(call);
    EXPECT_EQ(result, 2);
    EXPECT_EQ(client.stats().dropped, 1u);
}

// The same with a router of weft's, and a worker of daffi's that knows no cancel.
CO_TEST(Ids, of_calls_that_were_given_up_bring_no_late_answer_through_a_router) {
    Router router(Options("router"));
    router.start();
    auto worker = co_await introduced(router.port(), "a", R"(["f"])");
    Client client(Options("me").port(router.port()));
    auto conn = co_await client.connect();
    co_await conn.wait_for_method("f", 5s);
    co_await error_of<CallTimeout>(conn.rpc(10ms).call<int>("f", 1));
    const Received late = co_await read_until(*worker, Flag::request);
    auto call = spawn(conn.rpc(5s).call<int>("f", 2), "call");
    const Received now = co_await read_until(*worker, Flag::request);
    EXPECT_NE(now.header.id, late.header.id);
    co_await worker->write_all(answer(late.header.id, "a", 1) + answer(late.header.id, "a", 1) +
                               answer(now.header.id, "a", 2));
    const int result = co_await std::move(call);
    EXPECT_EQ(result, 2);
    EXPECT_EQ(client.stats().dropped, 1u);  // the late one
    EXPECT_EQ(router.stats().dropped, 1u);  // its copy
}

// daffi's router drops the calls of a worker that leaves, and daffi's caller waits for its time limit.
CO_TEST(Client, of_a_router_of_daffis_waits_for_no_worker_that_has_left) {
    Listener server(SocketAddress::loopback(0));
    auto accepting = spawn(welcomed(server, "router", std::string(two_workers)), "server");
    Client client(Options("me").port(server.port()));
    auto conn = co_await client.connect();
    auto stream = co_await std::move(accepting);
    auto call = spawn(error_of<Disconnected>(conn.rpc().receiver("a").call<int>("f", 1)), "call");
    auto other = spawn(conn.rpc().receiver("b").call<int>("f", 2), "other");
    co_await read_frame(*stream);
    const Received request = co_await read_frame(*stream);
    co_await stream->write_all(left("a") + answer(request.header.id, "b", 2));
    const std::string error = co_await std::move(call);
    EXPECT_THAT(error, HasSubstr("a left before it answered"));
    const int result = co_await std::move(other);
    EXPECT_EQ(result, 2);
}

// Calls of the one before do not count for the next of its name.
CO_TEST(Limits, of_calls_in_flight_hold_for_a_worker_that_comes_back) {
    Router router(Options("router"));
    router.start();
    auto first = co_await introduced(router.port(), "a", R"(["f"])");
    Client client(Options("me").port(router.port()).worker_in_flight(1));
    auto conn = co_await client.connect();
    auto old = spawn(error_of<Disconnected>(conn.rpc().call<int>("f", 1)), "old");
    co_await read_until(*first, Flag::request);
    // It loses its name, and its connection a little later.
    auto second = co_await introduced(router.port(), "a", R"(["f"])");
    auto call = spawn(conn.rpc().call<int>("f", 2), "call");
    const Received request = co_await read_until(*second, Flag::request);
    first->close();
    const std::string error = co_await std::move(old);
    EXPECT_THAT(error, HasSubstr("left before it answered"));
    const std::string busy = co_await error_of<BusyError>(conn.rpc(5s).call<int>("f", 3));
    EXPECT_THAT(busy, HasSubstr("1 calls of this client in flight"));
    co_await second->write_all(answer(request.header.id, "a", 2));
    const int result = co_await std::move(call);
    EXPECT_EQ(result, 2);
}

}  // namespace
}  // namespace weft::mesh
