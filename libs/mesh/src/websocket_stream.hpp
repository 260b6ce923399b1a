// A stream of the mesh's frames over WebSocket: each frame goes out as one binary message.
#pragma once

#include <weft/core/stream.hpp>

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace weft::mesh {

// Who may come by HTTP, and for what; one for all links of a server.
struct WebAccess {
    // Pages of other origins are refused; none given: everyone may come.
    std::vector<std::string> origins;
    // What "GET /metrics" gives; empty: nothing.
    std::function<std::string()> metrics;
    // The bearer token for that; empty: none is wanted.
    std::string token;
};

// Takes over a server's connection whose first bytes, `seen`, began a GET. `access` may be null.
[[nodiscard]] std::unique_ptr<Stream> make_websocket_stream(std::unique_ptr<Stream> inner,
                                                            std::span<const std::byte> seen,
                                                            std::shared_ptr<const WebAccess> access);

// The reason for which a link ends that asked for metrics and got them.
inline constexpr std::string_view metrics_served = "it asked for metrics, and has them";

}  // namespace weft::mesh
