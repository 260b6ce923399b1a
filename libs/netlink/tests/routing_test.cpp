// Addresses, routes, neighbours and rules against the kernel, with `ip` as the second opinion.
#include "kernel.hpp"

#include <weft/core.hpp>
#include <weft/testing/co_test.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace weft::netlink {
namespace {

using ::testing::HasSubstr;

template <class F>
Task<int> code_of(F make) {
    try {
        co_await make();
    } catch (const Error& error) {
        co_return error.error_number();
    }
    co_return 0;
}

// A namespace with a veth pair, both ends up: "a" and "b".
struct Wire {
    Namespace here = Namespace::create();
    RouteSocket kernel = RouteSocket::open(here);
    IfIndex a;
    IfIndex b;

    Task<void> make() {
        const Link first = co_await kernel.links().add(LinkSpec::veth("a", "b").up().peer_up());
        const Link second = co_await kernel.links().get("b");
        a = first.index;
        b = second.index;
    }
};

const auto text = [](const char* address) { return IpAddress::parse(address); };

CO_TEST(Addresses, what_is_added_is_what_ip_sees) {
    Wire wire;
    co_await wire.make();
    auto addresses = wire.kernel.addresses();
    co_await addresses.add(wire.a, IpPrefix::parse("10.0.0.1/24"));
    Address second(wire.a, IpPrefix::parse("10.0.1.1/24"));
    second.label = "a:second";
    co_await addresses.add(std::move(second).with_broadcast());
    co_await addresses.add(Address(wire.a, IpPrefix::parse("2001:db8::1/64")).without_dad());
    auto seen = ip_json(wire.here, "addr show dev a")[0]["addr_info"];
    EXPECT_EQ(seen[0]["local"], "10.0.0.1");
    EXPECT_EQ(seen[0]["prefixlen"], 24);
    EXPECT_EQ(seen[1]["local"], "10.0.1.1");
    EXPECT_EQ(seen[1]["broadcast"], "10.0.1.255");
    EXPECT_EQ(seen[1]["label"], "a:second");
    EXPECT_EQ(seen[2]["local"], "2001:db8::1");
    EXPECT_EQ(seen[2]["nodad"], true);

    auto again = [&] { return addresses.add(wire.a, IpPrefix::parse("10.0.0.1/24")); };
    EXPECT_EQ(co_await code_of(again), EEXIST);
    co_await addresses.replace(Address(wire.a, IpPrefix::parse("10.0.0.1/24")));
    co_await addresses.remove(wire.a, IpPrefix::parse("10.0.1.1/24"));
    auto gone = [&] { return addresses.remove(wire.a, IpPrefix::parse("10.0.1.1/24")); };
    EXPECT_EQ(co_await code_of(gone), EADDRNOTAVAIL);
    EXPECT_EQ(ip_json(wire.here, "-4 addr show dev a")[0]["addr_info"].size(), 1u);
}

CO_TEST(Addresses, wait_usable_ends_when_the_address_answers) {
    Wire wire;
    co_await wire.make();
    auto addresses = wire.kernel.addresses();
    // With duplicate address detection, which takes a second or two.
    co_await addresses.add(wire.a, IpPrefix::parse("2001:db8::1/64"));
    co_await addresses.wait_usable(wire.a, text("2001:db8::1"));
    const auto list = co_await addresses.list(wire.a);
    for (const Address& address : list)
        EXPECT_FALSE(address.prefix.address() == text("2001:db8::1") && address.is_tentative());
    // The other end has it, too.
    co_await addresses.add(wire.b, IpPrefix::parse("2001:db8::1/64"));
    auto duplicate = [&] { return addresses.wait_usable(wire.b, text("2001:db8::1")); };
    EXPECT_EQ(co_await code_of(duplicate), EADDRINUSE);
    auto absent = [&] { return addresses.wait_usable(wire.a, text("2001:db8::77")); };
    EXPECT_EQ(co_await code_of(absent), EADDRNOTAVAIL);
}

CO_TEST(Addresses, what_ip_made_is_read_right) {
    Wire wire;
    co_await wire.make();
    ip(wire.here, "addr add 10.0.0.1/24 brd + dev a label a:x");
    ip(wire.here, "addr add 10.1.0.1 peer 10.1.0.2/32 dev b scope link");
    ip(wire.here, "addr add 2001:db8::5/64 dev b valid_lft 1000 preferred_lft 500 nodad");
    const auto of_a = co_await wire.kernel.addresses().list(wire.a);
    const auto own =
        std::find_if(of_a.begin(), of_a.end(), [](const Address& x) { return x.prefix.address().is_v4(); });
    EXPECT_NE(own, of_a.end());
    if (own == of_a.end()) co_return;
    EXPECT_EQ(own->prefix.to_string(), "10.0.0.1/24");
    EXPECT_EQ(own->broadcast, text("10.0.0.255"));
    EXPECT_EQ(own->label, "a:x");
    EXPECT_FALSE(own->valid_lifetime);
    for (const Address& address : of_a) EXPECT_EQ(address.index, wire.a);

    const auto all = co_await wire.kernel.addresses().list();
    EXPECT_GT(all.size(), of_a.size());
    bool point_to_point = false;
    bool limited = false;
    for (const Address& address : all) {
        if (address.prefix.address() == text("10.1.0.1")) {
            point_to_point = true;
            EXPECT_EQ(address.peer, text("10.1.0.2"));
            EXPECT_EQ(address.scope, Scope::link);
        }
        if (address.prefix.address() == text("2001:db8::5")) {
            limited = true;
            EXPECT_EQ(address.prefix.length(), 64u);
            EXPECT_TRUE(address.valid_lifetime && *address.valid_lifetime > 900 &&
                        *address.valid_lifetime <= 1000);
        }
    }
    EXPECT_TRUE(point_to_point);
    EXPECT_TRUE(limited);
}

CO_TEST(Routes, what_is_added_is_what_ip_sees) {
    Wire wire;
    co_await wire.make();
    co_await wire.kernel.addresses().add(wire.a, IpPrefix::parse("10.0.0.1/24"));
    co_await wire.kernel.addresses().add(Address(wire.a, IpPrefix::parse("2001:db8::1/64")).without_dad());
    auto routes = wire.kernel.routes();
    co_await routes.add(Route::default_route().via(text("10.0.0.254")));
    co_await routes.add(Route::to(IpPrefix::parse("10.7.0.0/16")).dev(wire.b).with_metric(50).with_mtu(1300));
    co_await routes.add(
        Route::to(IpPrefix::parse("10.8.0.0/16")).via(text("10.0.0.9")).from(text("10.0.0.1")));
    co_await routes.add(Route::to(IpPrefix::parse("10.9.0.0/16")).with_type(RouteType::blackhole));
    co_await routes.add(Route::to(IpPrefix::parse("10.6.0.0/16")).via(text("10.0.0.9")).in_table(1234));
    co_await routes.add(Route::default_route(IpFamily::v6).via(text("2001:db8::ffff")).with_metric(7));
    co_await routes.add(Route::to(IpPrefix::parse("10.5.0.0/16")).via(text("2001:db8::ffff")).dev(wire.a));
    NextHop first;
    first.gateway = text("10.0.0.2");
    NextHop second;
    second.gateway = text("10.0.0.3");
    second.weight = 5;
    co_await routes.add(Route::to(IpPrefix::parse("10.4.0.0/16")).hop(first).hop(second));

    const auto seen = [&](const std::string& what) { return ip_json(wire.here, "route show " + what)[0]; };
    EXPECT_EQ(seen("default")["gateway"], "10.0.0.254");
    EXPECT_EQ(seen("10.7.0.0/16")["dev"], "b");
    EXPECT_EQ(seen("10.7.0.0/16")["metric"], 50);
    EXPECT_EQ(seen("10.7.0.0/16")["scope"], "link");
    EXPECT_EQ(seen("10.7.0.0/16")["metrics"][0]["mtu"], 1300);
    EXPECT_EQ(seen("10.8.0.0/16")["prefsrc"], "10.0.0.1");
    EXPECT_EQ(seen("10.9.0.0/16")["type"], "blackhole");
    EXPECT_EQ(seen("10.6.0.0/16 table 1234")["gateway"], "10.0.0.9");
    EXPECT_EQ(seen("10.5.0.0/16")["via"]["host"], "2001:db8::ffff");
    EXPECT_EQ(seen("10.4.0.0/16")["nexthops"][1]["gateway"], "10.0.0.3");
    EXPECT_EQ(seen("10.4.0.0/16")["nexthops"][1]["weight"], 5);
    EXPECT_EQ(ip_json(wire.here, "-6 route show default")[0]["metric"], 7);

    // And read back, they are what was written.
    const auto list = co_await routes.list();
    const auto find = [&](const char* destination) {
        for (const Route& route : list)
            if (route.destination.to_string() == destination) return route;
        ADD_FAILURE() << "no route " << destination;
        return Route();
    };
    EXPECT_EQ(find("0.0.0.0/0").gateway, text("10.0.0.254"));
    EXPECT_EQ(find("::/0").gateway, text("2001:db8::ffff"));
    EXPECT_EQ(find("10.7.0.0/16").mtu, 1300u);
    EXPECT_EQ(find("10.5.0.0/16").gateway, text("2001:db8::ffff"));
    EXPECT_EQ(find("10.4.0.0/16").next_hops.size(), 2u);
    EXPECT_EQ(find("10.9.0.0/16").type, RouteType::blackhole);
    EXPECT_EQ(find("10.8.0.0/16").protocol, RouteProtocol::static_);
}

CO_TEST(Routes, replace_and_remove) {
    Wire wire;
    co_await wire.make();
    co_await wire.kernel.addresses().add(wire.a, IpPrefix::parse("10.0.0.1/24"));
    auto routes = wire.kernel.routes();
    const auto prefix = IpPrefix::parse("10.7.0.0/16");
    co_await routes.add(Route::to(prefix).via(text("10.0.0.2")));
    auto again = [&] { return routes.add(Route::to(prefix).via(text("10.0.0.2"))); };
    EXPECT_EQ(co_await code_of(again), EEXIST);
    co_await routes.replace(Route::to(prefix).via(text("10.0.0.3")));
    EXPECT_EQ(ip_json(wire.here, "route show 10.7.0.0/16")[0]["gateway"], "10.0.0.3");
    co_await routes.remove(Route::to(prefix));
    auto gone = [&] { return routes.remove(Route::to(prefix)); };
    EXPECT_EQ(co_await code_of(gone), ESRCH);
    co_await routes.add(Route::to(IpPrefix::parse("10.9.0.0/16")).with_type(RouteType::blackhole));
    co_await routes.remove(Route::to(IpPrefix::parse("10.9.0.0/16")));
    EXPECT_TRUE(ip_json(wire.here, "route show 10.9.0.0/16").empty());
}

CO_TEST(Routes, get_says_which_way_a_packet_goes) {
    Wire wire;
    co_await wire.make();
    co_await wire.kernel.addresses().add(wire.a, IpPrefix::parse("10.0.0.1/24"));
    auto routes = wire.kernel.routes();
    auto nowhere = [&] { return routes.get(text("192.0.2.1")); };
    EXPECT_EQ(co_await code_of(nowhere), ENETUNREACH);
    co_await routes.add(Route::default_route().via(text("10.0.0.254")));
    const Route far = co_await routes.get(text("192.0.2.1"));
    EXPECT_EQ(far.gateway, text("10.0.0.254"));
    EXPECT_EQ(far.interface, wire.a);
    EXPECT_EQ(far.preferred_source, text("10.0.0.1"));
    const Route near = co_await routes.get(text("10.0.0.77"));
    EXPECT_FALSE(near.gateway);
    const Route self = co_await routes.get(text("10.0.0.1"));
    EXPECT_EQ(self.type, RouteType::local);
}

CO_TEST(Routes, lists_are_filtered) {
    Wire wire;
    co_await wire.make();
    co_await wire.kernel.addresses().add(wire.a, IpPrefix::parse("10.0.0.1/24"));
    co_await wire.kernel.addresses().add(wire.b, IpPrefix::parse("10.1.0.1/24"));
    auto routes = wire.kernel.routes();
    co_await routes.add(Route::to(IpPrefix::parse("10.6.0.0/16")).dev(wire.b).in_table(77));
    const auto of_table = co_await routes.list(RouteFilter().in_table(77));
    EXPECT_EQ(of_table.size(), 1u);
    const auto empty = co_await routes.list(RouteFilter().in_table(4242));
    EXPECT_TRUE(empty.empty()) << "a table without routes is an empty list, not an error";
    const auto of_b = co_await routes.list(RouteFilter().in_family(IpFamily::v4).through(wire.b));
    EXPECT_EQ(of_b.size(), 1u);
    const auto everything = co_await routes.list(RouteFilter().in_family(IpFamily::v4).in_all_tables());
    EXPECT_EQ(everything.size(), ip_json(wire.here, "-4 route show table all").size());
    const auto ours = co_await routes.list(RouteFilter().in_all_tables().made_by(RouteProtocol::static_));
    EXPECT_EQ(ours.size(), 1u);
}

CO_TEST(Routes, a_refusal_carries_the_kernels_words) {
    Wire wire;
    co_await wire.make();
    std::string what;
    try {
        co_await wire.kernel.routes().add(Route::to(IpPrefix::parse("10.7.0.1/16")).dev(wire.a));
    } catch (const Error& error) {
        what = error.what();
    }
    EXPECT_THAT(what, HasSubstr("add route 10.7.0.1/16 on link"));
    EXPECT_THAT(what, HasSubstr("kernel: "));
    what.clear();
    try {
        co_await wire.kernel.routes().add(Route::default_route().via(text("10.0.0.254")));
    } catch (const Error& error) {
        what = error.what();
    }
    EXPECT_THAT(what, HasSubstr("via 10.0.0.254"));
    EXPECT_THAT(what, HasSubstr("Nexthop"));
}

CO_TEST(Neighbours, what_is_added_is_what_ip_sees) {
    Wire wire;
    co_await wire.make();
    auto neighbours = wire.kernel.neighbours();
    const auto mac = MacAddress::parse("02:00:00:00:00:99");
    co_await neighbours.add(Neighbour(wire.a, text("10.0.0.9"), mac));
    co_await neighbours.add(Neighbour(wire.b, text("2001:db8::9"), mac).in_state(NeighbourState::reachable));
    auto seen = ip_json(wire.here, "neigh show dev a");
    EXPECT_EQ(seen[0]["dst"], "10.0.0.9");
    EXPECT_EQ(seen[0]["lladdr"], "02:00:00:00:00:99");
    EXPECT_EQ(seen[0]["state"][0], "PERMANENT");
    auto again = [&] { return neighbours.add(Neighbour(wire.a, text("10.0.0.9"), mac)); };
    EXPECT_EQ(co_await code_of(again), EEXIST);
    co_await neighbours.replace(Neighbour(wire.a, text("10.0.0.9"), MacAddress::from_number(0x020000000088)));
    auto of_a = co_await neighbours.list(wire.a);
    // The kernel's own IPv6 traffic may have left multicast entries, which ip does not show either.
    std::erase_if(of_a, [](const Neighbour& entry) { return entry.state == NeighbourState::noarp; });
    EXPECT_EQ(of_a.size(), 1u);
    if (of_a.size() != 1) co_return;
    EXPECT_EQ(of_a[0].address, MacAddress::from_number(0x020000000088));
    EXPECT_EQ(of_a[0].state, NeighbourState::permanent);
    const auto of_b = co_await neighbours.list(wire.b);
    const bool found = std::any_of(of_b.begin(), of_b.end(), [&](const Neighbour& entry) {
        return entry.destination == text("2001:db8::9") && entry.address == mac;
    });
    EXPECT_TRUE(found);
    co_await neighbours.remove(wire.a, text("10.0.0.9"));
    EXPECT_TRUE(ip_json(wire.here, "neigh show dev a").empty());
    auto gone = [&] { return neighbours.remove(wire.a, text("10.0.0.9")); };
    EXPECT_EQ(co_await code_of(gone), ENOENT);
}

CO_TEST(Rules, what_is_added_is_what_ip_sees) {
    Wire wire;
    co_await wire.make();
    auto rules = wire.kernel.rules();
    const auto before = co_await rules.list();
    Rule rule = Rule(1000, 77).from(IpPrefix::parse("10.0.0.0/8")).on_input("a").with_mark(5);
    try {
        co_await rules.add(rule);
    } catch (const Error& error) {
        // A kernel without multiple tables has one list of rules, which cannot be changed.
        EXPECT_EQ(error.error_number(), EOPNOTSUPP);
        co_return;
    }
    auto seen = ip_json(wire.here, "rule show priority 1000");
    EXPECT_EQ(seen[0]["src"], "10.0.0.0");
    EXPECT_EQ(seen[0]["srclen"], 8);
    EXPECT_EQ(seen[0]["iif"], "a");
    EXPECT_EQ(seen[0]["table"], "77");
    EXPECT_EQ(seen[0]["fwmark"], "0x5");
    const auto list = co_await rules.list();
    EXPECT_EQ(list.size(), before.size() + 1);
    EXPECT_NE(std::find(list.begin(), list.end(), rule), list.end());
    co_await rules.remove(rule);
    const auto after = co_await rules.list();
    EXPECT_EQ(after, before);
    auto gone = [&] { return rules.remove(rule); };
    EXPECT_EQ(co_await code_of(gone), ENOENT);
}

}  // namespace
}  // namespace weft::netlink
