// What Router, Service and Client share: the options as they are used, the address, the log.
#pragma once

#include "nats_protocol.hpp"

#include <weft/core/socket_address.hpp>
#include <weft/mesh/options.hpp>

#include <string>
#include <string_view>

namespace weft::mesh {

struct OptionsAccess {
    // Checks the options and fills in defaults; throws InitializationError.
    explicit OptionsAccess(Options options);

    std::string name;
    std::string host;
    std::string unix_path;
    std::optional<NatsUrl> nats;
    std::string token;
    std::function<void(std::string_view)> log_to;
    std::optional<TlsContext> tls;
    std::string tls_name;
    std::vector<std::string> web_origins;
    std::size_t workers;
    std::size_t queue_calls;
    std::size_t queue_bytes;
    std::size_t send_limit;
    std::size_t worker_in_flight;
    std::size_t message_limit;
    ThreadPool* pool;
    Duration heartbeat;
    Duration stall_limit;
    Duration handshake_timeout;
    Duration backoff_first;
    Duration backoff_last;
    std::uint16_t port;
    bool metrics;
    bool reconnect;
    bool names_from_certificates;

    void log(const std::string& line) const noexcept;
    // Where a server listens; throws InitializationError.
    [[nodiscard]] SocketAddress listen_address() const;
    // "127.0.0.1:6001" or the path, for messages.
    [[nodiscard]] std::string place() const;
};

// What weft's nodes add to meta.type, which is free text to daffi's.
inline constexpr std::string_view weft_mark = ";weft=1";

}  // namespace weft::mesh
