// The plan of a lab: names, ports, addresses, and all its problems at once.
#include "fabric_topology.hpp"

#include <weft/lab/error.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weft::lab {
namespace {

using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

TEST(Topology, gives_out_the_lowest_free_ports) {
    const Topology t = small_fabric();
    EXPECT_EQ(t.links()[0].a.port, 0u) << "hosts count from 0";
    EXPECT_EQ(t.links()[0].b.port, 1u) << "switches count from 1";
    EXPECT_EQ(t.links()[4].a.port, 3u);
    EXPECT_EQ(t.links()[5].a.port, 4u);
    EXPECT_EQ(t.find_switch("spine2")->device_id, 4u);
}

TEST(Topology, a_sound_one_has_no_problems) { EXPECT_THAT(small_fabric().problems(), ::testing::IsEmpty()); }

TEST(Topology, refuses_taken_names_ports_and_unknown_nodes_at_once) {
    Topology t = small_fabric();
    EXPECT_THROW(t.add_host({"leaf1", "", "", ""}), TopologyError);
    EXPECT_THROW(t.add_link("h1", "leaf9"), TopologyError);
    EXPECT_THROW(t.add_link(Endpoint{"h1", 1}, Endpoint{"leaf1", 1}), TopologyError);
}

TEST(Topology, reports_all_problems_in_one_error) {
    Topology t("bad");
    t.add_host({"1host", "10.0.0.1/24", "", ""});
    t.add_host({"h2", "10.0.0.1/24", "not a mac", "10.9.9.9"});
    t.add_host({"h3", "10.0.0.300/24", "", ""});
    Switch sw;
    sw.name = "s1";
    sw.program = "missing";
    t.add_switch(sw);
    t.add_link(Endpoint{"h2", std::nullopt}, Endpoint{"s1", 600});
    try {
        t.validate();
        FAIL() << "no error";
    } catch (const TopologyError& e) {
        EXPECT_THAT(
            e.problems(),
            UnorderedElementsAre(HasSubstr("'1host'"), HasSubstr("both have 10.0.0.1"),
                                 HasSubstr("not a mac"), HasSubstr("10.9.9.9 is not in"),
                                 HasSubstr("10.0.0.300/24"), HasSubstr("'missing'"), HasSubstr("s1:600")));
        EXPECT_THAT(e.what(), HasSubstr("7 problems"));
    }
}

TEST(Topology, mac_addresses_are_unique_and_locally_administered) {
    const Topology t = small_fabric();
    EXPECT_EQ(t.mac_of("h1", 0), "02:00:00:01:00:00");
    EXPECT_EQ(t.mac_of("h4", 0), "02:00:00:04:00:00");
    EXPECT_EQ(t.mac_of("leaf2", 3), "02:01:00:02:00:03");
    EXPECT_THROW((void)t.mac_of("nobody", 0), Error);
}

TEST(Topology, finds_a_link_either_way_round) {
    const Topology t = small_fabric();
    EXPECT_EQ(t.find_link("leaf1", "spine1"), 4u);
    EXPECT_EQ(t.find_link("spine1", "leaf1"), 4u);
    EXPECT_EQ(t.find_link("h1", "spine1"), std::nullopt);
}

}  // namespace
}  // namespace weft::lab
