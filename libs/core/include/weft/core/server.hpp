// start_server(): a task for each connection, all owned by one Server. asyncio.start_server.
#pragma once

#include <weft/core/connection.hpp>
#include <weft/core/listener.hpp>
#include <weft/core/semaphore.hpp>
#include <weft/core/socket_address.hpp>
#include <weft/core/task.hpp>
#include <weft/core/tls_context.hpp>

#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace weft {

// Serves one connection. When it returns, what it wrote is sent and the connection closed; when it throws or
// is cancelled, the connection is aborted. The reference is good until the task is done.
using ConnectionHandler = std::function<Task<void>(Connection&)>;

class ServerOptions {
public:
    ServerOptions() {}

    // Connections served at a time; more wait in the kernel's queue.
    ServerOptions&& max_connections(std::size_t n) && noexcept {
        return max_connections_ = n, std::move(*this);
    }
    ServerOptions&& backlog(int n) && noexcept {
        return listen_ = std::move(listen_).backlog(n), std::move(*this);
    }
    // As ListenOptions::reuse_port().
    ServerOptions&& reuse_port(bool on) && noexcept {
        return listen_ = std::move(listen_).reuse_port(on), std::move(*this);
    }
    ServerOptions&& limits(ConnectionLimits limits) && noexcept { return limits_ = limits, std::move(*this); }
    // Every connection begins with tls_accept(); one whose handshake fails goes to on_error.
    ServerOptions&& tls(TlsContext context) && { return tls_ = std::move(context), std::move(*this); }
    // How long what a handler wrote may take to be sent after the handler has returned.
    ServerOptions&& linger(Duration d) && noexcept { return linger_ = d, std::move(*this); }
    // Told about a handler that ended with an error; it touches no other connection. Must not throw.
    ServerOptions&& on_error(std::function<void(const std::string& peer, std::exception_ptr)> f) && {
        return on_error_ = std::move(f), std::move(*this);
    }

private:
    friend class Server;
    std::size_t max_connections_ = 10000;
    ListenOptions listen_;
    ConnectionLimits limits_;
    Duration linger_ = std::chrono::seconds(10);
    std::optional<TlsContext> tls_;
    std::function<void(const std::string&, std::exception_ptr)> on_error_;
};

// Runs from start_server() to close(). Dropping it cancels what runs without waiting for it. Belongs to the
// running loop.
class Server {
public:
    Server(Server&&) noexcept;
    Server& operator=(Server&&) noexcept;
    ~Server();

    [[nodiscard]] const SocketAddress& local_address() const noexcept;
    [[nodiscard]] std::uint16_t port() const noexcept { return local_address().port(); }
    // Connections that are being served.
    [[nodiscard]] std::size_t connections() const noexcept;

    // Stops listening, cancels the connections' tasks and waits until they have ended. May be repeated.
    [[nodiscard]] Task<void> close();
    // Stops listening and waits until the connections have ended by themselves. Cancelling that is close().
    [[nodiscard]] Task<void> drain();
    // Waits until the server is closed. Throws the error that made listening impossible.
    [[nodiscard]] Task<void> wait_closed();

private:
    struct State;
    friend Server start_server(ConnectionHandler handler, const SocketAddress& address,
                               ServerOptions options);
    explicit Server(std::shared_ptr<State> state) noexcept;
    static Task<void> serve(std::shared_ptr<State> state);
    static Task<void> serve_one(std::shared_ptr<State> state, std::unique_ptr<Stream> stream, Permit slot);
    static Task<void> stop(std::shared_ptr<State> state);
    static Task<void> join(std::shared_ptr<State> state);

    std::shared_ptr<State> state_;
};

// Listens on `address` (see Listener) and serves each connection in a task of its own. Throws SystemError
// when it cannot listen.
[[nodiscard]] Server start_server(ConnectionHandler handler, const SocketAddress& address,
                                  ServerOptions options = ServerOptions());

}  // namespace weft
