// What inspect() gives, as messages of channelz.
//
// Ids: a channel or server has a small number; what belongs to it has that number in the upper half, and its
// own in the lower. So an id says where to look, and nothing is registered for it.
#pragma once

#include "grpc/channelz/v1/channelz.pb.h"

#include <weft/grpc/introspection.hpp>

#include <cstddef>
#include <cstdint>

namespace weft::grpc::channelz {

namespace v1 = ::grpc::channelz::v1;

inline constexpr std::uint64_t listener_bit = std::uint64_t{1} << 31;

constexpr std::int64_t id_within(std::uint64_t owner, std::uint64_t serial) noexcept {
    return static_cast<std::int64_t>(owner << 32 | serial);
}
constexpr std::int64_t listener_id(std::uint64_t server, std::size_t index) noexcept {
    return id_within(server, listener_bit | index);
}
constexpr std::uint64_t owner_of(std::int64_t id) noexcept { return static_cast<std::uint64_t>(id) >> 32; }

void put_channel(v1::Channel& out, std::uint64_t id, const ChannelInfo& info);
void put_subchannel(v1::Subchannel& out, std::uint64_t channel, const SubchannelInfo& info);
void put_server(v1::Server& out, std::uint64_t id, const ServerInfo& info);
void put_socket_ref(v1::SocketRef& out, std::uint64_t owner, const ConnectionInfo& info);
void put_socket(v1::Socket& out, std::uint64_t owner, const ConnectionInfo& info);
void put_listener(v1::Socket& out, std::uint64_t server, std::size_t index, const std::string& address);

}  // namespace weft::grpc::channelz
