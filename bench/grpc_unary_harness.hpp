// What the two sides of the unary benchmark share: processes, clocks, the printed line.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace bench {

inline double cpu_seconds(int who) {
    rusage usage{};
    ::getrusage(who, &usage);
    const auto seconds = [](const timeval& t) {
        return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
    };
    return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

inline void tell(int fd, int port) {
    if (::write(fd, &port, sizeof port) != sizeof port) std::abort();
}

struct Result {
    double seconds = 0;
    std::size_t calls = 0;
    double p50_us = 0;
};

using Clock = std::chrono::steady_clock;

inline Result summary(Clock::time_point began, std::vector<float>& latencies) {
    Result result;
    result.seconds = std::chrono::duration<double>(Clock::now() - began).count();
    result.calls = latencies.size();
    const auto middle = latencies.begin() + static_cast<long>(latencies.size() / 2);
    std::nth_element(latencies.begin(), middle, latencies.end());
    result.p50_us = *middle;
    return result;
}

template <class F>
pid_t in_child(F&& body) {
    const pid_t child = ::fork();
    if (child == 0) {
        body();
        ::_exit(0);
    }
    return child;
}

// Runs server(fd) and client(target, parallel, seconds) -> Result, each in a process of its own.
template <class Server, class Client>
void measure(const char* name, int parallel, double seconds, Server server_main, Client client_main) {
    int ports[2];
    int results[2];
    if (::pipe(ports) != 0 || ::pipe(results) != 0) std::abort();
    const pid_t server = in_child([&] { server_main(ports[1]); });
    int port = 0;
    if (::read(ports[0], &port, sizeof port) != sizeof port) std::abort();
    const std::string target = "127.0.0.1:" + std::to_string(port);
    struct Report {
        Result result;
        double cpu;
    };
    const pid_t client = in_child([&] {
        const double cpu_before = cpu_seconds(RUSAGE_SELF);
        Report report{client_main(target, parallel, seconds), 0};
        report.cpu = cpu_seconds(RUSAGE_SELF) - cpu_before;
        if (::write(results[1], &report, sizeof report) != sizeof report) std::abort();
    });
    Report report{};
    if (::read(results[0], &report, sizeof report) != sizeof report) std::abort();
    ::waitpid(client, nullptr, 0);
    ::kill(server, SIGKILL);
    rusage usage{};
    ::wait4(server, nullptr, 0, &usage);
    const double server_cpu = static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                              static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e-6;
    for (const int fd : {ports[0], ports[1], results[0], results[1]}) ::close(fd);
    const auto calls = static_cast<double>(report.result.calls);
    std::printf(
        "%-7s unary 16 B, %3d in flight: %8.0f calls/s  p50 %6.0f us  cpu/call server %6.2f us, client %6.2f "
        "us\n",
        name, parallel, calls / report.result.seconds, report.result.p50_us, server_cpu / calls * 1e6,
        report.cpu / calls * 1e6);
    std::fflush(stdout);
}

}  // namespace bench
