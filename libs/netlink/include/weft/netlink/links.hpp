// Network interfaces: list, find, create, change, remove.
//
// Links keeps no cache: every answer is the kernel's answer at the time of the call. It shares the socket's
// private state, so it may outlive the RouteSocket; after close() its tasks throw ClosedError.
#pragma once

#include <weft/core/task.hpp>
#include <weft/netlink/link.hpp>
#include <weft/netlink/link_spec.hpp>
#include <weft/netlink/netns.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace weft::netlink {

class SocketState;  // private: src/socket_state.hpp

// Every member throws netlink::Error when the kernel refuses. Cancelling after a request has left does not
// undo it: the change may have happened.
class Links {
public:
    explicit Links(std::shared_ptr<SocketState> state) noexcept;

    // In kernel order. A dump that the kernel reports as interrupted is restarted, at most
    // SocketOptions::dump_retries times; then DumpInterruptedError is thrown.
    [[nodiscard]] Task<std::vector<Link>> list() const;
    // By name or alternative name. nullopt when there is none: absence is an answer here, not a failure.
    [[nodiscard]] Task<std::optional<Link>> find(std::string name) const;
    // Throws netlink::Error (ENODEV) when there is none.
    [[nodiscard]] Task<Link> get(IfIndex index) const;
    [[nodiscard]] Task<Link> get(std::string name) const;

    // Creates an interface and gives it as the kernel made it; when it was made in another namespace
    // (network_namespace()) it is read there. Throws netlink::Error (EEXIST) when the name is taken.
    Task<Link> add(LinkSpec spec) const;
    // The same for when nobody wants to know: one request instead of two.
    Task<void> create(LinkSpec spec) const;

    Task<void> set_state(IfIndex index, LinkState wanted) const;
    Task<void> set_mtu(IfIndex index, std::uint32_t bytes) const;
    Task<void> set_address(IfIndex index, MacAddress address) const;
    // The kernel refuses to rename some interfaces while they are up (EBUSY).
    Task<void> rename(IfIndex index, std::string name) const;
    // Moves the interface; its index may change, its addresses are lost.
    Task<void> set_namespace(IfIndex index, Namespace target) const;
    // Makes it a port of a bridge, bond or VRF; nullopt takes it out.
    Task<void> set_master(IfIndex index, std::optional<IfIndex> master) const;
    Task<void> set_alias(IfIndex index, std::string alias) const;
    Task<void> add_alternative_name(IfIndex index, std::string name) const;
    // Waits until packets pass: the link is up, has a carrier, and the kernel has made it operational, which
    // takes it a moment after set_state(). Throws netlink::Error (ENODEV) when it is not there or goes away.
    // Use timeout() to bound it: without a carrier it waits for ever.
    [[nodiscard]] Task<Link> wait_running(IfIndex index) const;
    // A veth takes its peer with it.
    Task<void> remove(IfIndex index) const;
    // Throws netlink::Error (ENODEV) when there is none of that name.
    Task<void> remove(std::string name) const;

    // Switches off what a network card would do and a program that reads raw frames needs done: checksums,
    // segmentation, receive coalescing. For interfaces whose other end is a user-space switch. Features
    // that the device does not have are passed over.
    Task<void> disable_offloads(std::string name) const;

private:
    std::shared_ptr<SocketState> state_;
};

}  // namespace weft::netlink
