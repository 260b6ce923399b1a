// WebSocket: the codec by the book (RFC 6455), and a mesh node behind it.
#include "websocket.hpp"

#include "websocket_stream.hpp"

#include <weft/core.hpp>
#include <weft/mesh.hpp>
#include <weft/mesh/frame.hpp>
#include <weft/testing/co_test.hpp>
#include <weft/testing/memory_stream.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace weft::mesh {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view request =
    "GET /chat HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\nConnection: keep-alive, "
    "Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nOrigin: http://example.com\r\n"
    "Sec-WebSocket-Version: 13\r\n\r\n";

// A client's frame: masked.
std::string client_frame(unsigned first, std::string_view payload) {
    std::string out(1, static_cast<char>(first));
    const char mask[4] = {'\x37', '\xfa', '\x21', '\x3d'};
    if (payload.size() < 126) {
        out += static_cast<char>(0x80 | payload.size());
    } else if (payload.size() <= 0xffff) {
        out += '\xfe';
        out += static_cast<char>(payload.size() >> 8);
        out += static_cast<char>(payload.size());
    } else {
        out += '\xff';
        for (int i = 7; i >= 0; --i) out += static_cast<char>(payload.size() >> (8 * i));
    }
    out.append(mask, 4);
    for (std::size_t i = 0; i < payload.size(); ++i) out += static_cast<char>(payload[i] ^ mask[i & 3]);
    return out;
}

struct Fed {
    std::string payload;
    std::string replies;
    bool ok = true;
    bool closed = false;
};

Fed feed(std::string_view bytes, std::size_t piece) {
    WsDecoder decoder(1000);
    Buffer payload;
    Buffer replies;
    Fed out;
    for (std::size_t at = 0; at < bytes.size() && out.ok; at += piece)
        out.ok = decoder.feed(std::as_bytes(std::span(bytes.substr(at, piece))), payload, replies);
    out.payload = payload.text();
    out.replies = replies.text();
    out.closed = decoder.closed();
    return out;
}

TEST(WebSocketUpgrade, answers_as_the_standard_says) {
    Upgrade asked;
    std::string why;
    ASSERT_TRUE(parse_upgrade(request, asked, why)) << why;
    EXPECT_EQ(asked.origin, "http://example.com");
    // RFC 6455 1.3.
    EXPECT_THAT(upgrade_accepted(asked.key),
                ::testing::HasSubstr("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
}

TEST(WebSocketUpgrade, refuses_what_is_none) {
    for (const std::string_view word :
         {"Upgrade: websocket", "Sec-WebSocket-Version: 13", "GET /chat HTTP/1.1",
          "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="}) {
        std::string broken(request);
        broken.replace(broken.find(word), word.size(), "X: y");
        Upgrade asked;
        std::string why;
        EXPECT_FALSE(parse_upgrade(broken, asked, why)) << broken;
        EXPECT_NE(why, "");
    }
}

TEST(WebSocketDecoder, joins_what_comes_in_pieces) {
    const std::string bytes = client_frame(0x02, "Hel") + client_frame(0x89, "ping!") +
                              client_frame(0x80, "lo") + client_frame(0x81, std::string(300, 'x'));
    for (std::size_t piece = 1; piece <= bytes.size(); ++piece) {
        const Fed got = feed(bytes, piece);
        EXPECT_TRUE(got.ok);
        EXPECT_EQ(got.payload, "Hello" + std::string(300, 'x'));
        EXPECT_EQ(got.replies, "\x8a\x05ping!");
    }
}

TEST(WebSocketDecoder, ends_with_a_close_and_with_violations) {
    Fed got = feed(client_frame(0x88,
                                "\x03\xe8"
                                "bye") +
                       "never read",
                   100);
    EXPECT_TRUE(got.ok && got.closed);
    EXPECT_EQ(got.replies, std::string("\x88\x02\x03\xe8", 4));
    const auto code = [](std::string_view bytes) {
        const Fed fed = feed(bytes, 1000);
        EXPECT_FALSE(fed.ok);
        return fed.replies.size() == 4 ? static_cast<unsigned char>(fed.replies[2]) * 256 +
                                             static_cast<unsigned char>(fed.replies[3])
                                       : 0;
    };
    EXPECT_EQ(code("\x82\x03"
                   "abc"),
              1002);                                                           // not masked
    EXPECT_EQ(code(client_frame(0xc2, "a")), 1002);                            // a reserved bit
    EXPECT_EQ(code(client_frame(0x83, "a")), 1002);                            // an unknown opcode
    EXPECT_EQ(code(client_frame(0x80, "a")), 1002);                            // continues nothing
    EXPECT_EQ(code(client_frame(0x02, "a") + client_frame(0x82, "b")), 1002);  // a message in a message
    EXPECT_EQ(code(client_frame(0x09, "a")), 1002);                            // a ping in pieces
    EXPECT_EQ(code(client_frame(0x89, std::string(126, 'x'))), 1002);          // a ping too long
    EXPECT_EQ(code(client_frame(0x82, std::string(1001, 'x'))), 1009);
    EXPECT_EQ(code(client_frame(0x02, std::string(600, 'x')) + client_frame(0x80, std::string(600, 'x'))),
              1009);
    EXPECT_EQ(code(client_frame(0x88, "x")), 1002);
}

// Reads until `wanted` bytes are there.
Task<std::string> read_text(Stream& stream, std::size_t wanted) {
    std::vector<std::byte> bytes(wanted);
    co_await stream.read_exactly(bytes);
    co_return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

Task<std::string> read_head(Stream& stream) {
    std::string out;
    while (!out.ends_with("\r\n\r\n")) {
        const std::string next = co_await read_text(stream, 1);
        out += next;
    }
    co_return out;
}

// One message of the server's.
Task<std::string> read_message(Stream& stream) {
    const std::string head = co_await read_text(stream, 2);
    std::size_t size = static_cast<unsigned char>(head[1]);
    const std::size_t more = size == 126 ? 2 : size == 127 ? 8 : 0;
    if (more != 0) {
        const std::string bytes = co_await read_text(stream, more);
        size = 0;
        for (const char c : bytes) size = size << 8 | static_cast<unsigned char>(c);
    }
    std::string out = co_await read_text(stream, size);
    co_return out;
}

std::string mesh_frame(FrameHeader header, std::string_view from, std::string_view to,
                       std::string_view function, std::string_view data) {
    Buffer out;
    FrameWriter writer(out, from, to, function);
    writer.data().append(data);
    EXPECT_TRUE(writer.finish(header));
    return std::string(out.text());
}

CO_TEST(WebSocket, carries_the_mesh_one_frame_a_message) {
    Router router(Options("router"));
    router.start();
    Client worker(Options("worker").port(router.port()));
    worker.callback("echo", [](Value v) { return v; });
    co_await worker.connect();
    auto stream = co_await connect(SocketAddress::loopback(router.port()));
    // The request in two pieces.
    co_await stream->write_all(request.substr(0, 20));
    co_await sleep(5ms);
    co_await stream->write_all(request.substr(20));
    const std::string answer = co_await read_head(*stream);
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 101 "));
    FrameHeader header;
    header.id = 1;
    header.serde = Serde::json;
    header.wants_reply = true;
    const std::string hello =
        mesh_frame(header, "page", "", "",
                   R"({"meta":{"type":"client","error":null},"members":[{"name":"page","methods":null}]})");
    co_await stream->write_all(client_frame(0x82, hello));
    const std::string welcome = co_await read_message(*stream);
    EXPECT_THAT(welcome, ::testing::HasSubstr("\"worker\""));
    header.id = 2;
    header.flag = Flag::request;
    const std::string text(100'000, 'z');
    const std::string call =
        mesh_frame(header, "page", "worker", "echo", R"({"args": [")" + text + R"("], "kwargs": {}})");
    co_await stream->write_all(client_frame(0x82, call));
    const std::string result = co_await read_message(*stream);
    EXPECT_THAT(result, ::testing::HasSubstr("worker|page|echo"));
    EXPECT_THAT(result, ::testing::HasSubstr(text));
    co_await stream->write_all(client_frame(0x89, "still there?"));
    const std::string pong = co_await read_message(*stream);
    EXPECT_EQ(pong, "still there?");
    EXPECT_EQ(router.members().size(), 2u);
    co_await stream->write_all(client_frame(0x88, "\x03\xe8"));
    const std::string closing = co_await read_message(*stream);
    EXPECT_EQ(closing, "\x03\xe8");
    stream->close();
}

Task<void> drop_all(Stream& stream) {
    std::vector<std::byte> room(65536);
    for (;;) {
        const std::size_t n = co_await stream.read_some(room);
        if (n == 0) break;
    }
}

// What came, until nothing does.
Task<std::string> read_what_waits(Stream& stream) {
    std::string out;
    std::byte room[65536];
    for (;;) {
        for (int i = 0; i < 10; ++i) co_await yield();
        const IoResult result = stream.try_read(room);
        if (result.status != IoResult::Status::ok) break;
        out.append(reinterpret_cast<const char*>(room), result.bytes);
    }
    co_return out;
}

CO_TEST(WebSocket, keeps_no_pongs_for_a_peer_that_does_not_read) {
    auto pair = weft::testing::memory_stream_pair();
    auto stream = make_websocket_stream(std::move(pair.first), std::span<const std::byte>(), nullptr);
    auto reading = spawn(drop_all(*stream), "reading");
    co_await pair.second->write_all(request);
    const std::string answer = co_await read_head(*pair.second);
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 101 "));
    std::string pings;
    for (int i = 0; i < 1000; ++i) pings += client_frame(0x89, std::string(125, 'p'));
    for (int i = 0; i < 10; ++i) co_await pair.second->write_all(pings);
    // Those that fit into the connection, and those that were kept. It is answered again when it reads.
    std::string got;
    while (!got.ends_with("more")) {
        co_await pair.second->write_all(client_frame(0x89, "more"));
        const std::string some = co_await read_what_waits(*pair.second);
        got += some;
    }
    EXPECT_GT(got.size(), 100'000u);
    EXPECT_LT(got.size(), 300'000u);  // of 1.27 MB
    pair.second->close();
    co_await std::move(reading);
}

CO_TEST(WebSocket, of_another_origin_is_refused_when_some_are_named) {
    const std::vector<std::string> origins = {"https://lab.example"};
    Service service(Options("svc").web_origins(origins));
    service.start();
    auto stream = co_await connect(SocketAddress::loopback(service.port()));
    co_await stream->write_all(request);
    const std::string answer = co_await read_head(*stream);
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 400 ")) << answer;
}

}  // namespace
}  // namespace weft::mesh
