// Network: a topology, running. Hosts in namespaces, P4 switches in this process, links between them.
#pragma once

#include <weft/core/task.hpp>
#include <weft/lab/topology.hpp>
#include <weft/netlink/netns.hpp>

#include <cstddef>
#include <memory>
#include <set>
#include <string>
#include <string_view>

namespace weft::p4switch {
class SwitchDevice;
}
namespace weft::probe {
class Pinger;
}

namespace weft::lab {

// Makes sure that this process may build networks: as root nothing happens; an ordinary user's process moves
// into a user and network namespace of its own. Call it before anything else, in a process with one thread.
// Throws PrivilegeError, with what to do, where the system allows neither.
void prepare_privileges();

// Hosts and switches live until stop() or the destructor. Namespaces have no names and are held by
// descriptors of this process alone, so the kernel removes everything when the process ends, however it ends.
// Belongs to one loop.
class Network {
public:
    // Builds everything, concurrently. Throws TopologyError before anything is made; what is made when a
    // later step fails is taken down again. Cancelling does the same.
    [[nodiscard]] static Task<std::unique_ptr<Network>> start(Topology topology);

    Network(const Network&) = delete;
    Network& operator=(const Network&) = delete;
    // Takes everything down at once, without waiting for anybody.
    ~Network();

    // Ends the switches' P4Runtime servers in order, then takes everything down. Idempotent.
    [[nodiscard]] Task<void> stop();

    [[nodiscard]] const Topology& topology() const noexcept;

    // The namespace of a host. Throws Error for a name that is none of a host.
    [[nodiscard]] const netlink::Namespace& host_namespace(std::string_view host) const;
    // Sends echo requests from inside the host's namespace.
    [[nodiscard]] probe::Pinger& pinger(std::string_view host);

    // "127.0.0.1:port" of a switch's P4Runtime server, and the switch itself. Throw Error for a name that is
    // none of a switch.
    [[nodiscard]] const std::string& p4runtime_address(std::string_view switch_name) const;
    [[nodiscard]] p4switch::SwitchDevice& device(std::string_view switch_name);

    // Takes a link down, or up again. A link between switches that is down loses every packet, and neither
    // switch is told; of a host.s link the interfaces go down, too. `link` counts as in Topology::links().
    [[nodiscard]] Task<void> set_link_up(std::size_t link, bool up);
    // The links that are down.
    [[nodiscard]] const std::set<std::size_t>& links_down() const noexcept;

private:
    struct State;
    explicit Network(std::unique_ptr<State> state) noexcept;
    std::unique_ptr<State> state_;
};

}  // namespace weft::lab
