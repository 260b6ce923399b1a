// Options: what a node is called, where it is, and its limits.
#pragma once

#include <weft/core/timer.hpp>
#include <weft/core/tls_context.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weft {
class ThreadPool;
}

namespace weft::mesh {

// For Router, Service and Client alike; each uses what concerns it.
//
//     Router router(Options("calc-router").host("127.0.0.1").port(6001));
class Options {
public:
    Options() {}
    // The node's name in the mesh; without one it is "<host name>-0x<random>", as daffi's.
    explicit Options(std::string name) : name_(std::move(name)) {}

    Options&& name(std::string v) && { return name_ = std::move(v), std::move(*this); }
    // In a router's place, clients and services may give a NATS cluster:
    // "nats://[user:password@]host[:port][,host…]", or "tls://…", with "/name" behind it for one of several
    // meshes there. Nodes then find each other by themselves. An IP literal or "localhost" for servers; any
    // name for clients.
    // "/path" with port 0 is a unix socket, as in daffi. Default: 127.0.0.1.
    Options&& host(std::string v) && { return host_ = std::move(v), std::move(*this); }
    // 0, the default: a server lets the kernel choose.
    Options&& port(std::uint16_t v) && { return port_ = v, std::move(*this); }
    // A unix socket in place of host and port.
    Options&& unix_path(std::string v) && { return unix_path_ = std::move(v), std::move(*this); }

    // How many coroutine callbacks run at a time; further calls wait in the queue. Default: 1.
    Options&& workers(std::size_t v) && { return workers_ = v, std::move(*this); }
    // Calls that wait for a worker, and the bytes that they may hold; beyond either, callers get BusyError.
    // Default: 4096 calls, 64 MiB.
    Options&& queue_limit(std::size_t calls, std::size_t bytes) && {
        return queue_calls_ = calls, queue_bytes_ = bytes, std::move(*this);
    }

    // Plain callbacks run on this pool's threads, `workers` at a time, so they may block; they must be safe
    // to call there, and must not touch the loop. The pool must outlive the node. Default: none, they run on
    // the loop.
    Options&& pool(ThreadPool& v) && { return pool_ = &v, std::move(*this); }
    // Calls that one worker has to answer at a time. A router answers those beyond with "busy"; a client
    // passes such workers over, and its calls get BusyError when all are full. 0, the default: no limit.
    Options&& worker_in_flight(std::size_t v) && { return worker_in_flight_ = v, std::move(*this); }
    // The largest message that is sent or taken. Between weft's nodes one may be larger than a frame's 32 MiB
    // and goes in parts. Default: 256 MiB.
    Options&& message_limit(std::size_t bytes) && { return message_limit_ = bytes, std::move(*this); }

    // Bytes that wait for a peer that does not read. Beyond, a router answers requests for it with BusyError,
    // and gives it up when more than that comes; calls get BusyError. Default: 64 MiB.
    Options&& send_limit(std::size_t bytes) && { return send_limit_ = bytes, std::move(*this); }
    // A peer for which bytes wait and that has taken none for so long is given up. Default: 10 s.
    Options&& stall_limit(Duration v) && { return stall_limit_ = v, std::move(*this); }
    // Between weft's nodes: a peer that has said nothing for so long is asked, and given up when it says
    // nothing for three times as long. The I/O answers, not callbacks: a busy one is not taken for dead. 0:
    // never. Default: 15 s.
    Options&& heartbeat(Duration v) && { return heartbeat_ = v, std::move(*this); }
    // Both sides of a handshake wait no longer. Default: 10 s.
    Options&& handshake_timeout(Duration v) && { return handshake_timeout_ = v, std::move(*this); }

    // Clients: whether a lost connection is made again. Default: yes, after 50 ms at first, then doubling up
    // to 5 s, with a random part.
    Options&& reconnect(bool v) && { return reconnect_ = v, std::move(*this); }
    Options&& backoff(Duration first, Duration last) && {
        return backoff_first_ = first, backoff_last_ = last, std::move(*this);
    }

    // Servers: only clients with the same token are let in; daffi's own nodes have none. Letters, digits and
    // signs but ';'. Default: none, everyone.
    Options&& token(std::string v) && { return token_ = std::move(v), std::move(*this); }

    // Servers: browsers come by WebSocket, with daffi's JavaScript client or another on that wire, to the
    // same port. Only pages of these origins ("https://lab.example") are let in. Default: all, as in daffi.
    Options&& web_origins(std::vector<std::string> v) && {
        return web_origins_ = std::move(v), std::move(*this);
    }

    // Servers: "GET /metrics" at the same port gives the counters (stats()) for Prometheus. With a token(),
    // who asks must have it, too ("Authorization: Bearer …"). Default: no.
    Options&& metrics(bool v) && { return metrics_ = v, std::move(*this); }

    // TLS, also over unix sockets. A server takes TlsContext::server(…), a client TlsContext::client(…). The
    // name that a client looks for in the server's certificate is `server_name`, or the host. With NATS it is
    // TLS to the NATS server. daffi's nodes
    // end connections without saying so in TLS, which weft takes for what it is: they went.
    // Their clients stand still at a session ticket, so a server's context gives none from then on.
    Options&& tls(TlsContext context, std::string server_name = std::string()) && {
        return tls_ = std::move(context), tls_name_ = std::move(server_name), std::move(*this);
    }
    // Servers with mutual TLS: a client may join only under the DNS names (subjectAltName) of its
    // certificate; "name#2" and so on, as the threads of a mesh::sync client are called, under the
    // certificate of "name". Needs TlsContext::client_certificates().
    Options&& names_from_certificates(bool v) && { return names_from_certificates_ = v, std::move(*this); }

    // Receives one line for what a node decides on its own: a peer refused, given up, reconnected. Called on
    // the loop; must not throw.
    Options&& on_log(std::function<void(std::string_view)> v) && {
        return log_ = std::move(v), std::move(*this);
    }

private:
    friend struct OptionsAccess;
    std::string name_;
    std::string host_;
    std::string unix_path_;
    std::string token_;
    std::function<void(std::string_view)> log_;
    std::optional<TlsContext> tls_;
    std::string tls_name_;
    std::vector<std::string> web_origins_;
    std::size_t workers_ = 1;
    std::size_t queue_calls_ = 4096;
    std::size_t queue_bytes_ = std::size_t{64} << 20;
    std::size_t send_limit_ = std::size_t{64} << 20;
    Duration stall_limit_ = std::chrono::seconds(10);
    Duration handshake_timeout_ = std::chrono::seconds(10);
    std::size_t worker_in_flight_ = 0;
    std::size_t message_limit_ = std::size_t{256} << 20;
    ThreadPool* pool_ = nullptr;
    Duration heartbeat_ = std::chrono::seconds(15);
    Duration backoff_first_ = std::chrono::milliseconds(50);
    Duration backoff_last_ = std::chrono::seconds(5);
    std::uint16_t port_ = 0;
    bool metrics_ = false;
    bool reconnect_ = true;
    bool names_from_certificates_ = false;
};

}  // namespace weft::mesh
