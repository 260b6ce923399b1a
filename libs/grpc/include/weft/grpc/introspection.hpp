// What channels and servers have done and are doing: counts, states, connections. Snapshots.
#pragma once

#include <weft/grpc/channel.hpp>
#include <weft/grpc/server.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace weft::http2 {
class Session;
}

namespace weft::grpc {

// Calls since the beginning. Hedged and repeated ones count once.
struct CallCounts {
    std::uint64_t started = 0;
    std::uint64_t succeeded = 0;  // ended with OK
    std::uint64_t failed = 0;
    TimePoint last_started;

    void begin() noexcept;
    void end(bool ok) noexcept { ++(ok ? succeeded : failed); }
};

struct ConnectionInfo {
    std::uint64_t id = 0;  // among its channel's or server's connections and subchannels
    std::string peer;      // "ipv4:127.0.0.1:9559"
    std::uint64_t streams_started = 0;
    std::uint64_t streams_succeeded = 0;
    std::uint64_t streams_failed = 0;
    std::uint64_t streams_open = 0;
    std::uint64_t messages_sent = 0;
    std::uint64_t messages_received = 0;
    std::uint64_t keepalives_sent = 0;
};

struct SubchannelInfo {
    std::uint64_t id = 0;
    std::vector<std::string> addresses;  // empty: the channel's name is resolved at each attempt
    ChannelConnectivity state = ChannelConnectivity::idle;
    std::vector<ConnectionInfo> connections;
};

struct ChannelInfo {
    std::string target;
    ChannelConnectivity state = ChannelConnectivity::idle;
    CallCounts calls;
    std::vector<SubchannelInfo> subchannels;
};

struct ServerInfo {
    std::vector<std::string> listening;
    CallCounts calls;
    std::vector<ConnectionInfo> connections;
};

[[nodiscard]] ChannelInfo inspect(const Channel& channel);
[[nodiscard]] ServerInfo inspect(const Server& server);

namespace detail {
[[nodiscard]] ConnectionInfo inspect_session(const http2::Session& session, std::uint64_t id);
}

}  // namespace weft::grpc
