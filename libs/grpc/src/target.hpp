// A channel's target: text that names a server.
#pragma once

#include <weft/core/socket_address.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace weft::grpc {

// Either addresses at hand, or a host's name that is still to be resolved.
struct Target {
    std::vector<SocketAddress> addresses;
    std::string host;
    std::uint16_t port = 0;
    std::string authority;  // what :authority says
};

// Throws UsageError when the text is no target.
[[nodiscard]] Target parse_target(std::string_view text);

}  // namespace weft::grpc
