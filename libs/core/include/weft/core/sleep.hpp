// sleep() and yield(): the waits that need nothing but the loop.
#pragma once

#include <weft/core/loop.hpp>
#include <weft/core/task.hpp>

#include <coroutine>

namespace weft {

namespace detail {

class SleepAwaiter final : public Waiter, public Timer {
public:
    explicit SleepAwaiter(Duration delay) noexcept : delay_(delay) {}
    bool await_ready() { return cancel_pending(); }
    void await_suspend(std::coroutine_handle<> frame) noexcept {
        park(frame);
        thread_state.loop->arm_after(*this, delay_);
    }
    void await_resume() const { throw_if_cancelled(); }
    void fire() noexcept override { wake(); }

private:
    void unlink_wait() noexcept override { disarm(); }
    Duration delay_;
};

// Never parks, so it is no Waiter: a cancellation that comes while the task is queued is its next wait's.
class YieldAwaiter final {
public:
    bool await_ready() { return cancelled_ = take_cancel(); }
    void await_suspend(std::coroutine_handle<> frame) noexcept { pass_turn(frame); }
    void await_resume() const {
        if (cancelled_) throw_cancelled();
    }

private:
    bool cancelled_ = false;
};

}  // namespace detail

// What sleep() returns: awaited as it is, or taken as a Task<void> by timeout(), spawn() and gather().
class [[nodiscard("co_await it")]] Sleep {
public:
    explicit Sleep(Duration delay) noexcept : delay_(delay) {}
    detail::SleepAwaiter operator co_await() const noexcept { return detail::SleepAwaiter(delay_); }
    operator Task<void>() const { return as_task(delay_); }  // NOLINT(google-explicit-constructor)

private:
    static Task<void> as_task(Duration delay) { co_await Sleep(delay); }
    Duration delay_;
};

// Waits for at least `delay`, at a resolution of 1 ms. A delay of zero or less still waits for the next turn.
inline Sleep sleep(Duration delay) noexcept { return Sleep(delay); }

// Lets every other task that is ready run first. asyncio's sleep(0).
inline detail::YieldAwaiter yield() noexcept { return detail::YieldAwaiter(); }

}  // namespace weft
