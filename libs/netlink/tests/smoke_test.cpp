#include <gtest/gtest.h>
#include <weft/core.hpp>
#include <weft/netlink.hpp>
using namespace weft;
using namespace weft::netlink;
TEST(Smoke, veth) {
    Loop loop;
    auto main = []() -> Task<void> {
        const auto ns = Namespace::create();
        auto kernel = RouteSocket::open(ns);
        const Link a = co_await kernel.links().add(LinkSpec::veth("a", "b").mtu(9000).up().peer_up());
        EXPECT_EQ(a.mtu, 9000u);
        co_await kernel.addresses().add(a.index, IpPrefix::parse("10.0.0.1/24"));
        co_await kernel.routes().add(Route::default_route().via(IpAddress::parse("10.0.0.254")));
        const auto routes = co_await kernel.routes().list();
        for (auto& r : routes) std::puts(r.destination.to_string().c_str());
        const auto links = co_await kernel.links().list();
        for (auto& r : links) std::puts((r.name + " " + r.kind).c_str());
    };
    loop.run(main());
}
