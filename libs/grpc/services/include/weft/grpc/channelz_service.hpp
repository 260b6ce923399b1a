// ChannelzService: grpc.channelz.v1.Channelz (gRFC A14): what channels and servers are doing, for grpcdebug
// and its like.
//
//     grpc::ChannelzService channelz;
//     channelz.add(server);
//     channelz.add(channel);
//     server.add_service(channelz);
#pragma once

#include <weft/core/intrusive_list.hpp>
#include <weft/grpc/introspection.hpp>
#include <weft/grpc/service.hpp>

#include <cstdint>
#include <string>

namespace weft::grpc {

// Shows the channels and servers that were added to it, in the order of adding; one that dies leaves by
// itself. Anybody who can call it learns their addresses: add it to servers that only operators reach.
// Belongs to the loop of what it shows, and must outlive the server that serves it.
//
// Ids are unique within the service. Trace holds the last 32 changes of state. A subchannel counts streams,
// those of health checks included, and one that ended with any status as succeeded. Left out: the local
// address of connections, and when the last message came.
class ChannelzService final : public Service {
public:
    ChannelzService();

    // Throws UsageError for one that is in a ChannelzService already.
    void add(const Channel& channel);
    void add(const Server& server);

private:
    Task<std::string> get_top_channels(ServerContext& context, std::string request);
    Task<std::string> get_servers(ServerContext& context, std::string request);
    Task<std::string> get_server(ServerContext& context, std::string request);
    Task<std::string> get_server_sockets(ServerContext& context, std::string request);
    Task<std::string> get_channel(ServerContext& context, std::string request);
    Task<std::string> get_subchannel(ServerContext& context, std::string request);
    Task<std::string> get_socket(ServerContext& context, std::string request);

    IntrusiveList<detail::InspectedChannel, detail::InspectedTag> channels_;
    IntrusiveList<detail::InspectedServer, detail::InspectedTag> servers_;
    std::uint64_t last_id_ = 0;  // of both
};

}  // namespace weft::grpc
