#include "codec.hpp"

#include <sys/socket.h>

namespace weft::netlink {

std::uint8_t address_family(IpFamily family) noexcept { return family == IpFamily::v4 ? AF_INET : AF_INET6; }

std::optional<IpFamily> ip_family(std::uint8_t address_family) noexcept {
    if (address_family == AF_INET) return IpFamily::v4;
    if (address_family == AF_INET6) return IpFamily::v6;
    return std::nullopt;
}

}  // namespace weft::netlink
