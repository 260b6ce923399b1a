// Topologies from JSON, good and bad.
#include <weft/lab/error.hpp>
#include <weft/lab/topology_file.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weft::lab {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(TopologyFile, reads_every_part) {
    const Topology t = parse_topology(R"({
        "name": "two",
        "programs": {"swap": {"bmv2_json": "../p4/swap.json", "p4info": "swap.txtpb"}},
        "hosts": {"h1": {"ip": "10.0.0.1/24", "mac": "02:00:00:00:00:11", "gateway": "10.0.0.254"}, "h2": {}},
        "switches": {"s1": {"program": "swap", "device_id": 7, "grpc_port": 9559, "prefix": "10.0.0.0/8"}},
        "links": [["h1", "s1:5"], ["h2", "s1"]]
    })",
                                      "labs/two");
    EXPECT_EQ(t.name(), "two");
    EXPECT_EQ(t.find_program("swap")->bmv2_json, "labs/p4/swap.json");
    EXPECT_EQ(t.find_host("h1")->gateway, "10.0.0.254");
    EXPECT_EQ(t.find_switch("s1")->device_id, 7u);
    EXPECT_EQ(t.find_switch("s1")->grpc_port, 9559);
    ASSERT_EQ(t.links().size(), 2u);
    EXPECT_EQ(t.links()[0].b.port, 5u);
    EXPECT_EQ(t.links()[1].b.port, 1u);
}

TEST(TopologyFile, keeps_the_order_of_the_file) {
    const Topology t = parse_topology(R"({"hosts": {"zeta": {}, "alpha": {}}})", "");
    EXPECT_EQ(t.hosts()[0].name, "zeta");
}

TEST(TopologyFile, names_every_mistake_with_its_place) {
    try {
        (void)parse_topology(R"({
            "colour": 1,
            "hosts": {"h1": {"adress": "x"}, "h2": {"ip": 7}},
            "switches": {"s1": {"device_id": -1}, "h1": {}},
            "links": [["h1"], ["h1", "s1:x"], ["h1", "s9"]]
        })",
                             "");
        FAIL() << "no error";
    } catch (const TopologyError& e) {
        EXPECT_THAT(e.problems(),
                    ElementsAre(HasSubstr("the file: unknown key 'colour'"),
                                HasSubstr("hosts.h1: unknown key 'adress'"),
                                HasSubstr("hosts.h2: ip is not a string"),
                                HasSubstr("switches.s1: device_id is not a number"),
                                HasSubstr("switches.h1: the name 'h1' is used twice"),
                                HasSubstr("links[0] is not a pair"), HasSubstr("links[1]: 's1:x'"),
                                HasSubstr("links[2]: a link names the node 's9'")));
    }
}

TEST(TopologyFile, refuses_what_is_not_json) {
    EXPECT_THROW((void)parse_topology("links: []", ""), TopologyError);
    EXPECT_THROW((void)parse_topology("[]", ""), TopologyError);
}

TEST(TopologyFile, a_missing_file_is_a_system_error) {
    EXPECT_THROW((void)load_topology("no/such/file.json"), SystemError);
}

}  // namespace
}  // namespace weft::lab
