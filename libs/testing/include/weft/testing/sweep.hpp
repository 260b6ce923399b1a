// Suspension sweeps: a scenario is stopped at every place where it can be stopped.
#pragma once

#include <weft/core/loop.hpp>
#include <weft/core/task.hpp>

#include <cstddef>
#include <functional>

namespace weft::testing {

// Makes the scenario anew for each run. What it creates must die with it.
using SweepScenario = std::function<Task<void>()>;

class SweepOptions {
public:
    SweepOptions() {}
    SweepOptions&& time(TimeSource source) && noexcept { return time_ = source, std::move(*this); }
    // A scenario that is longer is refused: it would take the square of that.
    SweepOptions&& max_steps(std::size_t n) && noexcept { return max_steps_ = n, std::move(*this); }
    // Called after each run, when its loop is gone: throw or fail there.
    SweepOptions&& check(std::function<void()> f) && { return check_ = std::move(f), std::move(*this); }
    // Accept any weft::Error as the end of a cancelled scenario, not just success and Cancelled.
    SweepOptions&& allow_errors() && noexcept { return allow_errors_ = true, std::move(*this); }

    TimeSource time_ = TimeSource::manual;
    std::size_t max_steps_ = 5000;
    std::function<void()> check_;
    bool allow_errors_ = false;
};

// Runs the scenario for 0, 1, 2, … resumptions and then destroys its loop, until it runs to its end (which
// must be success). Memory errors are for the sanitizers to find; leaked descriptors throw SweepError.
// Returns how many runs were cut short.
std::size_t sweep_destruction(const SweepScenario& scenario, const SweepOptions& options = SweepOptions());

// Runs the scenario for 0, 1, 2, … resumptions, cancels its main task, and lets it end, which it must do,
// with success or Cancelled, leaving no task and no descriptor. Throws SweepError otherwise. Returns how many
// runs were cancelled.
std::size_t sweep_cancellation(const SweepScenario& scenario, const SweepOptions& options = SweepOptions());

// Descriptors that this process has open.
[[nodiscard]] std::size_t open_descriptors();

}  // namespace weft::testing
