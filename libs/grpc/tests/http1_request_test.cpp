#include "../src/http1_request.hpp"

#include <gtest/gtest.h>

#include <string>

namespace weft::test {
namespace {

namespace http1 = grpc::http1;

int refusal(const std::string& head) { return http1::Request().parse(head); }

TEST(Http1Request, is_told_as_http2_does) {
    http1::Request request;
    const std::string head =
        "POST /a.B/C HTTP/1.1\r\nContent-Type:  application/grpc-web \r\nHost: x:80\r\nConnection: "
        "Keep-Alive\r\n"
        "Content-Length: 12\r\nX-Odd:\r\nTE: trailers\r\n\r\n";
    ASSERT_EQ(request.parse(head), 0);
    std::string all;
    for (const auto& field : request.fields())
        all += std::string(field.name) + "=" + std::string(field.value) + ";";
    EXPECT_EQ(all, ":method=POST;:path=/a.B/C;:authority=x:80;content-type=application/grpc-web;x-odd=;");
    EXPECT_EQ(request.content_length(), 12U);
    EXPECT_TRUE(request.keep_alive());
    EXPECT_FALSE(request.chunked());
}

TEST(Http1Request, says_how_the_connection_goes_on) {
    http1::Request request;
    ASSERT_EQ(request.parse("POST / HTTP/1.1\r\nhost: x\r\nconnection: foo, CLOSE\r\nExpect: 100-Continue\r\n"
                            "Transfer-Encoding: Chunked\r\n\r\n"),
              0);
    EXPECT_FALSE(request.keep_alive());
    EXPECT_TRUE(request.expects_continue());
    EXPECT_TRUE(request.chunked());
    EXPECT_TRUE(request.has_body());
}

TEST(Http1Request, takes_the_absolute_form) {
    http1::Request request;
    ASSERT_EQ(request.parse("POST http://x/a.B/C HTTP/1.1\r\nhost: x\r\n\r\n"), 0);
    EXPECT_EQ(request.fields()[1].value, "/a.B/C");
    ASSERT_EQ(request.parse("OPTIONS * HTTP/1.1\r\nhost: x\r\n\r\n"), 0);
}

TEST(Http1Request, is_refused_when_two_could_read_it_differently) {
    const std::string begin = "POST / HTTP/1.1\r\nhost: x\r\n";
    EXPECT_EQ(refusal(begin + "\r\n"), 0);
    for (const char* fields :
         {"a : b\r\n", " a: b\r\n", "a: b\r\n c\r\n", "a\r\n", ": b\r\n", "a: b\rc\r\n", "a: b\nc: d\r\n",
          "a: \x01\r\n", "ä: b\r\n", "host: y\r\n", "content-length: 1\r\ncontent-length: 2\r\n",
          "content-length: +1\r\n", "content-length: -1\r\n", "content-length: 1, 1\r\n",
          "content-length:\r\n", "content-length: 99999999999999999999\r\n",
          "content-length: 1\r\ntransfer-encoding: chunked\r\n",
          "transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n"})
        EXPECT_EQ(refusal(begin + fields + "\r\n"), 400) << fields;
    EXPECT_EQ(refusal(begin + "transfer-encoding: gzip, chunked\r\n\r\n"), 501);
    for (const char* line : {"", "POST", "POST /", "POST  / HTTP/1.1", "POST a HTTP/1.1", "P\x01 / HTTP/1.1",
                             " / HTTP/1.1", "POST /\x80 HTTP/1.1", "POST / http/1.1"})
        EXPECT_EQ(refusal(std::string(line) + "\r\nhost: x\r\n\r\n"), 400) << line;
    EXPECT_EQ(refusal("POST / HTTP/1.1\r\n\r\n"), 400);
    EXPECT_EQ(refusal("POST / HTTP/1.0\r\nhost: x\r\n\r\n"), 505);
}

struct Read {
    std::string body;
    std::string rest;
    bool ended = false;
    bool broken = false;
};

// The body in pieces of `step` bytes.
Read read_body(const std::string& fields, const std::string& bytes, std::size_t step) {
    http1::Request request;
    EXPECT_EQ(request.parse("POST / HTTP/1.1\r\nhost: x\r\n" + fields + "\r\n\r\n"), 0);
    http1::BodyReader reader(request);
    Read out;
    for (std::size_t at = 0; at < bytes.size(); at += step) {
        auto in = std::as_bytes(std::span(bytes).subspan(at, std::min(step, bytes.size() - at)));
        for (;;) {
            const auto piece = reader.next(in);
            if (piece.empty()) break;
            out.body.append(reinterpret_cast<const char*>(piece.data()), piece.size());
        }
        out.rest.append(reinterpret_cast<const char*>(in.data()), in.size());
    }
    out.ended = reader.ended();
    out.broken = reader.broken();
    return out;
}

TEST(Http1Body, ends_where_its_length_says) {
    for (const std::size_t step : {1U, 2U, 7U, 100U}) {
        const Read plain = read_body("content-length: 5", "helloPOST", step);
        EXPECT_EQ(plain.body, "hello");
        EXPECT_EQ(plain.rest, "POST");
        EXPECT_TRUE(plain.ended);
        const Read chunked = read_body("transfer-encoding: chunked",
                                       "3;a=\"b\"\r\nhel\r\n02\r\nlo\r\n0\r\nx: y\r\n\r\nPOST", step);
        EXPECT_EQ(chunked.body, "hello");
        EXPECT_EQ(chunked.rest, "POST");
        EXPECT_TRUE(chunked.ended);
    }
    EXPECT_FALSE(read_body("content-length: 5", "hell", 4).ended);
    EXPECT_TRUE(read_body("content-length: 0", "x", 1).ended);
}

TEST(Http1Body, is_broken_by_what_is_no_chunk) {
    for (const std::string& bytes :
         {std::string("x\r\n"), std::string("\r\n"), std::string("1\nx"), std::string("1\r\nxy\r\n"),
          std::string("1\r\nx\n"), std::string("1000000000000000\r\n"), "1;" + std::string(9000, 'a'),
          "0\r\n" + std::string(9000, 'a'), std::string("0\r\n\rx")})
        EXPECT_TRUE(read_body("transfer-encoding: chunked", bytes, 100).broken) << bytes.substr(0, 20);
}

}  // namespace
}  // namespace weft::test
