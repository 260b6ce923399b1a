// sweep(): ping many targets, with a rate limit and a bounded number in flight.
#pragma once

#include <weft/core/task.hpp>
#include <weft/netlink/ip_address.hpp>
#include <weft/probe/ping.hpp>
#include <weft/probe/pinger.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

namespace weft::probe {

struct SweepResult {
    SweepResult() {}
    IpAddress target;
    PingResult result;      // of the last attempt
    unsigned attempts = 0;  // how many requests were sent
};

struct SweepOptions {
    SweepOptions() {}
    SweepOptions with_rate(double per_second) && { return rate = per_second, std::move(*this); }
    SweepOptions with_window(std::size_t probes) && { return window = probes, std::move(*this); }
    SweepOptions with_retries(unsigned count) && { return retries = count, std::move(*this); }
    SweepOptions with_ping(PingOptions options) && { return ping = std::move(options), std::move(*this); }
    SweepOptions on_each(std::function<void(const SweepResult&)> f) && {
        return on_result = std::move(f), std::move(*this);
    }

    double rate = 1000;         // requests per second, retries included; 0 is as fast as they go
    std::size_t window = 1024;  // targets in flight; what bounds memory and losses at the receiver
    unsigned retries = 1;       // further requests after silence; an error is an answer and is not retried
    PingOptions ping;
    // Told of each result as it comes, on the loop. Must not throw.
    std::function<void(const SweepResult&)> on_result;
};

// Pings every target; the results are in the order of the targets. `pinger` must outlive the task.
// Dead targets cost one timeout per attempt, whatever their number (up to the window). Cancelling ends it at
// once.
[[nodiscard]] Task<std::vector<SweepResult>> sweep(const Pinger& pinger, std::vector<IpAddress> targets,
                                                   SweepOptions options = SweepOptions());

// The addresses of a prefix that hosts have: IPv4 without the network and broadcast addresses (kept for /31
// and /32, RFC 3021). Throws UsageError for more than 2^20 of them.
[[nodiscard]] std::vector<IpAddress> hosts_of(const netlink::IpPrefix& prefix);

}  // namespace weft::probe
