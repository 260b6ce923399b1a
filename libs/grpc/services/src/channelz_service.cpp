#include "channelz_messages.hpp"

#include <weft/core/error.hpp>
#include <weft/grpc/channelz_service.hpp>
#include <weft/grpc/protobuf.hpp>

#include <algorithm>
#include <span>
#include <vector>

namespace weft::grpc {

namespace {

namespace v1 = channelz::v1;

// Entities of one answer, at most and unless the caller wants fewer; as grpc's own.
constexpr std::int64_t page_size = 100;

template <class Request>
Request parse(const std::string& bytes) {
    Request request;
    if (!Codec<Request>::read(std::as_bytes(std::span(bytes)), request))
        throw RpcError(StatusCode::internal, "the request does not parse as its message type");
    return request;
}

std::size_t page_of(std::int64_t start, std::int64_t wanted) {
    if (start < 0 || wanted < 0)
        throw RpcError(StatusCode::invalid_argument, "ids and max_results are not negative");
    return static_cast<std::size_t>(wanted == 0 ? page_size : std::min(wanted, page_size));
}

[[noreturn]] void throw_not_found(const char* what, std::int64_t id) {
    throw RpcError(StatusCode::not_found, std::string("there is no ") + what + " " + std::to_string(id));
}

template <class List>
auto* find(List& list, std::uint64_t id) {
    decltype(&list.front()) found = nullptr;
    list.for_each([&](auto& one) {
        if (one.id == id) found = &one;
    });
    return found;
}

template <class Entity, class List>
void add_to(List& list, Entity& entity, std::uint64_t& last_id) {
    if (entity.linked()) throw UsageError("it is shown by a ChannelzService already");
    entity.id = ++last_id;
    list.push_back(entity);
}

// Calls put(entity) for one page; true when nothing comes after it.
template <class List, class Put>
bool put_page(List& list, std::int64_t start, std::int64_t wanted, Put put) {
    const std::size_t most = page_of(start, wanted);
    std::size_t count = 0;
    list.for_each([&](auto& one) {
        if (one.id >= static_cast<std::uint64_t>(start) && count++ < most) put(one);
    });
    return count <= most;
}

}  // namespace

ChannelzService::ChannelzService() {
    add_unary_unary("/grpc.channelz.v1.Channelz/GetTopChannels", &ChannelzService::get_top_channels);
    add_unary_unary("/grpc.channelz.v1.Channelz/GetServers", &ChannelzService::get_servers);
    add_unary_unary("/grpc.channelz.v1.Channelz/GetServer", &ChannelzService::get_server);
    add_unary_unary("/grpc.channelz.v1.Channelz/GetServerSockets", &ChannelzService::get_server_sockets);
    add_unary_unary("/grpc.channelz.v1.Channelz/GetChannel", &ChannelzService::get_channel);
    add_unary_unary("/grpc.channelz.v1.Channelz/GetSubchannel", &ChannelzService::get_subchannel);
    add_unary_unary("/grpc.channelz.v1.Channelz/GetSocket", &ChannelzService::get_socket);
}

void ChannelzService::add(const Channel& channel) { add_to(channels_, detail::inspected(channel), last_id_); }
void ChannelzService::add(const Server& server) { add_to(servers_, detail::inspected(server), last_id_); }

Task<std::string> ChannelzService::get_top_channels(ServerContext&, std::string bytes) {
    const auto request = parse<v1::GetTopChannelsRequest>(bytes);
    v1::GetTopChannelsResponse response;
    response.set_end(put_page(channels_, request.start_channel_id(), request.max_results(), [&](auto& one) {
        channelz::put_channel(*response.add_channel(), one.id, one.inspect());
    }));
    co_return response.SerializeAsString();
}

Task<std::string> ChannelzService::get_servers(ServerContext&, std::string bytes) {
    const auto request = parse<v1::GetServersRequest>(bytes);
    v1::GetServersResponse response;
    response.set_end(put_page(servers_, request.start_server_id(), request.max_results(), [&](auto& one) {
        channelz::put_server(*response.add_server(), one.id, one.inspect());
    }));
    co_return response.SerializeAsString();
}

Task<std::string> ChannelzService::get_server(ServerContext&, std::string bytes) {
    const auto request = parse<v1::GetServerRequest>(bytes);
    auto* server = find(servers_, static_cast<std::uint64_t>(request.server_id()));
    if (!server) throw_not_found("server", request.server_id());
    v1::GetServerResponse response;
    channelz::put_server(*response.mutable_server(), server->id, server->inspect());
    co_return response.SerializeAsString();
}

Task<std::string> ChannelzService::get_server_sockets(ServerContext&, std::string bytes) {
    const auto request = parse<v1::GetServerSocketsRequest>(bytes);
    auto* server = find(servers_, static_cast<std::uint64_t>(request.server_id()));
    if (!server) throw_not_found("server", request.server_id());
    const std::size_t most = page_of(request.start_socket_id(), request.max_results());
    ServerInfo info = server->inspect();
    std::sort(info.connections.begin(), info.connections.end(),
              [](const ConnectionInfo& a, const ConnectionInfo& b) { return a.id < b.id; });
    v1::GetServerSocketsResponse response;
    std::size_t count = 0;
    for (const ConnectionInfo& connection : info.connections) {
        if (channelz::id_within(server->id, connection.id) < request.start_socket_id()) continue;
        if (count++ < most) channelz::put_socket_ref(*response.add_socket_ref(), server->id, connection);
    }
    response.set_end(count <= most);
    co_return response.SerializeAsString();
}

Task<std::string> ChannelzService::get_channel(ServerContext&, std::string bytes) {
    const auto request = parse<v1::GetChannelRequest>(bytes);
    auto* channel = find(channels_, static_cast<std::uint64_t>(request.channel_id()));
    if (!channel) throw_not_found("channel", request.channel_id());
    v1::GetChannelResponse response;
    channelz::put_channel(*response.mutable_channel(), channel->id, channel->inspect());
    co_return response.SerializeAsString();
}

Task<std::string> ChannelzService::get_subchannel(ServerContext&, std::string bytes) {
    const auto request = parse<v1::GetSubchannelRequest>(bytes);
    const std::int64_t id = request.subchannel_id();
    v1::GetSubchannelResponse response;
    if (auto* channel = find(channels_, channelz::owner_of(id)))
        for (const ChannelInfo info = channel->inspect(); const SubchannelInfo& one : info.subchannels)
            if (channelz::id_within(channel->id, one.id) == id)
                channelz::put_subchannel(*response.mutable_subchannel(), channel->id, one);
    if (!response.has_subchannel()) throw_not_found("subchannel", id);
    co_return response.SerializeAsString();
}

Task<std::string> ChannelzService::get_socket(ServerContext&, std::string bytes) {
    const auto request = parse<v1::GetSocketRequest>(bytes);
    const std::int64_t id = request.socket_id();
    const std::uint64_t owner = channelz::owner_of(id);
    v1::GetSocketResponse response;
    const auto look_in = [&](const std::vector<ConnectionInfo>& connections) {
        for (const ConnectionInfo& one : connections)
            if (channelz::id_within(owner, one.id) == id)
                channelz::put_socket(*response.mutable_socket(), owner, one);
    };
    if (auto* channel = find(channels_, owner)) {
        const ChannelInfo info = channel->inspect();
        for (const SubchannelInfo& subchannel : info.subchannels) look_in(subchannel.connections);
    }
    if (auto* server = find(servers_, owner)) {
        const ServerInfo info = server->inspect();
        look_in(info.connections);
        for (std::size_t i = 0; i < info.listening.size(); ++i)
            if (channelz::listener_id(owner, i) == id)
                channelz::put_listener(*response.mutable_socket(), owner, i, info.listening[i]);
    }
    if (!response.has_socket()) throw_not_found("socket", id);
    co_return response.SerializeAsString();
}

}  // namespace weft::grpc
