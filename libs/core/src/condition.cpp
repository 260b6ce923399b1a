#include <weft/core/condition.hpp>
#include <weft/core/error.hpp>

namespace weft {

Lock& Condition::Wait::held_by(LockGuard& guard) {
    if (!guard) throw UsageError("a wait for a condition with a guard that holds no lock");
    return *guard.lock();
}

void Condition::Wait::await_suspend(std::coroutine_handle<> frame) noexcept {
    park(frame);
    condition_.waiters_.push_back(*this);
    guard_.lock_ = nullptr;
    lock_.release();
}

void Condition::Wait::granted() noexcept {
    granted_ = true;
    wake();
}

// The task may run only when it has the lock again: its guard says that it holds it. So a cancellation takes
// the waiter from the condition's list to the lock's; one that comes later waits for the next wait.
void Condition::Wait::cancel_wait() noexcept {
    if (notified_ || cancelled_) {
        deferred_ = true;
        return;
    }
    cancelled_ = true;
    unlink_wait();
    lock_.grant(*this);
}

void Condition::Wait::await_resume() {
    guard_.lock_ = &lock_;
    granted_ = false;
    if (deferred_) detail::current_task().redeliver_cancel();
    throw_if_cancelled();
}

void Condition::notify(std::size_t count) noexcept {
    for (; count > 0 && !waiters_.empty(); --count) {
        Wait& waiter = waiters_.pop_front();
        waiter.notified_ = true;
        waiter.lock_.grant(waiter);
    }
}

}  // namespace weft
