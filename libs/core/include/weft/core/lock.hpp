// Lock: one task at a time, in the order of asking. asyncio.Lock.
//
// A loop runs one task at a time, so plain data needs no lock; a step that awaits in its middle does.
#pragma once

#include <weft/core/loop.hpp>

#include <coroutine>
#include <utility>

namespace weft {

class Lock;

// Holds a lock; releases it when it dies. Must not outlive the lock.
class [[nodiscard]] LockGuard {
public:
    LockGuard() = default;
    explicit LockGuard(Lock& lock) noexcept : lock_(&lock) {}
    LockGuard(LockGuard&& other) noexcept : lock_(std::exchange(other.lock_, nullptr)) {}
    LockGuard& operator=(LockGuard&& other) noexcept {
        std::swap(lock_, other.lock_);
        return *this;
    }
    inline ~LockGuard();

    [[nodiscard]] explicit operator bool() const noexcept { return lock_ != nullptr; }
    [[nodiscard]] Lock* lock() const noexcept { return lock_; }

private:
    friend class Condition;
    Lock* lock_ = nullptr;
};

namespace detail {

// Waits for a lock, and perhaps for something else before.
class LockWaiter : public Waiter, public ListHook<> {
protected:
    ~LockWaiter() = default;

private:
    friend class weft::Lock;
    // The lock is this waiter's.
    virtual void granted() noexcept = 0;
};

}  // namespace detail

// Belongs to one loop. First come, first served; a waiter that is cancelled never holds it.
class Lock {
public:
    Lock() = default;
    Lock(const Lock&) = delete;
    Lock& operator=(const Lock&) = delete;

    class Acquire final : public detail::LockWaiter {
    public:
        explicit Acquire(Lock& lock) noexcept : lock_(lock) {}
        // A wait that was granted but never resumed (its frame was destroyed) releases.
        ~Acquire() {
            if (granted_) lock_.release();
        }
        bool await_ready() {
            if (cancel_pending()) return true;
            granted_ = lock_.take_if_free();
            return granted_;
        }
        void await_suspend(std::coroutine_handle<> frame) noexcept {
            park(frame);
            lock_.waiters_.push_back(*this);
        }
        LockGuard await_resume() {
            throw_if_cancelled();
            granted_ = false;
            return LockGuard(lock_);
        }

    private:
        void granted() noexcept override {
            granted_ = true;
            wake();
        }
        void unlink_wait() noexcept override { ListHook<>::unlink(); }
        Lock& lock_;
        bool granted_ = false;
    };

    // Waits for the lock: `auto guard = co_await lock.acquire();`
    [[nodiscard("co_await it")]] Acquire acquire() noexcept { return Acquire(*this); }
    // The lock, or an empty guard when it is held.
    LockGuard try_acquire() noexcept { return take_if_free() ? LockGuard(*this) : LockGuard(); }
    [[nodiscard]] bool locked() const noexcept { return locked_; }

private:
    friend class LockGuard;
    friend class Condition;

    bool take_if_free() noexcept {
        if (locked_) return false;
        return locked_ = true;
    }
    // Takes the lock for `waiter`, now or in its turn.
    void grant(detail::LockWaiter& waiter) noexcept {
        if (take_if_free()) {
            waiter.granted();
        } else {
            waiters_.push_back(waiter);
        }
    }
    void release() noexcept {
        if (waiters_.empty()) {
            locked_ = false;
        } else {
            waiters_.pop_front().granted();  // it stays locked
        }
    }

    bool locked_ = false;
    IntrusiveList<detail::LockWaiter> waiters_;
};

inline LockGuard::~LockGuard() {
    if (lock_) lock_->release();
}

}  // namespace weft
