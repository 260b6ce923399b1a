// The wire format: what is built is read back, and nothing malformed is read at all.
#include "codec.hpp"

#include <weft/core/error.hpp>
#include <weft/netlink/link_spec.hpp>
#include <weft/netlink/wire.hpp>

#include <gtest/gtest.h>

#include <cerrno>
#include <limits>
#include <vector>

#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

namespace weft::netlink {
namespace {

MessageView only_message(Bytes bytes) {
    MessageReader reader(bytes);
    const auto message = reader.next();
    EXPECT_TRUE(message);
    EXPECT_FALSE(reader.next());
    EXPECT_FALSE(reader.malformed());
    return message.value_or(MessageView());
}

TEST(Wire, builds_what_it_reads) {
    MessageBuilder builder(RTM_NEWLINK, flag::request | flag::ack);
    builder.fixed(ifinfomsg{});
    builder.put_text(IFLA_IFNAME, "eth0");
    builder.put_u32(IFLA_MTU, 1500);
    const std::size_t nest = builder.begin_nest(IFLA_LINKINFO);
    builder.put_text(IFLA_INFO_KIND, "veth");
    builder.end_nest(nest);
    builder.put_u16_be(99, 0x1234);
    builder.set_sequence(7);

    const MessageView message = only_message(builder.bytes());
    EXPECT_EQ(message.type(), RTM_NEWLINK);
    EXPECT_EQ(message.flags(), NLM_F_REQUEST | NLM_F_ACK);
    EXPECT_EQ(message.sequence(), 7u);
    EXPECT_EQ(message.header().length, builder.size());
    EXPECT_EQ(builder.size() % 4, 0u);

    AttributeReader reader = message.attributes(sizeof(ifinfomsg));
    auto name = reader.next();
    ASSERT_TRUE(name);
    EXPECT_EQ(name->type(), IFLA_IFNAME);
    EXPECT_EQ(name->text(), "eth0");
    EXPECT_EQ(name->payload().size(), 5u) << "with its NUL, without padding";
    auto mtu = reader.next();
    ASSERT_TRUE(mtu);
    EXPECT_EQ(mtu->u32(), 1500u);
    EXPECT_FALSE(mtu->u64()) << "too short";
    auto info = reader.next();
    ASSERT_TRUE(info);
    EXPECT_EQ(info->type(), IFLA_LINKINFO);
    EXPECT_TRUE(info->marked_nested());
    AttributeReader inner(info->payload());
    EXPECT_EQ(inner.next()->text(), "veth");
    EXPECT_FALSE(inner.next());
    auto port = reader.next();
    ASSERT_TRUE(port);
    EXPECT_EQ(port->payload()[0], 0x12);
    EXPECT_FALSE(reader.next());
    EXPECT_FALSE(reader.malformed());
}

TEST(Wire, an_attribute_longer_than_the_message_ends_the_walk) {
    // length 8, type 1, four bytes; then an attribute that says 100 bytes.
    const std::uint8_t bytes[] = {8, 0, 1, 0, 1, 2, 3, 4, 100, 0, 2, 0, 1, 2, 3, 4};
    AttributeReader reader(bytes);
    EXPECT_TRUE(reader.next());
    EXPECT_FALSE(reader.next());
    EXPECT_TRUE(reader.malformed());
    EXPECT_FALSE(reader.next()) << "stays at the end";
}

TEST(Wire, an_attribute_shorter_than_its_header_ends_the_walk) {
    const std::uint8_t bytes[] = {3, 0, 1, 0, 1, 2, 3, 4};
    AttributeReader reader(bytes);
    EXPECT_FALSE(reader.next());
    EXPECT_TRUE(reader.malformed());
}

TEST(Wire, a_message_of_length_zero_or_too_long_ends_the_walk) {
    std::vector<std::uint8_t> bytes(32);
    for (const std::uint8_t length : {0, 15, 33}) {
        bytes[0] = length;
        MessageReader reader(bytes);
        EXPECT_FALSE(reader.next()) << int{length};
        EXPECT_TRUE(reader.malformed()) << int{length};
    }
    bytes[0] = 16;
    MessageReader reader(Bytes(bytes).first(20));
    EXPECT_TRUE(reader.next());
    EXPECT_FALSE(reader.next());
    EXPECT_TRUE(reader.malformed()) << "four bytes are no header";
}

TEST(Wire, builder_refuses_what_does_not_fit) {
    MessageBuilder builder(1);
    const std::vector<std::uint8_t> large(65532);
    EXPECT_THROW(builder.put(1, large), UsageError);
    const std::size_t nest = builder.begin_nest(1);
    builder.put(1, Bytes(large).first(40000));
    builder.put(1, Bytes(large).first(40000));
    EXPECT_THROW(builder.end_nest(nest), UsageError);
    EXPECT_THROW(builder.patch(builder.size(), Bytes(large).first(1)), UsageError);
}

std::vector<std::uint8_t> error_message(std::uint16_t flags, int code, bool with_request) {
    MessageBuilder builder(NLMSG_ERROR, flags);
    nlmsgerr fixed{};
    fixed.error = code;
    fixed.msg.nlmsg_len = sizeof(nlmsghdr) + 8;
    builder.fixed(fixed);
    const std::uint8_t request[8] = {};
    if (with_request) builder.append(request);
    builder.put_text(NLMSGERR_ATTR_MSG, "No such thing");
    builder.put_u32(NLMSGERR_ATTR_OFFS, 44);
    builder.put_u32(NLMSGERR_ATTR_MISS_TYPE, 3);
    return {builder.bytes().begin(), builder.bytes().end()};
}

TEST(Wire, extended_acknowledgements_are_read_capped_and_whole) {
    for (const bool capped : {true, false}) {
        const std::uint16_t flags = flag::ack_tlvs | (capped ? flag::capped : 0);
        const auto bytes = error_message(flags, -ENOENT, !capped);
        const auto verdict = parse_error(only_message(bytes));
        ASSERT_TRUE(verdict);
        EXPECT_EQ(verdict->code, ENOENT);
        EXPECT_EQ(verdict->text, "No such thing") << capped;
        EXPECT_EQ(verdict->offset, 44u);
        EXPECT_EQ(verdict->missing, 3u);
    }
    const auto plain = error_message(0, -EPERM, true);
    EXPECT_EQ(parse_error(only_message(plain))->text, "");
}

TEST(Wire, codes_that_are_no_errno_do_not_overflow) {
    for (const int code : {1, -4096, std::numeric_limits<int>::min(), std::numeric_limits<int>::max()})
        EXPECT_EQ(parse_error(only_message(error_message(0, code, true)))->code, EPROTO) << code;
}

TEST(Wire, the_path_of_an_offset_goes_through_nests) {
    MessageBuilder builder(RTM_NEWLINK);
    builder.fixed(ifinfomsg{});
    const std::size_t name = builder.size();
    builder.put_text(IFLA_IFNAME, "eth0");
    const std::size_t info = builder.begin_nest(IFLA_LINKINFO);
    builder.put_text(IFLA_INFO_KIND, "vlan");
    const std::size_t data = builder.begin_nest(IFLA_INFO_DATA);
    const std::size_t id = builder.size();
    builder.put_u16(IFLA_VLAN_ID, 5000);
    builder.end_nest(data);
    builder.end_nest(info);
    using Path = std::vector<std::uint16_t>;
    const auto path = [&](std::size_t offset) {
        return attribute_path(builder.bytes(), builder.fixed_size(), offset);
    };
    EXPECT_EQ(path(name), (Path{IFLA_IFNAME}));
    EXPECT_EQ(path(info), (Path{IFLA_LINKINFO}));
    EXPECT_EQ(path(id), (Path{IFLA_LINKINFO, IFLA_INFO_DATA, IFLA_VLAN_ID}));
    EXPECT_EQ(path(3), Path());
    EXPECT_EQ(path(100000), Path());
}

// Every byte of a real message is turned into others: nothing may be read outside (under AddressSanitizer).
TEST(Wire, damaged_objects_are_decoded_or_refused) {
    Route route = Route::to(IpPrefix::parse("10.9.0.0/16")).with_metric(5).with_mtu(1400);
    NextHop hop;
    hop.gateway = IpAddress::parse("10.0.0.1");
    hop.interface = IfIndex(2);
    route.next_hops = {hop, hop};
    Address address(IfIndex(3), IpPrefix::parse("2001:db8::1/64"));
    Rule rule(100, 7);
    rule.source = IpPrefix::parse("10.0.0.0/8");
    const MessageBuilder messages[] = {
        encode_route(RTM_NEWROUTE, 0, route),
        encode_address(RTM_NEWADDR, 0, address),
        encode_neighbour(RTM_NEWNEIGH, 0,
                         Neighbour(IfIndex(2), IpAddress::parse("10.0.0.9"), MacAddress::from_number(5))),
        encode_rule(RTM_NEWRULE, 0, rule),
        LinkSpec::vxlan("vx", 5).remote(IpAddress::parse("10.0.0.1")).encode(),
    };
    for (const MessageBuilder& message : messages) {
        for (std::size_t i = 0; i < message.size(); ++i) {
            for (const int change : {0x00, 0x01, 0x7f, 0x80, 0xff}) {
                // A copy of the exact size, so that a byte too far is seen.
                std::vector<std::uint8_t> bytes(message.bytes().begin(), message.bytes().end());
                bytes[i] = static_cast<std::uint8_t>(change);
                MessageReader reader(bytes);
                while (const auto view = reader.next()) {
                    (void)decode_link(*view);
                    (void)decode_address(*view);
                    (void)decode_route(*view);
                    (void)decode_neighbour(*view);
                    (void)decode_rule(*view);
                    (void)parse_error(*view);
                    (void)parse_done(*view);
                }
            }
        }
    }
}

TEST(Codec, routes_come_back_as_they_went) {
    Route route = Route::to(IpPrefix::parse("10.9.0.0/16")).from(IpAddress::parse("10.0.0.5")).in_table(1000);
    NextHop first;
    first.gateway = IpAddress::parse("10.0.0.1");
    first.interface = IfIndex(2);
    first.weight = 256;
    NextHop second;
    second.gateway = IpAddress::parse("fe80::1");
    second.interface = IfIndex(3);
    route = std::move(route).hop(first).hop(second).with_mtu(1400).with_metric(9);
    route.scope = Scope::universe;
    const MessageBuilder message = encode_route(RTM_NEWROUTE, 0, route);
    const auto decoded = decode_route(only_message(message.bytes()));
    ASSERT_TRUE(decoded);
    EXPECT_EQ(*decoded, route);
}

TEST(Codec, a_weight_of_none_is_refused) {
    NextHop hop;
    hop.weight = 0;
    EXPECT_THROW((void)encode_route(RTM_NEWROUTE, 0, Route::default_route().hop(hop)), UsageError);
}

TEST(Codec, addresses_with_peers_and_lifetimes_come_back) {
    Address address(IfIndex(4), IpPrefix::parse("10.0.0.1/32"));
    address.peer = IpAddress::parse("10.0.0.2");
    address.label = "eth0:1";
    address.scope = Scope::link;
    address.valid_lifetime = 100;
    address.preferred_lifetime = 50;
    address.flags = 0x200;
    const MessageBuilder message = encode_address(RTM_NEWADDR, 0, address);
    EXPECT_EQ(decode_address(only_message(message.bytes())), address);
}

// Kinds that the kernel of a test machine may lack: what would be sent.
TEST(LinkSpec, encodes_kinds_with_their_data) {
    const auto data_of = [](const LinkSpec& spec, const char* kind) {
        const MessageBuilder message = spec.encode();
        std::vector<std::uint8_t> data;
        AttributeReader reader = only_message(message.bytes()).attributes(sizeof(ifinfomsg));
        while (const auto attribute = reader.next()) {
            if (attribute->type() != IFLA_LINKINFO) continue;
            AttributeReader info(attribute->payload());
            EXPECT_EQ(info.next()->text(), kind);
            const auto payload = info.next()->payload();
            data.assign(payload.begin(), payload.end());
        }
        return data;
    };
    using Data = std::vector<std::uint8_t>;
    EXPECT_EQ(data_of(LinkSpec::dummy("d0"), "dummy"), Data());
    EXPECT_EQ(data_of(LinkSpec::wireguard("wg0"), "wireguard"), Data());
    EXPECT_EQ(data_of(LinkSpec::vlan("v5", IfIndex(2), 5), "vlan"),
              (Data{6, 0, IFLA_VLAN_ID, 0, 5, 0, 0, 0}));
    EXPECT_EQ(data_of(LinkSpec::vrf("red", 10), "vrf"), (Data{8, 0, IFLA_VRF_TABLE, 0, 10, 0, 0, 0}));
    EXPECT_EQ(data_of(LinkSpec::macvlan("m0", IfIndex(2)), "macvlan"),
              (Data{8, 0, IFLA_MACVLAN_MODE, 0, 4, 0, 0, 0}));
    EXPECT_EQ(data_of(LinkSpec::of_kind("gre", "g0").data(7, {1}), "gre"), (Data{5, 0, 7, 0, 1, 0, 0, 0}));
}

TEST(LinkSpec, refuses_names_that_no_interface_can_have) {
    for (const char* name : {"", ".", "..", "a/b", "a b", "a:b", "sixteen-bytes-00"})
        EXPECT_THROW((void)LinkSpec::bridge(name).encode(), UsageError) << name;
    EXPECT_THROW((void)LinkSpec::veth("a", "").encode(), UsageError);
}

}  // namespace
}  // namespace weft::netlink
