// The example of README.md, run.
#include "network.hpp"

#include <weft/core.hpp>
#include <weft/probe.hpp>
#include <weft/testing/co_test.hpp>

#include <gtest/gtest.h>

namespace weft::probe {
namespace {

Task<int> count_living(Namespace host) {
    auto pinger = Pinger::open(host);
    const PingResult first = co_await pinger.ping(IpAddress::parse("10.0.0.2"));
    if (!first.reply()) co_return 0;

    int living = 0;
    const auto targets = hosts_of(IpPrefix::parse("10.0.0.0/28"));
    const auto results = co_await sweep(pinger, targets, SweepOptions().with_rate(0));
    for (const SweepResult& result : results) living += result.result.reply() != nullptr;
    co_return living;
}

CO_TEST(Readme, the_example_works) {
    Network network;
    co_await network.connect();
    EXPECT_EQ(co_await count_living(network.left), 2) << "we and our neighbour";
}

}  // namespace
}  // namespace weft::probe
