// Pings through real namespaces.
#include "network.hpp"

#include <weft/core.hpp>
#include <weft/probe.hpp>
#include <weft/testing/co_test.hpp>

#include <gtest/gtest.h>

#include <cerrno>

namespace weft::probe {
namespace {

using namespace std::chrono_literals;

IpAddress at(const char* text) { return IpAddress::parse(text); }

CO_TEST(Pinger, hears_the_loopback_in_both_families) {
    const Namespace here = Namespace::create();
    co_await raise_loopback(here);
    auto pinger = Pinger::open(here);
    for (const char* target : {"127.0.0.1", "127.9.9.9", "::1"}) {
        const PingResult result = co_await pinger.ping(at(target));
        EXPECT_TRUE(result.reply()) << target << ": " << result.to_string();
        if (!result.reply()) continue;
        EXPECT_EQ(result.reply()->from, at(target));
        EXPECT_EQ(result.reply()->ttl, 64);
        EXPECT_GT(result.reply()->rtt, 0ns);
        EXPECT_LT(result.reply()->rtt, 1s);
    }
}

CO_TEST(Pinger, hears_a_neighbour_over_a_wire) {
    Network network;
    co_await network.connect();
    auto pinger = Pinger::open(network.left);
    const PingResult v4 = co_await pinger.ping(at("10.0.0.2"));
    EXPECT_TRUE(v4.reply()) << v4.to_string();
    const PingResult v6 = co_await pinger.ping(at("2001:db8::2"));
    EXPECT_TRUE(v6.reply()) << v6.to_string();
    const PingResult large = co_await pinger.ping(at("10.0.0.2"), PingOptions().with_payload(20000));
    EXPECT_TRUE(large.reply()) << "in fragments: " << large.to_string();
    const PingResult odd = co_await pinger.ping(at("10.0.0.2"), PingOptions().with_payload(17));
    EXPECT_TRUE(odd.reply()) << odd.to_string();
}

// Where the system allows datagram sockets, the kernel chooses the id and delivers our replies only.
CO_TEST(Pinger, works_with_datagram_sockets) {
    Network network;
    co_await network.connect();
    netlink::write_sysctl(network.left, "net/ipv4/ping_group_range", "0 0");
    auto pinger = Pinger::open(network.left);
    EXPECT_FALSE(pinger.is_raw());
    for (const char* target : {"10.0.0.2", "2001:db8::2"}) {
        const PingResult result = co_await pinger.ping(at(target));
        EXPECT_TRUE(result.reply()) << result.to_string();
        if (result.reply()) {
            EXPECT_EQ(result.reply()->ttl, 64);
        }
    }
    const PingResult dead = co_await pinger.ping(at("10.0.0.99"), PingOptions().with_timeout(10s));
    EXPECT_TRUE(dead.unreachable()) << dead.to_string();
}

CO_TEST(Pinger, works_with_raw_sockets) {
    Network network;
    co_await network.connect();
    // A new namespace allows datagram sockets to nobody.
    auto pinger = Pinger::open(network.left);
    EXPECT_TRUE(pinger.is_raw());
    const PingResult result = co_await pinger.ping(at("10.0.0.2"));
    EXPECT_TRUE(result.reply()) << result.to_string();
    if (!result.reply()) co_return;
    EXPECT_EQ(result.reply()->from, at("10.0.0.2"));
    EXPECT_EQ(result.reply()->ttl, 64);
}

CO_TEST(Pinger, silence_is_a_value) {
    Network network;
    co_await network.connect();
    netlink::write_sysctl(network.right, "net/ipv4/icmp_echo_ignore_all", "1");
    auto pinger = Pinger::open(network.left);
    const PingResult result = co_await pinger.ping(at("10.0.0.2"), PingOptions().with_timeout(30ms));
    EXPECT_TRUE(result.timeout()) << result.to_string();
    EXPECT_EQ(result.to_string(), "no answer within 30 ms");
}

CO_TEST(Pinger, a_neighbour_that_does_not_exist_is_unreachable) {
    Network network;
    co_await network.connect();
    auto pinger = Pinger::open(network.left);
    for (const char* target : {"10.0.0.99", "2001:db8::99"}) {
        const PingResult result = co_await pinger.ping(at(target), PingOptions().with_timeout(15s));
        EXPECT_TRUE(result.unreachable()) << result.to_string();
        if (result.unreachable()) {
            EXPECT_EQ(result.unreachable()->error_number, EHOSTUNREACH);
        }
    }
}

CO_TEST(Pinger, without_a_route_the_kernels_refusal_is_the_answer) {
    Network network;
    co_await network.connect();
    auto pinger = Pinger::open(network.left);
    const PingResult result = co_await pinger.ping(at("192.0.2.1"));
    EXPECT_TRUE(result.unreachable()) << result.to_string();
    if (!result.unreachable()) co_return;
    EXPECT_EQ(result.unreachable()->error_number, ENETUNREACH);
    EXPECT_FALSE(result.unreachable()->reporter);
    const PingResult broadcast = co_await pinger.ping(at("255.255.255.255"));
    EXPECT_TRUE(broadcast.unreachable()) << broadcast.to_string();
}

CO_TEST(Pinger, routers_errors_name_the_router) {
    Network network;
    co_await network.connect_far();
    auto pinger = Pinger::open(network.left);
    const PingResult far = co_await pinger.ping(at("10.0.1.2"));
    EXPECT_TRUE(far.reply()) << far.to_string();
    if (far.reply()) {
        EXPECT_EQ(far.reply()->ttl, 63) << "one hop on the way back";
    }

    const PingResult short_lived = co_await pinger.ping(at("10.0.1.2"), PingOptions().with_hop_limit(1));
    EXPECT_TRUE(short_lived.unreachable()) << short_lived.to_string();
    if (short_lived.unreachable()) {
        EXPECT_TRUE(short_lived.unreachable()->time_exceeded);
        EXPECT_EQ(short_lived.unreachable()->reporter, at("10.0.0.2"));
        EXPECT_EQ(short_lived.to_string(), "10.0.0.2: hop limit exceeded");
    }
    const PingResult v6 = co_await pinger.ping(at("2001:db8:1::2"), PingOptions().with_hop_limit(1));
    EXPECT_TRUE(v6.unreachable() && v6.unreachable()->time_exceeded) << v6.to_string();
    if (v6.unreachable()) {
        EXPECT_EQ(v6.unreachable()->reporter, at("2001:db8::2"));
    }

    const PingResult nowhere = co_await pinger.ping(at("192.0.2.1"));
    EXPECT_TRUE(nowhere.unreachable()) << nowhere.to_string();
    EXPECT_EQ(nowhere.to_string(), "10.0.0.2: network unreachable");
}

CO_TEST(Pinger, hundreds_in_flight_each_get_their_own) {
    const Namespace here = Namespace::create();
    co_await raise_loopback(here);
    auto pinger = Pinger::open(here);
    std::vector<Task<PingResult>> tasks;
    for (std::uint32_t i = 1; i <= 1000; ++i)
        tasks.push_back(pinger.ping(IpAddress::from_v4(0x7f000000 + i)));
    const auto results = co_await gather(std::move(tasks), 1000);
    for (std::uint32_t i = 1; i <= 1000; ++i) {
        const PingReply* reply = results[i - 1].reply();
        EXPECT_TRUE(reply) << results[i - 1].to_string();
        if (reply) {
            EXPECT_EQ(reply->from, IpAddress::from_v4(0x7f000000 + i));
        }
    }
}

// Errors of dead targets arrive on the socket that the live ones use: nobody gets another's.
CO_TEST(Pinger, the_dead_do_not_disturb_the_living) {
    Network network;
    co_await network.connect();
    auto pinger = Pinger::open(network.left);
    std::vector<Task<PingResult>> tasks;
    for (std::uint32_t i = 0; i < 300; ++i) {
        const bool alive = i % 3 == 0;
        const IpAddress target =
            alive ? at("10.0.0.2") : IpAddress::from_v4(i % 3 == 1 ? 0x0a000064 + i / 3 : 0xc0000200 + i);
        tasks.push_back(pinger.ping(target, PingOptions().with_timeout(15s)));
    }
    const auto results = co_await gather(std::move(tasks), 300);
    for (std::size_t i = 0; i < results.size(); ++i) {
        if (i % 3 == 0) {
            EXPECT_TRUE(results[i].reply()) << i << ": " << results[i].to_string();
        } else {
            EXPECT_TRUE(results[i].unreachable()) << i << ": " << results[i].to_string();
        }
    }
}

CO_TEST(Pinger, two_pingers_and_many_tasks_do_not_mix) {
    const Namespace here = Namespace::create();
    co_await raise_loopback(here);
    auto one = Pinger::open(here);
    auto two = Pinger::open(here);
    std::vector<Task<PingResult>> tasks;
    for (int i = 0; i < 200; ++i) tasks.push_back((i % 2 ? one : two).ping(at(i % 3 ? "127.0.0.1" : "::1")));
    const auto results = co_await gather(std::move(tasks), 200);
    for (const PingResult& result : results) EXPECT_TRUE(result.reply()) << result.to_string();
}

CO_TEST(Pinger, cancelling_and_closing_end_the_wait) {
    Network network;
    co_await network.connect();
    netlink::write_sysctl(network.right, "net/ipv4/icmp_echo_ignore_all", "1");
    auto pinger = Pinger::open(network.left);
    auto cancelled = spawn(pinger.ping(at("10.0.0.2"), PingOptions().with_timeout(1h)));
    auto closed = spawn(pinger.ping(at("10.0.0.2"), PingOptions().with_timeout(1h)));
    co_await sleep(2ms);
    cancelled.cancel();
    int ends = 0;
    try {
        co_await cancelled;
    } catch (const Cancelled&) {
        ++ends;
    }
    pinger.close();
    pinger.close();
    try {
        co_await closed;
    } catch (const ClosedError&) {
        ++ends;
    }
    try {
        co_await pinger.ping(at("10.0.0.2"));
    } catch (const ClosedError&) {
        ++ends;
    }
    EXPECT_EQ(ends, 3);
}

CO_TEST(Pinger, refuses_options_out_of_range) {
    const Namespace here = Namespace::create();
    auto pinger = Pinger::open(here);
    EXPECT_THROW(static_cast<void>(pinger.ping(at("::1"), PingOptions().with_payload(15))), UsageError);
    EXPECT_THROW(static_cast<void>(pinger.ping(at("::1"), PingOptions().with_payload(65508))), UsageError);
    EXPECT_THROW(static_cast<void>(pinger.ping(at("::1"), PingOptions().with_hop_limit(0))), UsageError);
    co_return;
}

}  // namespace
}  // namespace weft::probe
