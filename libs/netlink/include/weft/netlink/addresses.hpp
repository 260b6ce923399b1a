// Addresses of interfaces: list, add, remove.
#pragma once

#include <weft/core/task.hpp>
#include <weft/netlink/if_index.hpp>
#include <weft/netlink/ip_address.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace weft::netlink {

class SocketState;

// rtm_scope and ifa_scope.
enum class Scope : std::uint8_t { universe = 0, site = 200, link = 253, host = 254, nowhere = 255 };

// An address on an interface. To add one, give index and prefix and set what should differ from the default.
struct Address {
    Address() {}
    Address(IfIndex on, IpPrefix address) : index(on), prefix(address) {}

    IfIndex index;
    IpPrefix prefix;                     // the interface's own address with the length of its network
    std::optional<IpAddress> peer;       // point to point: the other end
    std::optional<IpAddress> broadcast;  // IPv4
    std::string label;                   // IPv4; the interface's name by default
    Scope scope = Scope::universe;
    std::uint32_t flags = 0;                          // IFA_F_…
    std::optional<std::uint32_t> valid_lifetime;      // seconds; none is forever
    std::optional<std::uint32_t> preferred_lifetime;  // seconds; none is forever

    // IPv6 duplicate address detection still runs: the address cannot be bound yet (IFA_F_TENTATIVE).
    [[nodiscard]] bool is_tentative() const noexcept { return flags & 0x40; }
    // Somebody else has it: IPv6 duplicate address detection failed (IFA_F_DADFAILED).
    [[nodiscard]] bool is_duplicate() const noexcept { return flags & 0x08; }
    // Skip duplicate address detection (IFA_F_NODAD), as a lab wants it. The address is usable in a moment,
    // not yet when add() ends: see Addresses::wait_usable().
    Address without_dad() && { return flags |= 0x02, std::move(*this); }
    // IPv4: the usual broadcast address of the network.
    Address with_broadcast() && { return broadcast = prefix.last(), std::move(*this); }
    bool operator==(const Address&) const = default;
};

// Every member throws netlink::Error when the kernel refuses.
class Addresses {
public:
    explicit Addresses(std::shared_ptr<SocketState> state) noexcept;

    // Both families; of one interface when `index` is given (the kernel filters).
    [[nodiscard]] Task<std::vector<Address>> list(std::optional<IfIndex> index = std::nullopt) const;
    // Throws EEXIST when the interface has it already.
    Task<void> add(Address address) const;
    Task<void> add(IfIndex index, IpPrefix prefix) const;
    // Adds it, or changes its flags and lifetimes when it is there.
    Task<void> replace(Address address) const;
    // Throws EADDRNOTAVAIL when it is not there.
    Task<void> remove(IfIndex index, IpPrefix prefix) const;
    // Waits until the address answers: the kernel finishes adding an IPv6 address later, also one without
    // duplicate address detection, and drops what neighbours ask until then (they ask again after a second).
    // Throws netlink::Error: EADDRNOTAVAIL when it is not there, EADDRINUSE when it is a duplicate.
    Task<void> wait_usable(IfIndex index, IpAddress address) const;

private:
    std::shared_ptr<SocketState> state_;
};

}  // namespace weft::netlink
