#include <weft/lab/error.hpp>
#include <weft/lab/topology.hpp>
#include <weft/netlink/ip_address.hpp>
#include <weft/netlink/mac_address.hpp>

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <map>
#include <set>

namespace weft::lab {

namespace {

// Interface names are "<node>-eth<port>" and end at 15 characters (IFNAMSIZ).
constexpr std::size_t max_node_name = 12;
constexpr std::size_t max_interface_name = 15;
// v1model's port is nine bits wide; the programs here use 510 for the controller and 511 for "drop".
constexpr std::uint32_t max_switch_port = 509;

bool valid_name(std::string_view name) {
    if (name.empty() || name.size() > max_node_name || !std::isalpha(static_cast<unsigned char>(name[0])))
        return false;
    return std::all_of(name.begin(), name.end(),
                       [](unsigned char c) { return std::isalnum(c) || c == '-' || c == '_'; });
}

template <class T>
const T* find_by_name(const std::vector<T>& list, std::string_view name) noexcept {
    const auto it = std::find_if(list.begin(), list.end(), [&](const T& item) { return item.name == name; });
    return it == list.end() ? nullptr : &*it;
}

std::string text_of(const Endpoint& end) { return end.node + ":" + std::to_string(end.port.value_or(0)); }

std::string joined(const std::vector<std::string>& problems) {
    std::string text = problems.size() == 1
                           ? "the topology cannot be built: "
                           : "the topology has " + std::to_string(problems.size()) + " problems: ";
    for (std::size_t i = 0; i < problems.size(); ++i) text += (i ? "; " : "") + problems[i];
    return text;
}

}  // namespace

TopologyError::TopologyError(std::vector<std::string> problems)
    : Error(joined(problems)), problems_(std::move(problems)) {}

bool Topology::exists(std::string_view name) const noexcept { return find_host(name) || find_switch(name); }

void Topology::require_new_node(std::string_view name) const {
    if (exists(name)) throw TopologyError({"the name '" + std::string(name) + "' is used twice"});
}

Topology& Topology::add_program(Program program) {
    if (find_program(program.name))
        throw TopologyError({"the program '" + program.name + "' is given twice"});
    programs_.push_back(std::move(program));
    return *this;
}

Topology& Topology::add_host(Host host) {
    require_new_node(host.name);
    hosts_.push_back(std::move(host));
    return *this;
}

Topology& Topology::add_switch(Switch node) {
    require_new_node(node.name);
    switches_.push_back(std::move(node));
    if (switches_.back().device_id == 0) switches_.back().device_id = switches_.size();
    return *this;
}

bool Topology::port_taken(std::string_view node, std::uint32_t port) const noexcept {
    return std::any_of(links_.begin(), links_.end(), [&](const Link& link) {
        return (link.a.node == node && link.a.port == port) || (link.b.node == node && link.b.port == port);
    });
}

void Topology::give_port(Endpoint& end) const {
    if (!exists(end.node))
        throw TopologyError({"a link names the node '" + end.node + "', which does not exist"});
    if (!end.port) {
        end.port = find_switch(end.node) ? 1 : 0;
        while (port_taken(end.node, *end.port)) ++*end.port;
    } else if (port_taken(end.node, *end.port)) {
        throw TopologyError({"port " + text_of(end) + " has two links"});
    }
}

Topology& Topology::add_link(Endpoint a, Endpoint b) {
    give_port(a);
    give_port(b);
    links_.push_back({std::move(a), std::move(b)});
    return *this;
}

Topology& Topology::add_link(std::string a, std::string b) {
    return add_link(Endpoint{std::move(a), std::nullopt}, Endpoint{std::move(b), std::nullopt});
}

const Host* Topology::find_host(std::string_view name) const noexcept { return find_by_name(hosts_, name); }
const Switch* Topology::find_switch(std::string_view name) const noexcept {
    return find_by_name(switches_, name);
}
const Program* Topology::find_program(std::string_view name) const noexcept {
    return find_by_name(programs_, name);
}

std::optional<std::size_t> Topology::find_link(std::string_view a, std::string_view b) const noexcept {
    for (std::size_t i = 0; i < links_.size(); ++i) {
        const Link& link = links_[i];
        if ((link.a.node == a && link.b.node == b) || (link.a.node == b && link.b.node == a)) return i;
    }
    return std::nullopt;
}

// Locally administered addresses (the 02 bit, IEEE 802-2014 8.2): 02:00 for hosts, 02:01 for switch ports.
std::string Topology::mac_of(std::string_view node, std::uint32_t port) const {
    unsigned kind;
    std::size_t position;
    if (const Host* host = find_host(node)) {
        if (port == 0 && !host->mac.empty()) return host->mac;
        kind = 0;
        position = static_cast<std::size_t>(host - hosts_.data()) + 1;
    } else if (const Switch* sw = find_switch(node)) {
        kind = 1;
        position = static_cast<std::size_t>(sw - switches_.data()) + 1;
    } else {
        throw Error("no node is called '" + std::string(node) + "'");
    }
    char text[24];
    std::snprintf(text, sizeof text, "02:%02x:%02x:%02x:%02x:%02x", kind & 0xff,
                  static_cast<unsigned>(position >> 8) & 0xff, static_cast<unsigned>(position) & 0xff,
                  (port >> 8) & 0xff, port & 0xff);
    return text;
}

std::vector<std::string> Topology::problems() const {
    std::vector<std::string> found;
    const auto problem = [&](std::string text) { found.push_back(std::move(text)); };

    std::map<std::string, std::string> address_owner;
    for (const Host& host : hosts_) {
        if (!valid_name(host.name))
            problem("host name '" + host.name +
                    "' is not a letter followed by up to 11 letters, digits, '-' or '_'");
        std::optional<netlink::IpPrefix> prefix;
        if (!host.ip.empty()) {
            prefix = netlink::IpPrefix::try_parse(host.ip);
            if (!prefix) {
                problem("host " + host.name + ": ip '" + host.ip +
                        "' is not an address with a prefix length");
            } else {
                const auto [it, added] = address_owner.emplace(prefix->address().to_string(), host.name);
                if (!added) problem("hosts " + it->second + " and " + host.name + " both have " + it->first);
            }
        }
        if (!host.mac.empty() && !netlink::MacAddress::try_parse(host.mac))
            problem("host " + host.name + ": mac '" + host.mac + "' is not six pairs of hexadecimal digits");
        if (!host.gateway.empty()) {
            const auto gateway = netlink::IpAddress::try_parse(host.gateway);
            if (!gateway) {
                problem("host " + host.name + ": gateway '" + host.gateway + "' is not an address");
            } else if (!prefix || !prefix->contains(*gateway)) {
                problem("host " + host.name + ": gateway " + host.gateway +
                        " is not in the host's own network");
            }
        }
    }

    std::map<std::uint64_t, std::string> device_owner;
    std::map<std::uint16_t, std::string> grpc_owner;
    for (const Switch& sw : switches_) {
        if (!valid_name(sw.name))
            problem("switch name '" + sw.name +
                    "' is not a letter followed by up to 11 letters, digits, '-' or '_'");
        if (!find_program(sw.program))
            problem("switch " + sw.name + ": program '" + sw.program +
                    "' is not among the topology's programs");
        if (!sw.prefix.empty() && !netlink::IpPrefix::try_parse(sw.prefix))
            problem("switch " + sw.name + ": prefix '" + sw.prefix +
                    "' is not an address with a prefix length");
        if (const auto [it, added] = device_owner.emplace(sw.device_id, sw.name); !added)
            problem("switches " + it->second + " and " + sw.name + " both have device id " +
                    std::to_string(sw.device_id));
        if (sw.grpc_port != 0) {
            if (const auto [it, added] = grpc_owner.emplace(sw.grpc_port, sw.name); !added)
                problem("switches " + it->second + " and " + sw.name + " both have gRPC port " +
                        std::to_string(sw.grpc_port));
        }
    }

    for (const Link& link : links_) {
        if (link.a.node == link.b.node) problem("a link connects " + link.a.node + " with itself");
        for (const Endpoint* end : {&link.a, &link.b}) {
            const std::string interface = end->node + "-eth" + std::to_string(*end->port);
            if (interface.size() > max_interface_name)
                problem("interface name " + interface + " is longer than 15 characters");
            if (find_switch(end->node) && (*end->port == 0 || *end->port > max_switch_port))
                problem("port " + text_of(*end) + " is not between 1 and " + std::to_string(max_switch_port));
        }
    }
    return found;
}

void Topology::validate() const {
    auto found = problems();
    if (!found.empty()) throw TopologyError(std::move(found));
}

}  // namespace weft::lab
