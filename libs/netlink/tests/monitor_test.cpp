// Events: everything that changes is told once, and loss is told too.
#include "kernel.hpp"

#include <weft/core.hpp>
#include <weft/testing/co_test.hpp>

#include <gtest/gtest.h>

#include <string>

namespace weft::netlink {
namespace {

// Reads events until `wanted` says that it has seen what it looked for.
template <class F>
Task<bool> see(Monitor& monitor, F wanted) {
    for (;;) {
        const std::optional<RouteEvent> event = co_await monitor.next();
        if (!event) co_return false;
        if (wanted(*event)) co_return true;
    }
}

CO_TEST(Monitor, tells_of_changes_by_us_and_by_others) {
    const Namespace here = Namespace::create();
    auto kernel = RouteSocket::open(here);
    Monitor monitor = kernel.monitor();
    const Link made = co_await kernel.links().add(LinkSpec::veth("a", "b").up());
    auto link_a = [&](const RouteEvent& event) {
        const auto* change = std::get_if<Change<Link>>(&event);
        return change && change->object.name == "a" && change->kind == ChangeKind::set;
    };
    EXPECT_TRUE(co_await see(monitor, link_a));

    ip(here, "addr add 10.0.0.1/24 dev a");
    auto address = [&](const RouteEvent& event) {
        const auto* change = std::get_if<Change<Address>>(&event);
        return change && change->object.prefix.to_string() == "10.0.0.1/24" &&
               change->object.index == made.index;
    };
    EXPECT_TRUE(co_await see(monitor, address));

    ip(here, "neigh add 10.0.0.9 lladdr 02:00:00:00:00:09 dev a");
    auto neighbour = [](const RouteEvent& event) {
        const auto* change = std::get_if<Change<Neighbour>>(&event);
        return change && change->object.destination == IpAddress::parse("10.0.0.9");
    };
    EXPECT_TRUE(co_await see(monitor, neighbour));

    ip(here, "link set dev b up");
    ip(here, "route add 10.7.0.0/16 via 10.0.0.9");
    ip(here, "route del 10.7.0.0/16");
    auto removed = [](const RouteEvent& event) {
        const auto* change = std::get_if<Change<Route>>(&event);
        return change && change->kind == ChangeKind::removed &&
               change->object.destination.to_string() == "10.7.0.0/16";
    };
    EXPECT_TRUE(co_await see(monitor, removed));

    ip(here, "link del dev b");
    auto gone = [](const RouteEvent& event) {
        const auto* change = std::get_if<Change<Link>>(&event);
        return change && change->kind == ChangeKind::removed && change->object.name == "a";
    };
    EXPECT_TRUE(co_await see(monitor, gone));
}

CO_TEST(Monitor, watches_only_what_was_asked_for) {
    auto kernel = RouteSocket::open(Namespace::create());
    MonitorOptions options;
    options.links = options.neighbours = options.routes = false;
    Monitor monitor = kernel.monitor(options);
    const Link made = co_await kernel.links().add(LinkSpec::veth("a", "b"));
    co_await kernel.addresses().add(made.index, IpPrefix::parse("10.0.0.1/24"));
    const auto event = co_await monitor.next();
    EXPECT_TRUE(event && std::holds_alternative<Change<Address>>(*event));
}

CO_TEST(Monitor, a_flood_is_reported_and_the_monitor_goes_on) {
    auto kernel = RouteSocket::open(Namespace::create());
    MonitorOptions options;
    options.socket = SocketOptions().with_receive_buffer(16 << 10);
    Monitor monitor = kernel.monitor(options);
    const Link made = co_await kernel.links().add(LinkSpec::veth("a", "b").up());
    // Nobody reads meanwhile: the socket is not even on the loop yet.
    for (std::uint32_t i = 0; i < 400; ++i) {
        const auto address = IpAddress::from_v4(0x0a000001 + i);
        co_await kernel.neighbours().add(Neighbour(made.index, address, MacAddress::from_number(i)));
    }
    auto overflow = [](const RouteEvent& event) { return std::holds_alternative<Overflow>(event); };
    EXPECT_TRUE(co_await see(monitor, overflow));
    co_await kernel.addresses().add(made.index, IpPrefix::parse("10.9.0.1/24"));
    auto address = [](const RouteEvent& event) {
        const auto* change = std::get_if<Change<Address>>(&event);
        return change && change->object.prefix.to_string() == "10.9.0.1/24";
    };
    EXPECT_TRUE(co_await see(monitor, address));
}

CO_TEST(Monitor, a_full_queue_is_reported_after_what_it_holds) {
    auto kernel = RouteSocket::open(Namespace::create());
    MonitorOptions options;
    options.links = options.addresses = options.routes = false;
    options.socket.event_limit = 10;
    Monitor monitor = kernel.monitor(options);
    const Link made = co_await kernel.links().add(LinkSpec::veth("a", "b").up());
    for (std::uint32_t i = 0; i < 30; ++i) {
        const auto address = IpAddress::from_v4(0x0a000001 + i);
        co_await kernel.neighbours().add(Neighbour(made.index, address, MacAddress::from_number(i)));
    }
    int changes = 0;
    auto overflow = [&](const RouteEvent& event) {
        const bool lost = std::holds_alternative<Overflow>(event);
        changes += lost ? 0 : 1;
        return lost;
    };
    EXPECT_TRUE(co_await see(monitor, overflow));
    EXPECT_GE(changes, 10);
    EXPECT_LT(changes, 30);
}

CO_TEST(Monitor, close_ends_the_stream) {
    auto kernel = RouteSocket::open(Namespace::create());
    Monitor monitor = kernel.monitor();
    auto next = spawn(monitor.next());
    co_await yield();
    monitor.close();
    const auto event = co_await next;
    EXPECT_FALSE(*&event);
    const auto later = co_await monitor.next();
    EXPECT_FALSE(later);
}

}  // namespace
}  // namespace weft::netlink
