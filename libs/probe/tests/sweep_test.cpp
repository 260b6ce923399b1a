// Sweeps through real namespaces.
#include "network.hpp"

#include <weft/core.hpp>
#include <weft/probe.hpp>
#include <weft/testing/co_test.hpp>

#include <gtest/gtest.h>

#include <set>

namespace weft::probe {
namespace {

using namespace std::chrono_literals;

CO_TEST(Sweep, finds_every_address_of_the_loopback_in_order) {
    const Namespace here = Namespace::create();
    co_await raise_loopback(here);
    auto pinger = Pinger::open(here);
    const auto targets = hosts_of(IpPrefix::parse("127.1.0.0/20"));
    EXPECT_EQ(targets.size(), 4094u);
    std::set<IpAddress> told;
    SweepOptions options = SweepOptions().with_rate(0).with_window(512);
    options.on_result = [&](const SweepResult& result) { told.insert(result.target); };
    const auto results = co_await sweep(pinger, targets, options);
    EXPECT_EQ(results.size(), targets.size());
    for (std::size_t i = 0; i < results.size(); ++i) {
        EXPECT_EQ(results[i].target, targets[i]);
        EXPECT_TRUE(results[i].result.reply()) << results[i].result.to_string();
        EXPECT_EQ(results[i].attempts, 1u);
    }
    EXPECT_EQ(told.size(), targets.size());
}

CO_TEST(Sweep, silence_costs_one_timeout_for_all_and_is_retried) {
    Network network;
    co_await network.connect();
    netlink::write_sysctl(network.right, "net/ipv4/icmp_echo_ignore_all", "1");
    auto pinger = Pinger::open(network.left);
    const std::vector<IpAddress> targets(100, IpAddress::parse("10.0.0.2"));
    const PingOptions ping = PingOptions().with_timeout(40ms);
    const SweepOptions options = SweepOptions().with_rate(0).with_retries(2).with_ping(ping);
    const auto before = Clock::now();
    const auto results = co_await sweep(pinger, targets, options);
    EXPECT_LT(Clock::now() - before, 2s) << "not one after another: that would be 12 s";
    for (const SweepResult& result : results) {
        EXPECT_TRUE(result.result.timeout());
        EXPECT_EQ(result.attempts, 3u);
    }
}

CO_TEST(Sweep, keeps_to_its_rate) {
    const Namespace here = Namespace::create();
    co_await raise_loopback(here);
    auto pinger = Pinger::open(here);
    const auto targets = hosts_of(IpPrefix::parse("127.1.0.0/25"));
    const auto before = Clock::now();
    const auto results = co_await sweep(pinger, targets, SweepOptions().with_rate(1000));
    // 126 targets, of which a hundredth of a second's worth goes at once.
    EXPECT_GE(Clock::now() - before, 110ms);
    EXPECT_EQ(results.size(), 126u);
}

CO_TEST(Sweep, cancelling_ends_it) {
    Network network;
    co_await network.connect();
    netlink::write_sysctl(network.right, "net/ipv4/icmp_echo_ignore_all", "1");
    auto pinger = Pinger::open(network.left);
    const std::vector<IpAddress> targets(50, IpAddress::parse("10.0.0.2"));
    const PingOptions ping = PingOptions().with_timeout(1h);
    auto task = spawn(sweep(pinger, targets, SweepOptions().with_rate(0).with_ping(ping)));
    co_await sleep(5ms);
    task.cancel();
    bool cancelled = false;
    try {
        co_await task;
    } catch (const Cancelled&) {
        cancelled = true;
    }
    EXPECT_TRUE(cancelled);
}

TEST(HostsOf, leaves_out_what_no_host_has) {
    EXPECT_EQ(hosts_of(IpPrefix::parse("10.0.0.0/24")).size(), 254u);
    EXPECT_EQ(hosts_of(IpPrefix::parse("10.0.0.7/30")).front(), IpAddress::parse("10.0.0.5"));
    EXPECT_EQ(hosts_of(IpPrefix::parse("10.0.0.0/31")).size(), 2u);
    EXPECT_EQ(hosts_of(IpPrefix::parse("10.0.0.9/32")).front(), IpAddress::parse("10.0.0.9"));
    EXPECT_EQ(hosts_of(IpPrefix::parse("2001:db8::/120")).size(), 256u);
    EXPECT_THROW(static_cast<void>(hosts_of(IpPrefix::parse("2001:db8::/64"))), UsageError);
}

}  // namespace
}  // namespace weft::probe
