// Everything that kills or stalls a daffi node, sent to weft's: they survive, and nobody else notices.
#include "hex.hpp"
#include "raw_peer.hpp"

#include <weft/core.hpp>
#include <weft/mesh.hpp>
#include <weft/mesh/frame.hpp>
#include <weft/testing/co_test.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace weft::mesh {
namespace {

using namespace std::chrono_literals;
using namespace testing;

std::vector<std::string> broken_frames() {
    std::vector<std::string> out;
    std::string bad;
    for (int flag = 5; flag < 16; ++flag) {
        bad = hello("x");
        bad[2] = static_cast<char>((bad[2] & 0xf0) | flag);
        out.push_back(bad);
    }
    const auto with_metadata = [](std::string_view metadata, std::uint16_t size) {
        FrameHeader header;
        header.flag = Flag::request;
        header.message_size = static_cast<std::uint32_t>(metadata.size());
        header.metadata_size = size;
        std::byte bytes[header_size];
        write_header(header, bytes);
        return std::string(testing::text_of(bytes)) + std::string(metadata);
    };
    for (const std::string_view metadata : {"", "abc", "a|b", "a|b|c|d"})
        out.push_back(with_metadata(metadata, static_cast<std::uint16_t>(metadata.size())));
    out.push_back(with_metadata("a|b|c", 300));
    return out;
}

CO_TEST(HostileFrames, end_their_own_connection_only_at_a_router) {
    Mesh mesh;
    co_await mesh.join();
    for (const std::string& bytes : broken_frames())
        for (const bool introduced : {false, true}) {
            auto stream = co_await raw(mesh.router.port());
            if (introduced) {
                co_await stream->write_all(hello("x"));
                co_await read_frame(*stream);
            }
            co_await stream->write_all(bytes);
            const bool closed = co_await timeout(5s, closes(*stream));
            EXPECT_TRUE(closed);
        }
    co_await mesh.check();
    EXPECT_EQ(mesh.router.members().size(), 2u);
}

CO_TEST(HostileFrames, end_their_own_connection_only_at_a_service) {
    Service service(Options("calc"));
    service.callback("twice", [](int n) { return 2 * n; });
    service.start();
    Client client(Options("good").port(service.port()));
    auto conn = co_await client.connect();
    for (const std::string& bytes : broken_frames()) {
        auto stream = co_await introduced(service.port(), "x");
        co_await stream->write_all(bytes);
        const bool closed = co_await timeout(5s, closes(*stream));
        EXPECT_TRUE(closed);
    }
    // Answers and events are not for a client to send.
    for (const Flag flag : {Flag::response, Flag::error, Flag::events}) {
        auto stream = co_await introduced(service.port(), "x");
        FrameHeader header;
        header.flag = flag;
        co_await stream->write_all(frame(header, "x", "calc", "f", "{}"));
        const bool closed = co_await timeout(5s, closes(*stream));
        EXPECT_TRUE(closed);
    }
    const int result = co_await conn.rpc(5s).call<int>("twice", 21);
    EXPECT_EQ(result, 42);
}

CO_TEST(HostileFrames, of_a_server_end_the_connection_and_calls_fail) {
    for (const std::string& bytes : broken_frames()) {
        Listener listener(SocketAddress::loopback(0));
        Client client(Options("me").port(listener.port()).reconnect(false));
        auto serve = [&]() -> Task<void> {
            auto stream = co_await welcomed(listener, "service", R"({"name":"s","methods":["f"]})");
            co_await read_frame(*stream);
            co_await stream->write_all(bytes);
            co_await closes(*stream);
        };
        auto server = spawn(serve(), "server");
        auto conn = co_await client.connect();
        bool lost = false;
        try {
            co_await conn.rpc(5s).call<int>("f");
        } catch (const Disconnected& error) {
            lost = error.sent();
        }
        EXPECT_TRUE(lost);
        co_await server;
    }
}

CO_TEST(Syn, may_come_in_pieces_and_hold_anything) {
    Mesh mesh;
    co_await mesh.join();
    auto stream = co_await connect(SocketAddress::loopback(mesh.router.port()));
    const std::string bytes =
        "\x1f"
        "XT1~~~~~" +
        hello("pieces");
    for (const char c : bytes) {
        co_await stream->write_all(std::string_view(&c, 1));
        co_await yield();
    }
    const Received reply = co_await read_frame(*stream);
    EXPECT_EQ(reply.header.flag, Flag::handshake);
    EXPECT_EQ(reply.from, "pieces");
    EXPECT_THAT(reply.data, ::testing::HasSubstr(R"("name":"worker")"));
}

CO_TEST(Idle, connections_hold_nobody_up_and_are_closed_in_time) {
    Router router(Options("router").handshake_timeout(30ms));
    router.start();
    auto silent = co_await connect(SocketAddress::loopback(router.port()));
    auto half = co_await connect(SocketAddress::loopback(router.port()));
    co_await half->write_all(syn.substr(0, 4));
    Client client(Options("good").port(router.port()));
    co_await client.connect();
    const bool first = co_await timeout(5s, closes(*silent));
    const bool second = co_await timeout(5s, closes(*half));
    EXPECT_TRUE(first && second);
    EXPECT_EQ(router.members().size(), 1u);
}

CO_TEST(Handshake, that_is_refused_says_why_and_the_router_lives) {
    Mesh mesh;
    co_await mesh.join();
    FrameHeader header;
    header.id = 1;
    header.serde = Serde::json;
    header.wants_reply = true;
    for (const std::string_view data :
         {"", "{", R"({"meta":{"type":"client","error":null},"members":[]})", R"({"members":[{"name":"x"}]})",
          R"({"meta":{"type":"client"},"members":[{"name":"a|b"}]})",
          R"({"meta":{"type":"client"},"members":[{"name":7}]})"}) {
        auto stream = co_await raw(mesh.router.port());
        co_await stream->write_all(frame(header, "x", "", "", data));
        const Received reply = co_await read_frame(*stream);
        EXPECT_EQ(reply.header.flag, Flag::handshake);
        EXPECT_THAT(reply.data, ::testing::HasSubstr(R"("error":")")) << data;
        const bool closed = co_await timeout(5s, closes(*stream));
        EXPECT_TRUE(closed);
    }
    co_await mesh.check();
}

// In any number of handshakes.
CO_TEST(Members, of_one_connection_are_1024_with_65536_methods_at_most) {
    Mesh mesh;
    co_await mesh.join();
    std::string methods;
    for (int i = 0; i < 33'000; ++i) methods += (i ? ",\"m" : "[\"m") + std::to_string(i) + "\"";
    methods += "]";
    for (const bool many_methods : {false, true}) {
        std::string offered = "null";
        if (many_methods) offered = methods;
        auto stream = co_await introduced(mesh.router.port(), "first", offered);
        // Saying the same again is no more than before.
        std::string more = hello("first", offered);
        if (many_methods) {
            more += hello("second", methods);
        } else {
            std::string members;
            for (int i = 1; i <= 1024; ++i)
                members +=
                    (i > 1 ? "," : "") + (R"({"name":"m)" + std::to_string(i)) + R"(","methods":null})";
            FrameHeader header;
            header.id = 2;
            header.serde = Serde::json;
            header.wants_reply = true;
            more +=
                frame(header, "first", "", "", R"({"meta":{"type":"client"},"members":[)" + members + "]}");
        }
        co_await stream->write_all(more);
        const auto refused = [&]() -> Task<std::string> {
            for (;;) {
                const Received next = co_await read_until(*stream, Flag::handshake);
                if (next.data.find("\"error\":\"") != std::string::npos) co_return next.data;
            }
        };
        const std::string why = co_await refused();
        EXPECT_THAT(why, ::testing::HasSubstr("at most 1024 members with 65536 methods"));
        const bool closed = co_await timeout(5s, closes(*stream));
        EXPECT_TRUE(closed);
        stream->close();
        while (mesh.router.members().size() != 2) co_await sleep(1ms);
    }
    co_await mesh.check();
}

CO_TEST(Members, several_on_one_connection_come_and_go_together) {
    Mesh mesh;
    co_await mesh.join();
    {
        auto stream = co_await raw(mesh.router.port());
        FrameHeader header;
        header.id = 1;
        header.serde = Serde::json;
        header.wants_reply = true;
        co_await stream->write_all(frame(
            header, "m1", "", "",
            R"({"meta":{"type":"client"},"members":[{"name":"m1","methods":["f"]},{"name":"m2","methods":["g"]}]})"));
        co_await read_frame(*stream);
        co_await mesh.conn->wait_for_members(5s, "m1", "m2");
        EXPECT_EQ(mesh.router.members().size(), 4u);
    }
    while (mesh.router.members().size() != 2) co_await sleep(1ms);
    co_await mesh.check();
}

CO_TEST(Requests, that_cannot_be_delivered_are_answered) {
    Mesh mesh;
    co_await mesh.join();
    auto stream = co_await introduced(mesh.router.port(), "x");
    const std::string_view args = R"({"args": [1], "kwargs": {}})";
    std::string all = frame(request_header(2), "x", "nobody", "twice", args);
    all += frame(request_header(3), "x", "worker", "nothing", args);
    all += frame(request_header(4), "x", "", "twice", args);
    all += frame(request_header(5), "worker", "worker", "twice", args);  // a false name
    co_await stream->write_all(all);
    for (std::uint16_t id = 2; id <= 5; ++id) {
        const Received reply = co_await read_until(*stream, Flag::error);
        EXPECT_EQ(reply.header.id, id);
        EXPECT_EQ(reply.header.serde, Serde::json);
        EXPECT_EQ(reply.to, id == 5 ? "worker" : "x");
        if (id < 5) {
            EXPECT_THAT(reply.data, ::testing::HasSubstr(R"("ReceiverNotFound", "daffi.exceptions")"));
        }
    }
    EXPECT_EQ(mesh.router.stats().unroutable, 3u);
}

CO_TEST(Answers, that_nobody_asked_for_are_not_delivered) {
    Mesh mesh;
    co_await mesh.join();
    auto liar = co_await introduced(mesh.router.port(), "liar");
    std::string all;
    for (std::uint16_t id = 1; id < 50; ++id) {
        FrameHeader header;
        header.id = id;
        header.flag = Flag::response;
        header.serde = Serde::json;
        all += frame(header, "worker", "caller", "twice", R"({"args": [666], "kwargs": {}})");
    }
    co_await liar->write_all(all);
    while (mesh.router.stats().dropped < 49) co_await sleep(1ms);
    EXPECT_EQ(mesh.caller->stats().dropped, 0u);
    co_await mesh.check();
}

CO_TEST(Answers, of_which_there_are_two_arrive_once) {
    Mesh mesh;
    co_await mesh.join();
    auto twin = co_await introduced(mesh.router.port(), "twin", R"(["f"])");
    co_await mesh.conn->wait_for_method("f", 5s);
    auto call = spawn(mesh.conn->rpc(5s).call<int>("f"), "call");
    const Received request = co_await read_until(*twin, Flag::request);
    FrameHeader header;
    header.id = request.header.id;
    header.flag = Flag::response;
    header.serde = Serde::json;
    const std::string answer = frame(header, "twin", "caller", "f", R"({"args": [7], "kwargs": {}})");
    co_await twin->write_all(answer + answer);
    const int result = co_await std::move(call);
    EXPECT_EQ(result, 7);
    while (mesh.router.stats().dropped < 1) co_await sleep(1ms);
    EXPECT_EQ(mesh.caller->stats().dropped, 0u);
}

CO_TEST(Payload, that_cannot_be_read_is_an_error_of_that_call_only) {
    Service service(Options("calc"));
    service.callback("twice", [](int n) { return 2 * n; });
    service.start();
    auto stream = co_await introduced(service.port(), "x");
    std::uint16_t id = 2;
    for (const Serde serde : {Serde::json, Serde::pickle, Serde::msgpack})
        for (const std::string_view data : {"", "\xff\xfe", "cos\nsystem\n(S'true'\ntR.", "[", "\x80\x04."}) {
            co_await stream->write_all(frame(request_header(id, serde), "x", "calc", "twice", data));
            const Received reply = co_await read_frame(*stream);
            EXPECT_EQ(reply.header.flag, Flag::error);
            EXPECT_EQ(reply.header.id, id);
            ++id;
        }
    co_await stream->write_all(
        frame(request_header(id), "x", "calc", "twice", R"({"args": [21], "kwargs": {}})"));
    const Received reply = co_await read_frame(*stream);
    EXPECT_EQ(reply.data, R"({"args": [42], "kwargs": {}})");
}

CO_TEST(Payload, of_an_answer_that_cannot_be_read_fails_that_call_only) {
    Mesh mesh;
    co_await mesh.join();
    auto bad = co_await introduced(mesh.router.port(), "bad", R"(["f"])");
    co_await mesh.conn->wait_for_method("f", 5s);
    auto call = spawn(mesh.conn->rpc(5s).call<int>("f"), "call");
    const Received request = co_await read_until(*bad, Flag::request);
    FrameHeader header;
    header.id = request.header.id;
    header.flag = Flag::response;
    header.serde = Serde::pickle;
    co_await bad->write_all(frame(header, "bad", "caller", "f",
                                  "\x80\x04"
                                  "cos\nsystem\n."));
    std::string text;
    try {
        co_await call;
    } catch (const DecodeError& error) {
        text = error.what();
    }
    EXPECT_THAT(text, ::testing::HasSubstr("os.system"));
    co_await mesh.check();
}

CO_TEST(Callers, that_leave_before_the_answer_disturb_nobody) {
    Service service(Options("calc"));
    Event started;
    service.callback("slow", [&](int n) -> Task<int> {
        started.set();
        co_await sleep(20ms);
        co_return n;
    });
    service.start();
    {
        auto stream = co_await raw(service.port());
        co_await stream->write_all(
            hello("x") + frame(request_header(2), "x", "calc", "slow", R"({"args": [1], "kwargs": {}})"));
        co_await started.wait();
    }
    Client client(Options("good").port(service.port()));
    auto conn = co_await client.connect();
    const int result = co_await conn.rpc(5s).call<int>("slow", 3);
    EXPECT_EQ(result, 3);
}

CO_TEST(SlowPeer, that_does_not_read_is_given_up_and_nobody_waits_for_it) {
    Mesh mesh;
    co_await mesh.join();
    auto deaf = co_await raw(mesh.router.port());
    co_await deaf->write_all(hello("deaf", R"(["sink"])"));
    co_await mesh.conn->wait_for_method("sink", 5s);
    const Bytes block(std::size_t{1} << 20);
    // More than the sockets' buffers take; the router holds the rest. On a slow machine the limit strikes
    // before the last is sent.
    for (int i = 0; i < 16; ++i) {
        try {
            mesh.conn->rpc_nowait().serde(Serde::opaque).call("sink", block);
        } catch (const ReceiverNotFound&) {
            break;
        }
        co_await mesh.check();
    }
    while (mesh.router.members().size() != 2) co_await sleep(5ms);
    co_await mesh.check();
    deaf->close();
}

CO_TEST(Frames, that_are_announced_and_never_come_cost_nothing_and_end_with_the_peer) {
    Mesh mesh;
    co_await mesh.join();
    {
        auto stream = co_await introduced(mesh.router.port(), "x");
        FrameHeader header = request_header(2);
        header.message_size = max_message_size;
        header.metadata_size = 7;
        std::byte bytes[header_size];
        write_header(header, bytes);
        co_await stream->write_all(std::string(testing::text_of(bytes)) + "x|worker|twice");
        co_await mesh.check();
    }
    while (mesh.router.members().size() != 2) co_await sleep(1ms);
    co_await mesh.check();
}

CO_TEST(Connections, that_come_and_go_leave_nothing) {
    Mesh mesh;
    co_await mesh.join();
    for (int i = 0; i < 200; ++i) {
        Client guest(Options("guest" + std::to_string(i)).port(mesh.router.port()));
        co_await guest.connect();
    }
    while (mesh.router.members().size() != 2) co_await sleep(1ms);
    co_await mesh.check();
}

// 70,000 calls: with sanitizers on a busy machine they take their time.
TEST(Ids, of_calls_wrap_around) {
    auto calls = []() -> Task<void> {
        Service service(Options("calc"));
        service.callback("next", [](int n) { return n + 1; });
        service.start();
        Client client(Options("me").port(service.port()));
        auto conn = co_await client.connect();
        auto run = [&](int from) -> Task<int> {
            int n = from;
            for (int i = 0; i < 700; ++i) n = co_await conn.rpc(20s).call<int>("next", n);
            co_return n;
        };
        std::vector<Task<int>> chains;
        for (int i = 0; i < 100; ++i) chains.push_back(run(i));
        const auto ends = co_await gather(std::move(chains));
        for (int i = 0; i < 100; ++i) EXPECT_EQ(ends[static_cast<std::size_t>(i)], i + 700);
    };
    weft::testing::run(calls(), 100s);
}

}  // namespace
}  // namespace weft::mesh
