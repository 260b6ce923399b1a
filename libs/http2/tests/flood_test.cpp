// Floods: each frame is legal and cheap, and a peer that also reads everything gets no further than the
// limits.
#include <weft/core.hpp>
#include <weft/http2/session.hpp>
#include <weft/testing/co_test.hpp>
#include <weft/testing/memory_stream.hpp>

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace weft::http2 {
namespace {

using namespace std::chrono_literals;

std::string frame(char type, char flags, std::uint32_t stream, std::string_view payload) {
    std::string out;
    for (const int shift : {16, 8, 0}) out += static_cast<char>(payload.size() >> shift);
    out += type;
    out += flags;
    for (const int shift : {24, 16, 8, 0}) out += static_cast<char>(stream >> shift);
    return out += payload;
}

constexpr char data = 0;
constexpr char headers = 1;
constexpr char priority = 2;
constexpr char rst_stream = 3;
constexpr char settings = 4;
constexpr char ping = 6;
constexpr char window_update = 8;
constexpr char continuation = 9;
constexpr char end_headers = 4;

// A request in HPACK's static table: POST, http, "/", and :authority "x".
std::string request_block() { return std::string("\x83\x86\x84\x41\x01x", 6); }
std::string preface() { return "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(settings, 0, 0, ""); }

class Silent final : public Exchange {
public:
    void on_headers(HeaderBlock, bool, bool) noexcept override {}
    void on_data(std::span<const std::byte> bytes) noexcept override { release_window(bytes.size()); }
    void on_remote_end() noexcept override {}
    void on_closed(const CloseReason&) noexcept override { closed = true; }
    bool closed = false;
};

class ServerSide final : public SessionHandler {
public:
    Exchange* on_request() override {
        ++requests;
        std::erase_if(exchanges, [](const auto& exchange) { return exchange->closed; });
        exchanges.push_back(std::make_unique<Silent>());
        most_open = std::max(most_open, exchanges.size());
        return exchanges.back().get();
    }
    std::vector<std::unique_ptr<Silent>> exchanges;
    std::size_t requests = 0;
    std::size_t most_open = 0;
};

// What a server did with a flood.
struct Outcome {
    Outcome() {}
    std::string end_text;
    std::size_t written = 0;  // of the flood, before the connection was closed
    std::string answer;       // everything that the peer read
    std::size_t requests = 0;
    std::size_t most_open = 0;
    [[nodiscard]] bool has_goaway(std::optional<ErrorCode> code = std::nullopt) const {
        // Type 7 on stream 0; the code is behind the last stream's id.
        for (std::size_t at = 0; at + 9 <= answer.size();) {
            const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(answer[at + i]); };
            const std::size_t size = static_cast<std::size_t>(byte(0)) << 16 | byte(1) << 8 | byte(2);
            if (byte(3) == 7 && at + 17 <= answer.size() &&
                (!code || byte(16) == static_cast<unsigned>(*code)))
                return true;
            at += 9 + size;
        }
        return false;
    }
};

Task<void> read_all(Stream& stream, std::string& out) {
    std::vector<std::byte> room(65536);
    try {
        for (;;) {
            const std::size_t n = co_await stream.read_some(room);
            if (n == 0) co_return;
            out.append(reinterpret_cast<const char*>(room.data()), n);
        }
    } catch (const weft::Error&) {
    }
}

// Sends `opening`, then `piece` again and again, up to 64 MiB, and reads what comes.
Task<Outcome> flood(std::string opening, std::function<std::string(std::size_t)> piece) {
    auto streams = testing::memory_stream_pair();
    ServerSide side;
    Session server(std::move(streams.second), Role::server, side);
    Outcome outcome;
    auto running = spawn(server.run());
    auto reader = spawn(read_all(*streams.first, outcome.answer));
    const std::string start = preface() + opening;
    try {
        co_await streams.first->write_all(start);
        const auto told = [&outcome] { return outcome.has_goaway(); };
        for (std::size_t number = 0; outcome.written < (std::size_t{64} << 20) && !told(); ++number) {
            const std::string next = piece(number);
            co_await streams.first->write_all(next);
            outcome.written += next.size();
        }
    } catch (const weft::Error&) {
        // The server has closed.
    }
    streams.first->shutdown_write();
    co_await running;
    co_await reader;
    outcome.end_text = server.end_text();
    outcome.requests = side.requests;
    outcome.most_open = side.most_open;
    co_return outcome;
}

std::function<std::string(std::size_t)> always(std::string one, int times = 100) {
    std::string piece;
    for (int i = 0; i < times; ++i) piece += one;
    return [piece](std::size_t) { return piece; };
}

struct Case {
    std::string name;
    std::string opening;
    std::function<std::string(std::size_t)> piece;
    std::size_t most;  // bytes that it may send
};

std::vector<Case> cases() {
    const std::string open = frame(headers, end_headers, 1, request_block());
    return {
        {"ping", "", always(frame(ping, 0, 0, "12345678")), 1 << 20},
        {"ping_ack", "", always(frame(ping, 1, 0, "12345678")), 1 << 20},
        {"settings", "", always(frame(settings, 0, 0, "")), 1 << 20},
        {"settings_with_values", "", always(frame(settings, 0, 0, std::string("\0\4\0\0\xff\xff", 6))),
         1 << 20},
        {"priority", "", always(frame(priority, 0, 3, std::string("\0\0\0\0\0", 5))), 1 << 20},
        {"empty_data", open, always(frame(data, 0, 1, "")), 1 << 20},
        {"padded_empty_data", open, always(frame(data, 8, 1, std::string(1, '\0'))), 1 << 20},
    };
}

class Flood : public ::testing::TestWithParam<Case> {};

TEST_P(Flood, ends_with_enhance_your_calm) {
    const Case test = GetParam();
    const Outcome outcome = testing::run(flood(test.opening, test.piece), 60s);
    EXPECT_LE(outcome.written, test.most) << outcome.end_text;
    EXPECT_TRUE(outcome.has_goaway(ErrorCode::enhance_your_calm)) << outcome.end_text;
    EXPECT_NE(outcome.end_text.find("lood"), std::string::npos) << outcome.end_text;
}

INSTANTIATE_TEST_SUITE_P(Frames, Flood, ::testing::ValuesIn(cases()),
                         [](const auto& of) { return of.param.name; });

CO_TEST(RapidReset, is_bounded) {
    const auto reset = [](std::size_t number) {
        std::string piece;
        for (std::size_t i = 0; i < 50; ++i) {
            const auto id = static_cast<std::uint32_t>(2 * (number * 50 + i) + 1);
            piece += frame(headers, end_headers, id, request_block());
            piece += frame(rst_stream, 0, id, std::string("\0\0\0\x08", 4));
        }
        return piece;
    };
    const Outcome outcome = co_await flood("", reset);
    EXPECT_LT(outcome.requests, 10'000U)
        << outcome.end_text << outcome.written << " " << outcome.answer.size();
    EXPECT_TRUE(outcome.has_goaway(ErrorCode::enhance_your_calm) ||
                outcome.has_goaway(ErrorCode::internal_error))
        << outcome.end_text;
}

// CVE-2025-8671 (MadeYouReset): the client makes the server reset its streams.
CO_TEST(RapidReset, by_errors_that_the_peer_makes_us_answer_is_bounded) {
    const auto made = [](std::size_t number) {
        std::string piece;
        for (std::size_t i = 0; i < 50; ++i) {
            const auto id = static_cast<std::uint32_t>(2 * (number * 50 + i) + 1);
            piece += frame(headers, end_headers, id, request_block());
            piece += frame(window_update, 0, id, std::string("\x7f\xff\xff\xff", 4));
        }
        return piece;
    };
    const Outcome outcome = co_await flood("", made);
    EXPECT_LT(outcome.requests, 10'000U) << outcome.end_text;
}

CO_TEST(Continuation, without_end_is_bounded) {
    const Outcome outcome =
        co_await flood(frame(headers, 0, 1, request_block()),
                       always(frame(continuation, 0, 1, std::string("\x00\x01x\x01y", 5))));
    EXPECT_LT(outcome.written, 150'000U) << outcome.end_text;
    EXPECT_NE(outcome.end_text, "");
}

CO_TEST(Continuation, of_nothing_is_bounded) {
    const Outcome outcome =
        co_await flood(frame(headers, 0, 1, request_block()), always(frame(continuation, 0, 1, "")));
    EXPECT_LT(outcome.written, 150'000U) << outcome.end_text;
    EXPECT_NE(outcome.end_text, "");
}

}  // namespace
}  // namespace weft::http2
