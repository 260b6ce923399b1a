// What channels and servers have done and are doing: counts, states, connections. Snapshots.
#pragma once

#include <weft/core/intrusive_list.hpp>
#include <weft/grpc/channel.hpp>
#include <weft/grpc/server.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace weft::http2 {
class Carrier;
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
    TimePoint last_stream_started;   // when there was one
    std::int64_t local_window = 0;   // bytes that the peer may send on the connection now
    std::int64_t remote_window = 0;  // and that we may
    std::string cipher;              // TLS's; empty without TLS
    bool client = false;             // we opened it
};

// A change of state.
struct TraceEvent {
    TimePoint at;
    std::string text;
    bool failure = false;
};

// The last changes of state of a channel or subchannel, 32 at most, the oldest first.
struct Trace {
    TimePoint created;
    std::uint64_t logged = 0;  // those that were dropped included
    std::vector<TraceEvent> events;
};

struct SubchannelInfo {
    std::uint64_t id = 0;
    std::vector<std::string> addresses;  // empty: the channel's name is resolved at each attempt
    ChannelConnectivity state = ChannelConnectivity::idle;
    // Of all its connections so far. What ended from both sides has succeeded, whatever its gRPC status.
    CallCounts streams;
    Trace trace;
    std::vector<ConnectionInfo> connections;
};

struct ChannelInfo {
    std::string target;
    ChannelConnectivity state = ChannelConnectivity::idle;
    CallCounts calls;
    Trace trace;
    std::vector<SubchannelInfo> subchannels;
};

struct ServerInfo {
    std::vector<std::string> listening;
    CallCounts calls;
    TimePoint created;
    std::vector<ConnectionInfo> connections;
};

[[nodiscard]] ChannelInfo inspect(const Channel& channel);
[[nodiscard]] ServerInfo inspect(const Server& server);

namespace detail {
[[nodiscard]] ConnectionInfo inspect_session(const http2::Carrier& carrier, std::uint64_t id);

// What a ChannelzService lists; leaves the list when it dies.
struct InspectedTag;
class InspectedChannel : public ListHook<InspectedTag> {
public:
    [[nodiscard]] virtual ChannelInfo inspect() const = 0;
    std::uint64_t id = 0;  // the service's

protected:
    ~InspectedChannel() = default;
};
class InspectedServer : public ListHook<InspectedTag> {
public:
    [[nodiscard]] virtual ServerInfo inspect() = 0;
    std::uint64_t id = 0;

protected:
    ~InspectedServer() = default;
};
[[nodiscard]] InspectedChannel& inspected(const Channel& channel) noexcept;
[[nodiscard]] InspectedServer& inspected(const Server& server) noexcept;
}  // namespace detail

}  // namespace weft::grpc
