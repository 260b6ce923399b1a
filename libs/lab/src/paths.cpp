#include <weft/lab/paths.hpp>

#include <algorithm>
#include <deque>
#include <limits>
#include <map>

namespace weft::lab {

namespace {

constexpr unsigned unreachable = std::numeric_limits<unsigned>::max();

// Distances in links from a set of start nodes. Hosts end a path: they do not forward.
std::map<std::string_view, unsigned> distances(const Topology& topology,
                                               const std::vector<std::string_view>& starts) {
    std::map<std::string_view, unsigned> distance;
    std::deque<std::string_view> queue;
    for (const std::string_view start : starts) {
        distance[start] = 0;
        queue.push_back(start);
    }
    while (!queue.empty()) {
        const std::string_view node = queue.front();
        queue.pop_front();
        if (distance[node] != 0 && topology.find_host(node)) continue;
        for (const Link& link : topology.links()) {
            std::string_view other;
            if (link.a.node == node) other = link.b.node;
            if (link.b.node == node) other = link.a.node;
            if (!other.empty() && distance.emplace(other, distance[node] + 1).second) queue.push_back(other);
        }
    }
    return distance;
}

unsigned at(const std::map<std::string_view, unsigned>& distance, std::string_view node) {
    const auto it = distance.find(node);
    return it == distance.end() ? unreachable : it->second;
}

}  // namespace

std::vector<NextHop> next_hops(const Topology& topology, std::string_view from, std::string_view to) {
    const auto distance = distances(topology, {to});
    const unsigned here = at(distance, from);
    std::vector<NextHop> hops;
    if (here == unreachable || here == 0) return hops;
    const auto consider = [&](const Endpoint& near, const Endpoint& far) {
        if (near.node != from || at(distance, far.node) != here - 1) return;
        if (far.node != to && topology.find_host(far.node)) return;
        hops.push_back({*near.port, far.node, *far.port});
    };
    for (const Link& link : topology.links()) {
        consider(link.a, link.b);
        consider(link.b, link.a);
    }
    return hops;
}

std::vector<unsigned> tiers(const Topology& topology) {
    std::vector<std::string_view> hosts;
    for (const Host& host : topology.hosts()) hosts.push_back(host.name);
    const auto distance = distances(topology, hosts);
    std::vector<unsigned> result(topology.hosts().size(), 0);
    for (const Switch& sw : topology.switches()) result.push_back(at(distance, sw.name));
    unsigned highest = 0;
    for (const unsigned tier : result)
        if (tier != unreachable) highest = std::max(highest, tier);
    for (unsigned& tier : result)
        if (tier == unreachable) tier = highest + 1;
    return result;
}

}  // namespace weft::lab
