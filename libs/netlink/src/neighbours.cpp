#include "codec.hpp"
#include "socket_state.hpp"

#include <weft/netlink/error.hpp>

#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

namespace weft::netlink {

namespace {

using State = std::shared_ptr<SocketState>;

std::string show(const Neighbour& neighbour) {
    return "neighbour " + neighbour.destination.to_string() + " on link " +
           std::to_string(neighbour.index.value());
}

Task<std::vector<Neighbour>> list_neighbours(State state, IfIndex index) {
    MessageBuilder request(RTM_GETNEIGH);
    request.fixed(ndmsg{});
    // The kernel filters by attribute only; with strict checking ndm_ifindex must be 0.
    if (index) request.put_u32(NDA_IFINDEX, index.value());
    Collector<Neighbour> sink(decode_neighbour);
    const Answer answer = co_await transact(std::move(state), std::move(request), Expect::dump, &sink);
    require_success(answer, [] { return std::string("list neighbours"); });
    if (index) std::erase_if(sink.items, [&](const Neighbour& entry) { return entry.index != index; });
    co_return std::move(sink.items);
}

Task<void> change(State state, std::uint16_t type, std::uint16_t flags, const char* verb,
                  Neighbour neighbour) {
    const Answer answer =
        co_await transact(std::move(state), encode_neighbour(type, flags, neighbour), Expect::ack, nullptr);
    require_success(answer, [&] { return verb + (" " + show(neighbour)); });
}

}  // namespace

std::optional<Neighbour> decode_neighbour(const MessageView& message) {
    if (message.type() != RTM_NEWNEIGH && message.type() != RTM_DELNEIGH) return std::nullopt;
    const auto fixed = message.fixed<ndmsg>();
    // AF_BRIDGE entries are a bridge's forwarding table: addresses without a destination.
    if (!fixed || !ip_family(fixed->ndm_family)) return std::nullopt;
    Neighbour neighbour;
    neighbour.index = IfIndex(static_cast<std::uint32_t>(fixed->ndm_ifindex));
    neighbour.state = static_cast<NeighbourState>(fixed->ndm_state);
    neighbour.flags = fixed->ndm_flags;
    bool found = false;
    AttributeReader reader = message.attributes(sizeof *fixed);
    while (const auto attribute = reader.next()) {
        if (attribute->type() == NDA_LLADDR) neighbour.address = attribute->mac();
        if (attribute->type() != NDA_DST) continue;
        const auto destination = attribute->ip();
        if (!destination) continue;
        neighbour.destination = *destination;
        found = true;
    }
    if (!found) return std::nullopt;
    return neighbour;
}

MessageBuilder encode_neighbour(std::uint16_t type, std::uint16_t flags, const Neighbour& neighbour) {
    MessageBuilder message(type, flags);
    ndmsg fixed{};
    fixed.ndm_family = address_family(neighbour.destination.family());
    fixed.ndm_ifindex = static_cast<int>(neighbour.index.value());
    fixed.ndm_state = static_cast<std::uint16_t>(neighbour.state);
    fixed.ndm_flags = neighbour.flags;
    message.fixed(fixed);
    message.put_ip(NDA_DST, neighbour.destination);
    if (neighbour.address) message.put_mac(NDA_LLADDR, *neighbour.address);
    return message;
}

Neighbours::Neighbours(std::shared_ptr<SocketState> state) noexcept : state_(std::move(state)) {}

Task<std::vector<Neighbour>> Neighbours::list(std::optional<IfIndex> index) const {
    return list_neighbours(state_, index.value_or(IfIndex()));
}

Task<void> Neighbours::add(Neighbour neighbour) const {
    return change(state_, RTM_NEWNEIGH, flag::create | flag::exclusive, "add", std::move(neighbour));
}

Task<void> Neighbours::replace(Neighbour neighbour) const {
    return change(state_, RTM_NEWNEIGH, flag::create | flag::replace, "replace", std::move(neighbour));
}

Task<void> Neighbours::remove(IfIndex index, IpAddress destination) const {
    Neighbour neighbour;
    neighbour.index = index;
    neighbour.destination = destination;
    neighbour.state = NeighbourState::none;
    return change(state_, RTM_DELNEIGH, 0, "remove", std::move(neighbour));
}

}  // namespace weft::netlink
