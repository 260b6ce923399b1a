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

ConnectionInfo inspect_session(const http2::Carrier& carrier, std::uint64_t id) {
    const http2::SessionCounters& counters = carrier.counters();
    ConnectionInfo info;
    info.id = id;
    info.peer = carrier.peer();
    info.streams_started = counters.streams_started;
    info.streams_succeeded = counters.streams_succeeded;
    info.streams_failed = counters.streams_failed;
    info.streams_open = carrier.open_streams();
    info.messages_sent = counters.messages_sent;
    info.messages_received = counters.messages_received;
    info.keepalives_sent = counters.pings_sent;
    info.last_stream_started = counters.last_stream_started;
    info.local_window = carrier.local_window();
    info.remote_window = carrier.remote_window();
    info.client = carrier.is_client();
    return info;
}

}  // namespace detail
}  // namespace weft::grpc
