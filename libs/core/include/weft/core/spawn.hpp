// spawn(): a coroutine becomes a task of its own; TaskHandle observes and controls it.
#pragma once

#include <weft/core/error.hpp>
#include <weft/core/loop.hpp>
#include <weft/core/task.hpp>
#include <weft/core/task_control.hpp>

#include <exception>
#include <string>
#include <type_traits>
#include <utility>

namespace weft {

// A handle to a running task. Move-only. Belongs to the task's loop and must not outlive it.
//
// A handle that spawn() gave owns its task: dropping it cancels the task, which the loop then awaits. A
// handle that TaskGroup::spawn() gave only observes: the group owns.
template <class T>
class TaskHandle {
public:
    TaskHandle() = default;
    TaskHandle(detail::TaskRef<T> state, bool owning) noexcept : state_(std::move(state)), owning_(owning) {
        if (owning_) state_->add_owning_handle();
    }
    TaskHandle(TaskHandle&& other) noexcept
        : state_(std::move(other.state_)), owning_(std::exchange(other.owning_, false)) {}
    TaskHandle& operator=(TaskHandle&& other) noexcept {
        std::swap(state_, other.state_);
        std::swap(owning_, other.owning_);
        return *this;
    }
    ~TaskHandle() {
        if (owning_) state_->drop_owning_handle();
    }

    [[nodiscard]] explicit operator bool() const noexcept { return static_cast<bool>(state_); }
    [[nodiscard]] bool done() const noexcept { return state_->done(); }
    // True when the task has ended with Cancelled.
    [[nodiscard]] bool cancelled() const noexcept { return state_->done() && state_->ended_cancelled(); }
    [[nodiscard]] const std::string& name() const noexcept { return state_->name(); }

    // Requests cancellation: Cancelled is thrown where the task waits. False when it has ended already.
    // A task that has not started yet never runs.
    bool cancel() noexcept { return state_->cancel(); }

    // The exception with which the task ended; null after success. The task must be done.
    [[nodiscard]] std::exception_ptr exception() const noexcept {
        state_->mark_retrieved();
        return state_->error();
    }

    // The value, or throws the task's exception. Throws UsageError while the task runs.
    std::add_lvalue_reference_t<T> result() {
        require_done();
        state_->mark_retrieved();
        return state_->result().get();
    }

    // Waits for the end, then gives a reference to the value (it lives as long as the handle) or throws the
    // task's exception. May be awaited many times. Cancelling the one who waits cancels this task and waits
    // for its end, as in asyncio.
    auto operator co_await() & noexcept { return Awaiter<std::add_lvalue_reference_t<T>>(*state_); }

    // The same, moving the value out: `co_await std::move(handle)`, `co_await spawn(…)`.
    auto operator co_await() && noexcept { return Awaiter<T>(*state_); }

private:
    template <class Result>
    class Awaiter final : public detail::JoinWaiter {
    public:
        explicit Awaiter(detail::TaskState<T>& state) noexcept : JoinWaiter(state), state_(state) {}
        Result await_resume() {
            throw_if_cancelled();
            if constexpr (std::is_same_v<Result, T>) {
                return state_.result().move_out();
            } else {
                return state_.result().get();
            }
        }

    private:
        detail::TaskState<T>& state_;
    };

    void require_done() const {
        if (!state_->done())
            throw UsageError("result() of task '" + name() + "', which still runs; co_await it");
    }

    detail::TaskRef<T> state_;
    bool owning_ = false;
};

// Starts `task` as a task of its own on the running loop. It first runs in its turn, not inside spawn().
// The handle owns it: see TaskHandle. Throws UsageError outside of a running loop.
template <class T>
[[nodiscard("dropping the handle cancels the task")]] TaskHandle<T> spawn(Task<T> task,
                                                                          std::string name = {}) {
    Loop& loop = Loop::current();
    return TaskHandle<T>(detail::start_task(loop, loop.root(), std::move(task), std::move(name)), true);
}

}  // namespace weft
