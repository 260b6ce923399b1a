// IpAddress, IpPrefix and MacAddress.
#include <weft/netlink/ip_address.hpp>
#include <weft/netlink/mac_address.hpp>

#include <gtest/gtest.h>

namespace weft::netlink {
namespace {

TEST(IpAddress, reads_and_writes_both_families) {
    EXPECT_EQ(IpAddress::parse("10.1.2.3").to_string(), "10.1.2.3");
    EXPECT_EQ(IpAddress::parse("2001:0DB8::0001").to_string(), "2001:db8::1");
    EXPECT_EQ(IpAddress::parse("10.1.2.3").v4_number(), 0x0a010203u);
    EXPECT_EQ(IpAddress::from_v4(0x0a010203), IpAddress::parse("10.1.2.3"));
}

TEST(IpAddress, refuses_what_is_none) {
    for (const char* text : {"", "10.1.2", "10.1.2.256", "10.1.2.3/8", " 10.1.2.3", "::g", "1::2::3", "host",
                             "10.1.2.3.4.5.6.7.8.9.10.11.12.13.14.15.16.17.18.19.20"})
        EXPECT_FALSE(IpAddress::try_parse(text)) << text;
    EXPECT_FALSE(IpAddress::try_parse(std::string_view("1.2.3.4\0", 8)));
    EXPECT_THROW(static_cast<void>(IpAddress::parse("nowhere")), ParseError);
    const std::uint8_t bytes[5] = {};
    EXPECT_FALSE(IpAddress::from_bytes(bytes));
}

TEST(IpAddress, counts_with_carry_and_wraps) {
    EXPECT_EQ(IpAddress::parse("10.0.0.255").plus(1), IpAddress::parse("10.0.1.0"));
    EXPECT_EQ(IpAddress::parse("255.255.255.255").plus(2), IpAddress::parse("0.0.0.1"));
    EXPECT_EQ(IpAddress::parse("2001:db8::ffff:ffff:ffff:ffff").plus(1), IpAddress::parse("2001:db8:0:1::"));
    EXPECT_EQ(IpAddress::parse("::").plus(~std::uint64_t{0}), IpAddress::parse("::ffff:ffff:ffff:ffff"));
}

TEST(IpAddress, knows_its_kind) {
    EXPECT_TRUE(IpAddress::parse("127.3.0.1").is_loopback());
    EXPECT_TRUE(IpAddress::parse("::1").is_loopback());
    EXPECT_FALSE(IpAddress::parse("::2").is_loopback());
    EXPECT_TRUE(IpAddress::parse("fe80::1").is_link_local());
    EXPECT_FALSE(IpAddress::parse("fec0::1").is_link_local());
    EXPECT_TRUE(IpAddress::parse("224.0.0.5").is_multicast());
    EXPECT_TRUE(IpAddress::parse("ff02::1").is_multicast());
    EXPECT_TRUE(IpAddress::any(IpFamily::v6).is_unspecified());
    EXPECT_LT(IpAddress::parse("255.0.0.0"), IpAddress::parse("::"));
}

TEST(IpPrefix, reads_lengths_and_keeps_host_bits) {
    const auto prefix = IpPrefix::parse("10.1.2.3/24");
    EXPECT_EQ(prefix.to_string(), "10.1.2.3/24");
    EXPECT_EQ(prefix.network().to_string(), "10.1.2.0/24");
    EXPECT_EQ(prefix.last().to_string(), "10.1.2.255");
    EXPECT_EQ(IpPrefix::parse("10.1.2.3").length(), 32u);
    EXPECT_EQ(IpPrefix::parse("2001:db8:ffff::/33").network().to_string(), "2001:db8:8000::/33");
    for (const char* text :
         {"10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/ 8", "10.0.0.0/8x", "/8"})
        EXPECT_FALSE(IpPrefix::try_parse(text)) << text;
    EXPECT_THROW(IpPrefix(IpAddress::parse("10.0.0.1"), 33), UsageError);
}

TEST(IpPrefix, contains_its_addresses_only) {
    const auto prefix = IpPrefix::parse("10.1.2.0/23");
    EXPECT_TRUE(prefix.contains(IpAddress::parse("10.1.3.255")));
    EXPECT_FALSE(prefix.contains(IpAddress::parse("10.1.4.0")));
    EXPECT_FALSE(prefix.contains(IpAddress::parse("::1")));
    EXPECT_TRUE(IpPrefix::all(IpFamily::v4).contains(IpAddress::parse("1.2.3.4")));
    EXPECT_EQ(IpPrefix::all(IpFamily::v6).to_string(), "::/0");
}

TEST(MacAddress, reads_and_writes) {
    EXPECT_EQ(MacAddress::parse("02-AB-00-00-00-ff").to_string(), "02:ab:00:00:00:ff");
    EXPECT_EQ(MacAddress::from_number(0x02ab000000ff), MacAddress::parse("02:ab:00:00:00:ff"));
    EXPECT_EQ(MacAddress::parse("02:ab:00:00:00:ff").to_number(), 0x02ab000000ffu);
    EXPECT_TRUE(MacAddress::parse("01:00:5e:00:00:01").is_multicast());
    for (const char* text : {"", "02:00:00:00:00", "02:00:00:00:00:0g", "02:00:00:00:00:00:", "020000000000"})
        EXPECT_FALSE(MacAddress::try_parse(text)) << text;
    EXPECT_THROW(static_cast<void>(MacAddress::parse("x")), ParseError);
}

}  // namespace
}  // namespace weft::netlink
