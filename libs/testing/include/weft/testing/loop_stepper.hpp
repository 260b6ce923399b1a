// Runs a loop one resumption at a time, for tests that stop in the middle.
#pragma once

#include <weft/core/error.hpp>
#include <weft/core/loop.hpp>
#include <weft/core/task.hpp>

#include <cstddef>
#include <exception>
#include <memory>

namespace weft::testing {

// A scenario did not do what was required of it.
class SweepError : public Error {
public:
    using Error::Error;
};

// Owns a loop with one main task. Destroying it destroys the tasks where they are suspended.
class LoopStepper {
public:
    explicit LoopStepper(Task<void> main, TimeSource time = TimeSource::steady_clock);
    LoopStepper(const LoopStepper&) = delete;
    LoopStepper& operator=(const LoopStepper&) = delete;
    ~LoopStepper();

    // Resumes one task, after waiting until one can run. False when the main task has ended. Throws
    // SweepError when nothing becomes ready for 20 s (in manual time: at once).
    bool step();

    // Cancels the main task; false when it has ended.
    bool cancel() noexcept;

    // Goes on to the end of the main task, then cancels and joins the others, as Loop::run() does. Throws
    // SweepError after `limit` steps, or when tasks are left.
    void finish(std::size_t limit);

    // How the main task ended; null after success. It must have ended.
    [[nodiscard]] std::exception_ptr error() const;

private:
    struct Guard;
    void resume_one();
    void run_turn_ends();

    std::unique_ptr<Loop> loop_;
    std::unique_ptr<Guard> guard_;
    detail::TaskRef<void> main_;
};

}  // namespace weft::testing
