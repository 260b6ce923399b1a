// Links against the kernel; `ip` checks what was made, and makes what is read.
#include "kernel.hpp"

#include <weft/core.hpp>
#include <weft/testing/co_test.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace weft::netlink {
namespace {

using ::testing::HasSubstr;

// Runs `make` and gives the error with which the kernel refused; 0 when it did not.
template <class F>
Task<int> code_of(F make) {
    try {
        co_await make();
    } catch (const Error& error) {
        co_return error.error_number();
    }
    co_return 0;
}

CO_TEST(Links, veth_with_everything_is_what_ip_sees) {
    const Namespace here = Namespace::create();
    const Namespace there = Namespace::create();
    auto kernel = RouteSocket::open(here);
    const auto mac = MacAddress::parse("02:00:00:00:00:01");
    const auto peer_mac = MacAddress::parse("02:00:00:00:00:02");
    LinkSpec spec = LinkSpec::veth("h1-eth0", "s1-p1").mtu(9000).address(mac).up();
    spec = std::move(spec).peer_namespace(there).peer_mtu(8000).peer_address(peer_mac).peer_up();
    const Link made = co_await kernel.links().add(std::move(spec));

    EXPECT_EQ(made.name, "h1-eth0");
    EXPECT_EQ(made.kind, "veth");
    EXPECT_EQ(made.mtu, 9000u);
    EXPECT_EQ(made.address, mac);
    EXPECT_TRUE(made.is_up());
    EXPECT_TRUE(made.parent_nsid) << "its peer is in another namespace";

    auto seen = ip_json(here, "link show dev h1-eth0");
    EXPECT_EQ(seen[0]["ifindex"], made.index.value());
    EXPECT_EQ(seen[0]["mtu"], 9000);
    EXPECT_EQ(seen[0]["address"], "02:00:00:00:00:01");
    EXPECT_EQ(seen[0]["operstate"], "UP");
    auto peer = ip_json(there, "link show dev s1-p1");
    EXPECT_EQ(peer[0]["mtu"], 8000);
    EXPECT_EQ(peer[0]["address"], "02:00:00:00:00:02");
    EXPECT_EQ(peer[0]["operstate"], "UP");
}

CO_TEST(Links, what_ip_made_is_read_right) {
    const Namespace here = Namespace::create();
    ip(here, "link add br0 mtu 1400 type bridge");
    ip(here, "link add a1 address 02:00:00:00:00:0a txqueuelen 77 type veth peer name a2");
    ip(here, "link set a1 master br0");
    ip(here, "link property add dev a1 altname a-rather-long-alternative-name");
    ip(here, "link set a1 up");
    ip(here, "link add vx5 type vxlan id 5 dstport 4789 local 10.0.0.1");

    auto kernel = RouteSocket::open(here);
    const auto links = co_await kernel.links().list();
    auto expected = ip_json(here, "-d link show");
    EXPECT_EQ(links.size(), expected.size());
    for (std::size_t i = 0; i < std::min(links.size(), expected.size()); ++i) {
        const Link& link = links[i];
        auto& other = expected[i];
        EXPECT_EQ(link.index.value(), other["ifindex"]);
        EXPECT_EQ(link.name, other["ifname"].get<std::string>());
        EXPECT_EQ(link.mtu, other["mtu"]);
        EXPECT_EQ(link.transmit_queue_length, other.value("txqlen", 0u));
        EXPECT_EQ(std::string(to_string(link.operational_state)), other["operstate"].get<std::string>());
        if (link.address) {
            EXPECT_EQ(link.address->to_string(), other["address"].get<std::string>());
        }
        if (other.contains("linkinfo")) {
            EXPECT_EQ(link.kind, other["linkinfo"]["info_kind"].get<std::string>());
        }
        EXPECT_TRUE(link.statistics);
    }
    const auto bridge = co_await kernel.links().get("br0");
    const auto port = co_await kernel.links().find("a-rather-long-alternative-name");
    EXPECT_TRUE(port);
    if (!port) co_return;
    EXPECT_EQ(port->name, "a1");
    EXPECT_EQ(port->master, bridge.index);
    EXPECT_EQ(port->alternative_names, std::vector<std::string>{"a-rather-long-alternative-name"});
    const auto peer = co_await kernel.links().get("a2");
    EXPECT_EQ(port->parent, peer.index);
    EXPECT_EQ(port->operational_state, OperationalState::lower_layer_down);
    EXPECT_FALSE(port->has_carrier());
    const auto tunnel = co_await kernel.links().get("vx5");
    EXPECT_EQ(tunnel.vxlan_id, 5u);
}

CO_TEST(Links, absence_is_an_answer_to_find_and_an_error_to_get) {
    auto kernel = RouteSocket::open(Namespace::create());
    const auto none = co_await kernel.links().find("nope");
    EXPECT_FALSE(none);
    const auto long_name = co_await kernel.links().find("a-name-longer-than-an-interface-may-have");
    EXPECT_FALSE(long_name);
    auto by_name = [&] { return kernel.links().get("nope"); };
    EXPECT_EQ(co_await code_of(by_name), ENODEV);
    auto by_index = [&] { return kernel.links().get(IfIndex(4711)); };
    EXPECT_EQ(co_await code_of(by_index), ENODEV);
    auto removal = [&] { return kernel.links().remove("nope"); };
    EXPECT_EQ(co_await code_of(removal), ENODEV);
}

CO_TEST(Links, every_change_is_what_ip_sees) {
    const Namespace here = Namespace::create();
    const Namespace there = Namespace::create();
    auto kernel = RouteSocket::open(here);
    auto links = kernel.links();
    const Link bridge = co_await links.add(LinkSpec::bridge("br0").up());
    const Link port = co_await links.add(LinkSpec::veth("p1", "p2"));
    co_await links.set_mtu(port.index, 1234);
    co_await links.set_address(port.index, MacAddress::parse("02:00:00:00:00:77"));
    co_await links.set_alias(port.index, "first port");
    co_await links.add_alternative_name(port.index, "port-number-one-of-the-bridge");
    co_await links.rename(port.index, "renamed");
    co_await links.set_master(port.index, bridge.index);
    co_await links.set_state(port.index, LinkState::up);
    const Link renamed = co_await links.get("renamed");
    EXPECT_EQ(renamed.alias, "first port");
    auto seen = ip_json(here, "link show dev renamed");
    EXPECT_EQ(seen[0]["mtu"], 1234);
    EXPECT_EQ(seen[0]["address"], "02:00:00:00:00:77");
    EXPECT_EQ(seen[0]["ifalias"], "first port");
    EXPECT_EQ(seen[0]["altnames"][0], "port-number-one-of-the-bridge");
    EXPECT_EQ(seen[0]["master"], "br0");
    EXPECT_THAT(seen[0]["flags"].dump(), HasSubstr("\"UP\""));

    co_await links.set_master(port.index, std::nullopt);
    co_await links.set_state(port.index, LinkState::down);
    seen = ip_json(here, "link show dev renamed");
    EXPECT_FALSE(seen[0].contains("master"));
    EXPECT_THAT(seen[0]["flags"].dump(), ::testing::Not(HasSubstr("\"UP\"")));

    co_await links.set_namespace(port.index, there);
    EXPECT_EQ(ip_json(there, "link show dev renamed")[0]["mtu"], 1234);
    const auto gone = co_await links.find("renamed");
    EXPECT_FALSE(gone);

    co_await links.remove("p2");
    const auto left = co_await links.list();
    EXPECT_EQ(left.size(), 2u) << "lo and br0";
    EXPECT_EQ(ip_json(there, "link show").size(), 1u) << "the pair goes together";
}

CO_TEST(Links, a_link_can_be_made_in_another_namespace_and_is_read_there) {
    const Namespace there = Namespace::create();
    auto kernel = RouteSocket::open(Namespace::create());
    const Link made = co_await kernel.links().add(LinkSpec::bridge("far").network_namespace(there).up());
    EXPECT_EQ(made.name, "far");
    EXPECT_TRUE(made.is_up());
    EXPECT_EQ(ip_json(there, "link show dev far").size(), 1u);
    const auto here = co_await kernel.links().find("far");
    EXPECT_FALSE(here);
}

CO_TEST(Links, a_refusal_carries_the_kernels_words) {
    auto kernel = RouteSocket::open(Namespace::create());
    auto links = kernel.links();
    const Link port = co_await links.add(LinkSpec::veth("a", "b"));
    std::string text;
    try {
        co_await links.set_mtu(port.index, 10);  // less than an Ethernet device takes
    } catch (const Error& error) {
        EXPECT_EQ(error.error_number(), EINVAL);
        EXPECT_EQ(error.code(), std::errc::invalid_argument);
        EXPECT_FALSE(error.kernel_text().empty());
        text = error.what();
    }
    EXPECT_THAT(text, HasSubstr("set the MTU of link " + std::to_string(port.index.value()) + " to 10"));
    EXPECT_THAT(text, HasSubstr("kernel: "));

    text.clear();
    try {
        co_await links.add(LinkSpec::veth("a", "c"));
    } catch (const Error& error) {
        EXPECT_EQ(error.error_number(), EEXIST);
        text = error.what();
    }
    EXPECT_THAT(text, HasSubstr("add veth link 'a'"));
    EXPECT_THAT(text, HasSubstr("File exists"));

    // An attribute that fails the kernel's policy is named with its place.
    text.clear();
    try {
        const LinkSpec spec = LinkSpec::of_kind("vxlan", "vx").data(1, {1});  // IFLA_VXLAN_ID of one byte
        co_await links.add(spec);
    } catch (const Error& error) {
        EXPECT_TRUE(error.offset());
        EXPECT_EQ(error.attribute_path(), (std::vector<std::uint16_t>{18, 2, 1}));
        text = error.what();
    }
    EXPECT_THAT(text, HasSubstr("attribute 18/2/1"));
}

CO_TEST(Links, an_unknown_kind_is_refused_and_a_known_one_made) {
    const Namespace here = Namespace::create();
    auto kernel = RouteSocket::open(here);
    auto unknown = [&] { return kernel.links().create(LinkSpec::of_kind("nosuchkind", "x0")); };
    EXPECT_EQ(co_await code_of(unknown), EOPNOTSUPP);
    co_await kernel.links().create(LinkSpec::ifb("ifb7"));
    EXPECT_EQ(ip_json(here, "-d link show dev ifb7")[0]["linkinfo"]["info_kind"], "ifb");
    const LinkSpec spec = LinkSpec::vxlan("vx9", 9).remote(IpAddress::parse("10.0.0.2")).learning(false);
    co_await kernel.links().create(spec);
    auto data = ip_json(here, "-d link show dev vx9")[0]["linkinfo"]["info_data"];
    EXPECT_EQ(data["id"], 9);
    EXPECT_EQ(data["remote"], "10.0.0.2");
    EXPECT_EQ(data["port"], 4789);
    EXPECT_EQ(data["learning"], false);
}

// Kinds that many small kernels are built without. What is encoded for them is in wire_test.cpp.
void try_kind(const LinkSpec& spec) {
    const Namespace here = Namespace::create();
    int code = 0;
    auto body = [&]() -> Task<void> {
        auto kernel = RouteSocket::open(here);
        co_await kernel.links().create(LinkSpec::veth("below", "other"));
        auto make = [&] { return kernel.links().create(spec); };
        code = co_await code_of(make);
    };
    testing::run(body());
    if (code == EOPNOTSUPP) GTEST_SKIP() << "this kernel has no links of kind " << spec.kind();
    ASSERT_EQ(code, 0);
    EXPECT_EQ(ip_json(here, "-d link show dev new0")[0]["linkinfo"]["info_kind"].get<std::string>(),
              spec.kind());
}

constexpr IfIndex below(3);  // after lo; the peer is made first

TEST(LinkKind, dummy) { try_kind(LinkSpec::dummy("new0")); }
TEST(LinkKind, vlan) { try_kind(LinkSpec::vlan("new0", below, 5)); }
TEST(LinkKind, macvlan) { try_kind(LinkSpec::macvlan("new0", below)); }
TEST(LinkKind, vrf) { try_kind(LinkSpec::vrf("new0", 10)); }
TEST(LinkKind, wireguard) { try_kind(LinkSpec::wireguard("new0")); }

CO_TEST(Links, wait_running_ends_when_the_other_end_is_up) {
    auto kernel = RouteSocket::open(Namespace::create());
    auto links = kernel.links();
    const Link near = co_await links.add(LinkSpec::veth("a", "b").up());
    const Link far = co_await links.get("b");
    auto waiting = spawn(links.wait_running(near.index));
    for (int i = 0; i < 5; ++i) co_await yield();
    EXPECT_FALSE(waiting.done());
    co_await links.set_state(far.index, LinkState::up);
    const Link ready = co_await std::move(waiting);
    EXPECT_TRUE(ready.has_carrier());
    EXPECT_EQ(ready.operational_state, OperationalState::up);

    co_await links.set_state(far.index, LinkState::down);
    auto hopeless = spawn(links.wait_running(near.index));
    for (int i = 0; i < 5; ++i) co_await yield();
    co_await links.remove(near.index);
    int code = 0;
    try {
        co_await hopeless;
    } catch (const Error& error) {
        code = error.error_number();
    }
    EXPECT_EQ(code, ENODEV);
}

CO_TEST(Links, offloads_can_be_switched_off) {
    const Namespace here = Namespace::create();
    auto kernel = RouteSocket::open(here);
    co_await kernel.links().create(LinkSpec::veth("a", "b"));
    co_await kernel.links().disable_offloads("a");
    auto absent = [&] { return kernel.links().disable_offloads("nope"); };
    EXPECT_EQ(co_await code_of(absent), ENODEV);
}

}  // namespace
}  // namespace weft::netlink
