// Server: takes in connections and runs the handlers of its services.
//
//     weft::grpc::Server server;
//     server.add_service(echo);
//     int port = server.add_insecure_port("127.0.0.1:0");
//     co_await server.start();
//     co_await server.wait_for_termination();
#pragma once

#include <weft/core/pimpl.hpp>
#include <weft/core/task.hpp>
#include <weft/core/timer.hpp>
#include <weft/grpc/compression.hpp>
#include <weft/grpc/service.hpp>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weft {
class TlsContext;
}

namespace weft::grpc {

class ServerInterceptor;
class TlsRenewal;

namespace detail {
class ServerState;
}

class ServerOptions {
public:
    ServerOptions() {}

    // Largest request message, in bytes (4 MiB), and largest response message (no limit).
    ServerOptions&& max_receive_message_length(std::size_t bytes) && {
        max_receive = bytes;
        return std::move(*this);
    }
    ServerOptions&& max_send_message_length(std::size_t bytes) && {
        max_send = bytes;
        return std::move(*this);
    }
    // Calls at once over all connections; more are answered RESOURCE_EXHAUSTED. 0: no limit.
    ServerOptions&& maximum_concurrent_rpcs(std::size_t calls) && {
        max_calls = calls;
        return std::move(*this);
    }
    // Streams that one connection may have open; clients queue what is beyond.
    ServerOptions&& max_concurrent_streams(std::uint32_t streams) && {
        max_streams = streams;
        return std::move(*this);
    }
    // Told about exceptions of handlers that are neither RpcError nor Cancelled: the peer does not see them.
    using HandlerErrorLog = void (*)(std::string_view method, std::exception_ptr error, void* user);
    ServerOptions&& on_handler_error(HandlerErrorLog log, void* user) && {
        handler_error = log;
        handler_error_user = user;
        return std::move(*this);
    }

    // Largest sum of a request's headers in bytes, as HTTP/2 counts them (names, values, and 32 for each
    // field): 16 KiB. A request beyond is answered RESOURCE_EXHAUSTED. Clients are told, 72 KiB at most: see
    // ChannelOptions::max_metadata_size().
    ServerOptions&& max_metadata_size(std::uint32_t bytes) && {
        max_metadata = bytes;
        return std::move(*this);
    }
    // How responses are compressed for clients that understand it, unless a handler says otherwise (not at
    // all). Compressed requests are always understood.
    ServerOptions&& compression(Compression algorithm) && {
        compress = algorithm;
        return std::move(*this);
    }
    // Runs around every handler; the first one added is outermost. It must outlive the server.
    ServerOptions&& interceptor(ServerInterceptor& added) && {
        interceptors.push_back(&added);
        return std::move(*this);
    }
    // A PING after `time` in which nothing came; a connection that does not answer within `timeout` is
    // closed. Default: 2 h and 20 s.
    ServerOptions&& keepalive(Duration time, Duration timeout = std::chrono::seconds(20)) && {
        keepalive_time = time;
        keepalive_timeout = timeout;
        return std::move(*this);
    }
    // How often a client may PING: not more often than `min_interval` (5 minutes), and not without calls
    // (then 2 h) unless `without_calls`. The third PING too many ends its connection with ENHANCE_YOUR_CALM,
    // "too_many_pings". What we send to the client in between resets the count.
    ServerOptions&& permit_keepalive(Duration min_interval, bool without_calls = false) && {
        min_ping_interval = min_interval;
        ping_without_calls = without_calls;
        return std::move(*this);
    }
    // A connection without calls for so long is sent away (never).
    ServerOptions&& max_connection_idle(Duration limit) && {
        max_idle = limit;
        return std::move(*this);
    }
    // A connection that is so old (±10 %, so that they do not all go at once) takes no new calls; those that
    // run have `grace` to end (both without limit). Clients connect again, to where names and balancers lead
    // them.
    ServerOptions&& max_connection_age(Duration limit, Duration grace = Duration::max()) && {
        max_age = limit;
        max_age_grace = grace;
        return std::move(*this);
    }

    // A client of a secure port that has not ended TLS's handshake by then is dropped (120 s).
    ServerOptions&& handshake_timeout(Duration limit) && {
        handshake_limit = limit;
        return std::move(*this);
    }

    // Answers gRPC-Web too, on the same ports: scripts of pages from `origin` ("https://app.example") may
    // call, "*" for those of every page; may be given repeatedly. Over HTTP/1.1 as well, since that is what
    // browsers speak without TLS: the first bytes of a connection tell, or ALPN. max_metadata_size() is then
    // the largest head of a request, handshake_timeout() how long one may take.
    ServerOptions&& grpc_web(std::string origin = "*") && {
        web_origins.push_back(std::move(origin));
        return std::move(*this);
    }

    std::vector<std::string> web_origins;
    std::uint32_t max_metadata = 16 * 1024;
    Compression compress = Compression::identity;
    std::vector<ServerInterceptor*> interceptors;
    Duration keepalive_time = std::chrono::hours(2);
    Duration keepalive_timeout = std::chrono::seconds(20);
    Duration min_ping_interval = std::chrono::minutes(5);
    bool ping_without_calls = false;
    Duration max_idle = Duration::max();
    Duration handshake_limit = std::chrono::seconds(120);
    Duration max_age = Duration::max();
    Duration max_age_grace = Duration::max();
    std::size_t max_receive = std::size_t{4} << 20;
    std::size_t max_send = SIZE_MAX;
    std::size_t max_calls = 0;
    std::uint32_t max_streams = 4096;
    HandlerErrorLog handler_error = nullptr;
    void* handler_error_user = nullptr;
};

// Move-only; belongs to the loop on which it is started, and must be gone before that loop is. The destructor
// is abortive: handlers are destroyed where they wait. It must not run inside one of them.
class Server {
public:
    explicit Server(ServerOptions options = ServerOptions());
    Server(Server&&) noexcept;
    Server& operator=(Server&&) noexcept;
    ~Server();

    // For add_connection().
    [[nodiscard]] detail::ServerState& state() const noexcept { return *state_; }

    // Before start(). `service` must outlive the server. Throws UsageError when a method is there already.
    void add_service(Service& service);
    // Asked, in the order of adding, for methods that no service has.
    void add_generic_handler(GenericHandler& handler);

    // Binds: "127.0.0.1:0", "[::]:50051", "localhost:50051", "unix:/run/x", "unix-abstract:x". Gives the
    // port, which the kernel chooses for 0; 0 for unix sockets. Throws SystemError when it cannot be bound,
    // UsageError for what is no address.
    int add_insecure_port(std::string_view address);

    // The same over TLS. `tls` is a server's context: TlsContext::server(identity), with
    // client_certificates() for mutual TLS. The protocols of its alpn() do not matter: gRPC names its own.
    // Its replace_identity() renews the certificate while serving.
    int add_secure_port(std::string_view address, const TlsContext& tls);
    // The same, and `renewal` is asked before each handshake: IdentityFiles picks up new files. It must
    // outlive the server.
    int add_secure_port(std::string_view address, const TlsContext& tls, TlsRenewal& renewal);

    // Begins to serve.
    [[nodiscard]] Task<void> start();
    // Takes no new calls, gives running ones `grace` to end, then ends them with UNAVAILABLE and cancels
    // their handlers, and waits for those. Harmless when repeated; a second call may shorten the grace.
    [[nodiscard]] Task<void> stop(Duration grace = Duration::zero());
    // Until stop() is done. Rethrows what made the server stop by itself: a listening socket that failed.
    [[nodiscard]] Task<void> wait_for_termination();

    [[nodiscard]] std::size_t active_calls() const noexcept;
    // "package.Service" of each service that was added, in the order of the alphabet.
    [[nodiscard]] std::vector<std::string> services() const;

private:
    Pimpl<detail::ServerState> state_;
};

}  // namespace weft::grpc
