#include <weft/core/gather.hpp>
#include <weft/lab/network.hpp>
#include <weft/lab/ping_matrix.hpp>
#include <weft/netlink/ip_address.hpp>
#include <weft/probe/pinger.hpp>

#include <algorithm>
#include <utility>

namespace weft::lab {

namespace {

Task<std::optional<std::chrono::nanoseconds>> ping_once(probe::Pinger& pinger, netlink::IpAddress target,
                                                        Duration timeout) {
    const probe::PingResult result = co_await pinger.ping(target, probe::PingOptions().with_timeout(timeout));
    if (const probe::PingReply* reply = result.reply()) co_return reply->rtt;
    co_return std::nullopt;
}

}  // namespace

std::size_t PingMatrix::answered() const noexcept {
    return static_cast<std::size_t>(
        std::count_if(pairs.begin(), pairs.end(), [](const PingPair& pair) { return pair.rtt.has_value(); }));
}

const PingPair* PingMatrix::find(const std::string& from, const std::string& to) const noexcept {
    const auto it = std::find_if(pairs.begin(), pairs.end(),
                                 [&](const PingPair& pair) { return pair.from == from && pair.to == to; });
    return it == pairs.end() ? nullptr : &*it;
}

Task<PingMatrix> ping_all(Network& network, Duration timeout) {
    PingMatrix matrix;
    std::vector<std::pair<std::string, netlink::IpAddress>> addressed;
    for (const Host& host : network.topology().hosts()) {
        if (const auto prefix = netlink::IpPrefix::try_parse(host.ip)) {
            matrix.hosts.push_back(host.name);
            addressed.emplace_back(host.name, prefix->address());
        }
    }
    std::vector<Task<std::optional<std::chrono::nanoseconds>>> pings;
    for (const auto& [from, from_address] : addressed) {
        for (const auto& [to, to_address] : addressed) {
            if (from == to) continue;
            matrix.pairs.push_back({from, to, std::nullopt});
            pings.push_back(ping_once(network.pinger(from), to_address, timeout));
        }
    }
    const auto results = co_await gather(std::move(pings));
    for (std::size_t i = 0; i < results.size(); ++i) matrix.pairs[i].rtt = results[i];
    co_return matrix;
}

}  // namespace weft::lab
