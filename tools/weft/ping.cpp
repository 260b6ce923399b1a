// weft ping: ICMP echo to several addresses at once.
#include "command.hpp"
#include "run_program.hpp"
#include "text.hpp"

#include <weft/core.hpp>
#include <weft/netlink/ip_address.hpp>
#include <weft/probe/pinger.hpp>

#include <algorithm>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

namespace weft::tool {

namespace {

struct PingCommand {
    std::vector<std::string> targets;
    unsigned count = 4;
    double interval = 1.0;
    double timeout = 1.0;
};

Duration seconds(double value) {
    return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(value));
}

// Pings one target; true when at least one answer came.
Task<bool> ping_target(const probe::Pinger& pinger, netlink::IpAddress target, const PingCommand& command,
                       std::size_t width) {
    std::size_t answered = 0;
    Duration shortest = Duration::max();
    Duration longest = Duration::zero();
    Duration sum = Duration::zero();
    for (unsigned i = 0; i < command.count; ++i) {
        if (i > 0) co_await sleep(seconds(command.interval));
        const probe::PingResult result =
            co_await pinger.ping(target, probe::PingOptions().with_timeout(seconds(command.timeout)));
        std::cout << left(target.to_string(), width) << "  " << result.to_string() << std::endl;
        if (const probe::PingReply* reply = result.reply()) {
            ++answered;
            shortest = std::min<Duration>(shortest, reply->rtt);
            longest = std::max<Duration>(longest, reply->rtt);
            sum += reply->rtt;
        }
    }
    if (command.count > 1) {
        std::cout << left(target.to_string(), width) << "  " << answered << " of " << command.count
                  << " answered";
        if (answered > 0)
            std::cout << ", min/avg/max " << milliseconds(shortest) << " / "
                      << milliseconds(sum / static_cast<Duration::rep>(answered)) << " / "
                      << milliseconds(longest);
        std::cout << std::endl;
    }
    co_return answered > 0;
}

Task<void> ping_all(const PingCommand& command, bool& all_answered) {
    const auto pinger = probe::Pinger::open();
    std::size_t width = 0;
    for (const std::string& target : command.targets) width = std::max(width, target.size());
    std::vector<Task<bool>> pings;
    for (const std::string& target : command.targets)
        pings.push_back(ping_target(pinger, netlink::IpAddress::parse(target), command, width));
    const auto answered = co_await gather(std::move(pings));
    all_answered = std::all_of(answered.begin(), answered.end(), [](bool yes) { return yes; });
}

}  // namespace

void add_ping_command(CLI::App& app, int& status) {
    auto command = std::make_shared<PingCommand>();
    auto* ping = app.add_subcommand(
        "ping",
        "ICMP echo to one or more IPv4 or IPv6 addresses, all at once. Needs CAP_NET_RAW, or a system that "
        "lets users\n"
        "send ICMP (net.ipv4.ping_group_range). Exit status: 0 every target answered, 1 some did not.");
    ping->add_option("targets", command->targets, "Addresses")->required();
    ping->add_option("-c,--count", command->count, "Requests to each target")
        ->capture_default_str()
        ->check(CLI::Range(1u, 1'000'000u));
    ping->add_option("-i,--interval", command->interval, "Seconds from an answer to the next request")
        ->capture_default_str()
        ->check(CLI::Range(0.0, 3600.0));
    ping->add_option("-W,--timeout", command->timeout, "Seconds to wait for an answer")
        ->capture_default_str()
        ->check(CLI::Range(0.001, 3600.0));
    ping->callback([command, &status] {
        bool all_answered = false;
        const int ended = run_program(ping_all(*command, all_answered));
        status = ended != 0 ? ended : all_answered ? 0 : failed;
    });
}

}  // namespace weft::tool
