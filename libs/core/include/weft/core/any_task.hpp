// AnyTask: a running task, whatever it computes. What current_task(), all_tasks() and TaskHandle::task()
// give.
#pragma once

#include <weft/core/task_control.hpp>

#include <exception>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weft {

// Observes a task: it may be copied and dropped freely, and keeps the task's outcome, not the task. Belongs
// to the task's loop and must not outlive it.
class AnyTask {
public:
    explicit AnyTask(detail::TaskControl& control) noexcept : control_(&control) { control_->add_ref(); }
    AnyTask(const AnyTask& other) noexcept : AnyTask(*other.control_) {}
    AnyTask& operator=(AnyTask other) noexcept {
        std::swap(control_, other.control_);
        return *this;
    }
    ~AnyTask() { control_->drop_ref(); }

    [[nodiscard]] std::string name() const { return control_->name(); }
    void set_name(std::string_view name) { control_->set_name(name); }
    [[nodiscard]] bool done() const noexcept { return control_->done(); }
    // True when the task has ended with Cancelled.
    [[nodiscard]] bool cancelled() const noexcept { return done() && control_->ended_cancelled(); }
    // The exception with which the task ended; null after success and while it runs.
    [[nodiscard]] std::exception_ptr exception() const noexcept {
        control_->mark_retrieved();
        return control_->error();
    }

    // Requests cancellation: Cancelled is thrown where the task waits, or at its next wait when it is the one
    // that runs. False when it has ended.
    bool cancel() noexcept { return control_->cancel(); }
    // How many requests were made and not taken back. asyncio's Task.cancelling().
    [[nodiscard]] unsigned cancelling() const noexcept { return control_->cancel_requests(); }
    // Takes one request back, and returns how many remain: for code that caught Cancelled, and ends the
    // matter there. With the last, a cancellation that was not thrown yet is not thrown any more.
    unsigned uncancel() noexcept { return control_->uncancel(); }

    [[nodiscard]] detail::TaskControl& control() const noexcept { return *control_; }
    friend bool operator==(const AnyTask& a, const AnyTask& b) noexcept { return a.control_ == b.control_; }

private:
    detail::TaskControl* control_;
};

// The task that runs. Throws UsageError outside of any.
[[nodiscard]] inline AnyTask current_task() { return AnyTask(detail::current_task()); }

// Every task of the loop on this thread that has not ended, the oldest owners first. Throws UsageError when
// no loop runs.
[[nodiscard]] std::vector<AnyTask> all_tasks();

}  // namespace weft
