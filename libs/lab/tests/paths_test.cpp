// Shortest paths and tiers.
#include "fabric_topology.hpp"

#include <weft/lab/paths.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weft::lab {
namespace {

std::vector<std::uint32_t> ports(const std::vector<NextHop>& hops) {
    std::vector<std::uint32_t> result;
    for (const NextHop& hop : hops) result.push_back(hop.port);
    return result;
}

TEST(Paths, a_leaf_reaches_the_other_leaf_by_both_spines) {
    const Topology t = small_fabric();
    EXPECT_THAT(ports(next_hops(t, "leaf1", "h3")), ::testing::ElementsAre(3u, 4u));
    EXPECT_THAT(ports(next_hops(t, "leaf1", "leaf2")), ::testing::ElementsAre(3u, 4u));
    EXPECT_THAT(ports(next_hops(t, "leaf1", "h2")), ::testing::ElementsAre(2u));
    EXPECT_THAT(ports(next_hops(t, "spine2", "h1")), ::testing::ElementsAre(1u));
}

TEST(Paths, hosts_do_not_forward) {
    Topology t("line");
    t.add_host({"h1", "", "", ""}).add_host({"h2", "", "", ""});
    Switch sw;
    sw.name = "s1";
    t.add_switch(sw);
    sw.name = "s2";
    t.add_switch(sw);
    t.add_link("h1", "s1").add_link("h1", "s2").add_link("h2", "s2");
    EXPECT_THAT(next_hops(t, "s1", "h2"), ::testing::IsEmpty());
}

TEST(Paths, tiers_count_links_from_the_hosts) {
    EXPECT_THAT(tiers(small_fabric()), ::testing::ElementsAre(0u, 0u, 0u, 0u, 1u, 1u, 2u, 2u));
}

}  // namespace
}  // namespace weft::lab
