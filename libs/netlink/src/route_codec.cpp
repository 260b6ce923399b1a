#include "codec.hpp"

#include <weft/core/error.hpp>

#include <algorithm>

#include <linux/rtnetlink.h>

namespace weft::netlink {

namespace {

// An address after a 16-bit family (struct rtvia): the gateway of another family than the destination.
std::optional<IpAddress> read_via(const Attribute& attribute) {
    if (attribute.payload().size() < 2) return std::nullopt;
    return IpAddress::from_bytes(attribute.payload().subspan(2));
}

void put_gateway(MessageBuilder& message, const IpAddress& gateway, IpFamily destination) {
    if (gateway.family() == destination) {
        message.put_ip(RTA_GATEWAY, gateway);
        return;
    }
    const std::uint16_t family = address_family(gateway.family());
    std::vector<std::uint8_t> via(sizeof family);
    std::memcpy(via.data(), &family, sizeof family);
    via.insert(via.end(), gateway.bytes().begin(), gateway.bytes().end());
    message.put(RTA_VIA, via);
}

void read_next_hops(Route& route, Bytes bytes) {
    while (const auto hop = read_struct<rtnexthop>(bytes)) {
        if (hop->rtnh_len < sizeof(rtnexthop) || hop->rtnh_len > bytes.size()) return;
        NextHop next;
        if (hop->rtnh_ifindex != 0) next.interface = IfIndex(static_cast<std::uint32_t>(hop->rtnh_ifindex));
        next.weight = hop->rtnh_hops + 1u;
        AttributeReader reader(bytes.subspan(sizeof(rtnexthop), hop->rtnh_len - sizeof(rtnexthop)));
        while (const auto attribute = reader.next()) {
            if (attribute->type() == RTA_GATEWAY) next.gateway = attribute->ip();
            if (attribute->type() == RTA_VIA) next.gateway = read_via(*attribute);
        }
        route.next_hops.push_back(next);
        bytes = bytes.subspan(std::min<std::size_t>(RTNH_ALIGN(hop->rtnh_len), bytes.size()));
    }
}

void put_next_hops(MessageBuilder& message, const Route& route) {
    const std::size_t nest = message.begin_nest(RTA_MULTIPATH, false);
    for (const NextHop& hop : route.next_hops) {
        if (hop.weight < 1 || hop.weight > 256)
            throw UsageError("the weight of a next hop is 1 to 256, not " + std::to_string(hop.weight));
        const std::size_t start = message.size();
        rtnexthop head{};
        head.rtnh_hops = static_cast<unsigned char>(hop.weight - 1);
        head.rtnh_ifindex = static_cast<int>(hop.interface.value_or(IfIndex()).value());
        head.rtnh_flags = static_cast<unsigned char>(route.flags & RTNH_F_ONLINK);
        message.append(Bytes(reinterpret_cast<const std::uint8_t*>(&head), sizeof head));
        if (hop.gateway) put_gateway(message, *hop.gateway, route.destination.family());
        head.rtnh_len = static_cast<unsigned short>(message.size() - start);
        message.patch(start, Bytes(reinterpret_cast<const std::uint8_t*>(&head), sizeof head));
    }
    message.end_nest(nest);
}

// What `ip route` chooses: who is on the link needs no gateway, and the host itself no link.
std::uint8_t default_scope(const Route& route) {
    if (route.destination.family() == IpFamily::v6) return RT_SCOPE_UNIVERSE;
    switch (route.type) {
        case RouteType::local:
            return RT_SCOPE_HOST;
        case RouteType::broadcast:
        case RouteType::multicast:
        case RouteType::anycast:
            return RT_SCOPE_LINK;
        case RouteType::unicast:
        case RouteType::unspecified:
            return route.gateway || !route.next_hops.empty() ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK;
        default:
            return RT_SCOPE_UNIVERSE;
    }
}

}  // namespace

std::optional<Route> decode_route(const MessageView& message) {
    if (message.type() != RTM_NEWROUTE && message.type() != RTM_DELROUTE) return std::nullopt;
    const auto fixed = message.fixed<rtmsg>();
    if (!fixed) return std::nullopt;
    const auto family = ip_family(fixed->rtm_family);
    if (!family) return std::nullopt;
    Route route;
    route.type = static_cast<RouteType>(fixed->rtm_type);
    route.protocol = static_cast<RouteProtocol>(fixed->rtm_protocol);
    route.scope = static_cast<Scope>(fixed->rtm_scope);
    route.table = fixed->rtm_table;
    route.tos = fixed->rtm_tos;
    route.flags = fixed->rtm_flags;
    IpAddress destination = IpAddress::any(*family);
    AttributeReader reader = message.attributes(sizeof *fixed);
    while (const auto attribute = reader.next()) {
        switch (attribute->type()) {
            case RTA_DST:
                destination = attribute->ip().value_or(destination);
                break;
            case RTA_GATEWAY:
                route.gateway = attribute->ip();
                break;
            case RTA_VIA:
                route.gateway = read_via(*attribute);
                break;
            case RTA_PREFSRC:
                route.preferred_source = attribute->ip();
                break;
            case RTA_PRIORITY:
                route.metric = attribute->u32();
                break;
            case RTA_TABLE:
                route.table = attribute->u32().value_or(route.table);
                break;
            case RTA_MULTIPATH:
                read_next_hops(route, attribute->payload());
                break;
            case RTA_OIF:
                if (const auto index = attribute->u32()) route.interface = IfIndex(*index);
                break;
            case RTA_METRICS: {
                AttributeReader metrics(attribute->payload());
                while (const auto metric = metrics.next())
                    if (metric->type() == RTAX_MTU) route.mtu = metric->u32();
                break;
            }
            default:
                break;
        }
    }
    if (destination.family() != *family || fixed->rtm_dst_len > destination.bit_count()) return std::nullopt;
    route.destination = IpPrefix(destination, fixed->rtm_dst_len);
    return route;
}

MessageBuilder encode_route(std::uint16_t type, std::uint16_t flags, const Route& route) {
    const bool removing = type == RTM_DELROUTE;
    MessageBuilder message(type, flags);
    rtmsg fixed{};
    fixed.rtm_family = address_family(route.destination.family());
    fixed.rtm_dst_len = static_cast<std::uint8_t>(route.destination.length());
    fixed.rtm_tos = route.tos;
    fixed.rtm_table =
        route.table < 256 ? static_cast<std::uint8_t>(route.table) : std::uint8_t{RT_TABLE_COMPAT};
    fixed.rtm_flags = route.flags & RTNH_F_ONLINK;
    if (removing) {
        // Only what is given has to match: any protocol, any scope.
        fixed.rtm_scope =
            route.scope ? static_cast<std::uint8_t>(*route.scope) : std::uint8_t{RT_SCOPE_NOWHERE};
    } else {
        fixed.rtm_protocol = static_cast<std::uint8_t>(route.protocol);
        fixed.rtm_scope = route.scope ? static_cast<std::uint8_t>(*route.scope) : default_scope(route);
    }
    if (!removing || route.type != RouteType::unicast) fixed.rtm_type = static_cast<std::uint8_t>(route.type);
    message.fixed(fixed);
    if (route.table >= 256) message.put_u32(RTA_TABLE, route.table);
    if (!route.destination.is_default()) message.put_ip(RTA_DST, route.destination.address());
    if (route.gateway) put_gateway(message, *route.gateway, route.destination.family());
    if (route.interface) message.put_u32(RTA_OIF, route.interface->value());
    if (route.preferred_source) message.put_ip(RTA_PREFSRC, *route.preferred_source);
    if (route.metric) message.put_u32(RTA_PRIORITY, *route.metric);
    if (route.mtu) {
        const std::size_t metrics = message.begin_nest(RTA_METRICS);
        message.put_u32(RTAX_MTU, *route.mtu);
        message.end_nest(metrics);
    }
    if (!route.next_hops.empty()) put_next_hops(message, route);
    return message;
}

}  // namespace weft::netlink
