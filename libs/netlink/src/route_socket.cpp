#include "codec.hpp"
#include "socket_state.hpp"

#include <weft/netlink/route_socket.hpp>

#include <utility>

#include <linux/rtnetlink.h>

namespace weft::netlink {

RouteSocket RouteSocket::open(SocketOptions options) {
    return RouteSocket(Socket::open(Protocol::route, options));
}

RouteSocket RouteSocket::open(const Namespace& where, SocketOptions options) {
    return RouteSocket(Socket::open(Protocol::route, where, options));
}

Monitor RouteSocket::monitor(MonitorOptions options) const { return Monitor(network_namespace(), options); }

Monitor::Monitor(const Namespace& where, MonitorOptions options)
    : socket_(Socket::open(Protocol::route, where, options.socket)) {
    if (options.links) socket_.join(RTNLGRP_LINK);
    if (options.addresses) {
        socket_.join(RTNLGRP_IPV4_IFADDR);
        socket_.join(RTNLGRP_IPV6_IFADDR);
    }
    if (options.routes) {
        socket_.join(RTNLGRP_IPV4_ROUTE);
        socket_.join(RTNLGRP_IPV6_ROUTE);
    }
    if (options.neighbours) socket_.join(RTNLGRP_NEIGH);
}

namespace {

template <class T>
std::optional<RouteEvent> change_of(std::optional<T> object, ChangeKind kind) {
    if (!object) return std::nullopt;
    return RouteEvent(Change<T>(kind, std::move(*object)));
}

std::optional<RouteEvent> decode_event(const MessageView& message) {
    const ChangeKind set = ChangeKind::set;
    const ChangeKind removed = ChangeKind::removed;
    switch (message.type()) {
        case RTM_NEWLINK:
            return change_of(decode_link(message), set);
        case RTM_DELLINK:
            return change_of(decode_link(message), removed);
        case RTM_NEWADDR:
            return change_of(decode_address(message), set);
        case RTM_DELADDR:
            return change_of(decode_address(message), removed);
        case RTM_NEWROUTE:
            return change_of(decode_route(message), set);
        case RTM_DELROUTE:
            return change_of(decode_route(message), removed);
        case RTM_NEWNEIGH:
            return change_of(decode_neighbour(message), set);
        case RTM_DELNEIGH:
            return change_of(decode_neighbour(message), removed);
        default:
            return std::nullopt;
    }
}

Task<std::optional<RouteEvent>> next_change(std::shared_ptr<SocketState> state) {
    for (;;) {
        const std::optional<Event> event = co_await wait_event(state);
        if (!event) co_return std::nullopt;
        if (event->overflow()) co_return RouteEvent(Overflow());
        // Messages that are none of ours, such as a bridge's about its ports, are passed over.
        if (auto change = decode_event(event->view())) co_return change;
    }
}

}  // namespace

Task<std::optional<RouteEvent>> Monitor::next() const { return next_change(socket_.state()); }

}  // namespace weft::netlink
