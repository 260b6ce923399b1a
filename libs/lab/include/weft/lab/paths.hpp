// Shortest paths through the switches of a topology.
#pragma once

#include <weft/lab/topology.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace weft::lab {

// A way out of a switch: its port, and the port at the other end.
struct NextHop {
    std::uint32_t port;
    std::string neighbour;
    std::uint32_t neighbour_port;
};

// The ports of `from` that lie on a shortest path to `to` (a host or a switch), in the order of the links.
// Hosts do not forward. Empty when there is no way.
[[nodiscard]] std::vector<NextHop> next_hops(const Topology& topology, std::string_view from,
                                             std::string_view to);

// How many links each node is away from the nearest host: 0 for hosts, 1 for leaves, 2 for spines. In the
// order hosts, switches; nodes that reach no host get the largest value + 1.
[[nodiscard]] std::vector<unsigned> tiers(const Topology& topology);

}  // namespace weft::lab
