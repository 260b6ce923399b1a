// A NATS cluster in a router's place: to the link this is a router's connection, to the NATS server a client.
//
// Subjects below the prefix P: P.node.<name> is a node's own, P.fn.<function> a queue group of all that offer
// the function, P.all.<function> each of them, P.ev what all nodes hear. A message's first byte says what it
// is: F a frame of the mesh; H somebody joins and wants to hear of the others; A somebody is there; L
// somebody leaves. H, A and L go on with 16 hex digits, another for each connection, and a handshake in JSON
// (L: the name). An A that answers an H has a number before the JSON: how many members that one knows, itself
// included and the asking one not. Whoever joins has heard of all when it knows as many.
#pragma once

#include "nats_connect.hpp"

#include <weft/core/stream.hpp>

#include <memory>
#include <string>

namespace weft::mesh {

// The receiver of a request that any worker may take, as the queue group decides; no node can have that name.
// The worker says at once that the call is its own (ExtKind::taken).
inline constexpr std::string_view any_worker = ",";

// The receiver of a cast that is published once, for those workers that its attribute "to" names (separated
// by
// '|'). Others that offer the function hear it and leave it: they joined when the cast was on its way, and
// nobody waits for them. Each answers as if it had been asked alone.
inline constexpr std::string_view every_worker = ",,";
// So many bytes of names go with one; a cast to more workers is several.
inline constexpr std::size_t max_cast_names = std::size_t{16} << 10;

// The largest frame that is published, where the server takes it.
inline constexpr std::size_t nats_max_frame = (std::size_t{1} << 20) - (std::size_t{16} << 10);
// A part of a large message, with its metadata, has room in this.
inline constexpr std::size_t nats_least_payload = std::size_t{128} << 10;

// For a server that takes messages of this size.
[[nodiscard]] inline std::size_t nats_frame_limit(std::size_t max_payload) noexcept {
    return max_payload - 1 < nats_max_frame ? max_payload - 1 : nats_max_frame;  // 1: what it is, before it
}

// `servers` learns of others from what this one says.
[[nodiscard]] std::unique_ptr<Stream> make_nats_stream(NatsConnection connection, NatsServer server,
                                                       std::string prefix,
                                                       std::shared_ptr<NatsServers> servers);

}  // namespace weft::mesh
