#include "codec.hpp"
#include "socket_state.hpp"

#include <weft/netlink/error.hpp>

#include <limits>

#include <linux/if_addr.h>
#include <linux/rtnetlink.h>

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

}  // namespace weft::netlink
