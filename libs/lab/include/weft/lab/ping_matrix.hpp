// Who reaches whom: every pair of hosts, pinged at once.
#pragma once

#include <weft/core/task.hpp>
#include <weft/core/timer.hpp>

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace weft::lab {

class Network;

struct PingPair {
    std::string from;
    std::string to;
    std::optional<std::chrono::nanoseconds> rtt;  // nothing: no answer
};

// Ordered pairs, in the order of the topology.
struct PingMatrix {
    std::vector<std::string> hosts;
    std::vector<PingPair> pairs;

    [[nodiscard]] std::size_t answered() const noexcept;
    // nullptr for a host and itself.
    [[nodiscard]] const PingPair* find(const std::string& from, const std::string& to) const noexcept;
};

// One echo request for each ordered pair of hosts that have addresses, all at once, from inside the hosts'
// namespaces. An answer that takes longer than `timeout` is none.
[[nodiscard]] Task<PingMatrix> ping_all(Network& network, Duration timeout);

}  // namespace weft::lab
