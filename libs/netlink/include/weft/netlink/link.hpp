// Link: a network interface as the kernel describes it.
#pragma once

#include <weft/netlink/if_index.hpp>
#include <weft/netlink/mac_address.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weft::netlink {

// What is wanted of an interface.
enum class LinkState : std::uint8_t { down, up };

// RFC 2863 operational state, IF_OPER_….
enum class OperationalState : std::uint8_t {
    unknown = 0,
    not_present = 1,
    down = 2,
    lower_layer_down = 3,
    testing = 4,
    dormant = 5,
    up = 6,
};
[[nodiscard]] std::string_view to_string(OperationalState state) noexcept;

struct LinkStatistics {
    std::uint64_t rx_packets = 0;
    std::uint64_t tx_packets = 0;
    std::uint64_t rx_bytes = 0;
    std::uint64_t tx_bytes = 0;
    std::uint64_t rx_errors = 0;
    std::uint64_t tx_errors = 0;
    std::uint64_t rx_dropped = 0;
    std::uint64_t tx_dropped = 0;
    bool operator==(const LinkStatistics&) const = default;
};

struct Link {
    Link() {}

    IfIndex index;
    std::string name;
    std::string kind;  // "veth", "bridge", …; empty for the loopback and hardware
    std::vector<std::string> alternative_names;
    std::string alias;
    std::uint32_t flags = 0;  // IFF_…
    std::uint32_t mtu = 0;
    std::optional<MacAddress> address;  // none for devices without Ethernet addresses
    OperationalState operational_state = OperationalState::unknown;
    std::optional<IfIndex> master;            // the bridge or bond that it is a port of
    std::optional<IfIndex> parent;            // veth: the peer; macvlan, vlan, vxlan: the device below
    std::optional<std::int32_t> parent_nsid;  // the namespace in which `parent` counts, when not this one
    std::uint32_t transmit_queue_length = 0;
    std::uint32_t group = 0;
    std::optional<std::uint16_t> vlan_id;      // kind "vlan"
    std::optional<std::uint32_t> vxlan_id;     // kind "vxlan"
    std::optional<LinkStatistics> statistics;  // not in events

    [[nodiscard]] bool is_up() const noexcept { return flags & 0x1; }            // administratively, IFF_UP
    [[nodiscard]] bool is_running() const noexcept { return flags & 0x40; }      // IFF_RUNNING
    [[nodiscard]] bool has_carrier() const noexcept { return flags & 0x10000; }  // IFF_LOWER_UP
    [[nodiscard]] bool is_loopback() const noexcept { return flags & 0x8; }
    bool operator==(const Link&) const = default;
};

}  // namespace weft::netlink
