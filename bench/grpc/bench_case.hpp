// What the benchmark's C++ clients share: the cases, and what they tell bench/grpc/run.
//
// A program is started as `<program> server`, prints "port N" and serves until it is ended; or as
// `<program> client PORT CASE SECONDS`, prints "begin" when it is warm, "end OPERATIONS SECONDS P50_US" after
// that time, and stays until its input ends, so that its memory can be looked at.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include <unistd.h>

namespace bench {

using Clock = std::chrono::steady_clock;

// A BytesValue of 16 bytes on the wire is 14 bytes of value, one of 16 KiB is 16381.
class Case {
public:
    Case(const std::string& name, double seconds) : name_(name), seconds_(seconds) {}

    [[nodiscard]] bool unary() const {
        return name_ == "unary" || name_ == "unary100" || name_ == "large100";
    }
    [[nodiscard]] bool stream() const { return name_ == "stream"; }
    [[nodiscard]] bool idle() const { return name_ == "idle"; }
    [[nodiscard]] int in_flight() const { return name_ == "unary" ? 1 : 100; }
    [[nodiscard]] std::string value() const { return std::string(name_ == "large100" ? 16381 : 14, 'x'); }
    static constexpr int idle_streams = 10000;

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
    // The same for `n` messages of a stream.
    bool count_messages(std::size_t n) {
        const auto now = Clock::now();
        if (!begun_) return warm(now);
        operations_ += n;
        if (now < end_) return true;
        finish(now);
        return false;
    }
    [[nodiscard]] bool over() const { return finished_; }

    void begin_idle() { tell("begin"); }
    void end_idle() {
        std::printf("end %d 1 0\n", idle_streams);
        std::fflush(stdout);
    }
    static void wait_for_end_of_input() {
        char byte = 0;
        while (::read(STDIN_FILENO, &byte, 1) > 0) {
        }
    }

private:
    static constexpr std::size_t sample_mask = 15;

    static void tell(const char* word) {
        std::puts(word);
        std::fflush(stdout);
    }
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

    std::string name_;
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
