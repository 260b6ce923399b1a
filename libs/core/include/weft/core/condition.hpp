// Condition: waits for a change of what a lock protects. asyncio.Condition.
#pragma once

#include <weft/core/lock.hpp>
#include <weft/core/task.hpp>

#include <coroutine>
#include <cstddef>
#include <limits>
#include <utility>

namespace weft {

// Belongs to one loop. A waiter gives the lock back, waits to be notified, and has the lock again when the
// wait ends, also by a cancellation. A notification goes to a waiter that will act on it: never to one that
// is cancelled.
class Condition {
public:
    Condition() = default;
    Condition(const Condition&) = delete;
    Condition& operator=(const Condition&) = delete;

    class Wait final : public detail::LockWaiter {
    public:
        Wait(Condition& condition, LockGuard& guard)
            : condition_(condition), guard_(guard), lock_(held_by(guard)) {}
        // Granted but never resumed (its frame was destroyed): the guard is still empty.
        ~Wait() {
            if (granted_) lock_.release();
        }
        bool await_ready() { return cancel_pending(); }
        void await_suspend(std::coroutine_handle<> frame) noexcept;
        void await_resume();
        void cancel_wait() noexcept override;

    private:
        friend class Condition;
        static Lock& held_by(LockGuard& guard);
        void granted() noexcept override;
        void unlink_wait() noexcept override { ListHook<>::unlink(); }
        Condition& condition_;
        LockGuard& guard_;  // empty while the wait lasts
        Lock& lock_;
        bool notified_ = false;
        bool granted_ = false;
        bool deferred_ = false;  // a cancellation that came after the notification
    };

    // Waits for a notification, without the lock of `guard`. Wake-ups are not spurious, but another task may
    // have changed things again before this one has the lock: ask in a loop, or use wait_until(). Throws
    // UsageError when the guard holds nothing.
    [[nodiscard("co_await it")]] Wait wait(LockGuard& guard) { return Wait(*this, guard); }

    // Waits until `predicate()` is true; asks it with the lock held, at first without waiting. asyncio's
    // wait_for. The guard must outlive the task.
    template <class Predicate>
    Task<void> wait_until(LockGuard& guard, Predicate predicate) {
        while (!predicate()) co_await wait(guard);
    }

    // Wakes the `count` who have waited longest. Call it with the lock held, so that no change is missed.
    void notify(std::size_t count = 1) noexcept;
    void notify_all() noexcept { notify(std::numeric_limits<std::size_t>::max()); }

private:
    IntrusiveList<Wait> waiters_;
};

}  // namespace weft
