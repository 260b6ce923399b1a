#include <weft/lab/paths.hpp>
#include <weft/lab/route_plan.hpp>
#include <weft/netlink/ip_address.hpp>

#include <map>

namespace weft::lab {

namespace {

// The switch to which a host is attached by its first link, or nullptr.
const Switch* leaf_of(const Topology& topology, const Host& host) {
    for (const Link& link : topology.links()) {
        if (link.a.node == host.name) return topology.find_switch(link.b.node);
        if (link.b.node == host.name) return topology.find_switch(link.a.node);
    }
    return nullptr;
}

p4runtime::ActionSet actions_for(const Topology& topology, const Switch& sw, const std::vector<NextHop>& hops,
                                 const RouteTable& names) {
    p4runtime::ActionSet set;
    for (const NextHop& hop : hops) {
        set.add(p4runtime::ActionCall(names.action)
                    .param(names.port, hop.port)
                    .param(names.source_mac, topology.mac_of(sw.name, hop.port))
                    .param(names.destination_mac, topology.mac_of(hop.neighbour, hop.neighbour_port)));
    }
    return set;
}

}  // namespace

std::vector<SwitchRoutes> plan_routes(const Topology& topology, const RouteTable& names) {
    std::vector<SwitchRoutes> plan;
    for (const Switch& sw : topology.switches()) {
        SwitchRoutes& routes = plan.emplace_back();
        routes.switch_name = sw.name;
        std::map<std::string, std::string> destinations;  // prefix -> node to go to
        for (const Host& host : topology.hosts()) {
            const auto own = netlink::IpPrefix::try_parse(host.ip);
            if (!own || !own->address().is_v4()) continue;
            const Switch* leaf = leaf_of(topology, host);
            if (leaf && leaf != &sw && !leaf->prefix.empty()) {
                destinations.emplace(netlink::IpPrefix::parse(leaf->prefix).network().to_string(),
                                     leaf->name);
            } else {
                destinations.emplace(netlink::IpPrefix(own->address()).to_string(), host.name);
            }
        }
        for (const auto& [prefix, node] : destinations) {
            const auto hops = next_hops(topology, sw.name, node);
            if (hops.empty()) continue;
            routes.entries.push_back(p4runtime::TableEntry(names.table)
                                         .match(names.destination, prefix)
                                         .one_shot(actions_for(topology, sw, hops, names)));
        }
    }
    return plan;
}

}  // namespace weft::lab
