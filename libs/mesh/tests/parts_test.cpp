// Parts of large messages on their way through a router, which lets the kernel hand them on: whole, cut,
// late, unwanted, and to peers that do not read.
#include "extension.hpp"
#include "raw_peer.hpp"

#include <weft/core.hpp>
#include <weft/mesh.hpp>
#include <weft/testing/co_test.hpp>
#include <weft/testing/error_of.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include <sys/socket.h>
#include <unistd.h>

namespace weft::mesh {
namespace {

using namespace std::chrono_literals;
using namespace testing;
using weft::testing::error_of;

constexpr std::size_t part_data = 200'000;

std::string pattern(std::size_t size, unsigned seed = 1) {
    std::string text(size, ' ');
    for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>('a' + (i * 7 + i / 1000 + seed) % 26);
    return text;
}

// A raw connection of a member that speaks weft's extensions.
Task<std::unique_ptr<Stream>> extended_peer(std::uint16_t port, std::string name, std::string methods) {
    auto stream = co_await raw(port);
    FrameHeader header;
    header.id = 1;
    header.serde = Serde::json;
    header.wants_reply = true;
    co_await stream->write_all(
        frame(header, name, "", "",
              R"({"meta":{"type":"client;weft=1;silent=1","error":null},"members":[{"name":")" + name +
                  R"(","methods":)" + methods + "}]}"));
    co_await read_until(*stream, Flag::handshake);
    co_return stream;
}

std::string extension_frame(std::uint16_t id, ExtKind kind, std::string_view to, std::string_view attributes,
                            std::string_view data) {
    FrameHeader header = request_header(id, Serde::opaque);
    header.flag = Flag::extension;
    Buffer bytes;
    append_extension_head(kind, attributes, bytes);
    bytes.append(data);
    return frame(header, "x", to, kind == ExtKind::request ? "echo" : "", bytes.text());
}

std::string opening(std::uint16_t id, std::size_t size) {
    return extension_frame(id, ExtKind::request, "worker", "size=" + std::to_string(size) + "\n", "");
}

std::string part(std::uint16_t id, std::string_view data) {
    return extension_frame(id, ExtKind::part, "worker", "", data);
}

// The answer, whose parts are put together.
Task<std::string> read_answer(Stream& stream, std::uint16_t id) {
    std::string all;
    for (;;) {
        const Received next = co_await read_frame(stream);
        if (next.header.id != id) continue;
        if (next.header.flag == Flag::response || next.header.flag == Flag::error) co_return all + next.data;
        Extension extension;
        if (parse_extension(std::as_bytes(std::span(next.data)), extension) &&
            extension.kind == ExtKind::part)
            all += std::string(text_of(extension.data));
    }
}

CO_TEST(Parts, arrive_whole_in_whatever_pieces_they_come) {
    Mesh mesh;
    co_await mesh.join();
    auto caller = co_await extended_peer(mesh.router.port(), "x", "null");
    const std::string text = pattern(3 * part_data);
    const std::string second = part(2, text.substr(part_data, part_data));
    std::uint16_t id = 2;
    // The second part is cut in its header, its metadata, its attributes and its data.
    for (const std::size_t cut : {std::size_t{4}, std::size_t{12}, std::size_t{25}, std::size_t{100},
                                  std::size_t{5000}, std::size_t{150000}, second.size() - 1}) {
        co_await caller->write_all(opening(id, text.size()) + part(id, text.substr(0, part_data)));
        const std::string middle = part(id, text.substr(part_data, part_data));
        co_await caller->write_all(middle.substr(0, cut));
        co_await sleep(5ms);
        co_await mesh.check();  // the worker's connection is free meanwhile
        co_await caller->write_all(middle.substr(cut) + part(id, text.substr(2 * part_data)));
        const std::string answer = co_await read_answer(*caller, id);
        EXPECT_TRUE(answer == text) << "cut at " << cut;
        ++id;
    }
}

CO_TEST(Parts, of_a_caller_that_dies_within_one_leave_nothing_behind) {
    Mesh mesh;
    co_await mesh.join();
    const std::string text = pattern(2 * part_data);
    for (const std::size_t cut : {std::size_t{30}, std::size_t{5000}, part_data}) {
        auto caller = co_await extended_peer(mesh.router.port(), "x", "null");
        co_await caller->write_all(opening(2, text.size()) + part(2, text.substr(0, part_data)) +
                                   part(2, text.substr(part_data)).substr(0, cut));
        co_await sleep(5ms);
        caller->close();
        co_await mesh.check();
        while (mesh.router.members().size() != 2) co_await sleep(1ms);
        co_await mesh.check();
    }
}

// recv() stops at urgent data (tcp(7)): what is there cannot be read in one go then.
CO_TEST(Parts, with_urgent_data_within_them_harm_nobody_else) {
    Mesh mesh;
    co_await mesh.join();
    auto caller = co_await extended_peer(mesh.router.port(), "x", "null");
    const std::string text = pattern(2 * part_data);
    const std::string first = part(2, text.substr(0, part_data));
    co_await caller->write_all(opening(2, text.size()) + first.substr(0, 100'000));
    EXPECT_EQ(::send(caller->socket(), first.data() + 100'000, 1, MSG_OOB), 1);
    co_await caller->write_all(first.substr(100'001) + part(2, text.substr(part_data)));
    co_await mesh.check();
    co_await sleep(20ms);
    co_await mesh.check();
}

CO_TEST(Parts, that_nobody_waits_for_are_let_go_and_what_follows_is_not) {
    Mesh mesh;
    co_await mesh.join();
    auto caller = co_await extended_peer(mesh.router.port(), "x", "null");
    std::string all;
    for (int i = 0; i < 5; ++i) all += part(9, pattern(part_data));
    co_await caller->write_all(
        all + frame(request_header(2), "x", "worker", "twice", R"({"args":[4],"kwargs":{}})"));
    const Received answer = co_await read_until(*caller, Flag::response);
    EXPECT_EQ(answer.header.id, 2);
    EXPECT_EQ(mesh.router.stats().dropped, 5u);
}

CO_TEST(Parts, for_a_worker_that_reads_slowly_arrive_in_order_and_others_are_served) {
    Router router(Options("router"));
    router.start();
    auto worker = co_await extended_peer(router.port(), "worker", R"(["echo"])");
    // Little room: the router's writes block within parts.
    const int room = 32768;
    ::setsockopt(worker->socket(), SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    auto caller = co_await extended_peer(router.port(), "x", "null");
    constexpr std::size_t count = 40;
    const std::string text = pattern(count * part_data);
    const auto send = [](Stream& to, const std::string& what) -> Task<void> {
        co_await to.write_all(opening(2, what.size()));
        for (std::size_t i = 0; i < count; ++i)
            co_await to.write_all(part(2, what.substr(i * part_data, part_data)));
    };
    auto sending = spawn(send(*caller, text));
    Client other(Options("other").port(router.port()));
    auto conn = co_await other.connect();
    std::string got;
    while (got.size() < text.size()) {
        const Received next = co_await read_frame(*worker);
        Extension extension;
        const bool parsed = parse_extension(std::as_bytes(std::span(next.data)), extension);
        if (next.header.flag != Flag::extension || !parsed || extension.kind != ExtKind::part) continue;
        EXPECT_EQ(extension.data.size(), part_data);
        got += std::string(text_of(extension.data));
        if (got.size() % (10 * part_data) == 0) {
            const Value members = co_await conn.inspect("members");
            EXPECT_EQ(members.get_if<List>()->items.size(), 3u);
        }
    }
    EXPECT_TRUE(got == text);
    co_await std::move(sending);
}

CO_TEST(Parts, go_both_ways_over_unix_sockets_in_every_serialiser) {
    const std::string path = "/tmp/weft-parts-" + std::to_string(::getpid()) + ".sock";
    Router router(Options("router").unix_path(path));
    router.start();
    Client worker(Options("worker").unix_path(path));
    worker.callback("echo", [](Value v) { return v; });
    co_await worker.connect();
    Client caller(Options("caller").unix_path(path));
    auto conn = co_await caller.connect();
    co_await conn.wait_for_method("echo", 5s);
    for (const std::size_t size : {std::size_t{300000}, std::size_t{1000000}, std::size_t{5000000}}) {
        const std::string text = pattern(size, static_cast<unsigned>(size % 17));
        for (const Serde serde : {Serde::opaque, Serde::json, Serde::pickle, Serde::msgpack}) {
            auto rpc = conn.rpc(10s).serde(serde);
            const auto back = co_await std::move(rpc).call<std::string>("echo", text);
            EXPECT_TRUE(back == text) << to_string(serde) << " " << size;
        }
        Bytes bytes(size, std::byte{3});
        bytes[size / 2] = std::byte{4};
        auto rpc = conn.rpc(10s).serde(Serde::opaque);
        const auto back = co_await std::move(rpc).call<Bytes>("echo", bytes);
        EXPECT_TRUE(back == bytes) << size;
    }
}

}  // namespace
}  // namespace weft::mesh
