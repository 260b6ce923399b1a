// A NATS cluster in a router's place: to the link this is a router's connection, to the NATS server a client.
//
// Subjects below the prefix P: P.node.<name> is a node's own, P.ev what all of them hear. A message's first
// byte says what it is: F a frame of the mesh; H somebody joins and wants to hear of the others; A somebody
// is there; L somebody leaves. H, A and L go on with 16 hex digits, another for each connection, and a
// handshake in JSON (L: the name).
#pragma once

#include "nats_protocol.hpp"

#include <weft/core/stream.hpp>

#include <memory>

namespace weft::mesh {

// The largest frame that is published: a NATS server takes 1 MiB unless told otherwise.
inline constexpr std::size_t nats_max_frame = (std::size_t{1} << 20) - (std::size_t{16} << 10);

[[nodiscard]] std::unique_ptr<Stream> make_nats_stream(std::unique_ptr<Stream> inner, NatsUrl url);

}  // namespace weft::mesh
