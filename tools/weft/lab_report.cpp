#include "lab_report.hpp"

#include "text.hpp"

#include <algorithm>
#include <cstdio>
#include <iostream>

#include <unistd.h>

namespace weft::tool {

// Every line goes out at once: whoever watches sees how far it is.
void print_step(const std::string& what, Duration time) {
    std::cout << left(what, 56) << right(milliseconds(time), 10) << std::endl;
}

void print_built(const lab::Topology& topology, Duration time) {
    print_step("built " + count_of(topology.hosts().size(), "host", "hosts") + ", " +
                   count_of(topology.switches().size(), "P4 switch", "P4 switches") + ", " +
                   count_of(topology.links().size(), "link", "links"),
               time);
}

void print_install(const std::vector<lab::SwitchRoutes>& routes, const lab::InstallTimes& times) {
    std::size_t count = 0;
    for (const auto& of_switch : routes) count += of_switch.entries.size();
    const std::string what = "installed " + count_of(count, "route", "routes") + " on " +
                             count_of(routes.size(), "switch", "switches");
    print_step(what + ", all at once", times.concurrently);
    print_step("the same writes one after another", times.one_by_one);
}

void print_matrix(const lab::PingMatrix& matrix, Duration time) {
    constexpr std::size_t width = 10;
    std::size_t name_width = 6;
    for (const std::string& host : matrix.hosts) name_width = std::max(name_width, host.size() + 2);
    std::cout << "Ping, round trip in ms (rows ping columns)\n\n  " << left("", name_width);
    for (const std::string& host : matrix.hosts) std::cout << right(host, width);
    std::cout << "\n";
    for (const std::string& from : matrix.hosts) {
        std::cout << "  " << left(from, name_width);
        for (const std::string& to : matrix.hosts) {
            const lab::PingPair* pair = matrix.find(from, to);
            char cell[32] = "-";
            if (pair && pair->rtt) {
                std::snprintf(cell, sizeof cell, "%.3f",
                              std::chrono::duration<double, std::milli>(*pair->rtt).count());
            } else if (pair) {
                std::snprintf(cell, sizeof cell, "lost");
            }
            std::cout << right(cell, width);
        }
        std::cout << "\n";
    }
    std::cout << "\n";
    print_step(std::to_string(matrix.answered()) + " of " + count_of(matrix.pairs.size(), "pair", "pairs") +
                   " answered",
               time);
    for (const lab::PingPair& pair : matrix.pairs)
        if (!pair.rtt) std::cout << "  lost: " << pair.from << " -> " << pair.to << "\n";
    std::cout << std::flush;
}

void print_counters(const lab::Topology& topology, const std::vector<lab::SwitchCounters>& counters) {
    std::cout << "\nPackets by port, read back over P4Runtime\n\n  " << left("switch", 10) << right("port", 5)
              << "  " << left("to", 10) << right("in", 8) << right("out", 8) << "\n";
    for (const lab::SwitchCounters& of_switch : counters) {
        for (const lab::PortCounters& port : of_switch.ports) {
            std::string neighbour;
            for (const lab::Link& link : topology.links()) {
                if (link.a.node == of_switch.switch_name && link.a.port == port.port) neighbour = link.b.node;
                if (link.b.node == of_switch.switch_name && link.b.port == port.port) neighbour = link.a.node;
            }
            std::cout << "  " << left(of_switch.switch_name, 10) << right(std::to_string(port.port), 5)
                      << "  " << left(neighbour, 10) << right(std::to_string(port.ingress.packet_count), 8)
                      << right(std::to_string(port.egress.packet_count), 8) << "\n";
        }
    }
    std::cout << std::endl;
}

void print_places(lab::Network& network) {
    std::cout << "The network stays until Ctrl-C. P4Runtime:\n";
    for (const lab::Switch& sw : network.topology().switches())
        std::cout << "  " << left(sw.name, 10) << network.p4runtime_address(sw.name) << "  device "
                  << sw.device_id << "\n";
    std::cout << "A shell inside a host:\n";
    for (const lab::Host& host : network.topology().hosts())
        std::cout << "  " << left(host.name, 10) << "nsenter --net=/proc/" << ::getpid() << "/fd/"
                  << network.host_namespace(host.name).fd() << "\n";
    std::cout << std::flush;
}

}  // namespace weft::tool
