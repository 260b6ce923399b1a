// Counters of a node, and their text for Prometheus.
#pragma once

#include <weft/core/timer.hpp>

#include <cstdint>
#include <map>
#include <string>

namespace weft::mesh {

struct MethodStats {
    std::uint64_t calls = 0;
    std::uint64_t errors = 0;
    std::uint64_t busy = 0;  // refused because the queue was full
    Duration time{};         // spent in the callback, waits included
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
    std::map<std::string, MethodStats> methods;

    // The text exposition format, metrics named weft_mesh_….
    [[nodiscard]] std::string prometheus() const;
};

}  // namespace weft::mesh
