// A small network for tests: two hosts with a wire between them, or a router in the middle.
#pragma once

#include <weft/core/task.hpp>
#include <weft/netlink.hpp>

namespace weft::probe {

using netlink::IpAddress;
using netlink::IpPrefix;
using netlink::Namespace;

// left 10.0.0.1/24, 2001:db8::1/64 ── 10.0.0.2/24, 2001:db8::2/64 right; forwarding is on in both.
// With a third: right 10.0.1.1/24 ── 10.0.1.2/24 far; left and far know the way.
struct Network {
    Namespace left = Namespace::create();
    Namespace right = Namespace::create();
    Namespace far = Namespace::create();

    Task<void> connect();
    Task<void> connect_far();
};

// `lo` up in `where`.
Task<void> raise_loopback(Namespace where);

}  // namespace weft::probe
