// in_process_channel(): a channel to a server of the same loop, through memory. For tests of services: no
// port, no file, and a loop in jumping time (TimeSource::manual) works.
//
//     grpc::Server server;
//     server.add_service(greeter);
//     co_await server.start();
//     auto channel = grpc::in_process_channel(server);
#pragma once

#include <weft/grpc/channel.hpp>
#include <weft/grpc/server.hpp>

namespace weft::grpc {

// Everything but the socket is as ever: HTTP/2, limits, deadlines, interceptors. Handlers see the peer
// "memory". The server must outlive the channel; one that was stopped is UNAVAILABLE.
[[nodiscard]] Channel in_process_channel(Server& server, ChannelOptions options = ChannelOptions());

}  // namespace weft::grpc
