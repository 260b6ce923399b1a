// The example of README.md, run.
#include "kernel.hpp"

#include <weft/core.hpp>
#include <weft/testing/co_test.hpp>

#include <gtest/gtest.h>

namespace weft::netlink {
namespace {

Task<void> build(Namespace host, Namespace fabric) {
    auto kernel = RouteSocket::open(fabric);
    auto links = kernel.links();
    co_await links.create(LinkSpec::veth("s1-p1", "eth0").mtu(9000).peer_namespace(host).up().peer_up());

    auto inside = RouteSocket::open(host);
    const Link eth0 = co_await inside.links().get("eth0");
    co_await inside.addresses().add(eth0.index, IpPrefix::parse("10.0.1.1/24"));
    co_await inside.routes().add(Route::default_route().via(IpAddress::parse("10.0.1.254")));
}

CO_TEST(Readme, the_example_works) {
    const Namespace host = Namespace::create();
    co_await build(host, Namespace::create());
    EXPECT_EQ(ip_json(host, "route show default")[0]["gateway"], "10.0.1.254");
}

}  // namespace
}  // namespace weft::netlink
