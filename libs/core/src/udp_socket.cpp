#include "socket_stream.hpp"

#include <weft/core/error.hpp>
#include <weft/core/sleep.hpp>
#include <weft/core/stream.hpp>
#include <weft/core/udp_socket.hpp>

#include <algorithm>
#include <cerrno>
#include <vector>

#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace weft {

namespace {

// UIO_MAXIOV: what the kernel takes in one sendmmsg() or recvmmsg().
constexpr std::size_t max_batch = 1024;
// Messages whose headers are prepared on the stack.
constexpr std::size_t send_chunk = 64;

sockaddr* mutable_name(const SocketAddress& address) {
    // The kernel reads it only; msg_name is not const for the sake of receivers.
    return static_cast<sockaddr*>(const_cast<void*>(address.native()));
}

const char* bind_advice(int error) noexcept {
    switch (error) {
        case EADDRINUSE:
            return " (another process has it: ss -lunp names it; port 0 takes a free one)";
        case EADDRNOTAVAIL:
            return " (no interface of this machine has the address: ip addr)";
        case EACCES:
            return " (ports below 1024 need CAP_NET_BIND_SERVICE)";
        default:
            return "";
    }
}

void set_option(int socket, int level, int name, int value, const std::string& what) {
    if (::setsockopt(socket, level, name, &value, sizeof value) != 0) throw_errno(what);
}

int interface_index(const std::string& name) {
    if (name.empty()) return 0;
    const unsigned index = ::if_nametoindex(name.c_str());
    if (index == 0) throw_errno("find the interface " + name);
    return static_cast<int>(index);
}

}  // namespace

struct DatagramBatch::State {
    State(std::size_t count, std::size_t size)
        : max_size(size), bytes(count * size), names(count), parts(count), messages(count) {
        for (std::size_t i = 0; i < count; ++i) {
            parts[i] = {bytes.data() + i * size, size};
            messages[i] = {};
            messages[i].msg_hdr.msg_iov = &parts[i];
            messages[i].msg_hdr.msg_iovlen = 1;
            messages[i].msg_hdr.msg_name = &names[i];
        }
    }

    std::size_t max_size;
    std::vector<std::byte> bytes;
    std::vector<sockaddr_storage> names;
    std::vector<iovec> parts;
    std::vector<mmsghdr> messages;
};

DatagramBatch::DatagramBatch(std::size_t count, std::size_t max_size) {
    if (count == 0 || max_size == 0)
        throw UsageError("a batch of no datagrams, or of datagrams without bytes");
    state_ = std::make_unique<State>(std::min(count, max_batch), max_size);
}
DatagramBatch::DatagramBatch(DatagramBatch&&) noexcept = default;
DatagramBatch& DatagramBatch::operator=(DatagramBatch&&) noexcept = default;
DatagramBatch::~DatagramBatch() = default;
std::size_t DatagramBatch::capacity() const noexcept { return state_->messages.size(); }

Datagram DatagramBatch::operator[](std::size_t i) const {
    const mmsghdr& message = state_->messages[i];
    Datagram result;
    result.bytes = std::span(state_->bytes).subspan(i * state_->max_size, message.msg_len);
    result.from = SocketAddress::from_native(&state_->names[i], message.msg_hdr.msg_namelen);
    result.truncated = (message.msg_hdr.msg_flags & MSG_TRUNC) != 0;
    return result;
}

struct UdpSocket::State {
    AsyncFd socket;
    SocketAddress local;
    detail::FairTurns send_turns;
    detail::FairTurns receive_turns;

    [[nodiscard]] std::string text() const { return "UDP socket " + local.to_string(); }
    [[nodiscard]] int require_open() const {
        if (socket.get() < 0) throw ClosedError("the " + text() + " is closed");
        return socket.get();
    }
};

UdpSocket::UdpSocket(std::unique_ptr<State> state) noexcept : state_(std::move(state)) {}
UdpSocket::UdpSocket(UdpSocket&&) noexcept = default;
UdpSocket& UdpSocket::operator=(UdpSocket&&) noexcept = default;
UdpSocket::~UdpSocket() = default;
const SocketAddress& UdpSocket::local_address() const noexcept { return state_->local; }

UdpSocket::UdpSocket(const SocketAddress& address, const UdpOptions& options)
    : state_(std::make_unique<State>()) {
    if (!address.is_ip())
        throw UsageError("a UDP socket on '" + address.to_string() + "', which is no IP address");
    const std::string what = "bind a UDP socket to " + address.to_string();
    UniqueFd socket(::socket(address.native_family(), SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!socket) throw_errno(what);
    const int fd = socket.get();
    if (address.family() == SocketAddress::Family::ipv6) set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0, what);
    if (options.reuse_port_) set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1, what);
    if (options.reuse_address_) set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1, what);
    if (options.broadcast_) set_option(fd, SOL_SOCKET, SO_BROADCAST, 1, what);
    if (options.receive_buffer_) set_option(fd, SOL_SOCKET, SO_RCVBUF, *options.receive_buffer_, what);
    if (::bind(fd, mutable_name(address), static_cast<socklen_t>(address.native_size())) != 0) {
        const int error = errno;
        throw_errno(error, what + bind_advice(error));
    }
    state_->local = detail::local_address_of(fd);
    state_->socket = AsyncFd(std::move(socket));
}

UdpSocket UdpSocket::connected(const SocketAddress& peer, const UdpOptions& options) {
    if (!peer.is_ip())
        throw UsageError("connect a UDP socket to '" + peer.to_string() + "', which is no IP address");
    const bool v6 = peer.family() == SocketAddress::Family::ipv6;
    UdpSocket socket(SocketAddress::ip(v6 ? "::" : "0.0.0.0", 0), options);
    socket.connect(peer);
    return socket;
}

void UdpSocket::connect(const SocketAddress& peer) {
    const int fd = state_->require_open();
    if (::connect(fd, mutable_name(peer), static_cast<socklen_t>(peer.native_size())) != 0) {
        const int error = errno;
        throw_errno(error, "connect " + state_->text() + " to " + peer.to_string() +
                               detail::connect_advice(error, peer));
    }
    state_->local = detail::local_address_of(fd);
}

std::size_t UdpSocket::try_send_batch(std::span<const OutgoingDatagram> datagrams) {
    const int fd = state_->require_open();
    std::size_t sent = 0;
    while (sent < datagrams.size()) {
        mmsghdr messages[send_chunk];
        iovec parts[send_chunk];
        const auto chunk = datagrams.subspan(sent, std::min(datagrams.size() - sent, send_chunk));
        for (std::size_t i = 0; i < chunk.size(); ++i) {
            parts[i] = {const_cast<std::byte*>(chunk[i].bytes.data()), chunk[i].bytes.size()};
            messages[i] = {};
            messages[i].msg_hdr.msg_iov = &parts[i];
            messages[i].msg_hdr.msg_iovlen = 1;
            if (chunk[i].to.family() == SocketAddress::Family::none) continue;
            messages[i].msg_hdr.msg_name = mutable_name(chunk[i].to);
            messages[i].msg_hdr.msg_namelen = static_cast<socklen_t>(chunk[i].to.native_size());
        }
        const int n = ::sendmmsg(fd, messages, static_cast<unsigned>(chunk.size()), MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && errno == EAGAIN) break;
        // An error is told only for the first one of a call; what went before counts.
        if (n < 0) {
            if (sent > 0) break;
            throw_errno("send from " + state_->text() +
                        (chunk[0].to.is_ip() ? " to " + chunk[0].to.to_string() : std::string()));
        }
        sent += static_cast<std::size_t>(n);
    }
    return sent;
}

std::size_t UdpSocket::try_receive_batch(DatagramBatch& batch) {
    const int fd = state_->require_open();
    batch.size_ = 0;
    auto& messages = batch.state_->messages;
    for (mmsghdr& message : messages) message.msg_hdr.msg_namelen = sizeof(sockaddr_storage);
    for (;;) {
        const int n = ::recvmmsg(fd, messages.data(), static_cast<unsigned>(messages.size()), 0, nullptr);
        if (n >= 0) return batch.size_ = static_cast<std::size_t>(n);
        if (errno == EAGAIN) return 0;
        if (errno != EINTR) throw_errno("receive on " + state_->text());
    }
}

Task<void> UdpSocket::send_all(UdpSocket& socket, std::span<const OutgoingDatagram> datagrams) {
    State& state = *socket.state_;
    if (state.send_turns.is_over()) co_await yield();
    while (!datagrams.empty()) {
        const std::size_t n = socket.try_send_batch(datagrams);
        datagrams = datagrams.subspan(n);
        if (n == 0) co_await state.socket.write_readiness().wait();
    }
}

Task<std::size_t> UdpSocket::receive_some(UdpSocket& socket, DatagramBatch& batch) {
    State& state = *socket.state_;
    if (state.receive_turns.is_over()) co_await yield();
    for (;;) {
        const std::size_t n = socket.try_receive_batch(batch);
        if (n > 0) co_return n;
        co_await state.socket.read_readiness().wait();
    }
}

Task<void> UdpSocket::send_one(State& state, std::span<const std::byte> bytes, SocketAddress to) {
    if (state.send_turns.is_over()) co_await yield();
    for (;;) {
        const int fd = state.require_open();
        const bool named = to.family() != SocketAddress::Family::none;
        const auto n =
            ::sendto(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL, named ? mutable_name(to) : nullptr,
                     static_cast<socklen_t>(named ? to.native_size() : 0));
        if (n >= 0) co_return;
        if (errno == EAGAIN) {
            co_await state.socket.write_readiness().wait();
        } else if (errno != EINTR) {
            const int error = errno;
            throw_errno(error, "send " + std::to_string(bytes.size()) + " bytes from " + state.text() +
                                   (named ? " to " + to.to_string() : std::string()));
        }
    }
}

Task<Datagram> UdpSocket::receive_one(State& state, std::span<std::byte> buffer) {
    if (state.receive_turns.is_over()) co_await yield();
    for (;;) {
        const int fd = state.require_open();
        sockaddr_storage name;
        iovec part{buffer.data(), buffer.size()};
        msghdr message{};
        message.msg_name = &name;
        message.msg_namelen = sizeof name;
        message.msg_iov = &part;
        message.msg_iovlen = 1;
        const auto n = ::recvmsg(fd, &message, 0);
        if (n >= 0) {
            Datagram result;
            result.bytes = buffer.first(static_cast<std::size_t>(n));
            result.from = SocketAddress::from_native(&name, message.msg_namelen);
            result.truncated = (message.msg_flags & MSG_TRUNC) != 0;
            co_return result;
        }
        if (errno == EAGAIN) {
            co_await state.socket.read_readiness().wait();
        } else if (errno != EINTR) {
            throw_errno("receive on " + state.text());
        }
    }
}

Task<void> UdpSocket::send_to(std::span<const std::byte> bytes, SocketAddress to) {
    return send_one(*state_, bytes, to);
}
Task<void> UdpSocket::send_to(std::string_view text, SocketAddress to) {
    return send_one(*state_, std::as_bytes(std::span(text.data(), text.size())), to);
}
Task<void> UdpSocket::send(std::span<const std::byte> bytes) {
    return send_one(*state_, bytes, SocketAddress());
}
Task<void> UdpSocket::send(std::string_view text) {
    return send_one(*state_, std::as_bytes(std::span(text.data(), text.size())), SocketAddress());
}
Task<Datagram> UdpSocket::receive_from(std::span<std::byte> buffer) { return receive_one(*state_, buffer); }
Task<void> UdpSocket::send_batch(std::span<const OutgoingDatagram> datagrams) {
    return send_all(*this, datagrams);
}
Task<std::size_t> UdpSocket::receive_batch(DatagramBatch& batch) { return receive_some(*this, batch); }

Readiness& UdpSocket::read_readiness() {
    (void)state_->require_open();
    return state_->socket.read_readiness();
}
Readiness& UdpSocket::write_readiness() {
    (void)state_->require_open();
    return state_->socket.write_readiness();
}

void UdpSocket::change_group(const SocketAddress& group, const std::string& interface, bool join) {
    const int fd = state_->require_open();
    const std::string what = (join ? "join the group " : "leave the group ") + group.host() +
                             (interface.empty() ? "" : " on " + interface) + " with " + state_->text();
    if (group.family() != state_->local.family()) throw UsageError(what + ": they are of different families");
    // RFC 3678: one request for both families.
    group_req request{};
    request.gr_interface = static_cast<std::uint32_t>(interface_index(interface));
    std::copy_n(static_cast<const std::byte*>(group.native()), group.native_size(),
                reinterpret_cast<std::byte*>(&request.gr_group));
    const int level = group.family() == SocketAddress::Family::ipv4 ? IPPROTO_IP : IPPROTO_IPV6;
    if (::setsockopt(fd, level, join ? MCAST_JOIN_GROUP : MCAST_LEAVE_GROUP, &request, sizeof request) != 0)
        throw_errno(what + (errno == ENODEV ? " (no route to it: name an interface)" : ""));
}

void UdpSocket::join_group(const SocketAddress& group, const std::string& interface) {
    change_group(group, interface, true);
}
void UdpSocket::leave_group(const SocketAddress& group, const std::string& interface) {
    change_group(group, interface, false);
}

void UdpSocket::set_multicast(const std::string& interface, int hops, bool loop_back) {
    const int fd = state_->require_open();
    const std::string what = "set up multicast of " + state_->text();
    const int index = interface_index(interface);
    if (state_->local.family() == SocketAddress::Family::ipv4) {
        ip_mreqn out{};
        out.imr_ifindex = index;
        if (::setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &out, sizeof out) != 0) throw_errno(what);
        set_option(fd, IPPROTO_IP, IP_MULTICAST_TTL, hops, what);
        set_option(fd, IPPROTO_IP, IP_MULTICAST_LOOP, loop_back ? 1 : 0, what);
    } else {
        set_option(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, index, what);
        set_option(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, hops, what);
        set_option(fd, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, loop_back ? 1 : 0, what);
    }
}

void UdpSocket::close() noexcept { state_->socket.close(); }

}  // namespace weft
