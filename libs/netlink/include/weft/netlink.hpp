// All of weft::netlink, for programs and tests; libraries include what they use.
#pragma once

#include <weft/netlink/error.hpp>
#include <weft/netlink/ip_address.hpp>
#include <weft/netlink/mac_address.hpp>
#include <weft/netlink/netns.hpp>
#include <weft/netlink/route_socket.hpp>
#include <weft/netlink/socket.hpp>
#include <weft/netlink/wire.hpp>
