// What came of a ping: a reply, silence, or somebody saying that it cannot be delivered. All are values:
// a host that does not answer is what one pings to find out.
#pragma once

#include <weft/core/timer.hpp>
#include <weft/netlink/if_index.hpp>
#include <weft/netlink/ip_address.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>

namespace weft::probe {

using netlink::IpAddress;

struct PingReply {
    PingReply() {}
    // From just before the system call that sent the request to the kernel's receipt of the reply, in
    // nanoseconds. Probes that are sent in one system call (up to 16) share the first time stamp.
    std::chrono::nanoseconds rtt{};
    std::uint8_t ttl = 0;  // as it arrived; IPv6: the hop limit
    IpAddress from;
};

// Nothing came within the time limit.
struct PingTimeout {
    std::chrono::milliseconds waited{};
};

// A router, the target or our own kernel says that the request cannot be delivered.
struct PingUnreachable {
    PingUnreachable() {}
    int error_number = 0;               // EHOSTUNREACH, ENETUNREACH, ECONNREFUSED, EMSGSIZE, EACCES, …
    std::optional<IpAddress> reporter;  // who sent the ICMP error; none when it was our own kernel's refusal
    // Of the ICMP or ICMPv6 error, when there was one.
    std::optional<std::uint8_t> icmp_type;
    std::optional<std::uint8_t> icmp_code;
    // True when the request's hop limit ran out on the way: a step of a traceroute.
    bool time_exceeded = false;
};

class PingResult {
public:
    PingResult() = default;
    // NOLINTBEGIN(google-explicit-constructor): a result is one of the three.
    PingResult(PingReply reply) : value_(std::move(reply)) {}
    PingResult(PingTimeout timeout) : value_(timeout) {}
    PingResult(PingUnreachable unreachable) : value_(std::move(unreachable)) {}
    // NOLINTEND(google-explicit-constructor)

    // Null when it is something else.
    [[nodiscard]] const PingReply* reply() const noexcept { return std::get_if<PingReply>(&value_); }
    [[nodiscard]] const PingTimeout* timeout() const noexcept { return std::get_if<PingTimeout>(&value_); }
    [[nodiscard]] const PingUnreachable* unreachable() const noexcept {
        return std::get_if<PingUnreachable>(&value_);
    }
    // "reply from 10.0.0.2: ttl=64 time=0.043 ms", "no answer within 1000 ms", "10.0.0.254: host
    // unreachable".
    [[nodiscard]] std::string to_string() const;

private:
    std::variant<PingTimeout, PingReply, PingUnreachable> value_;
};

struct PingOptions {
    PingOptions() {}
    PingOptions with_timeout(Duration limit) && { return timeout = limit, std::move(*this); }
    PingOptions with_hop_limit(std::uint8_t hops) && { return hop_limit = hops, std::move(*this); }
    PingOptions with_payload(std::size_t bytes) && { return payload = bytes, std::move(*this); }
    PingOptions through(netlink::IfIndex index) && { return interface = index, std::move(*this); }

    Duration timeout = std::chrono::seconds(1);
    std::optional<std::uint8_t> hop_limit;  // 1 to 255; the system's default when not given
    // Bytes after the ICMP header, 16 to 65507; 56 is what ping(8) sends. 16 of them recognise the reply.
    std::size_t payload = 56;
    // Needed for link-local IPv6 targets.
    std::optional<netlink::IfIndex> interface;
};

}  // namespace weft::probe
