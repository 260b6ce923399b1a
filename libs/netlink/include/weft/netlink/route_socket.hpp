// RouteSocket: the door to the kernel's network configuration of one namespace.
//
//     auto kernel = RouteSocket::open();
//     const Link veth = co_await kernel.links().add(LinkSpec::veth("h1", "s1-p1").mtu(9000).up());
//     co_await kernel.addresses().add(veth.index, IpPrefix::parse("10.0.0.1/24"));
//     co_await kernel.routes().add(Route::default_route().via(IpAddress::parse("10.0.0.254")));
#pragma once

#include <weft/netlink/addresses.hpp>
#include <weft/netlink/links.hpp>
#include <weft/netlink/monitor.hpp>
#include <weft/netlink/neighbours.hpp>
#include <weft/netlink/netns.hpp>
#include <weft/netlink/routes.hpp>
#include <weft/netlink/rules.hpp>
#include <weft/netlink/socket.hpp>

namespace weft::netlink {

// Belongs to the loop on which it is first used. Move-only; the destructor closes.
class RouteSocket {
public:
    // In the namespace of the calling thread, or in `where`; it stays there. Throws SystemError.
    [[nodiscard]] static RouteSocket open(SocketOptions options = SocketOptions());
    [[nodiscard]] static RouteSocket open(const Namespace& where, SocketOptions options = SocketOptions());

    [[nodiscard]] Links links() const noexcept { return Links(socket_.state()); }
    [[nodiscard]] Addresses addresses() const noexcept { return Addresses(socket_.state()); }
    [[nodiscard]] Routes routes() const noexcept { return Routes(socket_.state()); }
    [[nodiscard]] Neighbours neighbours() const noexcept { return Neighbours(socket_.state()); }
    [[nodiscard]] Rules rules() const noexcept { return Rules(socket_.state()); }
    // Changes in the same namespace. Throws SystemError.
    [[nodiscard]] Monitor monitor(MonitorOptions options = MonitorOptions()) const;

    // For messages that have no typed call.
    [[nodiscard]] const Socket& socket() const noexcept { return socket_; }
    [[nodiscard]] const Namespace& network_namespace() const noexcept { return socket_.network_namespace(); }
    void close() noexcept { socket_.close(); }

private:
    explicit RouteSocket(Socket socket) noexcept : socket_(std::move(socket)) {}
    Socket socket_;
};

}  // namespace weft::netlink
