// What weft's nodes can do beyond daffi's: parts, streams, cancellation, traces, limits, questions.
#include "duplex_state.hpp"

#include <weft/core.hpp>
#include <weft/mesh.hpp>
#include <weft/testing/co_test.hpp>
#include <weft/testing/error_of.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace weft::mesh {
namespace {

using namespace std::chrono_literals;
using weft::testing::error_of;

// A worker and a caller, with a router between them or without.
class Pair {
public:
    Pair(bool routed, Callbacks callbacks) : routed_(routed), callbacks_(std::move(callbacks)) {}
    Task<void> join() {
        if (routed_) {
            router.emplace(Options("router"));
            router->start();
            worker.emplace(Options("worker").port(router->port()).workers(8), callbacks_);
            co_await worker->connect();
        } else {
            service.emplace(Options("worker").workers(8), callbacks_);
            service->start();
        }
        caller.emplace(Options("caller").port(port()));
        conn.emplace(co_await caller->connect());
        co_await conn->wait_for_members(5s, "worker");
    }
    [[nodiscard]] std::uint16_t port() const { return routed_ ? router->port() : service->port(); }
    std::optional<Router> router;
    std::optional<Service> service;
    std::optional<Client> worker;
    std::optional<Client> caller;
    std::optional<ClientConnection> conn;

private:
    bool routed_;
    Callbacks callbacks_;
};

Callbacks echo() {
    Callbacks callbacks;
    callbacks.add("echo", [](Value v) { return v; });
    return callbacks;
}

Bytes pattern(std::size_t size) {
    Bytes out(size);
    for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<std::byte>(i * 31 + (i >> 12));
    return out;
}

class Extensions : public ::testing::TestWithParam<bool> {};

TEST_P(Extensions, messages_beyond_32_mib_go_in_parts) {
    auto body = [](bool routed) -> Task<void> {
        Pair mesh(routed, echo());
        co_await mesh.join();
        const Bytes large = pattern(40'000'000);
        for (const Serde serde : {Serde::opaque, Serde::pickle}) {
            const Bytes back = co_await mesh.conn->rpc(60s).serde(serde).call<Bytes>("echo", large);
            EXPECT_EQ(back, large);
        }
        // Not one large thing, but many: known to be too large only when it is written.
        List list;
        for (int i = 0; i < 40; ++i) list.items.emplace_back(std::string(1'000'000, 'x'));
        const std::size_t count = (co_await mesh.conn->rpc(60s).call("echo", Value(list))).size();
        EXPECT_EQ(count, 40u);
    };
    testing::run(body(GetParam()), 60s);
}

// Where a message begins to be pointed to, to be read apart from its frame, to go in parts, and to fill them.
TEST_P(Extensions, messages_are_whole_around_each_size_at_which_their_way_changes) {
    auto body = [](bool routed) -> Task<void> {
        Pair mesh(routed, echo());
        co_await mesh.join();
        for (const std::size_t kib : {32, 128, 252, 256, 504, 1024, 5 * 1024})
            for (const std::size_t size : {kib * 1024 - 1, kib * 1024, kib * 1024 + 1}) {
                const Bytes bytes = pattern(size);
                // One after the other in each other's memory, and at a time.
                auto other = spawn(mesh.conn->rpc(60s).call<int>("echo", 7), "small");
                const Bytes back =
                    co_await mesh.conn->rpc(60s).serde(Serde::opaque).call<Bytes>("echo", bytes);
                EXPECT_TRUE(back == bytes) << size;
                const std::string text(size, 't');
                const auto same =
                    co_await mesh.conn->rpc(60s).serde(Serde::opaque).call<std::string>("echo", text);
                EXPECT_TRUE(same == text) << size;
                const int seven = co_await std::move(other);
                EXPECT_EQ(seven, 7);
            }
    };
    testing::run(body(GetParam()), 60s);
}

TEST_P(Extensions, large_messages_let_small_ones_pass) {
    auto body = [](bool routed) -> Task<void> {
        Pair mesh(routed, echo());
        co_await mesh.join();
        const Bytes large = pattern(60'000'000);
        auto slow = spawn(mesh.conn->rpc(60s).serde(Serde::opaque).call<Bytes>("echo", large), "large");
        int passed = 0;
        while (!slow.done() && passed < 50) {
            co_await mesh.conn->rpc(30s).call<int>("echo", passed);
            ++passed;
        }
        EXPECT_GT(passed, 3);
        const Bytes back = co_await std::move(slow);
        EXPECT_EQ(back.size(), large.size());
    };
    testing::run(body(GetParam()), 60s);
}

TEST_P(Extensions, messages_beyond_the_limit_are_refused_on_either_side) {
    auto body = [](bool routed) -> Task<void> {
        Callbacks callbacks = echo();
        callbacks.add("make", [](std::size_t n) { return Bytes(n); });
        Pair mesh(routed, callbacks);
        co_await mesh.join();
        Client small(Options("small").port(mesh.port()).message_limit(2 << 20));
        auto conn = co_await small.connect();
        co_await conn.wait_for_members(5s, "worker");
        const Bytes large(40'000'000);
        const std::string sending =
            co_await error_of<EncodeError>(conn.rpc(5s).serde(Serde::opaque).call("echo", large));
        EXPECT_THAT(sending, ::testing::HasSubstr("message_limit"));
        const std::string taking =
            co_await error_of<DecodeError>(conn.rpc(9s).call<Bytes>("make", 40'000'000));
        EXPECT_THAT(taking, ::testing::HasSubstr("message_limit"));
        const int alive = co_await conn.rpc(5s).call<int>("echo", 3);
        EXPECT_EQ(alive, 3);
    };
    testing::run(body(GetParam()), 60s);
}

TEST_P(Extensions, a_cancelled_call_is_cancelled_at_the_worker) {
    auto body = [](bool routed) -> Task<void> {
        Event started;
        Event ended;
        bool cancelled = false;
        Callbacks callbacks = echo();
        callbacks.add("hang", [&]() -> Task<void> {
            started.set();
            try {
                co_await sleep(1h);
            } catch (const Cancelled&) {
                cancelled = true;
                ended.set();
                throw;
            }
        });
        Pair mesh(routed, callbacks);
        co_await mesh.join();
        {
            auto call = spawn(mesh.conn->rpc().call<void>("hang"), "call");
            co_await started.wait();
            call.cancel();
            co_await timeout(5s, [](Event& e) -> Task<void> { co_await e.wait(); }(ended));
        }
        EXPECT_TRUE(cancelled);
        const int alive = co_await mesh.conn->rpc(5s).call<int>("echo", 3);
        EXPECT_EQ(alive, 3);
        // A caller that leaves cancels what it asked for.
        started.clear();
        ended.clear();
        auto call = spawn(error_of<Disconnected>(mesh.conn->rpc().call<void>("hang")), "call");
        co_await started.wait();
        mesh.caller.reset();
        co_await timeout(5s, [](Event& e) -> Task<void> { co_await e.wait(); }(ended));
        co_await std::move(call);
    };
    testing::run(body(GetParam()), 60s);
}

TEST_P(Extensions, values_stream_both_ways_within_their_windows) {
    auto body = [](bool routed) -> Task<void> {
        std::size_t taken = 0;
        Callbacks callbacks;
        callbacks.add("scale", [&](const CallInfo& info, int factor) -> Task<std::string> {
            Duplex talk = info.duplex();
            for (;;) {
                const auto number = co_await talk.next<int>();
                if (!number) break;
                ++taken;
                co_await talk.send(*number * factor);
            }
            co_return "took " + std::to_string(taken);
        });
        callbacks.add("slow", [&](const CallInfo& info, Bytes) -> Task<void> {
            Duplex talk = info.duplex();
            co_await talk.next();
            co_await sleep(1h);
        });
        callbacks.add("fails", [&](const CallInfo& info) -> Task<void> {
            Duplex talk = info.duplex();
            co_await talk.send("one");
            throw RemoteError("ValueError", "enough");
        });
        Pair mesh(routed, callbacks);
        co_await mesh.join();
        auto talk = mesh.conn->open().window(4096).call("scale", 3);
        auto feed = [](Duplex& to) -> Task<void> {
            for (int i = 0; i < 2000; ++i) co_await to.send(i);
            to.finish();
        };
        auto feeder = spawn(feed(talk), "feeder");
        int expected = 0;
        for (;;) {
            const auto number = co_await talk.next<int>();
            if (!number) break;
            EXPECT_EQ(*number, expected);
            expected += 3;
        }
        EXPECT_EQ(expected, 6000);
        const std::string result = co_await talk.result<std::string>();
        EXPECT_EQ(result, "took 2000");
        co_await std::move(feeder);

        // A worker that takes nothing stops the sender at its window of 1 MiB.
        auto stuck = mesh.conn->open().serde(Serde::opaque).call("slow");
        const Bytes chunk(100'000);
        int sent = 0;
        bool full = false;
        while (!full && sent < 100) {
            try {
                co_await timeout(200ms, stuck.send(chunk));
                ++sent;
            } catch (const TimeoutError&) {
                full = true;
            }
        }
        EXPECT_TRUE(full);
        EXPECT_LT(sent, 14);
        EXPECT_GT(sent, 9);

        auto failing = mesh.conn->open().call("fails");
        const auto one = co_await failing.next<std::string>();
        EXPECT_EQ(one.value_or(""), "one");
        const std::string failure = co_await error_of<RemoteError>(failing.next());
        EXPECT_THAT(failure, ::testing::HasSubstr("ValueError: enough"));
        const std::string late = co_await error_of<RemoteError>(failing.send(1));
        EXPECT_THAT(late, ::testing::HasSubstr("enough"));
        const std::string again = co_await error_of<RemoteError>(failing.result());
        EXPECT_THAT(again, ::testing::HasSubstr("enough"));
        const std::string plain = co_await error_of<RemoteError>(mesh.conn->rpc(5s).call("scale", 1));
        EXPECT_THAT(plain, ::testing::HasSubstr("is called with open()"));
    };
    testing::run(body(GetParam()), 60s);
}

TEST_P(Extensions, a_trace_goes_along_with_every_call) {
    auto body = [](bool routed) -> Task<void> {
        std::optional<ClientConnection> back;
        Callbacks callbacks;
        callbacks.add("plain", [](const CallInfo& info) { return info.traceparent; });
        callbacks.add("seen", []() -> Task<std::string> { co_return traceparent(); });
        Pair mesh(routed, callbacks);
        co_await mesh.join();
        const std::string trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        std::string seen = co_await mesh.conn->rpc(5s).traceparent(trace).call<std::string>("plain");
        EXPECT_EQ(seen, trace);
        seen = co_await mesh.conn->rpc(5s).call<std::string>("seen");
        EXPECT_EQ(seen, "");
        set_traceparent(trace);
        seen = co_await mesh.conn->rpc(5s).call<std::string>("seen");
        EXPECT_EQ(seen, trace);
        set_traceparent("");
        seen = co_await mesh.conn->rpc(5s).call<std::string>("plain");
        EXPECT_EQ(seen, "");
    };
    testing::run(body(GetParam()), 60s);
}

TEST_P(Extensions, nodes_tell_about_themselves) {
    auto body = [](bool routed) -> Task<void> {
        Callbacks callbacks;
        callbacks.add(
            "multiply", [](int a, int b) { return a * b; }, "a", "b");
        Pair mesh(routed, callbacks);
        co_await mesh.join();
        co_await mesh.conn->rpc(5s).call<int>("multiply", 2, 3);
        const Value members = co_await mesh.conn->inspect("members");
        EXPECT_THAT(members.to_string(), ::testing::HasSubstr("'name': 'caller'"));
        EXPECT_THAT(members.to_string(), ::testing::HasSubstr("'weft': True"));
        const Value methods = co_await mesh.conn->inspect("methods", "worker");
        EXPECT_EQ(methods.at(0).at("name"), Value("multiply"));
        EXPECT_EQ(methods.at(0).at("parameters"), Value(List{"a", "b"}));
        const Value stats = co_await mesh.conn->inspect("stats", "worker");
        EXPECT_EQ(stats.at("methods").at("multiply").at("calls"), Value(1));
        const Value of_server = co_await mesh.conn->inspect("stats");
        EXPECT_GT(of_server.at("frames").as<int>(), 1);
        const std::string unknown =
            co_await error_of<ReceiverNotFound>(mesh.conn->inspect("nonsense", "worker"));
        EXPECT_NE(unknown, "(no error)");
        const std::string nobody = co_await error_of<ReceiverNotFound>(mesh.conn->inspect("ping", "nobody"));
        EXPECT_NE(nobody, "(no error)");
        EXPECT_THROW(callbacks.add("weft.mine", [] {}), InitializationError);
    };
    testing::run(body(GetParam()), 60s);
}

INSTANTIATE_TEST_SUITE_P(Mesh, Extensions, ::testing::Bool(),
                         [](const auto& test) { return test.param ? "routed" : "direct"; });

CO_TEST(Heartbeat, gives_up_a_peer_that_is_silent) {
    Router router(Options("router").heartbeat(20ms));
    router.start();
    Client client(Options("client").port(router.port()).heartbeat(20ms));
    co_await client.connect();
    // A node that says it is weft's and then nothing, not even when it is asked.
    auto silent = co_await connect(SocketAddress::loopback(router.port()));
    Buffer out;
    out.append(syn);
    FrameWriter writer(out, "silent", "", "");
    writer.data().append(std::string_view(
        R"({"meta":{"type":"client;weft=1","error":null},"members":[{"name":"silent","methods":null}]})"));
    FrameHeader header;
    header.id = 1;
    header.serde = Serde::json;
    header.wants_reply = true;
    EXPECT_TRUE(writer.finish(header));
    co_await silent->write_all(out.bytes());
    Event gone;
    std::string reason;
    router.on_event([&](const MemberEvent& event) {
        if (event.kind == MemberEvent::Kind::left) reason = event.name + ": " + event.reason, gone.set();
    });
    auto wait = [&]() -> Task<void> { co_await gone.wait(); };
    co_await timeout(5s, wait());
    EXPECT_THAT(reason, ::testing::HasSubstr("silent: it has not answered"));
    EXPECT_EQ(router.members().size(), 1u);
}

CO_TEST(Limits, of_calls_in_flight_hold_at_the_router_and_at_the_client) {
    Router router(Options("router").worker_in_flight(2));
    router.start();
    Event go;
    Callbacks callbacks;
    callbacks.add("wait", [&]() -> Task<int> {
        co_await go.wait();
        co_return 1;
    });
    Client worker(Options("worker").port(router.port()).workers(10), callbacks);
    co_await worker.connect();
    Client caller(Options("caller").port(router.port()));
    auto conn = co_await caller.connect();
    co_await conn.wait_for_method("wait", 5s);
    auto one = spawn(conn.rpc(5s).call<int>("wait"), "one");
    auto two = spawn(conn.rpc(5s).call<int>("wait"), "two");
    co_await yield();
    const std::string busy = co_await error_of<BusyError>(conn.rpc(5s).call<int>("wait"));
    EXPECT_THAT(busy, ::testing::HasSubstr("2 calls to answer"));
    Client careful(Options("careful").port(router.port()).worker_in_flight(1));
    auto other = co_await careful.connect();
    co_await other.wait_for_method("wait", 5s);
    go.set();
    co_await std::move(one);
    co_await std::move(two);
    go.clear();
    auto first = spawn(other.rpc(5s).call<int>("wait"), "first");
    co_await yield();
    const std::string full = co_await error_of<BusyError>(other.rpc(5s).call<int>("wait"));
    EXPECT_THAT(full, ::testing::HasSubstr("1 calls of this client"));
    go.set();
    const int done = co_await std::move(first);
    EXPECT_EQ(done, 1);
}

CO_TEST(Pool, plain_callbacks_may_block_there) {
    ThreadPool pool(2);
    Service service(Options("svc").workers(2).pool(pool));
    const auto loop_thread = std::this_thread::get_id();
    service.callback("block", [loop_thread](int ms) {
        std::this_thread::sleep_for(std::chrono::milliseconds(ms));
        return std::this_thread::get_id() != loop_thread;
    });
    service.callback("fails", []() -> int { throw RemoteError("ValueError", "from a thread"); });
    service.callback("coroutine",
                     [loop_thread]() -> Task<bool> { co_return std::this_thread::get_id() == loop_thread; });
    service.start();
    Client client(Options("client").port(service.port()));
    auto conn = co_await client.connect();
    auto [a, b, c] =
        co_await gather(conn.rpc(5s).call<bool>("block", 30), conn.rpc(5s).call<bool>("block", 30),
                        conn.rpc(5s).call<bool>("coroutine"));
    EXPECT_TRUE(a);
    EXPECT_TRUE(b);
    EXPECT_TRUE(c);
    const std::string text = co_await error_of<RemoteError>(conn.rpc(5s).call<int>("fails"));
    EXPECT_THAT(text, ::testing::HasSubstr("from a thread"));
    co_await client.stop();
    co_await service.stop();
}

// A value that cannot be read ends the stream: it is no null to whoever takes the values.
CO_TEST(Streams, have_no_value_for_what_cannot_be_read) {
    auto state = std::make_shared<detail::DuplexState>(false, "worker", Serde::json, 1000);
    Frame frame;
    frame.header.serde = Serde::json;
    Extension good;
    const std::string one = "1";
    good.data = std::as_bytes(std::span(one));
    EXPECT_TRUE(state->item(frame, good));
    Extension bad;
    const std::string broken = "{";
    bad.data = std::as_bytes(std::span(broken));
    try {
        (void)state->item(frame, bad);
        ADD_FAILURE() << "it was taken";
    } catch (const DecodeError&) {
        state->end(std::current_exception());
    }
    const auto first = co_await detail::DuplexState::next(state);
    EXPECT_EQ(first.value_or(Value()), Value(1));
    bool refused = false;
    try {
        (void)co_await detail::DuplexState::next(state);
    } catch (const DecodeError&) {
        refused = true;
    }
    EXPECT_TRUE(refused);
}

}  // namespace
}  // namespace weft::mesh
