// What `weft lab run` prints.
#pragma once

#include <weft/core/timer.hpp>
#include <weft/lab/controller.hpp>
#include <weft/lab/network.hpp>
#include <weft/lab/ping_matrix.hpp>
#include <weft/lab/route_plan.hpp>
#include <weft/lab/topology.hpp>

#include <string>
#include <vector>

namespace weft::tool {

// Time since it was made or last asked.
class Stopwatch {
public:
    Duration lap() {
        const TimePoint now = Clock::now();
        const Duration passed = now - start_;
        start_ = now;
        return passed;
    }

private:
    TimePoint start_ = Clock::now();
};

void print_step(const std::string& what, Duration time);
void print_built(const lab::Topology& topology, Duration time);
void print_install(const std::vector<lab::SwitchRoutes>& routes, const lab::InstallTimes& times);
void print_matrix(const lab::PingMatrix& matrix, Duration time);
void print_counters(const lab::Topology& topology, const std::vector<lab::SwitchCounters>& counters);
// How to get into the hosts of a running network.
void print_places(lab::Network& network);

}  // namespace weft::tool
