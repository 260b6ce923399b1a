// The ICMP and ICMPv6 echo codec: RFC 792, RFC 4443. No I/O; never throws, never reads outside.
#pragma once

#include <weft/netlink/ip_address.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace weft::probe {

using Bytes = std::span<const std::uint8_t>;
using netlink::IpFamily;

constexpr std::size_t icmp_header_size = 8;
// What recognises a reply: a secret of the pinger and the number of the probe.
constexpr std::size_t tag_size = 16;

struct Tag {
    std::uint64_t secret = 0;
    std::uint64_t number = 0;
    bool operator==(const Tag&) const = default;
};

struct Echo {
    std::uint16_t id = 0;
    std::uint16_t sequence = 0;
    std::optional<Tag> tag;  // when the payload holds one
};

// Appends an echo request with `payload` bytes (at least tag_size) to `out`. The checksum is filled in for
// IPv4; for IPv6 the kernel does it, because it covers the addresses.
void append_echo_request(std::vector<std::uint8_t>& out, IpFamily family, std::uint16_t id,
                         std::uint16_t sequence, const Tag& tag, std::size_t payload);

// An ICMP message that is an echo reply. nullopt for everything else, also a damaged one (too short; the
// kernel has checked the checksum).
[[nodiscard]] std::optional<Echo> parse_echo_reply(IpFamily family, Bytes message) noexcept;
// The start of an echo request, as an ICMP error quotes it.
[[nodiscard]] std::optional<Echo> parse_echo_request(IpFamily family, Bytes message) noexcept;

// What is inside an IPv4 packet that carries ICMP; nullopt when it does not.
[[nodiscard]] std::optional<Bytes> icmp_of_ipv4(Bytes packet) noexcept;

// RFC 1071.
[[nodiscard]] std::uint16_t internet_checksum(Bytes bytes) noexcept;

// What an ICMP error says, in words; "ICMP error 3/13" for a rare one.
[[nodiscard]] std::string describe_error(IpFamily family, std::uint8_t type, std::uint8_t code);
[[nodiscard]] bool is_time_exceeded(IpFamily family, std::uint8_t type) noexcept;

}  // namespace weft::probe
