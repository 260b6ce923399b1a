#include "node.hpp"

#include <weft/mesh/error.hpp>
#include <weft/mesh/frame.hpp>

#include <random>

#include <unistd.h>

namespace weft::mesh {

namespace {

std::string default_name() {
    char host[256] = {};
    if (::gethostname(host, sizeof host - 1) != 0 || !valid_name(host)) host[0] = 'n', host[1] = 0;
    std::random_device random;
    static constexpr char hex[] = "0123456789abcdef";
    std::string name = std::string(host).substr(0, 200) + "-0x";
    for (unsigned bits = random(), i = 0; i < 8; ++i, bits >>= 4) name += hex[bits & 15];
    return name;
}

}  // namespace

OptionsAccess::OptionsAccess(Options o)
    : name(std::move(o.name_)),
      host(std::move(o.host_)),
      unix_path(std::move(o.unix_path_)),
      token(std::move(o.token_)),
      log_to(std::move(o.log_)),
      tls(std::move(o.tls_)),
      tls_name(std::move(o.tls_name_)),
      web_origins(std::move(o.web_origins_)),
      workers(o.workers_),
      queue_calls(o.queue_calls_),
      queue_bytes(o.queue_bytes_),
      send_limit(o.send_limit_),
      worker_in_flight(o.worker_in_flight_),
      message_limit(o.message_limit_),
      pool(o.pool_),
      heartbeat(o.heartbeat_),
      stall_limit(o.stall_limit_),
      handshake_timeout(o.handshake_timeout_),
      backoff_first(o.backoff_first_),
      backoff_last(o.backoff_last_),
      port(o.port_),
      metrics(o.metrics_),
      reconnect(o.reconnect_),
      names_from_certificates(o.names_from_certificates_) {
    if (name.empty()) name = default_name();
    if (!valid_name(name))
        throw InitializationError(
            "a node's name is 1 to 255 bytes of UTF-8 without '|', ',' and control characters");
    if (workers == 0) throw InitializationError(name + ": workers is 1 at least");
    if (!host.empty() && !unix_path.empty())
        throw InitializationError(name + ": give host and port, or unix_path, not both");
    if (token.find(';') != std::string::npos || !valid_utf8(token))
        throw InitializationError(name + ": the token is UTF-8 without ';'");
    if (NatsUrl::is_one(host)) nats.emplace(host);
    if (nats && !token.empty())
        throw InitializationError(
            name + ": token() is for routers and services; NATS has it in its address, nats://token@host");
    if (nats && names_from_certificates)
        throw InitializationError(name +
                                  ": names_from_certificates() is for routers and services; in NATS whoever "
                                  "may publish takes any name");
    if (nats && metrics)
        throw InitializationError(
            name + ": metrics() are asked for at a server's port, and NATS has it; use stats()");
    if (unix_path.empty() && host.starts_with('/')) unix_path = std::exchange(host, std::string());
    if (unix_path.empty() && host.empty()) host = "127.0.0.1";
    if (tls_name.empty() && !nats) tls_name = unix_path.empty() ? host : "localhost";
    // daffi's clients read in a thread of their own, with the lock held that sending needs. A ticket that
    // comes before they have sent their handshake is no data: they wait for some, and say nothing for ever.
    if (tls && tls->is_server()) tls->session_tickets(false);
    if (names_from_certificates && !tls)
        throw InitializationError(name + ": names_from_certificates() needs tls()");
}

void OptionsAccess::log(const std::string& line) const noexcept {
    if (log_to) log_to(line);
}

SocketAddress OptionsAccess::listen_address() const {
    if (!unix_path.empty()) return SocketAddress::unix_path(unix_path);
    if (host == "localhost") return SocketAddress::loopback(port);
    const auto address = SocketAddress::from_ip(host, port);
    if (!address)
        throw InitializationError(name + ": a server's host is an IP address or \"localhost\", not '" + host +
                                  "'");
    return *address;
}

std::string OptionsAccess::place() const {
    if (nats) {
        std::string out = "NATS at ";
        for (const NatsServer& server : nats->servers)
            out += (&server == nats->servers.data() ? "" : ", ") + server.place();
        return out;
    }
    return unix_path.empty() ? host + ":" + std::to_string(port) : unix_path;
}

}  // namespace weft::mesh
