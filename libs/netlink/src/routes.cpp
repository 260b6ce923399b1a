#include "codec.hpp"
#include "socket_state.hpp"

#include <weft/netlink/error.hpp>

#include <iterator>

#include <linux/rtnetlink.h>

namespace weft::netlink {

namespace {

using State = std::shared_ptr<SocketState>;

std::string show(const Route& route) {
    std::string text = "route " + route.destination.to_string();
    if (route.gateway) text += " via " + route.gateway->to_string();
    if (route.interface) text += " on link " + std::to_string(route.interface->value());
    if (route.table != route_table::main) text += " in table " + std::to_string(route.table);
    return text;
}

MessageBuilder list_request(const RouteFilter& filter, IpFamily family) {
    MessageBuilder request(RTM_GETROUTE);
    rtmsg fixed{};
    fixed.rtm_family = address_family(family);
    if (filter.protocol) fixed.rtm_protocol = static_cast<std::uint8_t>(*filter.protocol);
    request.fixed(fixed);
    if (filter.table) request.put_u32(RTA_TABLE, *filter.table);
    if (filter.interface) request.put_u32(RTA_OIF, filter.interface->value());
    return request;
}

bool matches(const Route& route, const RouteFilter& filter) {
    if (filter.table && route.table != *filter.table) return false;
    if (filter.protocol && route.protocol != *filter.protocol) return false;
    if (!filter.interface || route.interface == filter.interface) return true;
    for (const NextHop& hop : route.next_hops)
        if (hop.interface == filter.interface) return true;
    return false;
}

Task<std::vector<Route>> list_routes(State state, RouteFilter filter) {
    std::vector<Route> routes;
    for (const IpFamily family : {IpFamily::v4, IpFamily::v6}) {
        if (filter.family && *filter.family != family) continue;
        Collector<Route> sink(decode_route);
        const Answer answer = co_await transact(state, list_request(filter, family), Expect::dump, &sink);
        // A table exists while it has routes; a kernel without IPv6 knows no such list.
        const int code = answer.verdict.code;
        if (filter.table && code == ENOENT) continue;
        if (family == IpFamily::v6 && !filter.family && (code == EOPNOTSUPP || code == EAFNOSUPPORT))
            continue;
        require_success(answer, [] { return std::string("list routes"); });
        // Kernels without strict checking ignore the filter.
        std::erase_if(sink.items, [&](const Route& route) { return !matches(route, filter); });
        if (routes.empty()) {
            routes = std::move(sink.items);
        } else {
            routes.insert(routes.end(), std::make_move_iterator(sink.items.begin()),
                          std::make_move_iterator(sink.items.end()));
        }
    }
    co_return routes;
}

Task<void> change(State state, std::uint16_t type, std::uint16_t flags, const char* verb, Route route) {
    const Answer answer =
        co_await transact(std::move(state), encode_route(type, flags, route), Expect::ack, nullptr);
    require_success(answer, [&] { return verb + (" " + show(route)); });
}

Task<Route> get_route(State state, IpAddress destination) {
    MessageBuilder request(RTM_GETROUTE);
    rtmsg fixed{};
    fixed.rtm_family = address_family(destination.family());
    fixed.rtm_dst_len = static_cast<std::uint8_t>(destination.bit_count());
    request.fixed(fixed);
    request.put_ip(RTA_DST, destination);
    Collector<Route> sink(decode_route);
    const Answer answer = co_await transact(std::move(state), std::move(request), Expect::reply, &sink);
    require_success(answer, [&] { return "find the route to " + destination.to_string(); });
    if (sink.items.empty())
        throw ProtocolError("find the route to " + destination.to_string() + ": the answer holds no route");
    co_return std::move(sink.items.front());
}

}  // namespace

Routes::Routes(std::shared_ptr<SocketState> state) noexcept : state_(std::move(state)) {}

Task<std::vector<Route>> Routes::list(RouteFilter filter) const { return list_routes(state_, filter); }

Task<void> Routes::add(Route route) const {
    return change(state_, RTM_NEWROUTE, flag::create | flag::exclusive, "add", std::move(route));
}

Task<void> Routes::replace(Route route) const {
    return change(state_, RTM_NEWROUTE, flag::create | flag::replace, "replace", std::move(route));
}

Task<void> Routes::remove(Route route) const {
    return change(state_, RTM_DELROUTE, 0, "remove", std::move(route));
}

Task<Route> Routes::get(IpAddress destination) const { return get_route(state_, destination); }

}  // namespace weft::netlink
