// What the benchmarks' C++ clients tell the scripts that start them: see bench/common/bench_run.py.
//
// A client is started as `<program> client PORT CASE SECONDS`, prints "begin" when it is warm, "end
// OPERATIONS SECONDS P50_US" after that time, and stays until its input ends, so that its CPU time and memory
// can be looked at.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

#include <unistd.h>

namespace bench {

using Clock = std::chrono::steady_clock;

// Counts the operations of one client from the end of its warming up on.
class Measurement {
public:
    explicit Measurement(double seconds) : seconds_(seconds) {}

    // Counts an operation that began at `began`; false when time is up.
    bool count(Clock::time_point began) {
        const auto now = Clock::now();
        if (!begun_) return warm(now);
        ++operations_;
        if ((operations_ & sample_mask) == 0 || operations_ < 10000)
            latencies_.push_back(std::chrono::duration<float, std::micro>(now - began).count());
        if (now < end_) return true;
        finish(now);
        return false;
    }
    // The same for `n` operations whose time apart is not of interest.
    bool count_messages(std::size_t n) {
        const auto now = Clock::now();
        if (!begun_) return warm(now);
        operations_ += n;
        if (now < end_) return true;
        finish(now);
        return false;
    }
    [[nodiscard]] bool over() const { return finished_; }

    static void tell(const char* word) {
        std::puts(word);
        std::fflush(stdout);
    }
    static void wait_for_end_of_input() {
        char byte = 0;
        while (::read(STDIN_FILENO, &byte, 1) > 0) {
        }
    }

private:
    static constexpr std::size_t sample_mask = 15;

    bool warm(Clock::time_point now) {
        if (warm_until_ == Clock::time_point()) warm_until_ = now + std::chrono::milliseconds(300);
        if (now < warm_until_) return true;
        begun_ = true;
        tell("begin");
        start_ = Clock::now();
        end_ = start_ + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds_));
        return true;
    }
    void finish(Clock::time_point now) {
        if (finished_) return;
        finished_ = true;
        float middle = 0;
        if (!latencies_.empty()) {
            const auto at = latencies_.begin() + static_cast<long>(latencies_.size() / 2);
            std::nth_element(latencies_.begin(), at, latencies_.end());
            middle = *at;
        }
        std::printf("end %zu %.6f %.1f\n", operations_, std::chrono::duration<double>(now - start_).count(),
                    static_cast<double>(middle));
        std::fflush(stdout);
    }

    double seconds_;
    std::size_t operations_ = 0;
    std::vector<float> latencies_;
    Clock::time_point warm_until_;
    Clock::time_point start_;
    Clock::time_point end_;
    bool begun_ = false;
    bool finished_ = false;
};

}  // namespace bench
