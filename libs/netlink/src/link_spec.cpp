#include "codec.hpp"

#include <weft/core/error.hpp>
#include <weft/netlink/link_spec.hpp>
#include <weft/netlink/wire.hpp>

#include <algorithm>

#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>

namespace weft::netlink {

void check_link_name(const std::string& name) {
    // dev_valid_name() of the kernel, said in words.
    const bool bad_character = std::any_of(name.begin(), name.end(), [](char c) {
        return c == '/' || c == ':' || c == '\0' || c == ' ' || (c >= '\t' && c <= '\r');
    });
    if (name.empty() || name.size() >= IFNAMSIZ || name == "." || name == ".." || bad_character)
        throw UsageError("'" + name +
                         "' is no interface name: 1 to 15 bytes without '/', ':' and white space");
}

LinkSpec LinkSpec::veth(std::string name, std::string peer_name) {
    LinkSpec spec("veth", std::move(name));
    spec.peer_name_ = std::move(peer_name);
    return spec;
}

LinkSpec LinkSpec::bridge(std::string name) { return LinkSpec("bridge", std::move(name)); }
LinkSpec LinkSpec::dummy(std::string name) { return LinkSpec("dummy", std::move(name)); }
LinkSpec LinkSpec::ifb(std::string name) { return LinkSpec("ifb", std::move(name)); }
LinkSpec LinkSpec::wireguard(std::string name) { return LinkSpec("wireguard", std::move(name)); }

LinkSpec LinkSpec::of_kind(std::string kind, std::string name) {
    return LinkSpec(std::move(kind), std::move(name));
}

LinkSpec LinkSpec::vxlan(std::string name, std::uint32_t id) {
    LinkSpec spec("vxlan", std::move(name));
    spec.id_ = id;
    spec.port_ = 4789;  // RFC 7348; the kernel's own default is an older number
    return spec;
}

LinkSpec LinkSpec::vlan(std::string name, IfIndex parent, std::uint16_t id) {
    LinkSpec spec("vlan", std::move(name));
    spec.parent_ = parent;
    spec.id_ = id;
    return spec;
}

LinkSpec LinkSpec::macvlan(std::string name, IfIndex parent, MacvlanMode mode) {
    LinkSpec spec("macvlan", std::move(name));
    spec.parent_ = parent;
    spec.id_ = static_cast<std::uint32_t>(mode);
    return spec;
}

LinkSpec LinkSpec::vrf(std::string name, std::uint32_t table) {
    LinkSpec spec("vrf", std::move(name));
    spec.id_ = table;
    return spec;
}

void LinkSpec::encode_peer(MessageBuilder& message) const {
    // An interface description inside an attribute: ifinfomsg, then its attributes. Not marked as nested,
    // because it does not begin with an attribute.
    const std::size_t nest = message.begin_nest(VETH_INFO_PEER, false);
    const ifinfomsg fixed{};
    message.append(Bytes(reinterpret_cast<const std::uint8_t*>(&fixed), sizeof fixed));
    message.put_text(IFLA_IFNAME, peer_name_);
    if (peer_mtu_) message.put_u32(IFLA_MTU, *peer_mtu_);
    if (peer_address_) message.put_mac(IFLA_ADDRESS, *peer_address_);
    if (peer_namespace_) message.put_u32(IFLA_NET_NS_FD, static_cast<std::uint32_t>(peer_namespace_->fd()));
    message.end_nest(nest);
}

void LinkSpec::encode_data(MessageBuilder& message) const {
    if (kind_ == "veth") {
        encode_peer(message);
    } else if (kind_ == "vlan") {
        message.put_u16(IFLA_VLAN_ID, static_cast<std::uint16_t>(id_.value_or(0)));
    } else if (kind_ == "macvlan") {
        message.put_u32(IFLA_MACVLAN_MODE, id_.value_or(0));
    } else if (kind_ == "vrf") {
        message.put_u32(IFLA_VRF_TABLE, id_.value_or(0));
    } else if (kind_ == "vxlan") {
        message.put_u32(IFLA_VXLAN_ID, id_.value_or(0));
        if (remote_) message.put_ip(remote_->is_v4() ? IFLA_VXLAN_GROUP : IFLA_VXLAN_GROUP6, *remote_);
        if (local_) message.put_ip(local_->is_v4() ? IFLA_VXLAN_LOCAL : IFLA_VXLAN_LOCAL6, *local_);
        if (parent_) message.put_u32(IFLA_VXLAN_LINK, parent_->value());
        if (port_) message.put_u16_be(IFLA_VXLAN_PORT, *port_);
        if (learning_) message.put_u8(IFLA_VXLAN_LEARNING, *learning_);
    }
    for (const auto& [type, payload] : raw_data_) message.put(type, payload);
}

MessageBuilder LinkSpec::encode() const {
    check_link_name(name_);
    if (kind_ == "veth") check_link_name(peer_name_);
    MessageBuilder message(RTM_NEWLINK);
    ifinfomsg fixed{};
    if (up_) {
        fixed.ifi_flags = IFF_UP;
        fixed.ifi_change = IFF_UP;
    }
    message.fixed(fixed);
    message.put_text(IFLA_IFNAME, name_);
    if (mtu_) message.put_u32(IFLA_MTU, *mtu_);
    if (address_) message.put_mac(IFLA_ADDRESS, *address_);
    if (master_) message.put_u32(IFLA_MASTER, master_->value());
    if (parent_ && kind_ != "vxlan") message.put_u32(IFLA_LINK, parent_->value());
    if (queue_length_) message.put_u32(IFLA_TXQLEN, *queue_length_);
    if (namespace_) message.put_u32(IFLA_NET_NS_FD, static_cast<std::uint32_t>(namespace_->fd()));
    const std::size_t info = message.begin_nest(IFLA_LINKINFO);
    message.put_text(IFLA_INFO_KIND, kind_);
    const std::size_t data = message.begin_nest(IFLA_INFO_DATA);
    encode_data(message);
    message.end_nest(data);
    message.end_nest(info);
    return message;
}

}  // namespace weft::netlink
