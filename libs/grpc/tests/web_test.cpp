// gRPC-Web on the same port, as a browser speaks it over HTTP/2.
#include "../src/web.hpp"

#include "../src/wire.hpp"
#include "raw_call.hpp"

#include <weft/core/connect.hpp>
#include <weft/testing/co_test.hpp>

#include <gtest/gtest.h>

namespace weft::test {
namespace {

using grpc::ServerOptions;
namespace web = grpc::web;

std::string plain(const std::string& text) {
    web::Base64Reader reader;
    std::vector<std::byte> out;
    EXPECT_TRUE(reader.read(std::as_bytes(std::span(text)), out));
    EXPECT_TRUE(reader.complete());
    return {reinterpret_cast<const char*>(out.data()), out.size()};
}

TEST(WebContentType, is_web_and_its_variants_only) {
    EXPECT_EQ(web::mode_of("application/grpc-web"), web::Mode::binary);
    EXPECT_EQ(web::mode_of("application/grpc-web+proto"), web::Mode::binary);
    EXPECT_EQ(web::mode_of("application/grpc-web-text+proto"), web::Mode::text);
    EXPECT_EQ(web::mode_of("application/grpc-web-text;charset=utf-8"), web::Mode::text);
    for (const char* other : {"application/grpc", "application/grpc-webs", "application/grpc-web-texts", ""})
        EXPECT_EQ(web::mode_of(other), web::Mode::none) << other;
}

TEST(WebBase64, comes_in_pieces_with_padding_within) {
    const std::string joined = web::base64(std::as_bytes(std::span("abcd", 4))) +
                               web::base64(std::as_bytes(std::span("e", 1))) +
                               web::base64(std::as_bytes(std::span("fgh", 3)));
    EXPECT_EQ(plain(joined), "abcdefgh");
    web::Base64Reader reader;
    std::vector<std::byte> out;
    for (const char& c : joined) EXPECT_TRUE(reader.read(std::as_bytes(std::span(&c, 1)), out));
    EXPECT_EQ(out.size(), 8U);
    EXPECT_FALSE(web::Base64Reader().read(std::as_bytes(std::span("a=bc", 4)), out));
    EXPECT_FALSE(web::Base64Reader().read(std::as_bytes(std::span("ab!c", 4)), out));
    web::Base64Reader cut;
    EXPECT_TRUE(cut.read(std::as_bytes(std::span("abc", 3)), out));
    EXPECT_FALSE(cut.complete());
}

// One request to an echo server with gRPC-Web.
struct Asked {
    std::map<std::string, std::string> fields;
    std::string body;
};

Task<Asked> ask(ServerOptions options, Headers changes, std::string body) {
    EchoPair echo(std::move(options));
    co_await echo.start();
    RawClient client;
    co_await client.connect(echo.target);
    RawCall call;
    client.start(call, std::move(changes), std::move(body));
    co_await call.wait();
    Asked asked{call.fields, call.body};
    co_await client.close();
    co_await echo.close();
    co_return asked;
}

std::string trailers_of(const std::string& body, std::size_t at) {
    EXPECT_GE(body.size(), at + 5);
    EXPECT_EQ(body[at], '\x80');
    return body.substr(at + 5);
}

CO_TEST(Web, binary_call_has_its_trailers_in_the_body) {
    const Headers changes{{"content-type", "application/grpc-web+proto"},
                          {"origin", "https://app.example"},
                          {"x-initial", "one"},
                          {"te", ""}};
    const Asked got = co_await ask(ServerOptions().grpc_web("https://app.example"), changes,
                                   framed(request_of("hello").SerializeAsString()));
    EXPECT_EQ(got.fields.at(":status"), "200");
    EXPECT_EQ(got.fields.at("content-type"), "application/grpc-web+proto");
    EXPECT_EQ(got.fields.at("access-control-allow-origin"), "https://app.example");
    EXPECT_NE(got.fields.at("access-control-expose-headers").find("x-initial-back"), std::string::npos);
    EXPECT_EQ(got.fields.count("grpc-status"), 0U);
    EchoReply reply;
    reply.set_text("hello");
    const std::string message = framed(reply.SerializeAsString());
    EXPECT_TRUE(got.body.starts_with(message));
    EXPECT_EQ(trailers_of(got.body, message.size()), "grpc-status: 0\r\n");
}

CO_TEST(Web, text_call_is_base64_both_ways) {
    const std::string request = framed(request_of("x", 3).SerializeAsString());
    // Encoded in two pieces, as a sender may.
    const std::string text = web::base64(std::as_bytes(std::span(request).first(4))) +
                             web::base64(std::as_bytes(std::span(request).subspan(4)));
    const Headers changes{{"content-type", "application/grpc-web-text"}, {":path", "/weft.test.Echo/List"}};
    const Asked got = co_await ask(ServerOptions().grpc_web(), changes, text);
    EXPECT_EQ(got.fields.at("content-type"), "application/grpc-web-text+proto");
    EXPECT_EQ(got.fields.count("access-control-allow-origin"), 0U);
    const std::string body = plain(got.body);
    std::size_t at = 0;
    for (int i = 0; i < 3; ++i) {
        EchoReply reply;
        reply.set_text("x");
        reply.set_number(i);
        const std::string message = framed(reply.SerializeAsString());
        EXPECT_EQ(body.substr(at, message.size()), message);
        at += message.size();
    }
    EXPECT_EQ(trailers_of(body, at), "grpc-status: 0\r\n");
}

CO_TEST(Web, error_without_messages_is_in_the_headers) {
    const Headers changes{{"content-type", "application/grpc-web"}, {"origin", "https://a"}};
    const Asked got = co_await ask(ServerOptions().grpc_web(), changes,
                                   framed(request_of("gone", 0, 5).SerializeAsString()));
    EXPECT_EQ(got.fields.at("grpc-status"), "5");
    EXPECT_EQ(got.fields.at("grpc-message"), "gone");
    EXPECT_EQ(got.fields.at("access-control-allow-origin"), "https://a");
    EXPECT_TRUE(got.body.empty());
}

CO_TEST(Web, error_after_messages_is_in_the_body) {
    const Headers changes{{"content-type", "application/grpc-web"}, {":path", "/weft.test.Echo/List"}};
    const Asked got = co_await ask(ServerOptions().grpc_web(), changes,
                                   framed(request_of("gone", 1, 5).SerializeAsString()));
    EXPECT_EQ(got.fields.at(":status"), "200");
    EXPECT_NE(got.body.find("grpc-status: 5\r\ngrpc-message: gone\r\n"), std::string::npos);
}

CO_TEST(Web, malformed_text_is_internal) {
    const Headers changes{{"content-type", "application/grpc-web-text"}};
    const Asked got = co_await ask(ServerOptions().grpc_web(), changes, "!!!!");
    EXPECT_EQ(got.fields.at("grpc-status"), "13");
}

CO_TEST(Web, preflight_tells_the_browser_what_is_allowed) {
    const Headers question{{":method", "OPTIONS"},
                           {"content-type", ""},
                           {"te", ""},
                           {"origin", "https://app.example"},
                           {"access-control-request-method", "POST"},
                           {"access-control-request-headers", "x-grpc-web,x-user-agent"}};
    const Asked yes = co_await ask(ServerOptions().grpc_web("https://app.example"), question, "");
    EXPECT_EQ(yes.fields.at(":status"), "204");
    EXPECT_EQ(yes.fields.at("access-control-allow-origin"), "https://app.example");
    EXPECT_EQ(yes.fields.at("access-control-allow-methods"), "POST");
    EXPECT_EQ(yes.fields.at("access-control-allow-headers"), "x-grpc-web,x-user-agent");
    const Asked no = co_await ask(ServerOptions().grpc_web("https://other.example"), question, "");
    EXPECT_EQ(no.fields.at(":status"), "403");
    EXPECT_EQ(no.fields.count("access-control-allow-origin"), 0U);
    const Asked off = co_await ask(ServerOptions(), question, "");
    EXPECT_EQ(off.fields.at(":status"), "405");
}

}  // namespace
}  // namespace weft::test
