// The ICMP codec.
#include "icmp.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace weft::probe {
namespace {

TEST(Icmp, checksum_of_the_rfcs_example) {
    // RFC 1071 section 3: the sum is ddf2, the checksum its complement.
    const std::uint8_t bytes[] = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};
    EXPECT_EQ(internet_checksum(bytes), 0x220d);
    const std::uint8_t odd[] = {0x01};
    EXPECT_EQ(internet_checksum(odd), 0xfeff);
    EXPECT_EQ(internet_checksum(Bytes()), 0xffff);
}

TEST(Icmp, a_request_is_what_the_rfc_says) {
    std::vector<std::uint8_t> bytes;
    Tag tag;
    tag.secret = 1;
    tag.number = 2;
    append_echo_request(bytes, IpFamily::v4, 0x1234, 0x5678, tag, 57);
    ASSERT_EQ(bytes.size(), 8u + 57u);
    EXPECT_EQ(bytes[0], 8);
    EXPECT_EQ(bytes[1], 0);
    EXPECT_EQ(bytes[4], 0x12);
    EXPECT_EQ(bytes[7], 0x78);
    EXPECT_EQ(bytes.back(), 56);
    EXPECT_EQ(internet_checksum(bytes), 0) << "a right checksum makes the sum come out even";
    append_echo_request(bytes, IpFamily::v6, 1, 2, tag, 16);
    EXPECT_EQ(bytes[65], 128) << "appended";
}

TEST(Icmp, replies_and_quoted_requests_are_read) {
    for (const IpFamily family : {IpFamily::v4, IpFamily::v6}) {
        std::vector<std::uint8_t> bytes;
        Tag tag;
        tag.secret = 77;
        tag.number = 88;
        append_echo_request(bytes, family, 9, 10, tag, 16);
        EXPECT_FALSE(parse_echo_reply(family, bytes)) << "a request is no reply";
        const auto request = parse_echo_request(family, bytes);
        ASSERT_TRUE(request);
        EXPECT_EQ(request->id, 9);
        EXPECT_EQ(request->sequence, 10);
        EXPECT_EQ(request->tag, tag);
        const auto quoted = parse_echo_request(family, Bytes(bytes).first(8));
        ASSERT_TRUE(quoted);
        EXPECT_FALSE(quoted->tag) << "eight bytes hold none";
        bytes[0] = family == IpFamily::v4 ? 0 : 129;
        EXPECT_TRUE(parse_echo_reply(family, bytes));
        for (std::size_t size = 0; size < 8; ++size)
            EXPECT_FALSE(parse_echo_reply(family, Bytes(bytes).first(size))) << size;
    }
}

TEST(Icmp, only_icmp_in_ipv4_is_unwrapped) {
    std::vector<std::uint8_t> packet(28);
    packet[0] = 0x45;
    packet[9] = 1;
    EXPECT_EQ(icmp_of_ipv4(packet)->size(), 8u);
    packet[0] = 0x46;
    EXPECT_EQ(icmp_of_ipv4(packet)->size(), 4u) << "with options";
    packet[0] = 0x48;
    EXPECT_FALSE(icmp_of_ipv4(packet)) << "a header longer than the packet";
    packet[0] = 0x44;
    EXPECT_FALSE(icmp_of_ipv4(packet)) << "a header shorter than the least";
    packet[0] = 0x65;
    EXPECT_FALSE(icmp_of_ipv4(packet));
    packet[0] = 0x45;
    packet[9] = 17;
    EXPECT_FALSE(icmp_of_ipv4(packet));
    EXPECT_FALSE(icmp_of_ipv4(Bytes(packet).first(19)));
}

TEST(Icmp, errors_have_names) {
    EXPECT_EQ(describe_error(IpFamily::v4, 3, 1), "host unreachable");
    EXPECT_EQ(describe_error(IpFamily::v6, 1, 3), "address unreachable");
    EXPECT_EQ(describe_error(IpFamily::v4, 11, 0), "hop limit exceeded");
    EXPECT_EQ(describe_error(IpFamily::v6, 3, 0), "hop limit exceeded");
    EXPECT_EQ(describe_error(IpFamily::v4, 12, 1), "ICMP error 12/1");
}

}  // namespace
}  // namespace weft::probe
