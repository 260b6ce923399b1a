// add_connection(): a server on a stream that exists already.
#pragma once

#include <weft/core/stream.hpp>
#include <weft/grpc/server.hpp>

#include <memory>

namespace weft::grpc {

// Serves one connection that did not come from a port of the server: from socket activation, a socket pair, a
// tunnel, or memory. Throws ClosedError when the server was stopped.
void add_connection(Server& server, std::unique_ptr<Stream> stream);

}  // namespace weft::grpc
