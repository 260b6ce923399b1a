// For tests against the real kernel: namespaces of their own, and iproute2 as the second opinion.
#pragma once

#include <weft/netlink.hpp>

#include <nlohmann/json.hpp>

#include <string>

namespace weft::netlink {

// Runs `ip <arguments>` inside `where`; gives its output. Fails the test when ip fails.
std::string ip(const Namespace& where, const std::string& arguments);
// The same with -json, parsed. `ip` prints nothing for an empty list.
nlohmann::json ip_json(const Namespace& where, const std::string& arguments);

// How many descriptors this process has open.
std::size_t open_descriptors();

}  // namespace weft::netlink
