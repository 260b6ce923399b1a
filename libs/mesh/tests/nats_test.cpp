// NATS: what its server says, from any pieces; names and addresses.
#include "nats_protocol.hpp"

#include <weft/mesh/error.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace weft::mesh {
namespace {

class Heard final : public NatsParser::Handler {
public:
    void on_info(std::string_view json) override { all.push_back("info " + std::string(json)); }
    void on_message(const NatsMessage& m) override {
        all.push_back("msg " + std::string(m.subject) + " [" + std::string(m.headers) + "] " +
                      std::string(reinterpret_cast<const char*>(m.payload.data()), m.payload.size()));
    }
    void on_ping() override { all.emplace_back("ping"); }
    void on_pong() override { all.emplace_back("pong"); }
    void on_error(std::string_view text) override { all.push_back("error " + std::string(text)); }
    std::vector<std::string> all;
};

TEST(NatsParser, hears_the_same_from_any_pieces) {
    const std::string text =
        "INFO {\"max_payload\":1}\r\nPING\r\n+OK\r\nMSG a.b 1 5\r\nhe\r\no\r\nMSG a.b 1 reply.to 0\r\n\r\n"
        "HMSG x 2 16 16\r\nNATS/1.0 503\r\n\r\n\r\n-ERR 'no'\r\nPONG\r\n";
    const std::vector<std::string> wanted = {"info {\"max_payload\":1}",
                                             "ping",
                                             "msg a.b [] he\r\no",
                                             "msg a.b [] ",
                                             "msg x [NATS/1.0 503\r\n\r\n] ",
                                             "error 'no'",
                                             "pong"};
    for (std::size_t piece = 1; piece <= text.size(); ++piece) {
        NatsParser parser;
        Heard heard;
        for (std::size_t at = 0; at < text.size(); at += piece)
            parser.feed(std::as_bytes(std::span(std::string_view(text).substr(at, piece))), heard);
        EXPECT_EQ(heard.all, wanted) << piece;
    }
}

TEST(NatsParser, refuses_what_no_server_says) {
    for (const std::string text :
         {"HELLO\r\n", "MSG a 1\r\n", "MSG a 1 x\r\n", "MSG a 1 -1\r\n", "MSG a 1 99999999999\r\n",
          "MSG a 1 b c 3\r\nabc\r\n", "HMSG a 1 9 3\r\nabc\r\n", "MSG a 1 1\r\nabc\r\n"}) {
        NatsParser parser;
        Heard heard;
        EXPECT_THROW(parser.feed(std::as_bytes(std::span(text)), heard), DecodeError) << text;
    }
    NatsParser parser;
    Heard heard;
    const std::string endless(100'000, 'x');
    EXPECT_THROW(parser.feed(std::as_bytes(std::span(endless)), heard), DecodeError);
}

TEST(NatsUrl, has_all_its_parts) {
    const NatsUrl plain("nats://localhost");
    EXPECT_EQ(plain.host, "localhost");
    EXPECT_EQ(plain.port, 4222);
    EXPECT_EQ(plain.prefix, "weft");
    const NatsUrl full("nats://ada:s3c:ret@[::1]:4333/lab.one");
    EXPECT_EQ(full.host, "::1");
    EXPECT_EQ(full.port, 4333);
    EXPECT_EQ(full.user, "ada");
    EXPECT_EQ(full.password, "s3c:ret");
    EXPECT_EQ(full.prefix, "lab=2Eone");
    for (const char* bad : {"nats://", "http://x", "nats://x:y", "nats://x:99999"})
        EXPECT_THROW(NatsUrl{bad}, InitializationError) << bad;
    EXPECT_EQ(nats_token("a b.*>é"), "a=20b=2E=2A=3E=C3=A9");
}

}  // namespace
}  // namespace weft::mesh
