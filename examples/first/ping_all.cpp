// Pings every address of the command line at once.
#include <weft/core.hpp>
#include <weft/netlink/ip_address.hpp>
#include <weft/probe/pinger.hpp>

#include <iostream>
#include <string>
#include <vector>

weft::Task<void> ping_all(std::vector<std::string> targets) {
    const auto pinger = weft::probe::Pinger::open();
    std::vector<weft::Task<weft::probe::PingResult>> pings;
    for (const auto& target : targets) pings.push_back(pinger.ping(weft::netlink::IpAddress::parse(target)));

    const auto results = co_await weft::gather(std::move(pings));  // all at once, answers in order
    for (std::size_t i = 0; i < targets.size(); ++i)
        std::cout << targets[i] << "  " << results[i].to_string() << "\n";
}

int main(int argc, char** argv) { return weft::run(ping_all({argv + 1, argv + argc})); }
