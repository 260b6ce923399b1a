// Neighbours: the ARP and neighbour-discovery table, list, add, replace, remove.
#pragma once

#include <weft/core/task.hpp>
#include <weft/netlink/if_index.hpp>
#include <weft/netlink/ip_address.hpp>
#include <weft/netlink/mac_address.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace weft::netlink {

class SocketState;

// NUD_….
enum class NeighbourState : std::uint16_t {
    none = 0x00,
    incomplete = 0x01,
    reachable = 0x02,
    stale = 0x04,
    delay = 0x08,
    probe = 0x10,
    failed = 0x20,
    noarp = 0x40,
    permanent = 0x80,
};

// Permanent by default: it never expires and is never asked for.
struct Neighbour {
    Neighbour() {}
    Neighbour(IfIndex on, IpAddress who, MacAddress where) : index(on), destination(who), address(where) {}

    Neighbour in_state(NeighbourState value) && { return state = value, std::move(*this); }

    IfIndex index;
    IpAddress destination;
    std::optional<MacAddress> address;
    NeighbourState state = NeighbourState::permanent;
    std::uint8_t flags = 0;  // NTF_…
    bool operator==(const Neighbour&) const = default;
};

// Every member throws netlink::Error when the kernel refuses.
class Neighbours {
public:
    explicit Neighbours(std::shared_ptr<SocketState> state) noexcept;

    // Both families; of one interface when `index` is given (the kernel filters). Entries of devices
    // without ARP (state noarp, as on the loopback) are included.
    [[nodiscard]] Task<std::vector<Neighbour>> list(std::optional<IfIndex> index = std::nullopt) const;
    // Throws EEXIST when there is an entry already, also one that the kernel learnt.
    Task<void> add(Neighbour neighbour) const;
    Task<void> replace(Neighbour neighbour) const;
    // Throws ENOENT when there is none.
    Task<void> remove(IfIndex index, IpAddress destination) const;

private:
    std::shared_ptr<SocketState> state_;
};

}  // namespace weft::netlink
