// The codecs of rtnetlink objects: kernel messages to values. Each gives nullopt for a message of another
// type and for one that is shorter than its fixed part; attributes of a wrong size are left out.
#pragma once

#include <weft/netlink/addresses.hpp>
#include <weft/netlink/link.hpp>
#include <weft/netlink/neighbours.hpp>
#include <weft/netlink/routes.hpp>
#include <weft/netlink/rules.hpp>
#include <weft/netlink/wire.hpp>

#include <cstdint>
#include <optional>

namespace weft::netlink {

[[nodiscard]] std::optional<Link> decode_link(const MessageView& message);
[[nodiscard]] std::optional<Address> decode_address(const MessageView& message);
[[nodiscard]] std::optional<Route> decode_route(const MessageView& message);
[[nodiscard]] std::optional<Neighbour> decode_neighbour(const MessageView& message);
[[nodiscard]] std::optional<Rule> decode_rule(const MessageView& message);

// `type` is RTM_NEW… or RTM_DEL….
[[nodiscard]] MessageBuilder encode_address(std::uint16_t type, std::uint16_t flags, const Address& address);
[[nodiscard]] MessageBuilder encode_route(std::uint16_t type, std::uint16_t flags, const Route& route);
[[nodiscard]] MessageBuilder encode_neighbour(std::uint16_t type, std::uint16_t flags,
                                              const Neighbour& neighbour);
[[nodiscard]] MessageBuilder encode_rule(std::uint16_t type, std::uint16_t flags, const Rule& rule);

// AF_INET or AF_INET6.
[[nodiscard]] std::uint8_t address_family(IpFamily family) noexcept;
// nullopt for other address families.
[[nodiscard]] std::optional<IpFamily> ip_family(std::uint8_t address_family) noexcept;

// Throws UsageError for names that no interface can have.
void check_link_name(const std::string& name);

}  // namespace weft::netlink
