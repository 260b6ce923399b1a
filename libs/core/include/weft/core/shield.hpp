// shield() and uncancellable(): work that a cancellation of the one who waits must not reach.
#pragma once

#include <weft/core/gather.hpp>
#include <weft/core/spawn.hpp>
#include <weft/core/task.hpp>

#include <coroutine>
#include <utility>

namespace weft {

namespace detail {

// Waits for the end of a task and leaves it alone when the wait is cancelled.
class ShieldWaiter final : public Waiter, public Joiner {
public:
    explicit ShieldWaiter(TaskControl& target) noexcept : target_(target) {}
    bool await_ready() {
        if (&target_ == thread_state.task) [[unlikely]]
            throw_waits_for_itself();
        return cancel_pending() || target_.done();
    }
    void await_suspend(std::coroutine_handle<> frame) noexcept {
        park(frame);
        target_.add_joiner(*this);
    }
    void await_resume() const {
        throw_if_cancelled();
        target_.mark_retrieved();
    }
    void task_done() noexcept override { wake(); }

private:
    void unlink_wait() noexcept override { ListHook<JoinListTag>::unlink(); }
    TaskControl& target_;
};

// Waits for the end of a task, and keeps a cancellation for the next wait.
class DeferringJoin final : public Waiter, public Joiner {
public:
    explicit DeferringJoin(TaskControl& target) noexcept : target_(target) { target.mark_retrieved(); }
    bool await_ready() {
        deferred_ = cancel_pending();
        cancelled_ = false;
        return target_.done();
    }
    void await_suspend(std::coroutine_handle<> frame) noexcept {
        park(frame);
        target_.add_joiner(*this);
    }
    void await_resume() const noexcept {
        if (deferred_) thread_state.task->redeliver_cancel();
    }
    void cancel_wait() noexcept override { deferred_ = true; }
    void task_done() noexcept override { wake(); }

private:
    void unlink_wait() noexcept override { ListHook<JoinListTag>::unlink(); }
    TaskControl& target_;
    bool deferred_ = false;
};

}  // namespace detail

// Waits for the task of `handle` as `co_await handle` does, but a cancellation ends only the wait: the task
// goes on, in the hands of whoever holds the handle. asyncio.shield.
template <class T>
Task<T> shield(TaskHandle<T>& handle) {
    detail::ShieldWaiter wait(handle.task().control());
    co_await wait;
    if constexpr (std::is_void_v<T>) {
        handle.result();
    } else {
        co_return std::move(handle.result());
    }
}

// The same for a task that starts here. When the wait is cancelled, the task belongs to the loop, which
// cancels and awaits it when run() ends; a failure then goes to the log sink. So it must hold what it uses,
// and refer to nothing of the caller: where that is too much to ask, use uncancellable().
template <class T>
Task<T> shield(Task<T> task) {
    Loop& loop = Loop::current();
    detail::TaskRef<T> state = detail::start_task(loop, loop.root(), std::move(task), "shielded");
    detail::ShieldWaiter wait(*state);
    co_await wait;
    co_return state->result().move_out();
}

// Runs `task` to its end and gives its value or throws its exception, whether the caller is cancelled or not:
// a cancellation waits, and is thrown at the caller's next wait. For clean-up that must not be cut short.
// Time limits inside of `task` work as ever, and it should have one: nothing else can end it.
template <class T>
Task<T> uncancellable(Task<T> task) {
    detail::GatherScope owner(detail::GatherScope::Until::all_end);
    detail::TaskRef<T> state = owner.start(std::move(task));
    co_await detail::DeferringJoin(*state);
    co_return state->result().move_out();
}

}  // namespace weft
