#include "codec.hpp"

#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if_arp.h>
#include <sys/socket.h>

namespace weft::netlink {

namespace {

void read_info(Link& link, Bytes payload) {
    Bytes data;
    AttributeReader info(payload);
    while (const auto attribute = info.next()) {
        if (attribute->type() == IFLA_INFO_KIND) link.kind = attribute->text();
        if (attribute->type() == IFLA_INFO_DATA) data = attribute->payload();
    }
    const bool vlan = link.kind == "vlan";
    if (!vlan && link.kind != "vxlan") return;
    AttributeReader reader(data);
    while (const auto attribute = reader.next()) {
        if (vlan && attribute->type() == IFLA_VLAN_ID) link.vlan_id = attribute->u16();
        if (!vlan && attribute->type() == IFLA_VXLAN_ID) link.vxlan_id = attribute->u32();
    }
}

std::optional<LinkStatistics> read_statistics(const Attribute& attribute) {
    // Older kernels send a shorter structure; what is used here is at its start.
    struct Head {
        std::uint64_t rx_packets, tx_packets, rx_bytes, tx_bytes, rx_errors, tx_errors, rx_dropped,
            tx_dropped;
    };
    static_assert(offsetof(rtnl_link_stats64, tx_dropped) == offsetof(Head, tx_dropped));
    const auto head = attribute.as<Head>();
    if (!head) return std::nullopt;
    LinkStatistics statistics;
    statistics.rx_packets = head->rx_packets;
    statistics.tx_packets = head->tx_packets;
    statistics.rx_bytes = head->rx_bytes;
    statistics.tx_bytes = head->tx_bytes;
    statistics.rx_errors = head->rx_errors;
    statistics.tx_errors = head->tx_errors;
    statistics.rx_dropped = head->rx_dropped;
    statistics.tx_dropped = head->tx_dropped;
    return statistics;
}

std::optional<IfIndex> read_index(const Attribute& attribute) {
    const auto number = attribute.u32();
    if (!number || *number == 0) return std::nullopt;
    return IfIndex(*number);
}

}  // namespace

std::string_view to_string(OperationalState state) noexcept {
    switch (state) {
        case OperationalState::unknown:
            return "UNKNOWN";
        case OperationalState::not_present:
            return "NOTPRESENT";
        case OperationalState::down:
            return "DOWN";
        case OperationalState::lower_layer_down:
            return "LOWERLAYERDOWN";
        case OperationalState::testing:
            return "TESTING";
        case OperationalState::dormant:
            return "DORMANT";
        case OperationalState::up:
            return "UP";
    }
    return "UNKNOWN";
}

std::optional<Link> decode_link(const MessageView& message) {
    if (message.type() != RTM_NEWLINK && message.type() != RTM_DELLINK) return std::nullopt;
    const auto fixed = message.fixed<ifinfomsg>();
    // A bridge speaks of its ports in messages of its own family, which hold something else.
    if (!fixed || fixed->ifi_family != AF_UNSPEC) return std::nullopt;
    Link link;
    link.index = IfIndex(static_cast<std::uint32_t>(fixed->ifi_index));
    link.flags = fixed->ifi_flags;
    AttributeReader reader = message.attributes(sizeof *fixed);
    while (const auto attribute = reader.next()) {
        switch (attribute->type()) {
            case IFLA_IFNAME:
                link.name = attribute->text();
                break;
            case IFLA_MTU:
                link.mtu = attribute->u32().value_or(0);
                break;
            case IFLA_ADDRESS:
                link.address = attribute->mac();
                break;
            case IFLA_OPERSTATE: {
                const std::uint8_t state = attribute->u8().value_or(0);
                if (state <= 6) link.operational_state = static_cast<OperationalState>(state);
                break;
            }
            case IFLA_MASTER:
                link.master = read_index(*attribute);
                break;
            case IFLA_LINK:
                link.parent = read_index(*attribute);
                break;
            case IFLA_LINK_NETNSID:
                link.parent_nsid = attribute->as<std::int32_t>();
                break;
            case IFLA_TXQLEN:
                link.transmit_queue_length = attribute->u32().value_or(0);
                break;
            case IFLA_GROUP:
                link.group = attribute->u32().value_or(0);
                break;
            case IFLA_IFALIAS:
                link.alias = attribute->text();
                break;
            case IFLA_STATS64:
                link.statistics = read_statistics(*attribute);
                break;
            case IFLA_LINKINFO:
                read_info(link, attribute->payload());
                break;
            case IFLA_PROP_LIST: {
                AttributeReader names(attribute->payload());
                while (const auto name = names.next())
                    if (name->type() == IFLA_ALT_IFNAME) link.alternative_names.emplace_back(name->text());
                break;
            }
            default:
                break;
        }
    }
    return link;
}

}  // namespace weft::netlink
