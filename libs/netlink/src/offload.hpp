// Switching off offloads of an interface, by ethtool's ioctl.
#pragma once

#include <weft/netlink/netns.hpp>

#include <string>

namespace weft::netlink {

// See Links::disable_offloads().
void disable_offloads(const Namespace& where, const std::string& name);

}  // namespace weft::netlink
