#include <weft/core/socket_address.hpp>

#include <gtest/gtest.h>

#include <string>

namespace weft {
namespace {

TEST(SocketAddress, text_and_value_round_trip) {
    for (const char* text :
         {"ipv4:127.0.0.1:9559", "ipv6:[::1]:80", "ipv6:[2001:db8::7]:65535", "ipv4:0.0.0.0:0",
          "unix:/run/x.sock", "unix:relative", "unix-abstract:weft", "unix-abstract:a%00b%25"})
        EXPECT_EQ(SocketAddress::parse(text).to_string(), text);
    EXPECT_EQ(SocketAddress::parse("10.0.0.1:22").to_string(), "ipv4:10.0.0.1:22");
    EXPECT_EQ(SocketAddress::parse("[::1]:22").to_string(), "ipv6:[::1]:22");
    EXPECT_EQ(SocketAddress::parse("unix:///run/x").to_string(), "unix:/run/x");
    EXPECT_EQ(SocketAddress::parse("[fe80::1%lo]:1").host(), "fe80::1%lo");
    EXPECT_EQ(SocketAddress::parse("[fe80::1%1]:1").host(), "fe80::1%lo");
}

TEST(SocketAddress, bad_text_names_the_reason) {
    const std::string long_path(200, 'x');
    for (const std::string text :
         {"", "localhost:80", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:8x",
          "::1:80", "[::1]", "[::1]80", "[127.0.0.1", "ipv4:[::1]:80", "ipv6:127.0.0.1:80", "1.2.3:4",
          "unix:", "unix-abstract:%4", "unix-abstract:%zz", "[::1%nosuchlink]:1", "[]:1"})
        EXPECT_THROW((void)SocketAddress::parse(text), AddressError) << text;
    EXPECT_THROW((void)SocketAddress::parse("unix:" + long_path), AddressError);
    EXPECT_THROW((void)SocketAddress::unix_path(std::string_view("a\0b", 3)), AddressError);
    EXPECT_THROW((void)SocketAddress::unix_abstract(long_path), AddressError);
    try {
        (void)SocketAddress::parse("localhost:80");
    } catch (const AddressError& e) {
        EXPECT_NE(std::string(e.what()).find("resolve()"), std::string::npos) << e.what();
    }
}

TEST(SocketAddress, compares_by_family_address_and_port) {
    const auto a = SocketAddress::ip("10.0.0.1", 80);
    EXPECT_EQ(a, SocketAddress::parse("ipv4:10.0.0.1:80"));
    EXPECT_NE(a, a.with_port(81));
    EXPECT_EQ(a, a.with_port(81).with_port(80));
    EXPECT_NE(a, SocketAddress::ip("::ffff:10.0.0.1", 80));
    EXPECT_LT(a, SocketAddress::ip("10.0.0.2", 80));
    EXPECT_TRUE(SocketAddress::loopback(1).is_loopback());
    EXPECT_TRUE(SocketAddress::ip("::1", 1).is_loopback());
    EXPECT_FALSE(a.is_loopback());
    EXPECT_EQ(a.ip_bytes().size(), 4u);
}

}  // namespace
}  // namespace weft
