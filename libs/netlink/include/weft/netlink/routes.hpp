// Routes: list, add, replace, remove, and ask which way a packet would go.
#pragma once

#include <weft/core/task.hpp>
#include <weft/netlink/addresses.hpp>
#include <weft/netlink/if_index.hpp>
#include <weft/netlink/ip_address.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace weft::netlink {

// rtm_type.
enum class RouteType : std::uint8_t {
    unspecified = 0,
    unicast = 1,
    local = 2,
    broadcast = 3,
    anycast = 4,
    multicast = 5,
    blackhole = 6,
    unreachable = 7,
    prohibit = 8,
    throw_ = 9,
};

// Who made it, rtm_protocol; other numbers are routing daemons'.
enum class RouteProtocol : std::uint8_t {
    unspecified = 0,
    redirect = 1,
    kernel = 2,
    boot = 3,
    static_ = 4,
    ra = 9
};

// Numbers of the tables that every system has.
namespace route_table {
inline constexpr std::uint32_t main = 254;
inline constexpr std::uint32_t local = 255;
}  // namespace route_table

// One of several ways of a multipath route.
struct NextHop {
    std::optional<IpAddress> gateway;
    std::optional<IfIndex> interface;
    std::uint32_t weight = 1;  // 1 to 256
    bool operator==(const NextHop&) const = default;
};

// To add one:  Route::to(prefix).via(gateway).dev(index).with_metric(100)
struct Route {
    Route() {}
    [[nodiscard]] static Route to(IpPrefix destination) {
        Route route;
        route.destination = destination;
        return route;
    }
    // 0.0.0.0/0 or ::/0.
    [[nodiscard]] static Route default_route(IpFamily family = IpFamily::v4) {
        return to(IpPrefix::all(family));
    }

    Route via(IpAddress address) && { return gateway = address, std::move(*this); }
    Route dev(IfIndex index) && { return interface = index, std::move(*this); }
    Route from(IpAddress address) && { return preferred_source = address, std::move(*this); }
    Route with_metric(std::uint32_t value) && { return metric = value, std::move(*this); }
    Route in_table(std::uint32_t number) && { return table = number, std::move(*this); }
    Route with_type(RouteType value) && { return type = value, std::move(*this); }
    Route with_mtu(std::uint32_t bytes) && { return mtu = bytes, std::move(*this); }
    Route on_link() && { return flags |= 0x4, std::move(*this); }  // RTNH_F_ONLINK
    Route hop(NextHop way) && { return next_hops.push_back(way), std::move(*this); }

    IpPrefix destination;
    std::optional<IpAddress> gateway;  // may be IPv6 for an IPv4 destination (RFC 8950)
    std::optional<IfIndex> interface;
    std::optional<IpAddress> preferred_source;
    std::optional<std::uint32_t> metric;  // lower wins; the kernel's default is 0 for IPv4, 1024 for IPv6
    std::vector<NextHop> next_hops;       // multipath; gateway and interface are then empty
    std::uint32_t table = route_table::main;
    RouteType type = RouteType::unicast;
    RouteProtocol protocol = RouteProtocol::static_;
    std::optional<Scope> scope;  // found from the rest when not given
    std::uint8_t tos = 0;
    std::uint32_t flags = 0;           // RTNH_F_…
    std::optional<std::uint32_t> mtu;  // RTAX_MTU

    bool operator==(const Route&) const = default;
};

// Which routes to list. Everything is filtered by the kernel.
struct RouteFilter {
    RouteFilter() {}
    // Both when none is given.
    RouteFilter in_family(IpFamily value) && { return family = value, std::move(*this); }
    RouteFilter in_table(std::uint32_t number) && { return table = number, std::move(*this); }
    RouteFilter in_all_tables() && { return table.reset(), std::move(*this); }
    RouteFilter through(IfIndex index) && { return interface = index, std::move(*this); }
    RouteFilter made_by(RouteProtocol value) && { return protocol = value, std::move(*this); }

    std::optional<IpFamily> family;
    std::optional<std::uint32_t> table = route_table::main;
    std::optional<IfIndex> interface;
    std::optional<RouteProtocol> protocol;
};

// Every member throws netlink::Error when the kernel refuses.
class Routes {
public:
    explicit Routes(std::shared_ptr<SocketState> state) noexcept;

    // The main table of both families by default. A table without routes is an empty list.
    [[nodiscard]] Task<std::vector<Route>> list(RouteFilter filter = RouteFilter()) const;
    // Throws EEXIST when there is one with the same destination, metric and table.
    Task<void> add(Route route) const;
    // Adds it in the place of one with the same destination, metric and table, if there is one.
    Task<void> replace(Route route) const;
    // Throws ESRCH when there is none that matches what `route` gives.
    Task<void> remove(Route route) const;
    // The route that a packet to `destination` would take now. Throws ENETUNREACH when there is none.
    [[nodiscard]] Task<Route> get(IpAddress destination) const;

private:
    std::shared_ptr<SocketState> state_;
};

}  // namespace weft::netlink
