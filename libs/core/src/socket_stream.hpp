// The stream over a connected TCP or unix socket: system calls and nothing else.
#pragma once

#include <weft/core/async_fd.hpp>
#include <weft/core/socket_address.hpp>
#include <weft/core/stream.hpp>

#include <memory>
#include <string>

namespace weft::detail {

class SocketStream final : public Stream {
public:
    // `socket` is connected; `peer` is the text that peer() gives.
    SocketStream(AsyncFd socket, std::string peer) noexcept
        : socket_(std::move(socket)), peer_(std::move(peer)), tcp_(!peer_.starts_with("unix:")) {}

    IoResult try_read(std::span<std::byte> buffer) override;
    IoResult try_write(std::span<const ConstBuffer> buffers) override;
    Readiness& read_readiness() override;
    Readiness& write_readiness() override;
    bool expect(std::size_t bytes) noexcept override;
    [[nodiscard]] std::size_t waiting() noexcept override;
    void shutdown_write() override;
    void close() noexcept override { socket_.close(); }
    [[nodiscard]] int socket() const noexcept override { return socket_.get(); }
    [[nodiscard]] std::string peer() const override { return peer_; }

private:
    [[nodiscard]] int require_open() const;
    IoResult write_one(int fd, const ConstBuffer& buffer);

    AsyncFd socket_;
    std::string peer_;
    bool tcp_;  // a unix socket reads short at other places, too: where descriptors or credentials change
};

[[nodiscard]] SocketAddress local_address_of(int socket);
[[nodiscard]] SocketAddress peer_address_of(int socket);
// Nagle's algorithm holds back the second small write of a reply until the peer's delayed ack.
void set_no_delay(int socket, const SocketAddress& address) noexcept;
// Before the connection stands (or listens): BBR spaces packets by a timer, which on the loopback device
// brings nothing and costs half of the bandwidth and a third of a small exchange's time. Reno, which is in
// every kernel and open to every program, takes its place there.
void avoid_pacing(int socket, const SocketAddress& address) noexcept;
// " (advice)" for a failure to connect, or an empty string.
[[nodiscard]] const char* connect_advice(int error, const SocketAddress& address) noexcept;
// The text for peer(): a unix client has no name, so its server's says more.
[[nodiscard]] std::string peer_text(const SocketAddress& peer, const SocketAddress& local);

}  // namespace weft::detail
