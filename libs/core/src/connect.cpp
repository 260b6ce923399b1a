#include "socket_stream.hpp"

#include <weft/core/connect.hpp>
#include <weft/core/error.hpp>
#include <weft/core/sleep.hpp>

#include <algorithm>
#include <cerrno>
#include <chrono>

#include <sys/socket.h>

namespace weft {

namespace detail {

const char* connect_advice(int error, const SocketAddress& address) noexcept {
    switch (error) {
        case ECONNREFUSED:
            return address.is_unix() ? " (a socket is there, but nobody listens: start the server)"
                                     : " (nothing listens there: start the server, or check the port)";
        case ENOENT:
            return " (no such socket: start the server, or check the path)";
        case EACCES:
        case EPERM:
            return address.is_unix() ? " (check the permissions of the socket and its folder)"
                                     : " (a firewall rule or a broadcast address forbids it)";
        case ENETUNREACH:
        case EHOSTUNREACH:
            return " (check the address and the routes: ip route get)";
        case ETIMEDOUT:
            return " (no answer: check the address and firewalls on the way)";
        case EADDRNOTAVAIL:
            return " (no local port or address is left for it: check port 0 and ip_local_port_range)";
        case EMFILE:
        case ENFILE:
            return " (out of descriptors: raise ulimit -n, or close some)";
        default:
            return "";
    }
}

}  // namespace detail

namespace {

[[noreturn]] void throw_connect_error(int error, const SocketAddress& to) {
    throw_errno(error, "connect to " + to.to_string() + detail::connect_advice(error, to));
}

int pending_error(int socket) {
    int error = 0;
    socklen_t size = sizeof error;
    return ::getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? error : errno;
}

bool is_connected(int socket) {
    sockaddr_storage name;
    socklen_t size = sizeof name;
    return ::getpeername(socket, reinterpret_cast<sockaddr*>(&name), &size) == 0;
}

int start_connect(int socket, const SocketAddress& to) {
    const auto* name = static_cast<const sockaddr*>(to.native());
    return ::connect(socket, name, static_cast<socklen_t>(to.native_size())) == 0 ? 0 : errno;
}

}  // namespace

Task<std::unique_ptr<Stream>> connect(SocketAddress to) {
    using namespace std::chrono_literals;
    if (to.family() == SocketAddress::Family::none || to.family() == SocketAddress::Family::unix_unnamed)
        throw UsageError("connect to '" + to.to_string() + "', which is not an address");
    UniqueFd socket(::socket(to.native_family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!socket) throw_connect_error(errno, to);
    detail::set_no_delay(socket.get(), to);
    detail::avoid_pacing(socket.get(), to);
    AsyncFd fd(std::move(socket));

    int error = start_connect(fd.get(), to);
    // A unix socket whose server's queue is full says EAGAIN, and nothing tells when there is room.
    for (auto pause = 1ms; error == EAGAIN && to.is_unix(); pause = std::min(pause * 2, 50ms)) {
        co_await sleep(pause);
        error = start_connect(fd.get(), to);
    }
    if (error == EINPROGRESS || error == EINTR) {
        // Readiness may be signalled early; the peer's address says whether there is a connection.
        for (error = 0; error == 0 && !is_connected(fd.get()); error = pending_error(fd.get()))
            co_await fd.write_readiness().wait();
    }
    if (error != 0) throw_connect_error(error, to);
    const SocketAddress local = detail::local_address_of(fd.get());
    // A dead server's port in the ephemeral range can be given to this very socket, which then meets itself
    // (RFC 9293 3.5, simultaneous open).
    if (to.is_ip() && local == to) throw_connect_error(ECONNREFUSED, to);
    co_return std::make_unique<detail::SocketStream>(std::move(fd), to.to_string());
}

}  // namespace weft
