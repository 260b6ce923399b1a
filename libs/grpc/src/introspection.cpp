#include "channel_core.hpp"
#include "server_state.hpp"
#include "time_now.hpp"

#include <weft/grpc/introspection.hpp>

namespace weft::grpc {

void CallCounts::begin() noexcept {
    ++started;
    last_started = detail::time_now();
}

ChannelInfo inspect(const Channel& channel) { return channel.core().inspect(); }
ServerInfo inspect(const Server& server) { return server.state().inspect(); }

namespace detail {

InspectedChannel& inspected(const Channel& channel) noexcept { return channel.core(); }
InspectedServer& inspected(const Server& server) noexcept { return server.state(); }

ConnectionInfo inspect_session(const http2::Session& session, std::uint64_t id) {
    const http2::SessionCounters& counters = session.counters();
    ConnectionInfo info;
    info.id = id;
    info.peer = session.peer();
    info.streams_started = counters.streams_started;
    info.streams_succeeded = counters.streams_succeeded;
    info.streams_failed = counters.streams_failed;
    info.streams_open = session.open_streams();
    info.messages_sent = counters.messages_sent;
    info.messages_received = counters.messages_received;
    info.keepalives_sent = counters.pings_sent;
    info.last_stream_started = counters.last_stream_started;
    info.local_window = session.local_window();
    info.remote_window = session.remote_window();
    info.client = session.role() == http2::Role::client;
    return info;
}

}  // namespace detail
}  // namespace weft::grpc
