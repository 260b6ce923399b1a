// Counters of a node, and their text for Prometheus.
#pragma once

#include <weft/core/timer.hpp>

#include <cstdint>
#include <map>
#include <string>

namespace weft::mesh {

// Of one method: at a service or worker the calls that came to its callback, at a router those that it
// forwarded or had to refuse.
struct MethodStats {
    std::uint64_t calls = 0;   // that ended, in whatever way
    std::uint64_t errors = 0;  // of those, the ones without a result: failed, refused, lost, given up
    std::uint64_t busy = 0;    // of those, refused because a limit was reached
    // At a service or worker: spent in the callback, waits included. At a router: from forwarding the request
    // to forwarding the answer, for calls that were answered; counted by the turns of its loop.
    Duration time{};

    MethodStats& operator+=(const MethodStats& more) noexcept {
        calls += more.calls;
        errors += more.errors;
        busy += more.busy;
        time += more.time;
        return *this;
    }
};

struct NodeStats {
    NodeStats() {}
    std::string node;
    std::uint64_t members = 0;     // connected now
    std::uint64_t frames = 0;      // handled or forwarded
    std::uint64_t bytes = 0;       // of those
    std::uint64_t unroutable = 0;  // requests without a receiver
    std::uint64_t dropped = 0;     // answers that nobody waited for
    std::uint64_t evicted = 0;     // peers given up or replaced
    // Those that were called; 4096 at most. A router counts what members offer, and under "" what has no
    // place among the 4096.
    std::map<std::string, MethodStats> methods;

    // The text exposition format, metrics named weft_mesh_….
    [[nodiscard]] std::string prometheus() const;
};

}  // namespace weft::mesh
