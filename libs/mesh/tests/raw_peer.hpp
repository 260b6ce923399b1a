// A peer that says what it likes, byte by byte; and a mesh that must not notice.
#pragma once

#include "extension.hpp"
#include "hex.hpp"

#include <weft/core.hpp>
#include <weft/mesh.hpp>
#include <weft/mesh/frame.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weft::mesh::testing {

// What the handshake of a node of weft's says; it need not answer pings.
inline constexpr std::string_view weft_client = "client;weft=1;silent=1";

// A raw connection that has said SYN.
inline Task<std::unique_ptr<Stream>> raw(std::uint16_t port) {
    auto stream = co_await connect(SocketAddress::loopback(port));
    co_await stream->write_all(syn);
    co_return stream;
}

inline std::string frame(FrameHeader header, std::string_view from, std::string_view to,
                         std::string_view function, std::string_view data) {
    Buffer out;
    FrameWriter writer(out, from, to, function);
    writer.data().append(data);
    EXPECT_TRUE(writer.finish(header));
    return std::string(out.text());
}

inline std::string hello(std::string_view name, std::string_view methods = "null",
                         std::string_view type = "client") {
    FrameHeader header;
    header.id = 1;
    header.serde = Serde::json;
    header.wants_reply = true;
    return frame(header, name, "", "",
                 R"({"meta":{"type":")" + std::string(type) + R"(","error":null},"members":[{"name":")" +
                     std::string(name) + R"(","methods":)" + std::string(methods) + "}]}");
}

inline FrameHeader request_header(std::uint16_t id, Serde serde = Serde::json) {
    FrameHeader header;
    header.id = id;
    header.flag = Flag::request;
    header.serde = serde;
    header.wants_reply = true;
    return header;
}

inline std::string extension_frame(FrameHeader header, std::string_view from, std::string_view to,
                                   std::string_view function, ExtKind kind) {
    Buffer data;
    append_extension_head(kind, "n=1\n", data);
    header.flag = Flag::extension;
    return frame(header, from, to, function, data.text());
}

struct Received {
    Received() {}
    FrameHeader header;
    std::string from, to, function, data;
};

inline Task<Received> read_frame(Stream& stream) {
    std::vector<std::byte> bytes(header_size);
    co_await stream.read_exactly(bytes);
    Received out;
    EXPECT_EQ(parse_header(bytes.data(), out.header), FrameFault::none);
    bytes.resize(out.header.frame_size());
    co_await stream.read_exactly(std::span(bytes).subspan(header_size));
    Frame parsed;
    EXPECT_EQ(parse_frame(bytes, out.header, parsed), FrameFault::none);
    out.from = parsed.transmitter;
    out.to = parsed.receiver;
    out.function = parsed.function;
    out.data = text_of(parsed.data);
    co_return out;
}

// A connection whose node is a member.
inline Task<std::unique_ptr<Stream>> introduced(std::uint16_t port, std::string name,
                                                std::string methods = "null", std::string type = "client") {
    auto stream = co_await raw(port);
    co_await stream->write_all(hello(name, methods, type));
    co_await read_frame(*stream);
    co_return stream;
}

// Reads until a frame with this flag comes.
inline Task<Received> read_until(Stream& stream, Flag flag) {
    for (;;) {
        Received next = co_await read_frame(stream);
        if (next.header.flag == flag) co_return next;
    }
}

// The other side: lets one client in, as a server that speaks daffi's wire and no more. `type`: "router" or
// "service"; `members` in JSON, separated by commas.
inline Task<std::unique_ptr<Stream>> welcomed(Listener& listener, std::string type, std::string members) {
    auto stream = co_await listener.accept();
    std::vector<std::byte> room(syn.size());
    co_await stream->read_exactly(room);
    const Received asked = co_await read_frame(*stream);
    FrameHeader header;
    header.id = asked.header.id;
    header.serde = Serde::json;
    header.wants_reply = true;
    co_await stream->write_all(
        frame(header, asked.from, "", "",
              R"({"meta":{"type":")" + type + R"(","error":null},"members":[)" + members + "]}"));
    co_return stream;
}

inline Task<bool> closes(Stream& stream) {
    std::vector<std::byte> room(65536);
    bool ended = false;
    try {
        for (;;) {
            const std::size_t n = co_await stream.read_some(room);
            if (n == 0) break;
        }
        ended = true;
    } catch (const SystemError&) {
        ended = true;  // reset
    }
    co_return ended;
}

// A router with a worker and a caller that must not notice anything.
struct Mesh {
    Mesh()
        : router(Options("router")
                     .handshake_timeout(std::chrono::seconds(5))
                     .stall_limit(std::chrono::milliseconds(200))) {
        router.start();
    }
    Task<void> join() {
        worker.emplace(Options("worker").port(router.port()));
        worker->callback("twice", [](int n) { return 2 * n; });
        worker->callback("echo", [](std::string text) { return text; });
        co_await worker->connect();
        caller.emplace(Options("caller").port(router.port()));
        conn.emplace(co_await caller->connect());
        co_await conn->wait_for_method("twice", std::chrono::seconds(5));
    }
    Task<void> check() {
        const int result = co_await conn->rpc(std::chrono::seconds(5)).call<int>("twice", 21);
        EXPECT_EQ(result, 42);
    }
    Router router;
    std::optional<Client> worker;
    std::optional<Client> caller;
    std::optional<ClientConnection> conn;
};

}  // namespace weft::mesh::testing
