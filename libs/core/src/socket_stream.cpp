#include "socket_stream.hpp"

#include <weft/core/connect.hpp>
#include <weft/core/error.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <string_view>

#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>

namespace weft {

namespace detail {

static_assert(sizeof(ConstBuffer) == sizeof(iovec) &&
              offsetof(ConstBuffer, size) == offsetof(iovec, iov_len));

int SocketStream::require_open() const {
    const int fd = socket_.get();
    if (fd < 0) throw ClosedError("the stream to " + peer_ + " is closed");
    return fd;
}

IoResult SocketStream::try_read(std::span<std::byte> buffer) {
    const int fd = require_open();
    if (buffer.empty()) return IoResult::done(0);
    if (socket_.known_empty()) return IoResult::again();
    for (;;) {
        const auto n = ::recv(fd, buffer.data(), buffer.size(), 0);
        if (n > 0) {
            const auto size = static_cast<std::size_t>(n);
            if (tcp_ && size < buffer.size()) socket_.note_short_read();
            return IoResult::done(size);
        }
        if (n == 0) return IoResult::end_of_stream();
        if (errno == EAGAIN) return IoResult::again();
        if (errno != EINTR) throw_errno("read from " + peer_);
    }
}

// Most writes are one buffer: the kernel has less to look at than with a list.
IoResult SocketStream::write_one(int fd, const ConstBuffer& buffer) {
    for (;;) {
        const auto n = ::send(fd, buffer.data, buffer.size, MSG_NOSIGNAL);
        if (n >= 0) return IoResult::done(static_cast<std::size_t>(n));
        if (errno == EAGAIN) return IoResult::again();
        if (errno != EINTR) throw_errno("write to " + peer_);
    }
}

IoResult SocketStream::try_write(std::span<const ConstBuffer> buffers) {
    constexpr std::size_t max_buffers = 64;
    const int fd = require_open();
    if (buffers.size() == 1) return write_one(fd, buffers[0]);
    msghdr message{};
    message.msg_iov = reinterpret_cast<iovec*>(const_cast<ConstBuffer*>(buffers.data()));
    message.msg_iovlen = std::min(buffers.size(), max_buffers);
    for (;;) {
        const auto n = ::sendmsg(fd, &message, MSG_NOSIGNAL);
        if (n >= 0) return IoResult::done(static_cast<std::size_t>(n));
        if (errno == EAGAIN) return IoResult::again();
        if (errno != EINTR) throw_errno("write to " + peer_);
    }
}

Readiness& SocketStream::read_readiness() {
    (void)require_open();
    return socket_.read_readiness();
}

Readiness& SocketStream::write_readiness() {
    (void)require_open();
    return socket_.write_readiness();
}

bool SocketStream::expect(std::size_t bytes) noexcept {
    // Unix sockets know no such mark when they are polled.
    if (!tcp_ || socket_.get() < 0) return false;
    const int mark = static_cast<int>(std::min<std::size_t>(bytes, 1 << 30));
    return ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVLOWAT, &mark, sizeof mark) == 0;
}

std::size_t SocketStream::waiting() noexcept {
    int bytes = 0;
    if (::ioctl(socket_.get(), SIOCINQ, &bytes) != 0 || bytes <= 0) return 0;
    socket_.note_input();  // its event is still to come
    return static_cast<std::size_t>(bytes);
}

void SocketStream::shutdown_write() {
    if (::shutdown(require_open(), SHUT_WR) != 0) throw_errno("end the stream to " + peer_);
}

SocketAddress local_address_of(int socket) {
    sockaddr_storage name;
    socklen_t size = sizeof name;
    if (::getsockname(socket, reinterpret_cast<sockaddr*>(&name), &size) != 0)
        throw_errno("ask for the local address of descriptor " + std::to_string(socket));
    return SocketAddress::from_native(&name, size);
}

SocketAddress peer_address_of(int socket) {
    sockaddr_storage name;
    socklen_t size = sizeof name;
    if (::getpeername(socket, reinterpret_cast<sockaddr*>(&name), &size) != 0)
        throw_errno("ask for the peer's address of descriptor " + std::to_string(socket));
    return SocketAddress::from_native(&name, size);
}

void set_no_delay(int socket, const SocketAddress& address) noexcept {
    if (!address.is_ip()) return;
    const int one = 1;
    // Fails only when the peer has gone already, which the first read tells.
    ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

void avoid_pacing(int socket, const SocketAddress& address) noexcept {
    if (!address.is_ip() || !address.is_loopback()) return;
    std::array<char, 16> name{};  // TCP_CA_NAME_MAX
    socklen_t size = name.size();
    if (::getsockopt(socket, IPPROTO_TCP, TCP_CONGESTION, name.data(), &size) != 0) return;
    if (!std::string_view(name.data()).starts_with("bbr")) return;
    constexpr std::string_view reno = "reno";
    ::setsockopt(socket, IPPROTO_TCP, TCP_CONGESTION, reno.data(), reno.size());
}

std::string peer_text(const SocketAddress& peer, const SocketAddress& local) {
    if (peer.family() != SocketAddress::Family::unix_unnamed) return peer.to_string();
    if (local.family() != SocketAddress::Family::unix_unnamed) return local.to_string();
    return "unix:unnamed";
}

}  // namespace detail

std::unique_ptr<Stream> adopt_socket(UniqueFd socket) {
    int type = 0;
    socklen_t size = sizeof type;
    if (::getsockopt(socket.get(), SOL_SOCKET, SO_TYPE, &type, &size) != 0)
        throw_errno("adopt descriptor " + std::to_string(socket.get()) + " as a stream");
    if (type != SOCK_STREAM)
        throw_errno(EPROTOTYPE, "adopt descriptor " + std::to_string(socket.get()) + " as a stream");
    const SocketAddress peer = detail::peer_address_of(socket.get());
    const SocketAddress local = detail::local_address_of(socket.get());
    detail::set_no_delay(socket.get(), peer);
    return std::make_unique<detail::SocketStream>(AsyncFd(std::move(socket)), detail::peer_text(peer, local));
}

}  // namespace weft
