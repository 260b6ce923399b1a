// LinkSpec: an interface to create, by kind.
//
//     links.add(LinkSpec::veth("h1-eth0", "s1-p1").mtu(9000).peer_namespace(switch_ns).up().peer_up())
#pragma once

#include <weft/netlink/if_index.hpp>
#include <weft/netlink/ip_address.hpp>
#include <weft/netlink/mac_address.hpp>
#include <weft/netlink/netns.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace weft::netlink {

class MessageBuilder;

// IFLA_MACVLAN_MODE.
enum class MacvlanMode : std::uint32_t { isolated = 1, vepa = 2, bridge = 4, passthru = 8, source = 16 };

class LinkSpec {
public:
    // Two interfaces, each the other's wire. The peer_… setters speak of the second.
    [[nodiscard]] static LinkSpec veth(std::string name, std::string peer_name);
    [[nodiscard]] static LinkSpec bridge(std::string name);
    [[nodiscard]] static LinkSpec dummy(std::string name);
    [[nodiscard]] static LinkSpec ifb(std::string name);
    // `id` is the VNI; see remote(), local(), port(), parent().
    [[nodiscard]] static LinkSpec vxlan(std::string name, std::uint32_t id);
    [[nodiscard]] static LinkSpec vlan(std::string name, IfIndex parent, std::uint16_t id);
    [[nodiscard]] static LinkSpec macvlan(std::string name, IfIndex parent,
                                          MacvlanMode mode = MacvlanMode::bridge);
    // A routing domain whose routes are in `table`.
    [[nodiscard]] static LinkSpec vrf(std::string name, std::uint32_t table);
    [[nodiscard]] static LinkSpec wireguard(std::string name);
    // Any kind that the kernel knows; its own attributes (IFLA_INFO_DATA) by data().
    [[nodiscard]] static LinkSpec of_kind(std::string kind, std::string name);

    LinkSpec mtu(std::uint32_t bytes) && { return mtu_ = bytes, std::move(*this); }
    LinkSpec address(MacAddress mac) && { return address_ = mac, std::move(*this); }
    LinkSpec master(IfIndex index) && { return master_ = index, std::move(*this); }
    LinkSpec parent(IfIndex index) && { return parent_ = index, std::move(*this); }
    LinkSpec transmit_queue_length(std::uint32_t packets) && {
        return queue_length_ = packets, std::move(*this);
    }
    // Where the new interface is to be; the socket's own namespace otherwise.
    LinkSpec network_namespace(Namespace target) && {
        return namespace_ = std::move(target), std::move(*this);
    }
    LinkSpec up() && { return up_ = true, std::move(*this); }

    LinkSpec peer_mtu(std::uint32_t bytes) && { return peer_mtu_ = bytes, std::move(*this); }
    LinkSpec peer_address(MacAddress mac) && { return peer_address_ = mac, std::move(*this); }
    LinkSpec peer_namespace(Namespace target) && {
        return peer_namespace_ = std::move(target), std::move(*this);
    }
    // A second request: the kernel cannot create a peer that is up (veth_open() wants both ends).
    LinkSpec peer_up() && { return peer_up_ = true, std::move(*this); }

    // vxlan: where to send to (a unicast address or a group), where from, and the UDP port (4789).
    LinkSpec remote(IpAddress address) && { return remote_ = address, std::move(*this); }
    LinkSpec local(IpAddress address) && { return local_ = address, std::move(*this); }
    LinkSpec port(std::uint16_t number) && { return port_ = number, std::move(*this); }
    // vxlan: learn which address is behind which remote (the kernel does by default).
    LinkSpec learning(bool on) && { return learning_ = on, std::move(*this); }

    // An attribute of the kind's own data, verbatim; for what has no setter here.
    LinkSpec data(std::uint16_t type, std::vector<std::uint8_t> payload) && {
        return raw_data_.emplace_back(type, std::move(payload)), std::move(*this);
    }

    [[nodiscard]] const std::string& name() const noexcept { return name_; }
    [[nodiscard]] const std::string& kind() const noexcept { return kind_; }
    [[nodiscard]] const std::string& peer_name() const noexcept { return peer_name_; }
    [[nodiscard]] const std::optional<Namespace>& network_namespace() const noexcept { return namespace_; }
    [[nodiscard]] bool wants_peer_up() const noexcept { return peer_up_; }
    // Where the peer goes: the socket's namespace when not given.
    [[nodiscard]] const std::optional<Namespace>& peer_namespace() const noexcept { return peer_namespace_; }

    // The RTM_NEWLINK request, flags and sequence number left to the sender. Throws UsageError for names
    // that no interface can have (empty, 16 bytes or more, with '/' or white space).
    [[nodiscard]] MessageBuilder encode() const;

private:
    LinkSpec(std::string kind, std::string name) : kind_(std::move(kind)), name_(std::move(name)) {}
    void encode_data(MessageBuilder& message) const;
    void encode_peer(MessageBuilder& message) const;

    std::string kind_;
    std::string name_;
    std::string peer_name_;
    std::optional<std::uint32_t> mtu_;
    std::optional<MacAddress> address_;
    std::optional<IfIndex> master_;
    std::optional<IfIndex> parent_;
    std::optional<std::uint32_t> queue_length_;
    std::optional<Namespace> namespace_;
    bool up_ = false;

    std::optional<std::uint32_t> peer_mtu_;
    std::optional<MacAddress> peer_address_;
    std::optional<Namespace> peer_namespace_;
    bool peer_up_ = false;

    std::optional<std::uint32_t> id_;  // VNI, VLAN id, macvlan mode, VRF table
    std::optional<IpAddress> remote_;
    std::optional<IpAddress> local_;
    std::optional<std::uint16_t> port_;
    std::optional<bool> learning_;
    std::vector<std::pair<std::uint16_t, std::vector<std::uint8_t>>> raw_data_;
};

}  // namespace weft::netlink
