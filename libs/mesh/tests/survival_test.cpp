// What else kills or stalls daffi's nodes: cut frames, peers that do not read, ids used twice, callers that
// leave, members that shake hands again. And what weft's nodes never send to daffi's.
#include "raw_peer.hpp"

#include <weft/core.hpp>
#include <weft/mesh.hpp>
#include <weft/testing/co_test.hpp>
#include <weft/testing/error_of.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

namespace weft::mesh {
namespace {

using namespace std::chrono_literals;
using namespace testing;
using weft::testing::error_of;

constexpr std::string_view one_arg = R"({"args": [1], "kwargs": {}})";

FrameHeader response_header(std::uint16_t id) {
    FrameHeader header;
    header.id = id;
    header.flag = Flag::response;
    header.serde = Serde::json;
    return header;
}

CO_TEST(CutFrames, at_every_byte_end_with_their_peer) {
    Mesh mesh;
    co_await mesh.join();
    Service service(Options("calc"));
    service.callback("twice", [](int n) { return 2 * n; });
    service.start();
    const std::string request = frame(request_header(2), "x", "worker", "twice", one_arg);
    for (const std::uint16_t port : {mesh.router.port(), service.port()}) {
        for (std::size_t cut = 0; cut < request.size(); ++cut) {
            auto stream = co_await raw(port);
            co_await stream->write_all(hello("x") + request.substr(0, cut));
            stream->close();
        }
        // In two pieces it is whole.
        for (const std::size_t cut : {1u, 8u, 9u, 20u}) {
            auto stream = co_await raw(port);
            co_await stream->write_all(hello("x") + request.substr(0, cut));
            co_await read_frame(*stream);
            co_await stream->write_all(request.substr(cut));
            const Received reply = co_await read_until(*stream, Flag::response);
            EXPECT_EQ(reply.data, R"({"args": [2], "kwargs": {}})");
        }
    }
    co_await mesh.check();
}

CO_TEST(SlowPeer, of_a_service_is_given_up_and_nobody_waits_for_it) {
    Service service(Options("calc").stall_limit(200ms).send_limit(1 << 20));
    service.callback("zeros", [](std::size_t n) { return std::string(n, 'x'); });
    service.callback("twice", [](int n) { return 2 * n; });
    service.start();
    Client client(Options("good").port(service.port()));
    auto conn = co_await client.connect();
    auto deaf = co_await raw(service.port());
    co_await deaf->write_all(hello("deaf"));
    const std::string ask = frame(request_header(2, Serde::json), "deaf", "calc", "zeros",
                                  R"({"args": [4000000], "kwargs": {}})");
    std::string text;
    service.on_event([&](const MemberEvent& event) {
        if (event.kind == MemberEvent::Kind::evicted) text = event.reason;
    });
    try {
        for (int i = 0; i < 20; ++i) {
            co_await deaf->write_all(ask);
            const int result = co_await conn.rpc(5s).call<int>("twice", 21);
            EXPECT_EQ(result, 42);
        }
    } catch (const SystemError&) {  // it was given up already
    }
    while (service.members().size() != 1) co_await sleep(5ms);
    EXPECT_THAT(text, ::testing::HasSubstr("not read"));
    const int result = co_await conn.rpc(5s).call<int>("twice", 21);
    EXPECT_EQ(result, 42);
}

// daffi's client writes a part of a frame then, and the stream is broken for good.
CO_TEST(SlowServer, makes_calls_busy_and_is_given_up) {
    Listener listener(SocketAddress::loopback(0));
    auto server = spawn(welcomed(listener, "service", R"({"name":"s","methods":["sink"]})"), "server");
    Client client(
        Options("me").port(listener.port()).reconnect(false).send_limit(1 << 20).stall_limit(200ms));
    auto conn = co_await client.connect();
    auto stuck = co_await std::move(server);
    const Bytes block(std::size_t{4} << 20);
    std::string busy;
    std::vector<TaskHandle<std::string>> calls;
    for (int i = 0; i < 20 && busy.empty(); ++i) {
        calls.push_back(
            spawn(error_of<weft::Error>(conn.rpc(20s).serde(Serde::opaque).call("sink", block)), "call"));
        co_await yield();
        try {
            conn.rpc_nowait().call("sink", 1);
        } catch (const BusyError& error) {
            busy = error.what();
        }
    }
    EXPECT_THAT(busy, ::testing::HasSubstr("bytes wait to be sent already"));
    for (auto& call : calls) {
        const std::string text = co_await std::move(call);
        EXPECT_THAT(text, ::testing::AnyOf(::testing::HasSubstr("it has not read for too long"),
                                           ::testing::HasSubstr("bytes wait to be sent already")));
    }
    EXPECT_FALSE(conn.connected());
}

std::size_t open_files() {
    std::size_t count = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) ++count;
    return count;
}

// daffi's servers keep the sockets of those who left.
CO_TEST(Connections, that_end_leave_no_file_open) {
    Mesh mesh;
    co_await mesh.join();
    co_await mesh.check();
    const std::size_t before = open_files();
    for (int i = 0; i < 100; ++i) {
        auto stream = co_await introduced(mesh.router.port(), "guest");
    }
    auto settled = [&]() -> Task<void> {
        while (mesh.router.members().size() != 2 || open_files() != before) co_await sleep(5ms);
    };
    co_await timeout(5s, settled());
    EXPECT_EQ(open_files(), before);
}

CO_TEST(Ids, that_a_caller_uses_twice_concern_its_last_call_only) {
    Mesh mesh;
    co_await mesh.join();
    auto first = co_await introduced(mesh.router.port(), "first", R"(["f"])");
    auto second = co_await introduced(mesh.router.port(), "second", R"(["f"])");
    auto caller = co_await raw(mesh.router.port());
    co_await caller->write_all(hello("x") + frame(request_header(9), "x", "first", "f", one_arg) +
                               frame(request_header(9), "x", "second", "f", one_arg));
    co_await read_until(*first, Flag::request);
    co_await read_until(*second, Flag::request);
    co_await first->write_all(
        frame(response_header(9), "first", "x", "f", R"({"args": ["old"], "kwargs": {}})"));
    while (mesh.router.stats().dropped < 1) co_await sleep(1ms);
    co_await second->write_all(
        frame(response_header(9), "second", "x", "f", R"({"args": ["new"], "kwargs": {}})"));
    const Received reply = co_await read_until(*caller, Flag::response);
    EXPECT_EQ(reply.from, "second");
    // Twice to the same worker, and then the worker leaves: one error, and the router counts right.
    co_await caller->write_all(frame(request_header(9), "x", "second", "f", one_arg) +
                               frame(request_header(9), "x", "second", "f", one_arg));
    co_await read_until(*second, Flag::request);
    co_await read_until(*second, Flag::request);
    second->close();
    const Received lost = co_await read_until(*caller, Flag::error);
    EXPECT_EQ(lost.header.id, 9);
    EXPECT_THAT(lost.data, ::testing::HasSubstr("TransmissionFailure"));
    co_await mesh.check();
}

CO_TEST(Callers, that_leave_a_router_before_the_answer_disturb_nobody) {
    Mesh mesh;
    co_await mesh.join();
    auto worker = co_await introduced(mesh.router.port(), "slow", R"(["f"])");
    {
        auto caller = co_await raw(mesh.router.port());
        co_await caller->write_all(hello("x") + frame(request_header(2), "x", "slow", "f", one_arg));
        co_await read_until(*worker, Flag::request);
    }
    while (mesh.router.members().size() != 3) co_await sleep(1ms);
    // Another has the name by now: the answer is not for it.
    auto heir = co_await introduced(mesh.router.port(), "x");
    co_await worker->write_all(frame(response_header(2), "slow", "x", "f", R"({"args": [1], "kwargs": {}})"));
    while (mesh.router.stats().dropped < 1) co_await sleep(1ms);
    co_await mesh.check();
}

CO_TEST(Handshake, a_second_one_brings_new_methods_and_evicts_nobody) {
    Mesh mesh;
    co_await mesh.join();
    auto node = co_await introduced(mesh.router.port(), "node", R"(["f"])");
    co_await mesh.conn->wait_for_method("f", 5s);
    co_await node->write_all(hello("node", R"(["f","g"])"));
    const Received reply = co_await read_until(*node, Flag::handshake);
    EXPECT_EQ(reply.from, "node");
    co_await mesh.conn->wait_for_method("g", 5s);
    EXPECT_EQ(mesh.router.members().size(), 3u);
    auto call = spawn(mesh.conn->rpc(5s).call<int>("g"), "call");
    const Received request = co_await read_until(*node, Flag::request);
    co_await node->write_all(
        frame(response_header(request.header.id), "node", "caller", "g", R"({"args": [7], "kwargs": {}})"));
    const int result = co_await std::move(call);
    EXPECT_EQ(result, 7);
}

CO_TEST(Handshake, for_a_taken_name_tells_only_the_one_that_loses_it) {
    Mesh mesh;
    co_await mesh.join();
    auto watcher = co_await introduced(mesh.router.port(), "watcher");
    auto loser = co_await introduced(mesh.router.port(), "name");
    auto winner = co_await introduced(mesh.router.port(), "name");
    const Received told = co_await read_until(*loser, Flag::events);
    EXPECT_EQ(told.data, R"({"type":"evicted","member":"name"})");
    const bool closed = co_await timeout(5s, closes(*loser));
    EXPECT_TRUE(closed);
    // daffi's JavaScript client leaves at any "evicted", also of another.
    for (const std::string_view type : {"connected", "disconnected", "connected"}) {
        const Received event = co_await read_until(*watcher, Flag::events);
        EXPECT_THAT(event.data, ::testing::HasSubstr(type));
        EXPECT_THAT(event.data, ::testing::HasSubstr("\"name\""));
    }
}

// Until its connection is closed it may still say something.
CO_TEST(Handshake, of_one_that_has_lost_its_name_does_not_take_it_back) {
    Mesh mesh;
    co_await mesh.join();
    auto loser = co_await introduced(mesh.router.port(), "name");
    auto winner = co_await introduced(mesh.router.port(), "name", R"(["f"])");
    co_await loser->write_all(hello("name"));
    const std::uint64_t before = mesh.router.stats().frames;
    while (mesh.router.stats().frames == before) co_await sleep(1ms);
    EXPECT_EQ(mesh.router.stats().evicted, 1u);
    EXPECT_EQ(mesh.router.members().back(), Member("name", {"f"}));
}

CO_TEST(Members, several_on_one_connection_are_one_to_a_service) {
    Service service(Options("calc"));
    service.callback("twice", [](int n) { return 2 * n; });
    service.start();
    {
        auto stream = co_await raw(service.port());
        FrameHeader header;
        header.id = 1;
        header.serde = Serde::json;
        header.wants_reply = true;
        co_await stream->write_all(
            frame(
                header, "m1", "", "",
                R"({"meta":{"type":"client"},"members":[{"name":"m1","methods":["f"]},{"name":"m2","methods":null}]})") +
            frame(request_header(2), "m1", "calc", "twice", one_arg));
        const Received reply = co_await read_until(*stream, Flag::response);
        EXPECT_EQ(reply.to, "m1");
        EXPECT_THAT(service.members(), ::testing::ElementsAre("m1"));
    }
    while (!service.members().empty()) co_await sleep(1ms);
}

CO_TEST(Events, of_a_client_end_its_connection_to_a_router) {
    Mesh mesh;
    co_await mesh.join();
    auto stream = co_await raw(mesh.router.port());
    FrameHeader header;
    header.flag = Flag::events;
    header.serde = Serde::json;
    co_await stream->write_all(hello("x") +
                               frame(header, "x", "", "", R"({"type":"disconnected","member":"worker"})"));
    const bool closed = co_await timeout(5s, closes(*stream));
    EXPECT_TRUE(closed);
    while (mesh.router.members().size() != 2) co_await sleep(1ms);
    co_await mesh.check();
}

// A flag 5 aborts a daffi node.
CO_TEST(Extensions, are_never_forwarded_to_a_node_of_daffis) {
    Mesh mesh;
    co_await mesh.join();
    auto daffi = co_await introduced(mesh.router.port(), "daffi", R"(["f"])");
    auto liar = co_await raw(mesh.router.port());
    co_await liar->write_all(hello("x", "null", weft_client));
    std::string all = extension_frame(request_header(2), "x", "daffi", "f", ExtKind::request);
    // About a call that is on its way, even.
    all += frame(request_header(3), "x", "daffi", "f", one_arg);
    for (const ExtKind kind : {ExtKind::part, ExtKind::got, ExtKind::cancel, ExtKind::item, ExtKind::credit,
                               ExtKind::end, ExtKind::ping, ExtKind::pong, ExtKind::peers, ExtKind::taken})
        all += extension_frame(request_header(3), "x", "daffi", "f", kind);
    all += frame(request_header(4), "x", "daffi", "f", one_arg);
    co_await liar->write_all(all);
    const Received refused = co_await read_until(*liar, Flag::error);
    EXPECT_EQ(refused.header.id, 2);
    // Everything that the node of daffi's is sent in between is of daffi's kinds.
    std::vector<Flag> flags;
    bool all_seen = false;
    while (!all_seen) {
        const Received next = co_await read_frame(*daffi);
        flags.push_back(next.header.flag);
        all_seen = next.header.id == 4;
    }
    EXPECT_THAT(flags, ::testing::ElementsAre(Flag::events, Flag::request, Flag::request));
    co_await mesh.check();
}

CO_TEST(Extensions, are_not_tried_with_a_node_of_daffis) {
    Mesh mesh;
    co_await mesh.join();
    auto daffi = co_await introduced(mesh.router.port(), "daffi", R"(["f"])");
    co_await mesh.conn->wait_for_method("f", 5s);
    auto talk = mesh.conn->open().call("f");
    const std::string opening = co_await error_of<Error>(talk.result<int>());
    EXPECT_THAT(opening, ::testing::HasSubstr("daffi is no node of weft's"));
    const Bytes large(40'000'000);
    const std::string sending =
        co_await error_of<EncodeError>(mesh.conn->rpc(5s).serde(Serde::opaque).call("f", large));
    EXPECT_THAT(sending, ::testing::HasSubstr("32 MiB"));
    // A call that is given up, with a trace: no cancel, no attributes.
    auto call = spawn(
        error_of<CallTimeout>(mesh.conn->rpc(20ms)
                                  .traceparent("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
                                  .call<int>("f")),
        "call");
    const Received request = co_await read_until(*daffi, Flag::request);
    EXPECT_EQ(request.header.tail & 0x80, 0x80);
    const std::string late = co_await std::move(call);
    EXPECT_THAT(late, ::testing::HasSubstr("within 20 ms"));
    mesh.conn->rpc_nowait().call("f");
    const Received next = co_await read_frame(*daffi);
    EXPECT_EQ(next.header.flag, Flag::request);
    EXPECT_FALSE(next.header.wants_reply);
}

}  // namespace
}  // namespace weft::mesh
