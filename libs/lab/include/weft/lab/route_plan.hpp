// The routes of a fabric, worked out from its topology.
#pragma once

#include <weft/lab/topology.hpp>
#include <weft/p4runtime/table_entry.hpp>

#include <string>
#include <vector>

namespace weft::lab {

// What one switch is to be told.
struct SwitchRoutes {
    std::string switch_name;
    std::vector<p4runtime::TableEntry> entries;
};

// Where a program keeps its routes: a longest-prefix table whose action takes the port and both MAC addresses
// of the next hop. The defaults are those of the program `fabric`.
struct RouteTable {
    std::string table = "MyIngress.ipv4_route";
    std::string destination = "hdr.ipv4.dstAddr";
    std::string action = "MyIngress.set_nexthop";
    std::string port = "port";
    std::string source_mac = "srcAddr";
    std::string destination_mac = "dstAddr";
};

// For each switch a route to each host that is attached to it, and to each other leaf's prefix (to each host,
// where a leaf has none), over all shortest paths: one entry a destination, with a one-shot action set of its
// next hops. In the order of the topology. Hosts without an address have no routes.
[[nodiscard]] std::vector<SwitchRoutes> plan_routes(const Topology& topology,
                                                    const RouteTable& names = RouteTable());

}  // namespace weft::lab
