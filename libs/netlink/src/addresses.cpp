#include "codec.hpp"
#include "socket_state.hpp"

#include <weft/core/sleep.hpp>
#include <weft/netlink/error.hpp>
#include <weft/netlink/links.hpp>
#include <weft/netlink/monitor.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>

#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

namespace weft::netlink {

namespace {

using State = std::shared_ptr<SocketState>;

constexpr std::uint32_t for_ever = std::numeric_limits<std::uint32_t>::max();

std::string show(const Address& address) {
    return "address " + address.prefix.to_string() + " on link " + std::to_string(address.index.value());
}

Task<std::vector<Address>> list_addresses(State state, IfIndex index) {
    MessageBuilder request(RTM_GETADDR);
    ifaddrmsg fixed{};
    fixed.ifa_index = index.value();
    request.fixed(fixed);
    Collector<Address> sink(decode_address);
    const Answer answer = co_await transact(std::move(state), std::move(request), Expect::dump, &sink);
    require_success(answer, [] { return std::string("list addresses"); });
    // Kernels without strict checking ignore the filter.
    if (index) std::erase_if(sink.items, [&](const Address& address) { return address.index != index; });
    co_return std::move(sink.items);
}

Task<void> change(State state, std::uint16_t type, std::uint16_t flags, const char* verb, Address address) {
    const Answer answer =
        co_await transact(std::move(state), encode_address(type, flags, address), Expect::ack, nullptr);
    require_success(answer, [&] { return verb + (" " + show(address)); });
}

struct Membership {
    IfIndex index;
    IpAddress group;
};

std::optional<Membership> decode_membership(const MessageView& message) {
    const auto fixed = message.fixed<ifaddrmsg>();
    if (message.type() != RTM_GETMULTICAST || !fixed) return std::nullopt;
    AttributeReader reader = message.attributes(sizeof *fixed);
    while (const auto attribute = reader.next()) {
        const auto group = attribute->type() == IFA_MULTICAST ? attribute->ip() : std::nullopt;
        if (!group) continue;
        Membership membership;
        membership.index = IfIndex(fixed->ifa_index);
        membership.group = *group;
        return membership;
    }
    return std::nullopt;
}

// Whether the host hears neighbour solicitations for an address: RFC 4291 section 2.7.1.
Task<bool> hears_solicitations(State state, IfIndex index, IpAddress address) {
    std::array<std::uint8_t, 16> bytes{0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x01, 0xff};
    std::copy(address.bytes().begin() + 13, address.bytes().end(), bytes.begin() + 13);
    const IpAddress group = *IpAddress::from_bytes(bytes);
    MessageBuilder request(RTM_GETMULTICAST);
    ifaddrmsg fixed{};
    fixed.ifa_family = AF_INET6;
    request.fixed(fixed);
    Collector<Membership> sink(decode_membership);
    const Answer answer = co_await transact(std::move(state), std::move(request), Expect::dump, &sink);
    require_success(answer, [] { return std::string("list multicast groups"); });
    co_return std::any_of(sink.items.begin(), sink.items.end(),
                          [&](const Membership& item) { return item.index == index && item.group == group; });
}

// The kernel joins an address's solicited-node group from a work queue, after it has acknowledged the address
// and without telling anybody: until then the address exists and does not answer.
Task<void> wait_for_solicitations(State state, IfIndex index, IpAddress address) {
    constexpr std::uint32_t no_neighbours = 0x80 | 0x8;  // IFF_NOARP, IFF_LOOPBACK: they join no such group
    const Link link = co_await Links(state).get(index);
    if (address.is_v4() || (link.flags & no_neighbours)) co_return;
    constexpr std::chrono::milliseconds longest(50);
    for (std::chrono::milliseconds pause(1);; pause = std::min(2 * pause, longest)) {
        const bool joined = co_await hears_solicitations(state, index, address);
        if (joined) co_return;
        co_await sleep(pause);
        const std::vector<Address> addresses = co_await list_addresses(state, index);
        const bool there = std::any_of(addresses.begin(), addresses.end(), [&](const Address& other) {
            return other.prefix.address() == address;
        });
        if (!there) throw Error(EADDRNOTAVAIL, "wait for address " + address.to_string(), Error::Details());
    }
}

Task<void> wait_until_usable(State state, IfIndex index, IpAddress wanted) {
    MonitorOptions options;
    options.links = options.routes = options.neighbours = false;
    Monitor monitor(state->network_namespace(), options);
    const std::string tried =
        "wait for address " + wanted.to_string() + " on link " + std::to_string(index.value());
    for (;;) {
        // After each event that may matter the kernel is asked again; losing events does no harm then.
        const std::vector<Address> addresses = co_await list_addresses(state, index);
        const auto found = std::find_if(addresses.begin(), addresses.end(), [&](const Address& address) {
            return address.prefix.address() == wanted;
        });
        if (found == addresses.end()) throw Error(EADDRNOTAVAIL, tried, Error::Details());
        if (found->is_duplicate()) throw Error(EADDRINUSE, tried, Error::Details());
        const bool settled = !found->is_tentative();
        if (settled) break;
        for (bool concerned = false; !concerned;) {
            const std::optional<RouteEvent> event = co_await monitor.next();
            const auto* change = event ? std::get_if<Change<Address>>(&*event) : nullptr;
            concerned = !change || change->object.prefix.address() == wanted;
        }
    }
    co_await wait_for_solicitations(std::move(state), index, wanted);
}

}  // namespace

std::optional<Address> decode_address(const MessageView& message) {
    if (message.type() != RTM_NEWADDR && message.type() != RTM_DELADDR) return std::nullopt;
    const auto fixed = message.fixed<ifaddrmsg>();
    if (!fixed) return std::nullopt;
    const auto family = ip_family(fixed->ifa_family);
    if (!family) return std::nullopt;
    Address address;
    address.index = IfIndex(fixed->ifa_index);
    address.scope = static_cast<Scope>(fixed->ifa_scope);
    address.flags = fixed->ifa_flags;
    // IFA_LOCAL is ours and IFA_ADDRESS the peer's; without IFA_LOCAL (IPv6, mostly) IFA_ADDRESS is ours.
    std::optional<IpAddress> local;
    std::optional<IpAddress> remote;
    AttributeReader reader = message.attributes(sizeof *fixed);
    while (const auto attribute = reader.next()) {
        switch (attribute->type()) {
            case IFA_LOCAL:
                local = attribute->ip();
                break;
            case IFA_ADDRESS:
                remote = attribute->ip();
                break;
            case IFA_BROADCAST:
                address.broadcast = attribute->ip();
                break;
            case IFA_LABEL:
                address.label = attribute->text();
                break;
            case IFA_FLAGS:
                address.flags = attribute->u32().value_or(address.flags);
                break;
            case IFA_CACHEINFO:
                if (const auto cache = attribute->as<ifa_cacheinfo>()) {
                    if (cache->ifa_valid != for_ever) address.valid_lifetime = cache->ifa_valid;
                    if (cache->ifa_prefered != for_ever) address.preferred_lifetime = cache->ifa_prefered;
                }
                break;
            default:
                break;
        }
    }
    const auto own = local ? local : remote;
    if (!own || own->family() != *family || fixed->ifa_prefixlen > own->bit_count()) return std::nullopt;
    address.prefix = IpPrefix(*own, fixed->ifa_prefixlen);
    if (local && remote && *local != *remote) address.peer = remote;
    return address;
}

MessageBuilder encode_address(std::uint16_t type, std::uint16_t flags, const Address& address) {
    MessageBuilder message(type, flags);
    ifaddrmsg fixed{};
    fixed.ifa_family = address_family(address.prefix.family());
    fixed.ifa_prefixlen = static_cast<std::uint8_t>(address.prefix.length());
    fixed.ifa_index = address.index.value();
    fixed.ifa_scope = static_cast<std::uint8_t>(address.scope);
    fixed.ifa_flags = static_cast<std::uint8_t>(address.flags);
    message.fixed(fixed);
    message.put_ip(IFA_LOCAL, address.prefix.address());
    message.put_ip(IFA_ADDRESS, address.peer.value_or(address.prefix.address()));
    if (address.broadcast) message.put_ip(IFA_BROADCAST, *address.broadcast);
    if (!address.label.empty()) message.put_text(IFA_LABEL, address.label);
    if (address.flags > 0xff) message.put_u32(IFA_FLAGS, address.flags);
    if (address.valid_lifetime || address.preferred_lifetime) {
        ifa_cacheinfo cache{};
        cache.ifa_valid = address.valid_lifetime.value_or(for_ever);
        cache.ifa_prefered = address.preferred_lifetime.value_or(cache.ifa_valid);
        message.put(IFA_CACHEINFO, Bytes(reinterpret_cast<const std::uint8_t*>(&cache), sizeof cache));
    }
    return message;
}

Addresses::Addresses(std::shared_ptr<SocketState> state) noexcept : state_(std::move(state)) {}

Task<std::vector<Address>> Addresses::list(std::optional<IfIndex> index) const {
    return list_addresses(state_, index.value_or(IfIndex()));
}

Task<void> Addresses::add(Address address) const {
    return change(state_, RTM_NEWADDR, flag::create | flag::exclusive, "add", std::move(address));
}

Task<void> Addresses::add(IfIndex index, IpPrefix prefix) const { return add(Address(index, prefix)); }

Task<void> Addresses::replace(Address address) const {
    return change(state_, RTM_NEWADDR, flag::create | flag::replace, "replace", std::move(address));
}

Task<void> Addresses::remove(IfIndex index, IpPrefix prefix) const {
    return change(state_, RTM_DELADDR, 0, "remove", Address(index, prefix));
}

Task<void> Addresses::wait_usable(IfIndex index, IpAddress address) const {
    return wait_until_usable(state_, index, address);
}

}  // namespace weft::netlink
