// The text forms of the protocol, table by table.
#include "wire.hpp"

#include "status_wire.hpp"

#include <gtest/gtest.h>

#include <random>

namespace weft::grpc::wire {
namespace {

using namespace std::chrono_literals;

TEST(Timeout, is_rounded_up_to_eight_digits) {
    EXPECT_EQ(format_timeout(1ns), "1n");
    EXPECT_EQ(format_timeout(0ns), "1n");
    EXPECT_EQ(format_timeout(-5s), "1n");
    EXPECT_EQ(format_timeout(99'999'999ns), "99999999n");
    EXPECT_EQ(format_timeout(100'000'001ns), "100001u");
    EXPECT_EQ(format_timeout(2s), "2000000u");
    EXPECT_EQ(format_timeout(1000h), "3600000S");
    EXPECT_EQ(format_timeout(Duration::max()), "2562048H");
}

TEST(Timeout, reads_every_unit_and_refuses_the_rest) {
    EXPECT_EQ(parse_timeout("1n"), 1ns);
    EXPECT_EQ(parse_timeout("20u"), 20us);
    EXPECT_EQ(parse_timeout("300m"), 300ms);
    EXPECT_EQ(parse_timeout("4S"), 4s);
    EXPECT_EQ(parse_timeout("5M"), 5min);
    EXPECT_EQ(parse_timeout("6H"), 6h);
    EXPECT_EQ(parse_timeout("99999999H"), Duration::max());
    for (const char* bad : {"", "S", "5", "5s", "-1S", "1 S", "123456789S", "abc", "1.5S", "S1"})
        EXPECT_EQ(parse_timeout(bad), std::nullopt) << bad;
}

TEST(Timeout, what_is_written_is_never_shorter_when_read) {
    std::mt19937_64 random(3);
    for (int i = 0; i < 1000; ++i) {
        const Duration duration(static_cast<std::int64_t>(random() >> (1 + random() % 60)));
        const auto back = parse_timeout(format_timeout(duration));
        ASSERT_TRUE(back);
        EXPECT_GE(*back, duration);
    }
}

TEST(PercentCoding, encodes_what_is_not_printable) {
    EXPECT_EQ(percent_encode("plain text~"), "plain text~");
    EXPECT_EQ(percent_encode("100%\n\t\x7f"), "100%25%0A%09%7F");
    EXPECT_EQ(percent_encode("ü"), "%C3%BC");
}

TEST(PercentCoding, decoding_never_fails) {
    EXPECT_EQ(percent_decode("a%20b%0a"), "a b\n");
    EXPECT_EQ(percent_decode("%"), "%");
    EXPECT_EQ(percent_decode("%4"), "%4");
    EXPECT_EQ(percent_decode("%zz%41"), "%zzA");
    EXPECT_EQ(percent_decode("x%41"), "xA");
}

TEST(PercentCoding, every_byte_survives) {
    std::string all;
    for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
    EXPECT_EQ(percent_decode(percent_encode(all)), all);
}

TEST(Base64, reads_with_and_without_padding) {
    EXPECT_EQ(base64_encode("\x01\xff"), "Af8");
    EXPECT_EQ(base64_decode("Af8"), "\x01\xff");
    EXPECT_EQ(base64_decode("Af8="), "\x01\xff");
    EXPECT_EQ(base64_decode("AA=="), std::string(1, '\0'));
    EXPECT_EQ(base64_decode(""), "");
    for (const char* bad : {"!!!", "A", "A=", "A===", "AB=", "====", "=", "AAAA=", "AA AA", "AA-_"})
        EXPECT_EQ(base64_decode(bad), std::nullopt) << bad;
}

TEST(Base64, every_length_survives) {
    std::mt19937 random(5);
    for (int length = 0; length < 70; ++length) {
        std::string bytes;
        for (int i = 0; i < length; ++i) bytes += static_cast<char>(random());
        EXPECT_EQ(base64_decode(base64_encode(bytes)), bytes);
    }
}

TEST(ContentType, is_grpc_and_its_variants_only) {
    for (const char* good : {"application/grpc", "application/grpc+proto", "application/grpc;charset=x"})
        EXPECT_TRUE(is_grpc_content_type(good)) << good;
    for (const char* bad : {"", "application/json", "application/grpcfoo", "application/grpc-web"})
        EXPECT_FALSE(is_grpc_content_type(bad)) << bad;
}

TEST(ReceivedMetadata, joined_binary_values_are_split) {
    Metadata metadata;
    EXPECT_TRUE(add_field(metadata, {"k-bin", "AQ==, Ag,Aw"}));
    EXPECT_EQ(metadata.get_all("k-bin"), (std::vector<std::string>{"\x01", "\x02", "\x03"}));
    EXPECT_FALSE(add_field(metadata, {"k-bin", "AQ,!"}));
    EXPECT_TRUE(add_field(metadata, {"text", "a,b"}));
    EXPECT_EQ(metadata.get("text"), "a,b");
}

TEST(StatusOfTrailers, unknown_numbers_are_unknown) {
    const auto code = [](std::string_view text) {
        const http2::HeaderField fields[] = {{"grpc-status", text}, {"grpc-message", "a%20b"}};
        return status_of(http2::HeaderBlock(fields))->code();
    };
    EXPECT_EQ(code("0"), StatusCode::ok);
    EXPECT_EQ(code("16"), StatusCode::unauthenticated);
    for (const char* bad : {"17", "99", "", "x", "-1", "100", "1x"})
        EXPECT_EQ(code(bad), StatusCode::unknown) << bad;
    EXPECT_EQ(status_of(http2::HeaderBlock()), std::nullopt);
}

TEST(StatusOfHttp, follows_the_mapping) {
    EXPECT_EQ(code_of_http("400"), StatusCode::internal);
    EXPECT_EQ(code_of_http("401"), StatusCode::unauthenticated);
    EXPECT_EQ(code_of_http("403"), StatusCode::permission_denied);
    EXPECT_EQ(code_of_http("404"), StatusCode::unimplemented);
    EXPECT_EQ(code_of_http("503"), StatusCode::unavailable);
    EXPECT_EQ(code_of_http("200"), StatusCode::unknown);
}

TEST(StatusOfReset, follows_the_mapping) {
    const auto code = [](http2::ErrorCode reset) {
        http2::CloseReason reason;
        reason.code = reset;
        return status_of(reason).code();
    };
    EXPECT_EQ(code(http2::ErrorCode::refused_stream), StatusCode::unavailable);
    EXPECT_EQ(code(http2::ErrorCode::cancel), StatusCode::cancelled);
    EXPECT_EQ(code(http2::ErrorCode::enhance_your_calm), StatusCode::resource_exhausted);
    EXPECT_EQ(code(http2::ErrorCode::inadequate_security), StatusCode::permission_denied);
    EXPECT_EQ(code(http2::ErrorCode::protocol_error), StatusCode::internal);
    EXPECT_EQ(code(static_cast<http2::ErrorCode>(77)), StatusCode::internal);
}

}  // namespace
}  // namespace weft::grpc::wire
