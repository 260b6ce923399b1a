// Topology: the plan of a lab network, as plain values. Nothing here touches the system.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weft::lab {

// A host: a network namespace with one interface for each of its links.
struct Host {
    std::string name;
    std::string ip;       // "10.1.1.1/24"; of the first link's interface; may be empty
    std::string mac;      // "02:00:00:00:00:01"; empty: made from the position in the topology
    std::string gateway;  // next hop of the default route; empty: none
};

// A P4 switch and the program that it runs.
struct Switch {
    std::string name;
    std::string program;          // name of a program of the topology
    std::uint64_t device_id = 0;  // P4Runtime device id; 0: the position in the topology, from 1
    std::uint16_t grpc_port = 0;  // 0: chosen by the kernel
    std::string prefix;  // "10.1.0.0/16": stands for all hosts behind it in other switches' routes; or empty
};

// Where a switch's program is. Relative paths are relative to the topology file.
struct Program {
    std::string name;
    std::string bmv2_json;
    std::string p4info;
};

// One end of a link: a node and the port there. Host ports count from 0, switch ports from 1.
struct Endpoint {
    std::string node;
    std::optional<std::uint32_t> port;  // nothing: the lowest that is free
};

struct Link {
    Endpoint a;
    Endpoint b;
};

// Hosts, switches and links, in the order in which they were added. Ports are given out by add_link().
class Topology {
public:
    explicit Topology(std::string name = "lab") : name_(std::move(name)) {}

    // Each throws TopologyError at once for a name that is taken, and add_link() for a port that is taken or
    // a node that does not exist.
    Topology& add_program(Program program);
    Topology& add_host(Host host);
    Topology& add_switch(Switch node);
    Topology& add_link(Endpoint a, Endpoint b);
    Topology& add_link(std::string a, std::string b);

    [[nodiscard]] const std::string& name() const noexcept { return name_; }
    [[nodiscard]] const std::vector<Program>& programs() const noexcept { return programs_; }
    [[nodiscard]] const std::vector<Host>& hosts() const noexcept { return hosts_; }
    [[nodiscard]] const std::vector<Switch>& switches() const noexcept { return switches_; }
    [[nodiscard]] const std::vector<Link>& links() const noexcept { return links_; }

    // nullptr when there is none.
    [[nodiscard]] const Host* find_host(std::string_view name) const noexcept;
    [[nodiscard]] const Switch* find_switch(std::string_view name) const noexcept;
    [[nodiscard]] const Program* find_program(std::string_view name) const noexcept;

    // Index into links() of the link between two nodes, whichever way round; nothing when there is none.
    [[nodiscard]] std::optional<std::size_t> find_link(std::string_view a, std::string_view b) const noexcept;

    // The MAC address of a host's interface or of a switch's port.
    [[nodiscard]] std::string mac_of(std::string_view node, std::uint32_t port) const;

    // Every problem that would keep the network from being built; empty when there is none.
    [[nodiscard]] std::vector<std::string> problems() const;
    // Throws TopologyError with all problems.
    void validate() const;

private:
    [[nodiscard]] bool exists(std::string_view name) const noexcept;
    [[nodiscard]] bool port_taken(std::string_view node, std::uint32_t port) const noexcept;
    void give_port(Endpoint& end) const;
    void require_new_node(std::string_view name) const;

    std::string name_;
    std::vector<Program> programs_;
    std::vector<Host> hosts_;
    std::vector<Switch> switches_;
    std::vector<Link> links_;
};

}  // namespace weft::lab
