#include "offload.hpp"

#include <weft/netlink/error.hpp>

#include <cerrno>
#include <cstring>

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

namespace weft::netlink {

void disable_offloads(const Namespace& where, const std::string& name) {
    const std::string tried = "switch off the offloads of link '" + name + "'";
    // The socket stays in the namespace in which it was made.
    const UniqueFd fd(in_namespace(where, [] { return ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0); }));
    if (!fd) throw_errno(tried);
    // Segmentation goes before checksums: the kernel takes it along, and says so in the log.
    for (const std::uint32_t command : {ETHTOOL_STSO, ETHTOOL_SUFO, ETHTOOL_SGSO, ETHTOOL_SGRO, ETHTOOL_SSG,
                                        ETHTOOL_STXCSUM, ETHTOOL_SRXCSUM}) {
        ethtool_value value{};
        value.cmd = command;
        ifreq request{};
        std::memcpy(request.ifr_name, name.c_str(), std::min<std::size_t>(name.size(), IFNAMSIZ - 1));
        request.ifr_data = reinterpret_cast<char*>(&value);
        if (::ioctl(fd.get(), SIOCETHTOOL, &request) != 0 && errno != EOPNOTSUPP && errno != EINVAL)
            throw Error(errno, tried, Error::Details());
    }
}

}  // namespace weft::netlink
