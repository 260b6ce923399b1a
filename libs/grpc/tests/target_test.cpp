#include "target.hpp"

#include <weft/core/error.hpp>

#include <gtest/gtest.h>

namespace weft::grpc {
namespace {

std::string first(std::string_view text) { return parse_target(text).addresses.at(0).to_string(); }

TEST(Target, literals_and_sockets_need_no_resolver) {
    EXPECT_EQ(first("127.0.0.1:50051"), "ipv4:127.0.0.1:50051");
    EXPECT_EQ(first("[::1]:80"), "ipv6:[::1]:80");
    EXPECT_EQ(first("ipv4:10.0.0.1:9559"), "ipv4:10.0.0.1:9559");
    EXPECT_EQ(first("ipv6:[::1]:9559"), "ipv6:[::1]:9559");
    EXPECT_EQ(first("dns:127.0.0.1:1"), "ipv4:127.0.0.1:1");
    EXPECT_EQ(first("dns:///127.0.0.1:1"), "ipv4:127.0.0.1:1");
    EXPECT_EQ(first("dns://8.8.8.8/127.0.0.1:1"), "ipv4:127.0.0.1:1");
    EXPECT_EQ(first("127.0.0.1"), "ipv4:127.0.0.1:443");
    EXPECT_EQ(first("unix:/run/x"), "unix:/run/x");
    EXPECT_EQ(first("unix:///run/x"), "unix:/run/x");
    EXPECT_EQ(first("unix-abstract:name"), "unix-abstract:name");
    EXPECT_EQ(first("localhost:7"), "ipv4:127.0.0.1:7");
}

TEST(Target, lists_give_every_address) {
    const Target target = parse_target("ipv4:10.0.0.1:1,10.0.0.2:2");
    ASSERT_EQ(target.addresses.size(), 2U);
    EXPECT_EQ(target.addresses[1].to_string(), "ipv4:10.0.0.2:2");
    EXPECT_EQ(target.authority, "10.0.0.1:1");
}

TEST(Target, names_are_left_to_the_resolver) {
    const Target target = parse_target("switch.example:9559");
    EXPECT_TRUE(target.addresses.empty());
    EXPECT_EQ(target.host, "switch.example");
    EXPECT_EQ(target.port, 9559);
    EXPECT_EQ(target.authority, "switch.example:9559");
}

TEST(Target, nonsense_is_refused) {
    for (const char* bad : {"", ":80", "host:99999", "host:x", "[::1", "[::1]x", "ipv4:name:1",
                            "ipv4:", "unix:", "dns://server"})
        EXPECT_THROW((void)parse_target(bad), weft::Error) << bad;
}

}  // namespace
}  // namespace weft::grpc
