#include "network.hpp"

#include <gtest/gtest.h>

#include <unistd.h>

namespace weft::probe {

using netlink::Address;
using netlink::IfIndex;
using netlink::Link;
using netlink::LinkSpec;
using netlink::LinkState;
using netlink::Route;
using netlink::RouteSocket;

namespace {

// Without root, the tests run in a user namespace in which they are root.
class Rights : public ::testing::Environment {
public:
    void SetUp() override {
        if (::geteuid() != 0) netlink::enter_own_user_namespace();
    }
};
[[maybe_unused]] const auto* const rights = ::testing::AddGlobalTestEnvironment(new Rights);

Task<void> give(const RouteSocket& kernel, IfIndex index, const char* v4, const char* v6) {
    co_await kernel.addresses().add(index, IpPrefix::parse(v4));
    const auto prefix = IpPrefix::parse(v6);
    co_await kernel.addresses().add(Address(index, prefix).without_dad());
    co_await kernel.addresses().wait_usable(index, prefix.address());
}

}  // namespace

Task<void> raise_loopback(Namespace where) {
    auto kernel = RouteSocket::open(where);
    const Link lo = co_await kernel.links().get("lo");
    co_await kernel.links().set_state(lo.index, LinkState::up);
}

Task<void> Network::connect() {
    co_await raise_loopback(left);
    co_await raise_loopback(right);
    auto kernel = RouteSocket::open(left);
    auto other = RouteSocket::open(right);
    const Link mine =
        co_await kernel.links().add(LinkSpec::veth("eth0", "eth0").peer_namespace(right).up().peer_up());
    const Link theirs = co_await other.links().get("eth0");
    co_await kernel.links().wait_running(mine.index);
    co_await other.links().wait_running(theirs.index);
    co_await give(kernel, mine.index, "10.0.0.1/24", "2001:db8::1/64");
    co_await give(other, theirs.index, "10.0.0.2/24", "2001:db8::2/64");
    netlink::write_sysctl(right, "net/ipv4/ip_forward", "1");
    netlink::write_sysctl(right, "net/ipv6/conf/all/forwarding", "1");
    // Three questions without an answer make a neighbour dead; a second apart by default.
    netlink::write_sysctl(left, "net/ipv4/neigh/eth0/retrans_time_ms", "20");
    netlink::write_sysctl(left, "net/ipv6/neigh/eth0/retrans_time_ms", "20");
    // A host tells itself of each neighbour that does not answer: 50 at a time by default.
    netlink::write_sysctl(left, "net/ipv4/icmp_msgs_per_sec", "100000");
    netlink::write_sysctl(left, "net/ipv4/icmp_msgs_burst", "10000");
}

Task<void> Network::connect_far() {
    co_await connect();
    auto kernel = RouteSocket::open(right);
    auto other = RouteSocket::open(far);
    const Link mine =
        co_await kernel.links().add(LinkSpec::veth("eth1", "eth0").peer_namespace(far).up().peer_up());
    const Link theirs = co_await other.links().get("eth0");
    co_await kernel.links().wait_running(mine.index);
    co_await other.links().wait_running(theirs.index);
    co_await give(kernel, mine.index, "10.0.1.1/24", "2001:db8:1::1/64");
    co_await give(other, theirs.index, "10.0.1.2/24", "2001:db8:1::2/64");
    auto start = RouteSocket::open(left);
    co_await start.routes().add(Route::default_route().via(IpAddress::parse("10.0.0.2")));
    co_await start.routes().add(
        Route::default_route(netlink::IpFamily::v6).via(IpAddress::parse("2001:db8::2")));
    co_await other.routes().add(Route::default_route().via(IpAddress::parse("10.0.1.1")));
    co_await other.routes().add(
        Route::default_route(netlink::IpFamily::v6).via(IpAddress::parse("2001:db8:1::1")));
}

}  // namespace weft::probe
