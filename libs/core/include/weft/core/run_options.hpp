// RunOptions: how run() sets up its loops.
#pragma once

#include <weft/core/log.hpp>
#include <weft/core/loop.hpp>
#include <weft/core/timer.hpp>

#include <optional>
#include <utility>

namespace weft {

class RunOptions {
public:
    RunOptions() {}

    // How many loops, so how many threads, the calling one included; 0: as many as cores this process may
    // use. Needs run() with a function that makes the main tasks.
    RunOptions&& loops(unsigned n) && noexcept { return loops_ = n, std::move(*this); }
    // Where each loop reports what no caller can be told: see Loop::set_log_sink(). It must outlive run(),
    // and is called from the thread of each loop.
    RunOptions&& log_sink(LogSink& sink) && noexcept { return log_sink_ = &sink, std::move(*this); }
    // Each loop warns of a task that keeps it busy for that long: see Loop::warn_slow().
    RunOptions&& warn_slow(Duration limit) && noexcept { return slow_limit_ = limit, std::move(*this); }

    // How long each loop looks for events before it sleeps: see Loop::busy_poll().
    RunOptions&& busy_poll(std::optional<Duration> limit) && noexcept {
        return busy_poll_ = limit, std::move(*this);
    }

    [[nodiscard]] unsigned loops() const noexcept { return loops_; }
    void apply_to(Loop& loop) const noexcept {
        loop.set_log_sink(log_sink_);
        loop.warn_slow(slow_limit_);
        loop.busy_poll(busy_poll_);
    }

private:
    unsigned loops_ = 1;
    LogSink* log_sink_ = nullptr;
    Duration slow_limit_{0};
    std::optional<Duration> busy_poll_;
};

}  // namespace weft
