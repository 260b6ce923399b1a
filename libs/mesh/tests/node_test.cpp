// Router, Service and Client with each other, over real sockets of this machine.
#include <weft/core.hpp>
#include <weft/mesh.hpp>
#include <weft/testing/co_test.hpp>
#include <weft/testing/error_of.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include <unistd.h>

namespace weft::mesh {
namespace {

using namespace std::chrono_literals;
using weft::testing::error_of;

int multiply(int a, int b) { return a * b; }
Task<std::string> slow_echo(std::string text) {
    co_await sleep(5ms);
    co_return text;
}
Task<int> forever(int) {
    co_await sleep(1h);
    co_return 0;
}
void boom() { throw std::invalid_argument("no such thing"); }

class Calculator {
public:
    int add(int n) { return total_ += n; }

private:
    int total_ = 0;
};

Options at(std::string name, std::uint16_t port) { return Options(std::move(name)).port(port); }

CO_TEST(Service, answers_typed_calls_in_every_serialiser) {
    Service service(Options("calc"));
    service.callback("multiply", multiply, "a", "b");
    service.callback("slow_echo", slow_echo);
    Calculator calculator;
    service.callback("add", calculator, &Calculator::add);
    service.start();

    Client client(at("caller", service.port()));
    auto conn = co_await client.connect();
    for (const Serde serde : {Serde::pickle, Serde::json, Serde::msgpack}) {
        const int product = co_await conn.rpc(5s).serde(serde).call<int>("multiply", 6, 7);
        EXPECT_EQ(product, 42);
        const std::string echoed = co_await conn.rpc(5s).serde(serde).call<std::string>("slow_echo", "häl\n");
        EXPECT_EQ(echoed, "häl\n");
    }
    const Bytes bytes(100'000, std::byte{7});
    const Bytes back = co_await conn.rpc(5s).serde(Serde::opaque).call<Bytes>("slow_echo", bytes);
    EXPECT_EQ(back, bytes);
    const int by_name = co_await conn.rpc(5s).with("b", 5).call<int>("multiply", 3);
    EXPECT_EQ(by_name, 15);
    const int sum = co_await conn.rpc(5s).call<int>("add", 4);
    EXPECT_EQ(sum, 4);
    EXPECT_EQ(service.stats().methods.at("multiply").calls, 4u);
    EXPECT_THAT(service.stats().prometheus(),
                ::testing::HasSubstr("weft_mesh_calls_total{node=\"calc\",method=\"multiply\"} 4"));
    co_await client.stop();
    co_await service.stop();
}

CO_TEST(Service, over_a_unix_socket) {
    const std::string path = "/tmp/weft-mesh-test-" + std::to_string(::getpid()) + ".sock";
    Service service(Options("calc").unix_path(path));
    service.callback("multiply", multiply);
    service.start();
    Client client(Options("caller").unix_path(path));
    auto conn = co_await client.connect();
    const int product = co_await conn.rpc(5s).call<int>("multiply", 6, 7);
    EXPECT_EQ(product, 42);
}

CO_TEST(Service, tells_callers_how_a_call_failed) {
    Service service(Options("calc"));
    service.callback("multiply", multiply, "a", "b");
    service.callback("boom", boom);
    service.callback("typed", [](int) -> int { throw RemoteError("ValueError", "try again"); });
    service.start();
    Client client(at("caller", service.port()));
    auto conn = co_await client.connect();

    for (const Serde serde : {Serde::pickle, Serde::json, Serde::msgpack}) {
        bool thrown = false;
        try {
            co_await conn.rpc(5s).serde(serde).call<void>("boom");
        } catch (const RemoteError& error) {
            thrown = true;
            EXPECT_EQ(error.type(), "invalid_argument");
            EXPECT_EQ(error.module(), "std");
            EXPECT_EQ(error.text(), "no such thing");
            EXPECT_EQ(error.peer(), "calc");
        }
        EXPECT_TRUE(thrown);
    }
    const std::string typed = co_await error_of<RemoteError>(conn.rpc(5s).call<int>("typed", 1));
    EXPECT_THAT(typed, ::testing::HasSubstr("ValueError: try again"));
    const std::string wrong = co_await error_of<RemoteError>(conn.rpc(5s).call<int>("multiply", "six", 7));
    EXPECT_THAT(wrong, ::testing::HasSubstr("TypeError"));
    const std::string few = co_await error_of<RemoteError>(conn.rpc(5s).call<int>("multiply", 6));
    EXPECT_THAT(few, ::testing::HasSubstr("missing argument 'b'"));
    const std::string nobody = co_await error_of<ReceiverNotFound>(conn.rpc(5s).call<int>("nothing"));
    EXPECT_THAT(nobody, ::testing::HasSubstr("no member offers it"));
    const std::string result =
        co_await error_of<ConversionError>(conn.rpc(5s).call<std::string>("multiply", 6, 7));
    EXPECT_THAT(result, ::testing::HasSubstr("where a str is wanted"));
    const std::string opaque =
        co_await error_of<EncodeError>(conn.rpc(5s).serde(Serde::opaque).call<int>("multiply", 6, 7));
    EXPECT_THAT(opaque, ::testing::HasSubstr("one argument"));
}

CO_TEST(Calls, end_in_time_and_late_answers_disturb_nobody) {
    Service service(Options("calc").workers(4));
    service.callback("forever", forever);
    service.callback("slow_echo", slow_echo);
    service.start();
    Client client(at("caller", service.port()));
    auto conn = co_await client.connect();
    const TimePoint begin = Clock::now();
    const std::string late = co_await error_of<CallTimeout>(conn.rpc(30ms).call<int>("forever", 1));
    EXPECT_THAT(late, ::testing::HasSubstr("no answer to forever within 30 ms from calc"));
    EXPECT_LT(Clock::now() - begin, 2s);
    const std::string soon =
        co_await error_of<CallTimeout>(conn.rpc(1ms).call<std::string>("slow_echo", "x"));
    EXPECT_THAT(soon, ::testing::HasSubstr("no answer"));
    const std::string text = co_await conn.rpc(5s).call<std::string>("slow_echo", "y");
    EXPECT_EQ(text, "y");
}

CO_TEST(Calls, hundreds_at_once_share_one_connection) {
    Service service(Options("calc").workers(50));
    service.callback("slow_echo", slow_echo);
    service.start();
    Client client(at("caller", service.port()));
    auto conn = co_await client.connect();
    std::vector<Task<std::string>> calls;
    for (int i = 0; i < 500; ++i)
        calls.push_back(conn.rpc(10s).call<std::string>("slow_echo", std::to_string(i)));
    const auto results = co_await gather(std::move(calls));
    for (int i = 0; i < 500; ++i) EXPECT_EQ(results[static_cast<std::size_t>(i)], std::to_string(i));
}

CO_TEST(Calls, beyond_a_full_queue_are_busy) {
    Service service(Options("calc").workers(1).queue_limit(2, 1 << 20));
    service.callback("forever", forever);
    service.start();
    Client client(at("caller", service.port()));
    auto conn = co_await client.connect();
    std::vector<Task<int>> calls;
    for (int i = 0; i < 8; ++i) calls.push_back(conn.rpc(500ms).call<int>("forever", i));
    const auto results = co_await gather_settled(std::move(calls));
    int busy = 0;
    for (const auto& result : results)
        busy += result.error_text().find("queue is full") != std::string::npos ? 1 : 0;
    EXPECT_GE(busy, 5);
    const MethodStats counted = service.stats().methods.at("forever");
    EXPECT_EQ(counted.busy, static_cast<std::uint64_t>(busy));
    EXPECT_GE(counted.errors, counted.busy);
    EXPECT_GE(counted.calls, counted.errors);
}

CO_TEST(Calls, whose_result_cannot_be_written_count_once) {
    Service service(Options("calc").message_limit(1 << 20));
    service.callback("large", [] { return std::string(std::size_t{40} << 20, 'x'); });
    service.callback("large_later", []() -> Task<std::string> {
        co_await yield();
        co_return std::string(std::size_t{40} << 20, 'x');
    });
    service.start();
    Client client(at("caller", service.port()));
    auto conn = co_await client.connect();
    for (const std::string name : {"large", "large_later"}) {
        const std::string text = co_await error_of<RemoteError>(conn.rpc(5s).call<std::string>(name));
        EXPECT_THAT(text, ::testing::HasSubstr("message_limit"));
        EXPECT_EQ(service.stats().methods.at(name).calls, 1u);
        EXPECT_EQ(service.stats().methods.at(name).errors, 1u);
    }
}

CO_TEST(Calls, without_an_answer_are_refused_here_when_larger_than_a_message) {
    Service service(Options("calc"));
    service.callback("slow_echo", slow_echo);
    service.start();
    Client client(at("caller", service.port()));
    auto conn = co_await client.connect();
    Bytes big(33'600'000);
    std::string text;
    try {
        conn.rpc_nowait().serde(Serde::opaque).call("slow_echo", big);
    } catch (const EncodeError& error) {
        text = error.what();
    }
    EXPECT_THAT(text, ::testing::HasSubstr("bytes on this connection"));
    big.resize(30'000'000, std::byte{1});
    const Bytes back = co_await conn.rpc(10s).serde(Serde::opaque).call<Bytes>("slow_echo", big);
    EXPECT_EQ(back.size(), big.size());
    EXPECT_EQ(back, big);
}

CO_TEST(Router, forwards_round_robin_and_to_the_one_that_is_named) {
    Router router(Options("router"));
    router.start();
    std::vector<std::string> seen;
    Client w1(at("w1", router.port()));
    w1.callback("who", [&](int) { return std::string("w1"); });
    Client w2(at("w2", router.port()));
    w2.callback("who", [&](int) { return std::string("w2"); });
    co_await w1.connect();
    co_await w2.connect();
    Client caller(at("caller", router.port()));
    auto conn = co_await caller.connect();
    co_await conn.wait_for_members(5s, "w1", "w2");
    for (int i = 0; i < 4; ++i) {
        std::string name = co_await conn.rpc(5s).call<std::string>("who", i);
        seen.push_back(std::move(name));
    }
    EXPECT_THAT(seen, ::testing::ElementsAre("w2", "w1", "w2", "w1"));
    const std::string pinned = co_await conn.rpc(5s).receiver("w1").call<std::string>("who", 0);
    EXPECT_EQ(pinned, "w1");
    const auto all = co_await conn.cast(5s).call<std::string>("who", 0);
    EXPECT_EQ(all.size(), 2u);
    if (all.size() == 2) {
        EXPECT_EQ(all.at("w1").value(), "w1");
        EXPECT_EQ(all.at("w2").value(), "w2");
    }
    EXPECT_EQ(router.members().size(), 3u);
    EXPECT_EQ(conn.members().size(), 3u);
    EXPECT_EQ(conn.cast_nowait().call("who", 1), 2u);
    conn.rpc_nowait().call("who", 1);
    const std::string missing = co_await error_of<TimeoutError>(conn.wait_for_members(20ms, "w3"));
    EXPECT_THAT(missing, ::testing::HasSubstr("w3"));
}

CO_TEST(Router, a_node_may_offer_and_call) {
    Router router(Options("router"));
    router.start();
    Client a(at("a", router.port()));
    auto from_a = co_await a.connect();
    Client b(at("b", router.port()));
    auto from_b = co_await b.connect();
    // Added while connected: the others hear of it.
    a.callback("half", [](double x) { return x / 2; });
    b.callback("twice", [from_b](double x) -> Task<double> {
        const double half = co_await from_b.rpc(5s).call<double>("half", x);
        co_return 4 * half;
    });
    co_await from_a.wait_for_method("twice", 5s);
    co_await from_b.wait_for_method("half", 5s);
    const double twice = co_await from_a.rpc(5s).call<double>("twice", 1.5);
    EXPECT_EQ(twice, 3.0);
}

CO_TEST(Router, streams_keep_their_order) {
    Router router(Options("router"));
    router.start();
    Client worker(at("worker", router.port()));
    std::string got;
    worker.callback("chunk", [&](std::string text) { got += text; });
    co_await worker.connect();
    Client caller(at("caller", router.port()));
    auto conn = co_await caller.connect();
    co_await conn.wait_for_method("chunk", 5s);
    std::vector<std::string> chunks;
    for (char c = 'a'; c <= 'z'; ++c) chunks.emplace_back(1, c);
    const std::size_t count = co_await conn.stream().call("chunk", chunks);
    EXPECT_EQ(count, 26u);
    EXPECT_EQ(got, "abcdefghijklmnopqrstuvwxyz");
    EXPECT_EQ(conn.stream_nowait().call("chunk", chunks), 26u);
    co_await conn.rpc(5s).call<void>("chunk", "!");
    EXPECT_EQ(got, "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz!");
}

CO_TEST(Router, tells_who_came_and_who_went) {
    Router router(Options("router"));
    std::vector<std::string> at_router;
    router.on_member_added([&](const std::string& name) { at_router.push_back("+" + name); });
    router.on_member_removed([&](const std::string& name) { at_router.push_back("-" + name); });
    router.start();
    Client watcher(at("watcher", router.port()));
    std::vector<std::string> at_client;
    Event gone;
    watcher.on_member_added([&](const std::string& name) { at_client.push_back("+" + name); });
    watcher.on_member_removed([&](const std::string& name) {
        at_client.push_back("-" + name);
        gone.set();
    });
    co_await watcher.connect();
    {
        Client guest(at("guest", router.port()));
        co_await guest.connect();
    }
    co_await gone.wait();
    EXPECT_THAT(at_client, ::testing::ElementsAre("+guest", "-guest"));
    EXPECT_THAT(at_router, ::testing::ElementsAre("+watcher", "+guest", "-guest"));
}

CO_TEST(Client, that_was_never_connected_is_not_joined) {
    Listener nobody(SocketAddress::loopback(0));
    const std::uint16_t port = nobody.port();
    nobody.close();
    Client client(at("caller", port));
    const std::string before = co_await error_of<InitializationError>(timeout(5s, client.join()));
    EXPECT_THAT(before, ::testing::HasSubstr("connect() it first"));
    const std::string refused = co_await error_of<SystemError>(client.connect());
    EXPECT_THAT(refused, ::testing::HasSubstr("onnect"));
    const std::string after = co_await error_of<InitializationError>(timeout(5s, client.join()));
    EXPECT_THAT(after, ::testing::HasSubstr("connect() it first"));
}

CO_TEST(Router, the_last_one_to_take_a_name_has_it) {
    Router router(Options("router"));
    router.start();
    Client first(at("same", router.port()));
    first.callback("who", [] { return 1; });
    auto first_conn = co_await first.connect();
    Client second(at("same", router.port()));
    second.callback("who", [] { return 2; });
    co_await second.connect();
    const std::string end = co_await error_of<Evicted>(timeout(5s, first.join()));
    EXPECT_THAT(end, ::testing::HasSubstr("another node took the name"));
    const std::string call = co_await error_of<Evicted>(first_conn.rpc(1s).call<int>("who"));
    EXPECT_THAT(call, ::testing::HasSubstr("took the name"));
    Client caller(at("caller", router.port()));
    auto conn = co_await caller.connect();
    const int who = co_await conn.rpc(5s).call<int>("who");
    EXPECT_EQ(who, 2);
}

CO_TEST(Router, callers_of_a_worker_that_dies_hear_of_it_at_once) {
    Router router(Options("router"));
    router.start();
    auto worker = std::make_unique<Client>(at("worker", router.port()));
    Event started;
    worker->callback("hang", [&]() -> Task<int> {
        started.set();
        co_await sleep(1h);
        co_return 1;
    });
    co_await worker->connect();
    Client caller(at("caller", router.port()));
    auto conn = co_await caller.connect();
    auto call = spawn(error_of<Disconnected>(conn.rpc(60s).call<int>("hang")), "call");
    co_await started.wait();
    worker.reset();
    const std::string text = co_await std::move(call);
    EXPECT_THAT(text, ::testing::HasSubstr("left before it answered"));
}

CO_TEST(Client, comes_back_after_the_router_did) {
    std::uint16_t port = 0;
    auto router = std::make_unique<Router>(Options("router"));
    router->start();
    port = router->port();
    Client worker(at("worker", port).backoff(5ms, 20ms));
    worker.callback("multiply", multiply);
    co_await worker.connect();
    Client caller(at("caller", port).backoff(5ms, 20ms));
    auto conn = co_await caller.connect();
    co_await conn.wait_for_method("multiply", 5s);
    const int before = co_await conn.rpc(5s).call<int>("multiply", 2, 3);
    EXPECT_EQ(before, 6);
    co_await router->stop();
    const std::string lost = co_await error_of<Disconnected>(conn.rpc(1s).call<int>("multiply", 2, 3));
    EXPECT_NE(lost, "(no error)");
    router = std::make_unique<Router>(at("router", port));
    router->start();
    co_await conn.wait_for_method("multiply", 5s);
    const int after = co_await conn.rpc(5s).call<int>("multiply", 4, 5);
    EXPECT_EQ(after, 20);
}

CO_TEST(Client, calls_in_flight_say_whether_they_were_sent) {
    auto service = std::make_unique<Service>(Options("calc"));
    Event started;
    service->callback("hang", [&]() -> Task<int> {
        started.set();
        co_await sleep(1h);
        co_return 1;
    });
    service->start();
    Client caller(at("caller", service->port()).reconnect(false));
    auto conn = co_await caller.connect();
    bool sent = false;
    auto wait = [&]() -> Task<void> {
        try {
            co_await conn.rpc().call<int>("hang");
        } catch (const Disconnected& error) {
            sent = error.sent();
        }
    };
    auto call = spawn(wait(), "call");
    co_await started.wait();
    service.reset();
    co_await std::move(call);
    EXPECT_TRUE(sent);
    const std::string end = co_await error_of<Disconnected>(timeout(5s, caller.join()));
    EXPECT_THAT(end, ::testing::HasSubstr("caller"));
}

CO_TEST(Client, without_the_token_is_refused_with_the_reason) {
    Router router(Options("router").token("s3cret"));
    router.start();
    Client stranger(at("stranger", router.port()));
    const std::string text = co_await error_of<InitializationError>(stranger.connect());
    EXPECT_THAT(text, ::testing::HasSubstr("token"));
    Client friendly(at("friend", router.port()).token("s3cret"));
    co_await friendly.connect();
    EXPECT_EQ(router.members().size(), 1u);
}

CO_TEST(Client, balances_by_load_when_asked) {
    Router router(Options("router"));
    router.start();
    Client slow(at("slow", router.port()).workers(10));
    slow.callback("work", forever);
    co_await slow.connect();
    Client fast(at("fast", router.port()));
    int done = 0;
    fast.callback("work", [&](int) { return ++done; });
    co_await fast.connect();
    Client caller(at("caller", router.port()));
    auto conn = co_await caller.connect();
    co_await conn.wait_for_members(5s, "slow", "fast");
    auto stuck = spawn(conn.rpc().receiver("slow").call<int>("work", 0), "stuck");
    co_await yield();
    for (int i = 0; i < 10; ++i) co_await conn.rpc(5s).balance(Balance::least_loaded).call<int>("work", i);
    EXPECT_EQ(done, 10);
}

CO_TEST(Client, methods_added_after_connecting_are_announced) {
    Router router(Options("router"));
    router.start();
    Client worker(at("worker", router.port()));
    co_await worker.connect();
    Client caller(at("caller", router.port()));
    auto conn = co_await caller.connect();
    worker.callback("later", [] { return 3; });
    co_await conn.wait_for_method("later", 5s);
    const int result = co_await conn.rpc(5s).call<int>("later");
    EXPECT_EQ(result, 3);
    EXPECT_THROW(worker.callback("later", [] { return 4; }), InitializationError);
    Service service(Options("calc"));
    service.start();
    Client direct(at("direct", service.port()));
    auto line = co_await direct.connect();
    service.callback("soon", [] { return 5; });
    co_await line.wait_for_method("soon", 5s);
    const int soon = co_await line.rpc(5s).call<int>("soon");
    EXPECT_EQ(soon, 5);
}

CO_TEST(Callbacks, duplicate_and_impossible_names_are_refused) {
    Callbacks callbacks;
    callbacks.add("f", multiply);
    EXPECT_THROW(callbacks.add("f", boom), InitializationError);
    EXPECT_THROW(callbacks.add("a|b", boom), InitializationError);
    EXPECT_THROW(callbacks.add("", boom), InitializationError);
    EXPECT_THROW(Client(Options("a,b")), InitializationError);
    EXPECT_THROW(Client(Options("a").host("h").unix_path("/x")), InitializationError);
    co_return;
}

CO_TEST(Callbacks, take_what_is_given_as_their_types_say) {
    Service service(Options("calc"));
    service.callback("all", [](const CallInfo& info, Arguments args) {
        return info.caller + "/" + info.function + "/" + std::to_string(args.positional.size()) + "/" +
               std::to_string(args.keyword.size());
    });
    service.callback(
        "optional", [](int a, std::optional<int> b) { return a + b.value_or(100); }, "a", "b");
    service.callback("map", [](std::map<std::string, std::vector<double>> m) { return m.at("x").at(1); });
    service.callback("pair",
                     [](std::pair<int, std::string> p) { return std::tuple(p.second, p.first, true); });
    service.callback("value", [](const Value& v) { return v.at("k"); });
    service.callback("by_reference", [](const std::string& s) -> Task<std::size_t> {
        co_await sleep(1ms);
        co_return s.size();
    });
    service.start();
    Client client(at("me", service.port()));
    auto conn = co_await client.connect();
    const std::string all = co_await conn.rpc(5s).with("k", 1).call<std::string>("all", 1, "two", 3.0);
    EXPECT_EQ(all, "me/all/3/1");
    const int alone = co_await conn.rpc(5s).call<int>("optional", 1);
    EXPECT_EQ(alone, 101);
    const int both = co_await conn.rpc(5s).with("b", 2).call<int>("optional", 1);
    EXPECT_EQ(both, 3);
    const Value map = Dict{{"x", List{1, 2.5}}};
    const double x = co_await conn.rpc(5s).call<double>("map", map);
    EXPECT_EQ(x, 2.5);
    const auto pair =
        co_await conn.rpc(5s).call<std::tuple<std::string, int, bool>>("pair", std::pair(3, "c"));
    EXPECT_EQ(pair, std::tuple(std::string("c"), 3, true));
    const Value value = Dict{{"k", Set{1, 2}}};
    const Value k = co_await conn.rpc(5s).call("value", value);
    EXPECT_EQ(k, Value(Set{2, 1}));
    const std::string text(3000, 'x');
    const std::size_t size = co_await conn.rpc(5s).call<std::size_t>("by_reference", text);
    EXPECT_EQ(size, 3000u);
}

}  // namespace
}  // namespace weft::mesh
