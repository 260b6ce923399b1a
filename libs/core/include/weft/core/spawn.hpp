// spawn(): a coroutine becomes a task of its own; TaskHandle observes and controls it.
#pragma once

#include <weft/core/any_task.hpp>
#include <weft/core/error.hpp>
#include <weft/core/loop.hpp>
#include <weft/core/task.hpp>
#include <weft/core/task_control.hpp>

#include <exception>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace weft {

template <class T>
class TaskHandle;

namespace detail {

// Calls f(handle) once, when the task ends; dies then, or with the task.
template <class T, class F>
class DoneCallback final : public Joiner {
public:
    DoneCallback(TaskState<T>& task, F f) : task_(task), f_(std::move(f)) {}
    void task_done() noexcept override {
        TaskHandle<T> handle(TaskRef<T>(&task_), false);
        call(f_, handle);
        delete this;
    }
    void task_abandoned() noexcept override { delete this; }

    static void call(F& f, TaskHandle<T>& handle) noexcept {
        try {
            f(handle);
        } catch (...) {
            report_callback(handle.name());
        }
    }

private:
    static void report_callback(const std::string& name) noexcept {
        log(LogLevel::error, "a done callback of task '" + name + "' threw");
    }
    TaskState<T>& task_;
    F f_;
};

}  // namespace detail

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
    [[nodiscard]] std::string name() const { return state_->name(); }

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

    // Calls f(handle) on the loop when the task ends, in the order of adding; soon, when it has ended
    // already. What f throws goes to the log sink. Not called when the loop is destroyed before.
    template <class F>
    void add_done_callback(F f) {
        if (!done()) {
            state_->add_joiner(*new detail::DoneCallback<T, F>(*state_, std::move(f)));
            return;
        }
        state_->loop().post([f = std::move(f), handle = observer()]() mutable {
            detail::DoneCallback<T, F>::call(f, handle);
        });
    }

    // The same task, without its type, its result and its ownership.
    [[nodiscard]] AnyTask task() const noexcept { return AnyTask(*state_); }
    // Another handle to the same task, which does not own it.
    [[nodiscard]] TaskHandle observer() const noexcept {
        return TaskHandle(detail::TaskRef<T>(&*state_), false);
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
                                                                          std::string_view name = {}) {
    Loop& loop = Loop::current();
    return TaskHandle<T>(detail::start_task(loop, loop.root(), std::move(task), name), true);
}

}  // namespace weft
