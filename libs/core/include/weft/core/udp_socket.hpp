// UdpSocket: datagrams, one at a time or in batches that cost one system call.
#pragma once

#include <weft/core/async_fd.hpp>
#include <weft/core/socket_address.hpp>
#include <weft/core/task.hpp>

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace weft {

// A datagram that has come. `bytes` is a part of the buffer that was given, or of the batch.
struct Datagram {
    std::span<std::byte> bytes;
    SocketAddress from;
    bool truncated = false;  // it was longer than the buffer; the rest is gone

    [[nodiscard]] std::string_view text() const noexcept {
        return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
    }
};

// A datagram to send. Without an address it goes to the peer of a connected socket.
struct OutgoingDatagram {
    std::span<const std::byte> bytes;
    SocketAddress to = SocketAddress();
};

// Buffers for receive_batch(), reused from call to call. Move-only.
class DatagramBatch {
public:
    // Up to `count` (at most 1024) datagrams of up to `max_size` bytes each. Throws UsageError for 0 of
    // either.
    explicit DatagramBatch(std::size_t count = 64, std::size_t max_size = 2048);
    DatagramBatch(DatagramBatch&&) noexcept;
    DatagramBatch& operator=(DatagramBatch&&) noexcept;
    ~DatagramBatch();

    // What the last receive_batch() brought, in order; valid until the next one.
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] Datagram operator[](std::size_t i) const;
    [[nodiscard]] std::size_t capacity() const noexcept;

private:
    friend class UdpSocket;
    struct State;
    std::unique_ptr<State> state_;
    std::size_t size_ = 0;
};

class UdpOptions {
public:
    UdpOptions() {}

    // Several sockets share the port; the kernel spreads senders over them (SO_REUSEPORT). One socket a loop.
    UdpOptions&& reuse_port(bool on) && noexcept { return reuse_port_ = on, std::move(*this); }
    // Several sockets take the same multicast port (SO_REUSEADDR).
    UdpOptions&& reuse_address(bool on) && noexcept { return reuse_address_ = on, std::move(*this); }
    // May send to broadcast addresses.
    UdpOptions&& broadcast(bool on) && noexcept { return broadcast_ = on, std::move(*this); }
    // Bytes that the kernel holds for us before it drops; it gives at most net.core.rmem_max.
    UdpOptions&& receive_buffer(int bytes) && noexcept { return receive_buffer_ = bytes, std::move(*this); }

private:
    friend class UdpSocket;
    std::optional<int> receive_buffer_;
    bool reuse_port_ = false;
    bool reuse_address_ = false;
    bool broadcast_ = false;
};

// Move-only, but it must not move while a task waits in it. One task sends and one receives at a time. All
// tasks throw SystemError and, after close(), ClosedError; buffers must stay valid until the task is done.
// Cancelling sends and takes nothing.
class UdpSocket {
public:
    // Bound to `address`; port 0 lets the kernel choose. An IPv6 wildcard takes IPv4 too. Throws SystemError
    // that names the address and says what to do.
    explicit UdpSocket(const SocketAddress& address, const UdpOptions& options = UdpOptions());
    // Bound to any free port, and connected to `peer`: see connect().
    [[nodiscard]] static UdpSocket connected(const SocketAddress& peer,
                                             const UdpOptions& options = UdpOptions());
    UdpSocket(UdpSocket&&) noexcept;
    UdpSocket& operator=(UdpSocket&&) noexcept;
    ~UdpSocket();

    [[nodiscard]] const SocketAddress& local_address() const noexcept;
    [[nodiscard]] std::uint16_t port() const noexcept { return local_address().port(); }

    // From now on send() goes to `peer` and only its datagrams are received. That nobody listens there comes
    // as SystemError (ECONNREFUSED) from a later call. Throws SystemError.
    void connect(const SocketAddress& peer);

    // One datagram, as a whole or not at all; EMSGSIZE when it is too long. send() needs connect().
    [[nodiscard]] Task<void> send_to(std::span<const std::byte> bytes, SocketAddress to);
    [[nodiscard]] Task<void> send_to(std::string_view text, SocketAddress to);
    [[nodiscard]] Task<void> send(std::span<const std::byte> bytes);
    [[nodiscard]] Task<void> send(std::string_view text);
    // The next datagram, in `buffer`. An empty datagram has no bytes.
    [[nodiscard]] Task<Datagram> receive_from(std::span<std::byte> buffer);

    // All of them, in order, up to 1024 in one system call (sendmmsg). When one cannot be sent (EMSGSIZE …),
    // those before it are; its error is thrown.
    [[nodiscard]] Task<void> send_batch(std::span<const OutgoingDatagram> datagrams);
    // Waits for one datagram at least, takes all that are there and have room (recvmmsg). Gives their number.
    [[nodiscard]] Task<std::size_t> receive_batch(DatagramBatch& batch);

    // The same without waiting: how many were sent or taken, 0 when none can be now.
    std::size_t try_send_batch(std::span<const OutgoingDatagram> datagrams);
    std::size_t try_receive_batch(DatagramBatch& batch);
    [[nodiscard]] Readiness& read_readiness();
    [[nodiscard]] Readiness& write_readiness();

    // Receives what is sent to the group (an IP address, its port is not looked at), on the named interface
    // or the one that the routes choose. Throws SystemError, UsageError for an address of another family.
    void join_group(const SocketAddress& group, const std::string& interface = {});
    void leave_group(const SocketAddress& group, const std::string& interface = {});
    // Where multicast datagrams go out, how many routers they pass (1 by default), and whether this machine
    // receives them too (true by default).
    void set_multicast(const std::string& interface, int hops = 1, bool loop_back = true);

    // At once; whoever waits is woken and gets ClosedError.
    void close() noexcept;

private:
    struct State;
    explicit UdpSocket(std::unique_ptr<State> state) noexcept;
    static Task<void> send_one(State& state, std::span<const std::byte> bytes, SocketAddress to);
    static Task<Datagram> receive_one(State& state, std::span<std::byte> buffer);
    static Task<void> send_all(UdpSocket& socket, std::span<const OutgoingDatagram> datagrams);
    static Task<std::size_t> receive_some(UdpSocket& socket, DatagramBatch& batch);
    void change_group(const SocketAddress& group, const std::string& interface, bool join);
    std::unique_ptr<State> state_;
};

}  // namespace weft
