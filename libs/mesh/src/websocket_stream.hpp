// A stream of the mesh's frames over WebSocket: each frame goes out as one binary message.
#pragma once

#include <weft/core/stream.hpp>

#include <memory>
#include <span>
#include <string>
#include <vector>

namespace weft::mesh {

// Takes over a server's connection whose first bytes, `seen`, began a GET. Pages of other `origins` than
// these are refused; none given: everyone may come.
[[nodiscard]] std::unique_ptr<Stream> make_websocket_stream(std::unique_ptr<Stream> inner,
                                                            std::span<const std::byte> seen,
                                                            std::vector<std::string> origins);

}  // namespace weft::mesh
