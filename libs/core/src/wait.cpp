#include <weft/core/wait.hpp>

#include <utility>

namespace weft::detail {

WaitForTasks::WaitForTasks(const std::vector<AnyTask>& tasks, WaitUntil until, Duration limit)
    : tasks_(tasks), nodes_(tasks.size()), until_(until), limit_(limit) {}

bool WaitForTasks::satisfies(const TaskControl& task) const noexcept {
    if (until_ == WaitUntil::first_done) return true;
    return until_ == WaitUntil::first_failure && !task.ended_cancelled() && task.error();
}

bool WaitForTasks::await_ready() {
    if (cancel_pending()) return true;
    bool met = false;
    for (const AnyTask& task : tasks_) {
        if (&task.control() == &current_task()) throw_waits_for_itself();
        if (!task.done()) {
            ++left_;
        } else {
            met = met || satisfies(task.control());
        }
    }
    return met || left_ == 0;
}

void WaitForTasks::await_suspend(std::coroutine_handle<> frame) noexcept {
    park(frame);
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
        TaskControl& task = tasks_[i].control();
        if (task.done()) continue;
        nodes_[i].wait = this;
        nodes_[i].task = &task;
        task.add_joiner(nodes_[i]);
    }
    if (limit_ != no_time_limit) thread_state.loop->arm_after(*this, limit_);
}

void WaitForTasks::one_done(const TaskControl& task) noexcept {
    --left_;
    if (!waiting() || (left_ > 0 && !satisfies(task))) return;
    unlink_wait();
    wake();
}

void WaitForTasks::unlink_wait() noexcept {
    for (Node& node : nodes_) node.unlink();
    disarm();
}

void WaitForTasks::fire() noexcept {
    unlink_wait();
    wake();
}

Task<WaitResult> wait(std::vector<AnyTask> tasks, WaitUntil until, Duration limit) {
    WaitForTasks waiter(tasks, until, limit);
    co_await waiter;
    WaitResult result;
    for (std::size_t i = 0; i < tasks.size(); ++i)
        (tasks[i].done() ? result.done : result.pending).push_back(i);
    co_return result;
}

}  // namespace weft::detail
