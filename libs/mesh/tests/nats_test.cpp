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
    ASSERT_EQ(plain.servers.size(), 1u);
    EXPECT_EQ(plain.servers[0].host, "localhost");
    EXPECT_EQ(plain.servers[0].port, 4222);
    EXPECT_FALSE(plain.servers[0].tls);
    EXPECT_EQ(plain.prefix, "weft");
    const NatsUrl full("nats://ada:s3c:ret@[::1]:4333/lab.one");
    ASSERT_EQ(full.servers.size(), 1u);
    EXPECT_EQ(full.servers[0].host, "::1");
    EXPECT_EQ(full.servers[0].place(), "[::1]:4333");
    EXPECT_EQ(full.servers[0].user, "ada");
    EXPECT_EQ(full.servers[0].password, "s3c:ret");
    EXPECT_EQ(full.prefix, "lab=2Eone");
    EXPECT_EQ(nats_token("a b.*>é"), "a=20b=2E=2A=3E=C3=A9");
}

TEST(NatsUrl, lists_the_servers_of_a_cluster) {
    const NatsUrl url("nats://ada:a%2Cb%40@one,two:4333,tls://tok/en@three/lab");
    ASSERT_EQ(url.servers.size(), 3u);
    EXPECT_EQ(url.servers[0].place(), "one:4222");
    EXPECT_EQ(url.servers[0].password, "a,b@");
    EXPECT_EQ(url.servers[1].place(), "two:4333");
    EXPECT_EQ(url.servers[1].user, "ada");
    EXPECT_EQ(url.servers[1].password, "a,b@");
    EXPECT_FALSE(url.servers[1].tls);
    EXPECT_EQ(url.servers[2].place(), "three:4222");
    EXPECT_EQ(url.servers[2].user, "tok/en");
    EXPECT_EQ(url.servers[2].password, "");
    EXPECT_TRUE(url.servers[2].tls);
    EXPECT_EQ(url.prefix, "lab");
    EXPECT_EQ(NatsUrl("tls://one/").prefix, "weft");
    EXPECT_TRUE(NatsUrl("tls://one,two").servers[1].tls);
}

TEST(NatsUrl, that_is_none_is_refused_without_showing_the_password) {
    for (const char* bad : {"nats://", "http://x", "nats://x:y", "nats://x:99999", "nats://x,", "nats://,x",
                            "nats://x,http://y", "x:4222"})
        EXPECT_THROW(NatsUrl{bad}, InitializationError) << bad;
    try {
        NatsUrl("nats://ada:s3cret@x:y");
        FAIL();
    } catch (const InitializationError& error) {
        EXPECT_THAT(error.what(), ::testing::Not(::testing::HasSubstr("s3cret")));
    }
}

TEST(NatsInfo, is_what_the_server_says) {
    const NatsInfo info(
        R"({"max_payload":1048576,"headers":true,"tls_required":true,"connect_urls":["a:1",7,"[::1]:2"]})");
    EXPECT_EQ(info.max_payload, 1048576u);
    EXPECT_TRUE(info.headers);
    EXPECT_TRUE(info.tls_required);
    EXPECT_FALSE(info.tls_available);
    EXPECT_THAT(info.connect_urls, ::testing::ElementsAre("a:1", "[::1]:2"));
    EXPECT_THROW(NatsInfo("[]"), DecodeError);
    EXPECT_THROW(NatsInfo("{"), DecodeError);
    EXPECT_EQ(NatsInfo(R"({"max_payload":-1})").max_payload, 0u);
}

std::vector<std::string> circle(NatsServers& servers) {
    std::vector<std::string> out;
    for (std::size_t i = 0; i < servers.size(); ++i) out.push_back(servers.next().place());
    return out;
}

TEST(NatsServers, are_tried_one_after_another_and_grow_and_shrink_with_the_cluster) {
    using ::testing::ElementsAre;
    NatsServers servers(NatsUrl("tls://ada:pw@nats.example:1,nats.example:2"));
    const NatsServer first = servers.next();
    EXPECT_EQ(first.port, 1);
    const std::vector<std::string> three = {"nats.example:1", "10.0.0.3:3", "other.example:4", "x:y"};
    servers.learn(first, three);
    EXPECT_THAT(circle(servers),
                ElementsAre("nats.example:2", "10.0.0.3:3", "other.example:4", "nats.example:1"));
    (void)servers.next();
    const NatsServer found = servers.next();
    EXPECT_EQ(found.user, "ada");
    EXPECT_TRUE(found.tls);
    EXPECT_EQ(found.tls_name, "nats.example");  // the certificate of an address that the cluster named
    EXPECT_EQ(servers.next().tls_name, "");
    const std::vector<std::string> fewer = {"other.example:4"};
    servers.learn(first, fewer);
    EXPECT_THAT(circle(servers), ElementsAre("nats.example:1", "nats.example:2", "other.example:4"));
    servers.shuffle(7);
    EXPECT_EQ(circle(servers).size(), 3u);
}

}  // namespace
}  // namespace weft::mesh
