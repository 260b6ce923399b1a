#include "socket_stream.hpp"

#include <weft/core/error.hpp>
#include <weft/core/listener.hpp>
#include <weft/core/sleep.hpp>

#include <cerrno>
#include <chrono>

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

namespace weft {

struct Listener::State {
    AsyncFd socket;
    SocketAddress local;
    std::string path;  // the socket file that we made
    dev_t device = 0;
    ino_t inode = 0;
    detail::FairTurns turns;

    ~State() { close(); }

    void close() noexcept {
        socket.close();
        if (path.empty()) return;
        // Another server may have replaced the file meanwhile.
        struct stat now;
        if (::stat(path.c_str(), &now) == 0 && now.st_dev == device && now.st_ino == inode)
            ::unlink(path.c_str());
        path.clear();
    }
};

namespace {

const char* listen_advice(int error, const SocketAddress& address) noexcept {
    switch (error) {
        case EADDRINUSE:
            return address.is_unix()
                       ? " (another process listens there)"
                       : " (another process has it: ss -ltnp names it; port 0 takes a free one)";
        case EADDRNOTAVAIL:
            return " (no interface of this machine has the address: ip addr)";
        case EACCES:
            return address.is_unix() ? " (check the permissions of the folder)"
                                     : " (ports below 1024 need CAP_NET_BIND_SERVICE)";
        case ENOENT:
        case ENOTDIR:
            return " (make the folder first)";
        default:
            return "";
    }
}

// A socket file outlives its owner, and then refuses connections. A datagram probe of a living stream socket
// is refused for its type instead (EPROTOTYPE), and does not show up there as a connection.
bool is_stale_socket(const SocketAddress& address) {
    struct stat file;
    if (::stat(address.host().c_str(), &file) != 0 || !S_ISSOCK(file.st_mode)) return false;
    const UniqueFd probe(::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!probe) return false;
    const auto* name = static_cast<const sockaddr*>(address.native());
    return ::connect(probe.get(), name, static_cast<socklen_t>(address.native_size())) != 0 &&
           errno == ECONNREFUSED;
}

int bind_to(int socket, const SocketAddress& address) {
    const auto* name = static_cast<const sockaddr*>(address.native());
    return ::bind(socket, name, static_cast<socklen_t>(address.native_size())) == 0 ? 0 : errno;
}

// accept(2): errors of the new connection, pending on the listening socket.
bool is_lost_connection(int error) {
    switch (error) {
        case EINTR:
        case ECONNABORTED:
        case EPROTO:
        case EPERM:
        case ENETDOWN:
        case ENOPROTOOPT:
        case EHOSTDOWN:
        case ENONET:
        case EHOSTUNREACH:
        case EOPNOTSUPP:
        case ENETUNREACH:
            return true;
        default:
            return false;
    }
}

bool is_shortage(int error) {
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

}  // namespace

Listener::Listener(const SocketAddress& address, int backlog)
    : Listener(address, ListenOptions().backlog(backlog)) {}

Listener::Listener(const SocketAddress& address, const ListenOptions& options)
    : state_(std::make_unique<State>()) {
    const auto fail = [&](int error) {
        throw_errno(error, "listen on " + address.to_string() + listen_advice(error, address));
    };
    if (address.family() == SocketAddress::Family::none ||
        address.family() == SocketAddress::Family::unix_unnamed)
        throw UsageError("listen on '" + address.to_string() + "', which is not an address");
    UniqueFd socket(::socket(address.native_family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!socket) fail(errno);
    const int on = 1;
    const int off = 0;
    // Else a restarted server would wait a minute for the connections of its predecessor (TIME_WAIT).
    if (address.is_ip()) ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (address.family() == SocketAddress::Family::ipv6)
        ::setsockopt(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    if (options.reuse_port_ && ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) != 0)
        fail(errno);
    const bool has_path = address.family() == SocketAddress::Family::unix_path;
    int error = bind_to(socket.get(), address);
    if (error == EADDRINUSE && has_path && is_stale_socket(address)) {
        ::unlink(address.host().c_str());
        error = bind_to(socket.get(), address);
    }
    if (error != 0) fail(error);
    if (has_path) {
        struct stat file;
        if (::stat(address.host().c_str(), &file) == 0) {
            state_->path = address.host();
            state_->device = file.st_dev;
            state_->inode = file.st_ino;
        }
    }
    detail::avoid_pacing(socket.get(), address);  // its connections inherit that
    if (::listen(socket.get(), options.backlog_) != 0) fail(errno);
    state_->local = detail::local_address_of(socket.get());
    state_->socket = AsyncFd(std::move(socket));
}

Listener::Listener(std::unique_ptr<State> state) noexcept : state_(std::move(state)) {}
Listener::Listener(Listener&&) noexcept = default;
Listener& Listener::operator=(Listener&&) noexcept = default;
Listener::~Listener() = default;

Listener Listener::adopt(UniqueFd socket) {
    int listening = 0;
    socklen_t size = sizeof listening;
    const std::string what = "adopt descriptor " + std::to_string(socket.get()) + " as a listener";
    if (::getsockopt(socket.get(), SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) != 0) throw_errno(what);
    if (!listening) throw_errno(EINVAL, what + " (it does not listen)");
    auto state = std::make_unique<State>();
    state->local = detail::local_address_of(socket.get());
    state->socket = AsyncFd(std::move(socket));
    return Listener(std::move(state));
}

const SocketAddress& Listener::local_address() const noexcept { return state_->local; }
bool Listener::closed() const noexcept { return state_->socket.get() < 0; }
void Listener::close() noexcept { state_->close(); }
Task<std::unique_ptr<Stream>> Listener::accept() { return accept_on(*state_); }

Task<std::unique_ptr<Stream>> Listener::accept_on(State& state) {
    using namespace std::chrono_literals;
    if (state.turns.is_over()) co_await yield();
    for (;;) {
        if (state.socket.get() < 0)
            throw ClosedError("the listener on " + state.local.to_string() + " is closed");
        sockaddr_storage name;
        socklen_t size = sizeof name;
        UniqueFd socket(::accept4(state.socket.get(), reinterpret_cast<sockaddr*>(&name), &size,
                                  SOCK_NONBLOCK | SOCK_CLOEXEC));
        if (socket) {
            const SocketAddress peer = SocketAddress::from_native(&name, size);
            detail::set_no_delay(socket.get(), peer);
            co_return std::make_unique<detail::SocketStream>(AsyncFd(std::move(socket)),
                                                             detail::peer_text(peer, state.local));
        }
        if (errno == EAGAIN) {
            co_await state.socket.read_readiness().wait();
        } else if (is_shortage(errno)) {
            // The connection stays in the queue, and no edge will announce it again.
            co_await sleep(20ms);
        } else if (!is_lost_connection(errno)) {
            throw_errno("accept a connection on " + state.local.to_string());
        }
    }
}

}  // namespace weft
