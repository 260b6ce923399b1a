// What the rows of bench/core share: CPU time, resident memory, medians. A program runs one row for each
// start, so that no row sees the memory of another; `run` puts the programs side by side.
#pragma once

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <time.h>
#include <unistd.h>

namespace bench {

inline double clock_ns(clockid_t clock) {
    timespec t{};
    ::clock_gettime(clock, &t);
    return static_cast<double>(t.tv_sec) * 1e9 + static_cast<double>(t.tv_nsec);
}
inline double cpu_ns() { return clock_ns(CLOCK_PROCESS_CPUTIME_ID); }
inline double wall_ns() { return clock_ns(CLOCK_MONOTONIC); }

inline double resident_bytes() {
    long size = 0;
    long resident = 0;
    if (std::FILE* file = std::fopen("/proc/self/statm", "r")) {
        if (std::fscanf(file, "%ld %ld", &size, &resident) != 2) resident = 0;
        std::fclose(file);
    }
    return static_cast<double>(resident) * static_cast<double>(::sysconf(_SC_PAGESIZE));
}

// Median CPU nanoseconds for each of the `operations` that f() does; f runs once before to warm up.
inline double median_ns(double operations, int rounds, const std::function<void()>& f) {
    f();
    std::vector<double> times;
    for (int i = 0; i < rounds; ++i) {
        const double start = cpu_ns();
        f();
        times.push_back((cpu_ns() - start) / operations);
    }
    std::sort(times.begin(), times.end());
    return times[times.size() / 2];
}

using Row = std::pair<const char*, std::function<double()>>;

// argv[1] names the row; without it, the names are printed.
inline int run_row(int argc, char** argv, const std::vector<Row>& rows) {
    for (const auto& [name, f] : rows) {
        if (argc < 2) {
            std::puts(name);
        } else if (std::strcmp(argv[1], name) == 0) {
            std::printf("%.1f\n", f());
            return 0;
        }
    }
    return argc < 2 ? 0 : 2;
}

}  // namespace bench
