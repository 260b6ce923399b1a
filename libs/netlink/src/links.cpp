#include "codec.hpp"
#include "offload.hpp"
#include "socket_state.hpp"

#include <weft/netlink/error.hpp>
#include <weft/netlink/links.hpp>
#include <weft/netlink/monitor.hpp>

#include <utility>

#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

namespace weft::netlink {

namespace {

using State = std::shared_ptr<SocketState>;

std::string show(const std::string& name) { return "link '" + name + "'"; }
std::string show(IfIndex index) { return "link " + std::to_string(index.value()); }

MessageBuilder link_message(std::uint16_t type, std::uint16_t flags, IfIndex index) {
    MessageBuilder message(type, flags);
    ifinfomsg fixed{};
    fixed.ifi_index = static_cast<int>(index.value());
    message.fixed(fixed);
    return message;
}

void put_name(MessageBuilder& message, const std::string& name) {
    // Longer names are always alternative ones; the kernel looks short ones up as both.
    message.put_text(name.size() < IFNAMSIZ ? IFLA_IFNAME : IFLA_ALT_IFNAME, name);
}

Task<std::vector<Link>> list_links(State state) {
    Collector<Link> sink(decode_link);
    const Answer answer =
        co_await transact(std::move(state), link_message(RTM_GETLINK, 0, IfIndex()), Expect::dump, &sink);
    require_success(answer, [] { return std::string("list links"); });
    co_return std::move(sink.items);
}

// nullopt when the kernel says that there is none.
Task<std::optional<Link>> read_link(State state, MessageBuilder request, std::string tried) {
    Collector<Link> sink(decode_link);
    const Answer answer = co_await transact(std::move(state), std::move(request), Expect::reply, &sink);
    if (answer.verdict.code == ENODEV) co_return std::nullopt;
    require_success(answer, [&] { return tried; });
    if (sink.items.empty()) throw ProtocolError(tried + ": the kernel's answer holds no link");
    co_return std::move(sink.items.front());
}

Task<std::optional<Link>> find_link(State state, std::string name) {
    MessageBuilder request = link_message(RTM_GETLINK, 0, IfIndex());
    put_name(request, name);
    return read_link(std::move(state), std::move(request), "find " + show(name));
}

Task<Link> get_link(State state, MessageBuilder request, std::string tried) {
    std::optional<Link> link = co_await read_link(std::move(state), std::move(request), tried);
    if (!link) throw Error(ENODEV, tried, Error::Details());
    co_return std::move(*link);
}

Task<void> change(State state, MessageBuilder request, std::string tried) {
    const Answer answer = co_await transact(std::move(state), std::move(request), Expect::ack, nullptr);
    require_success(answer, [&] { return tried; });
}

Task<void> create_link(State state, LinkSpec spec) {
    MessageBuilder request = spec.encode();
    request.add_flags(flag::create | flag::exclusive);
    const Answer answer = co_await transact(state, std::move(request), Expect::ack, nullptr);
    require_success(answer, [&] { return "add " + spec.kind() + " " + show(spec.name()); });
    if (!spec.wants_peer_up() || spec.peer_name().empty()) co_return;
    if (spec.peer_namespace()) state = open_socket(Protocol::route, *spec.peer_namespace(), state->options());
    MessageBuilder up(RTM_NEWLINK);
    ifinfomsg fixed{};
    fixed.ifi_flags = IFF_UP;
    fixed.ifi_change = IFF_UP;
    up.fixed(fixed);
    put_name(up, spec.peer_name());
    co_await change(std::move(state), std::move(up), "set new " + show(spec.peer_name()) + " up");
}

Task<Link> add_link(State state, LinkSpec spec) {
    const std::string name = spec.name();
    const std::optional<Namespace> elsewhere = spec.network_namespace();
    co_await create_link(state, std::move(spec));
    if (elsewhere) state = open_socket(Protocol::route, *elsewhere, state->options());
    MessageBuilder request = link_message(RTM_GETLINK, 0, IfIndex());
    put_name(request, name);
    Link link = co_await get_link(std::move(state), std::move(request), "read new " + show(name));
    co_return link;
}

bool passes_packets(const Link& link) {
    // Loopback and some tunnels never say more than "unknown".
    const bool operational =
        link.operational_state == OperationalState::up || link.operational_state == OperationalState::unknown;
    return link.is_up() && link.is_running() && link.has_carrier() && operational;
}

Task<Link> wait_until_running(State state, IfIndex index) {
    MonitorOptions options;
    options.addresses = options.routes = options.neighbours = false;
    Monitor monitor(state->network_namespace(), options);
    for (;;) {
        // After each event that may matter the kernel is asked again; losing events does no harm then.
        const std::string tried = "wait for " + show(index);
        Link link = co_await get_link(state, link_message(RTM_GETLINK, 0, index), tried);
        if (passes_packets(link)) co_return link;
        for (bool concerned = false; !concerned;) {
            const std::optional<RouteEvent> event = co_await monitor.next();
            const auto* change = event ? std::get_if<Change<Link>>(&*event) : nullptr;
            concerned = !change || change->object.index == index;
        }
    }
}

Task<void> turn_offloads_off(State state, std::string name) {
    if (state->closed()) throw ClosedError("the netlink socket was closed");
    disable_offloads(state->network_namespace(), name);
    co_return;
}

}  // namespace

Links::Links(std::shared_ptr<SocketState> state) noexcept : state_(std::move(state)) {}

Task<std::vector<Link>> Links::list() const { return list_links(state_); }

Task<std::optional<Link>> Links::find(std::string name) const { return find_link(state_, std::move(name)); }

Task<Link> Links::get(IfIndex index) const {
    return get_link(state_, link_message(RTM_GETLINK, 0, index), "get " + show(index));
}

Task<Link> Links::get(std::string name) const {
    MessageBuilder request = link_message(RTM_GETLINK, 0, IfIndex());
    put_name(request, name);
    return get_link(state_, std::move(request), "get " + show(name));
}

Task<Link> Links::add(LinkSpec spec) const { return add_link(state_, std::move(spec)); }
Task<void> Links::create(LinkSpec spec) const { return create_link(state_, std::move(spec)); }

Task<void> Links::set_state(IfIndex index, LinkState wanted) const {
    const bool up = wanted == LinkState::up;
    MessageBuilder request(RTM_NEWLINK);
    ifinfomsg fixed{};
    fixed.ifi_index = static_cast<int>(index.value());
    fixed.ifi_flags = up ? IFF_UP : 0;
    fixed.ifi_change = IFF_UP;
    request.fixed(fixed);
    return change(state_, std::move(request), "set " + show(index) + (up ? " up" : " down"));
}

Task<void> Links::set_mtu(IfIndex index, std::uint32_t bytes) const {
    MessageBuilder request = link_message(RTM_NEWLINK, 0, index);
    request.put_u32(IFLA_MTU, bytes);
    return change(state_, std::move(request),
                  "set the MTU of " + show(index) + " to " + std::to_string(bytes));
}

Task<void> Links::set_address(IfIndex index, MacAddress address) const {
    MessageBuilder request = link_message(RTM_NEWLINK, 0, index);
    request.put_mac(IFLA_ADDRESS, address);
    return change(state_, std::move(request),
                  "set the address of " + show(index) + " to " + address.to_string());
}

Task<void> Links::rename(IfIndex index, std::string name) const {
    check_link_name(name);
    MessageBuilder request = link_message(RTM_NEWLINK, 0, index);
    request.put_text(IFLA_IFNAME, name);
    return change(state_, std::move(request), "rename " + show(index) + " to '" + name + "'");
}

namespace {

// Keeps the descriptor open until the kernel has seen its number.
Task<void> move_link(State state, IfIndex index, Namespace target) {
    MessageBuilder request = link_message(RTM_NEWLINK, 0, index);
    request.put_u32(IFLA_NET_NS_FD, static_cast<std::uint32_t>(target.fd()));
    co_await change(std::move(state), std::move(request), "move " + show(index) + " to another namespace");
}

}  // namespace

Task<void> Links::set_namespace(IfIndex index, Namespace target) const {
    return move_link(state_, index, std::move(target));
}

Task<void> Links::set_master(IfIndex index, std::optional<IfIndex> master) const {
    MessageBuilder request = link_message(RTM_NEWLINK, 0, index);
    request.put_u32(IFLA_MASTER, master.value_or(IfIndex()).value());
    return change(state_, std::move(request),
                  master ? "make " + show(index) + " a port of " + show(*master)
                         : "take " + show(index) + " out of its master");
}

Task<void> Links::set_alias(IfIndex index, std::string alias) const {
    MessageBuilder request = link_message(RTM_NEWLINK, 0, index);
    request.put_text(IFLA_IFALIAS, alias);
    return change(state_, std::move(request), "set the alias of " + show(index));
}

Task<void> Links::add_alternative_name(IfIndex index, std::string name) const {
    MessageBuilder request =
        link_message(RTM_NEWLINKPROP, flag::create | flag::exclusive | flag::append, index);
    const std::size_t list = request.begin_nest(IFLA_PROP_LIST);
    request.put_text(IFLA_ALT_IFNAME, name);
    request.end_nest(list);
    return change(state_, std::move(request), "add the name '" + name + "' to " + show(index));
}

Task<void> Links::remove(IfIndex index) const {
    return change(state_, link_message(RTM_DELLINK, 0, index), "remove " + show(index));
}

Task<void> Links::remove(std::string name) const {
    MessageBuilder request = link_message(RTM_DELLINK, 0, IfIndex());
    put_name(request, name);
    return change(state_, std::move(request), "remove " + show(name));
}

Task<Link> Links::wait_running(IfIndex index) const { return wait_until_running(state_, index); }

Task<void> Links::disable_offloads(std::string name) const {
    check_link_name(name);
    return turn_offloads_off(state_, std::move(name));
}

}  // namespace weft::netlink
