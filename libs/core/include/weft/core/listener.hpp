// Listener: takes in connections on a TCP or unix address.
#pragma once

#include <weft/core/async_fd.hpp>
#include <weft/core/socket_address.hpp>
#include <weft/core/stream.hpp>
#include <weft/core/task.hpp>

#include <memory>
#include <utility>

namespace weft {

class ListenOptions {
public:
    ListenOptions() {}

    // Connections that wait for accept().
    ListenOptions&& backlog(int n) && noexcept { return backlog_ = n, std::move(*this); }
    // Several listeners share a port, and the kernel spreads connections over them (SO_REUSEPORT): one for
    // each loop of run(…, RunOptions().loops(n)). All of them must ask for it. Connections in the queue of
    // one that closes are reset.
    ListenOptions&& reuse_port(bool on) && noexcept { return reuse_port_ = on, std::move(*this); }

private:
    friend class Listener;
    int backlog_ = 1024;
    bool reuse_port_ = false;
};

// Listens from its construction to close(), or its death. Move-only, but it must not move while a task waits
// in accept(). One task accepts at a time.
class Listener {
public:
    // Binds and listens. Port 0 lets the kernel choose: see local_address(). SO_REUSEADDR is set; an IPv6
    // wildcard takes IPv4 connections too. A unix path whose owner is dead is replaced, and the file goes
    // away with the listener. Throws SystemError that names the address and says what to do.
    explicit Listener(const SocketAddress& address, const ListenOptions& options = ListenOptions());
    Listener(const SocketAddress& address, int backlog);

    // Takes over a socket that listens already (socket activation). Throws SystemError.
    [[nodiscard]] static Listener adopt(UniqueFd socket);

    Listener(Listener&&) noexcept;
    Listener& operator=(Listener&&) noexcept;
    ~Listener();

    // The address in use, with the port that the kernel chose.
    [[nodiscard]] const SocketAddress& local_address() const noexcept;
    [[nodiscard]] std::uint16_t port() const noexcept { return local_address().port(); }

    // The next connection. Connections that died in the queue are passed over, and running out of
    // descriptors or memory waits for better times (the connection stays queued). Throws ClosedError after
    // close(), SystemError when the socket is unusable. Cancelling loses no connection.
    [[nodiscard]] Task<std::unique_ptr<Stream>> accept();

    // Stops at once; who waits in accept() gets ClosedError. Connections in the queue are reset by the
    // kernel.
    void close() noexcept;
    [[nodiscard]] bool closed() const noexcept;

private:
    struct State;
    explicit Listener(std::unique_ptr<State> state) noexcept;
    static Task<std::unique_ptr<Stream>> accept_on(State& state);
    std::unique_ptr<State> state_;
};

}  // namespace weft
