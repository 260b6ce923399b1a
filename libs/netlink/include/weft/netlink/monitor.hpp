// Monitor: changes of links, addresses, routes and neighbours, as they happen.
#pragma once

#include <weft/core/task.hpp>
#include <weft/netlink/addresses.hpp>
#include <weft/netlink/link.hpp>
#include <weft/netlink/neighbours.hpp>
#include <weft/netlink/routes.hpp>
#include <weft/netlink/socket.hpp>

#include <cstdint>
#include <optional>
#include <variant>

namespace weft::netlink {

enum class ChangeKind : std::uint8_t { set, removed };  // the kernel does not tell new from changed

template <class T>
struct Change {
    ChangeKind kind = ChangeKind::set;
    T object;
    Change(ChangeKind what, T value) : kind(what), object(std::move(value)) {}
};

// Events were lost because they were not read in time. What the monitor said so far may be out of date:
// list again, then go on.
struct Overflow {};

using RouteEvent = std::variant<Change<Link>, Change<Address>, Change<Route>, Change<Neighbour>, Overflow>;

// What to watch; everything by default.
struct MonitorOptions {
    MonitorOptions() {}
    bool links = true;
    bool addresses = true;
    bool routes = true;
    bool neighbours = true;
    SocketOptions socket;
};

// Has a socket of its own, so that a flood of events cannot push out answers to requests. Subscribed from
// the moment it exists: list after it, and no change is missed between. Move-only.
class Monitor {
public:
    Monitor(const Namespace& where, MonitorOptions options);

    // The next change; nullopt after close(). One task at a time; cancelling loses nothing.
    [[nodiscard]] Task<std::optional<RouteEvent>> next() const;
    void close() noexcept { socket_.close(); }

private:
    Socket socket_;
};

}  // namespace weft::netlink
