#include <weft/core/gather.hpp>
#include <weft/grpc/server.hpp>
#include <weft/lab/error.hpp>
#include <weft/lab/network.hpp>
#include <weft/netlink/error.hpp>
#include <weft/netlink/route_socket.hpp>
#include <weft/p4switch/link.hpp>
#include <weft/p4switch/packet_port.hpp>
#include <weft/p4switch/service/p4runtime_service.hpp>
#include <weft/p4switch/switch_device.hpp>
#include <weft/probe/pinger.hpp>

#include <filesystem>
#include <optional>
#include <utility>
#include <vector>

#include <unistd.h>

namespace weft::lab {

namespace {

using netlink::IpAddress;
using netlink::IpPrefix;
using netlink::LinkSpec;
using netlink::MacAddress;
using netlink::Namespace;
using netlink::RouteSocket;

std::string interface_name(const Endpoint& end) { return end.node + "-eth" + std::to_string(*end.port); }

// A network of addresses that we gave out ourselves: no router advertisements, no address of the kernel's
// own, and so no packet that nobody asked for.
void silence_ipv6(const Namespace& where) {
    for (const char* scope : {"all", "default"})
        netlink::write_sysctl(where, std::string("net/ipv6/conf/") + scope + "/disable_ipv6", "1");
}

struct HostNode {
    HostNode(const Host& host, Namespace ns)
        : spec(&host), home(std::move(ns)), kernel(RouteSocket::open(home)) {}

    const Host* spec;
    Namespace home;
    RouteSocket kernel;
    std::unique_ptr<probe::Pinger> pinger;
};

struct SwitchNode {
    explicit SwitchNode(const Switch& sw)
        : spec(&sw), service(device, p4switch::ServiceOptions(sw.device_id)) {}

    const Switch* spec;
    p4switch::SwitchDevice device;
    std::vector<std::unique_ptr<p4switch::PacketPort>> ports;
    p4switch::P4RuntimeService service;
    grpc::Server server;
    std::string address;
};

}  // namespace

struct Network::State {
    explicit State(Topology plan)
        : topology(std::move(plan)),
          switch_home(Namespace::create()),
          switch_kernel(RouteSocket::open(switch_home)),
          links(topology.links().size()) {}

    HostNode* find_host(std::string_view name);
    SwitchNode* find_switch(std::string_view name);

    Task<void> build();
    Task<void> build_link(std::size_t index);
    Task<void> connect_wire(HostNode& host, const Endpoint& host_end, SwitchNode& sw,
                            const Endpoint& switch_end);

    // Destroyed from the end: links, then switches with their ports, then hosts, then the wires.
    Topology topology;
    Namespace switch_home;  // the switches' ends of all wires; nothing is made in the user's own namespace
    RouteSocket switch_kernel;
    std::vector<std::unique_ptr<HostNode>> hosts;
    std::vector<std::unique_ptr<SwitchNode>> switches;
    std::vector<std::optional<p4switch::Link>> links;  // of Topology::links() those between two switches
    std::set<std::size_t> down;
};

namespace {

template <class Node>
Node* find_node(const std::vector<std::unique_ptr<Node>>& nodes, std::string_view name) {
    for (const auto& node : nodes)
        if (node->spec->name == name) return node.get();
    return nullptr;
}

template <class Node>
Node& require_node(Node* node, std::string_view name, const char* kind) {
    if (!node) throw Error("no " + std::string(kind) + " is called '" + std::string(name) + "'");
    return *node;
}

Task<void> raise_loopback(const RouteSocket& kernel) {
    const netlink::Link loopback = co_await kernel.links().get("lo");
    if (!loopback.is_up()) co_await kernel.links().set_state(loopback.index, netlink::LinkState::up);
}

// The host's end of a wire, as the host's user would set it up. `gateway_mac` answers for the gateway: nobody
// on a routed fabric answers ARP.
Task<void> configure_host_end(HostNode& host, Endpoint end, std::string gateway_mac) {
    const std::string name = interface_name(end);
    const netlink::Link link = co_await host.kernel.links().get(name);
    co_await host.kernel.links().disable_offloads(name);
    co_await host.kernel.links().wait_running(link.index);
    if (*end.port != 0 || host.spec->ip.empty()) co_return;
    co_await host.kernel.addresses().add(link.index, IpPrefix::parse(host.spec->ip));
    if (host.spec->gateway.empty()) co_return;
    const IpAddress gateway = IpAddress::parse(host.spec->gateway);
    co_await host.kernel.routes().add(netlink::Route::default_route(gateway.family()).via(gateway));
    if (!gateway_mac.empty())
        co_await host.kernel.neighbours().add(
            netlink::Neighbour(link.index, gateway, MacAddress::parse(gateway_mac)));
}

Task<void> serve(SwitchNode& sw) {
    sw.server.add_service(sw.service.grpc_service());
    const int port = sw.server.add_insecure_port("127.0.0.1:" + std::to_string(sw.spec->grpc_port));
    co_await sw.server.start();
    sw.address = "127.0.0.1:" + std::to_string(port);
}

}  // namespace

HostNode* Network::State::find_host(std::string_view name) { return find_node(hosts, name); }
SwitchNode* Network::State::find_switch(std::string_view name) { return find_node(switches, name); }

Task<void> Network::State::connect_wire(HostNode& host, const Endpoint& host_end, SwitchNode& sw,
                                        const Endpoint& switch_end) {
    const std::string outer = interface_name(switch_end);
    const std::string host_mac = topology.mac_of(host_end.node, *host_end.port);
    const std::string switch_mac = topology.mac_of(switch_end.node, *switch_end.port);
    co_await switch_kernel.links().create(LinkSpec::veth(outer, interface_name(host_end))
                                              .address(MacAddress::parse(switch_mac))
                                              .up()
                                              .peer_namespace(host.home)
                                              .peer_address(MacAddress::parse(host_mac))
                                              .peer_up());
    co_await switch_kernel.links().disable_offloads(outer);
    co_await configure_host_end(host, host_end, switch_mac);
    // Up is not enough: the kernel lets an interface send only after it has noticed, in its own time, that
    // the other end is up, too. Each end notices for itself.
    const netlink::Link switch_link = co_await switch_kernel.links().get(outer);
    co_await switch_kernel.links().wait_running(switch_link.index);
    auto port = netlink::in_namespace(switch_home, [&] {
        return std::make_unique<p4switch::PacketPort>(outer, sw.device, *switch_end.port);
    });
    sw.device.attach(*switch_end.port, *port);
    sw.ports.push_back(std::move(port));
}

Task<void> Network::State::build_link(std::size_t index) {
    const Link& link = topology.links()[index];
    SwitchNode* const switch_a = find_switch(link.a.node);
    SwitchNode* const switch_b = find_switch(link.b.node);
    if (switch_a && switch_b) {
        p4switch::Link& wire =
            links[index].emplace(switch_a->device, *link.a.port, switch_b->device, *link.b.port);
        switch_a->device.attach(*link.a.port, wire.a());
        switch_b->device.attach(*link.b.port, wire.b());
        co_return;
    }
    if (switch_a || switch_b) {
        SwitchNode& sw = switch_a ? *switch_a : *switch_b;
        const Endpoint& host_end = switch_a ? link.b : link.a;
        const Endpoint& switch_end = switch_a ? link.a : link.b;
        co_await connect_wire(*find_host(host_end.node), host_end, sw, switch_end);
        co_return;
    }
    HostNode& host_a = *find_host(link.a.node);
    HostNode& host_b = *find_host(link.b.node);
    const std::string mac_a = topology.mac_of(link.a.node, *link.a.port);
    const std::string mac_b = topology.mac_of(link.b.node, *link.b.port);
    co_await switch_kernel.links().create(LinkSpec::veth(interface_name(link.a), interface_name(link.b))
                                              .network_namespace(host_a.home)
                                              .address(MacAddress::parse(mac_a))
                                              .up()
                                              .peer_namespace(host_b.home)
                                              .peer_address(MacAddress::parse(mac_b))
                                              .peer_up());
    co_await configure_host_end(host_a, link.a, std::string());
    co_await configure_host_end(host_b, link.b, std::string());
}

Task<void> Network::State::build() {
    // P4Runtime is served on the loopback of the namespace in which we are; in one of our own it is down at
    // first.
    const RouteSocket own_kernel = RouteSocket::open();
    co_await raise_loopback(own_kernel);

    silence_ipv6(switch_home);
    for (const Host& host : topology.hosts()) {
        auto& node = hosts.emplace_back(std::make_unique<HostNode>(host, Namespace::create()));
        silence_ipv6(node->home);
    }
    for (const Switch& sw : topology.switches()) switches.push_back(std::make_unique<SwitchNode>(sw));

    std::vector<Task<void>> steps;
    for (const auto& host : hosts) steps.push_back(raise_loopback(host->kernel));
    for (std::size_t i = 0; i < topology.links().size(); ++i) steps.push_back(build_link(i));
    for (const auto& sw : switches) steps.push_back(serve(*sw));
    co_await gather(std::move(steps));
}

void prepare_privileges() {
    if (::geteuid() == 0) {
        try {
            (void)Namespace::create();
            return;
        } catch (const netlink::NamespaceError&) {
            // Root of a container that may not make namespaces; a user namespace may still be allowed.
        }
    }
    try {
        netlink::enter_own_user_namespace();
    } catch (const weft::Error& e) {
        throw PrivilegeError(
            std::string("building a network needs root or user namespaces, and this system gives neither: ") +
            e.what());
    }
}

Network::Network(std::unique_ptr<State> state) noexcept : state_(std::move(state)) {}
Network::~Network() = default;

Task<std::unique_ptr<Network>> Network::start(Topology topology) {
    topology.validate();
    std::vector<std::string> missing;
    for (const Program& program : topology.programs()) {
        for (const std::string& file : {program.bmv2_json, program.p4info})
            if (!std::filesystem::exists(file))
                missing.push_back("program " + program.name + ": no file " + file);
    }
    if (!missing.empty()) throw TopologyError(std::move(missing));
    std::unique_ptr<Network> network(new Network(std::make_unique<State>(std::move(topology))));
    co_await network->state_->build();
    co_return network;
}

Task<void> Network::stop() {
    State* state = state_.get();
    if (!state) co_return;
    std::vector<Task<void>> stops;
    for (const auto& sw : state->switches) stops.push_back(sw->server.stop(std::chrono::seconds(1)));
    co_await gather(std::move(stops));
    state->links.clear();
    state->switches.clear();
    state->hosts.clear();
}

const Topology& Network::topology() const noexcept { return state_->topology; }

const Namespace& Network::host_namespace(std::string_view host) const {
    return require_node(state_->find_host(host), host, "host").home;
}

probe::Pinger& Network::pinger(std::string_view host) {
    HostNode& node = require_node(state_->find_host(host), host, "host");
    if (!node.pinger) node.pinger = std::make_unique<probe::Pinger>(probe::Pinger::open(node.home));
    return *node.pinger;
}

const std::string& Network::p4runtime_address(std::string_view name) const {
    return require_node(state_->find_switch(name), name, "switch").address;
}

p4switch::SwitchDevice& Network::device(std::string_view name) {
    return require_node(state_->find_switch(name), name, "switch").device;
}

Task<void> Network::set_link_up(std::size_t index, bool up) {
    State& s = *state_;
    if (index >= s.topology.links().size()) throw Error("no link has the number " + std::to_string(index));
    if (s.links[index]) {
        s.links[index]->set_up(up);
    } else {
        const Link& link = s.topology.links()[index];
        // Either end takes the whole wire down. The switch's end is in our namespace, a host's in the host's.
        const bool a_is_switch = s.find_switch(link.a.node) != nullptr;
        const Endpoint& end = a_is_switch || !s.find_switch(link.b.node) ? link.a : link.b;
        HostNode* const host = s.find_host(end.node);
        const RouteSocket& kernel = host ? host->kernel : s.switch_kernel;
        const netlink::Link found = co_await kernel.links().get(interface_name(end));
        const auto wanted = up ? netlink::LinkState::up : netlink::LinkState::down;
        co_await kernel.links().set_state(found.index, wanted);
    }
    if (up) {
        s.down.erase(index);
    } else {
        s.down.insert(index);
    }
}

const std::set<std::size_t>& Network::links_down() const noexcept { return state_->down; }

}  // namespace weft::lab
