// Semaphore: a number of permits, handed out in the order of asking. asyncio.Semaphore.
#pragma once

#include <weft/core/error.hpp>
#include <weft/core/loop.hpp>

#include <coroutine>
#include <cstddef>
#include <optional>
#include <utility>

namespace weft {

class Semaphore;

// One permit; gives itself back when it dies. Must not outlive its semaphore.
class [[nodiscard]] Permit {
public:
    Permit() = default;
    explicit Permit(Semaphore& semaphore) noexcept : semaphore_(&semaphore) {}
    Permit(Permit&& other) noexcept : semaphore_(std::exchange(other.semaphore_, nullptr)) {}
    Permit& operator=(Permit&& other) noexcept {
        std::swap(semaphore_, other.semaphore_);
        return *this;
    }
    inline ~Permit();

    // Keeps the permit taken: it is given back by Semaphore::release().
    void forget() noexcept { semaphore_ = nullptr; }

private:
    Semaphore* semaphore_ = nullptr;
};

// Belongs to one loop. First come, first served: a permit that is free goes to the one who has waited
// longest, and a waiter that is cancelled takes none with it.
class Semaphore {
public:
    explicit Semaphore(std::size_t permits) noexcept : free_(permits) {}

    class Acquire final : public detail::Waiter, public ListHook<> {
    public:
        explicit Acquire(Semaphore& semaphore) noexcept : semaphore_(semaphore) {}
        // A wait that was granted but never resumed (its frame was destroyed) returns the permit.
        ~Acquire() {
            if (granted_) semaphore_.release();
        }
        bool await_ready() {
            if (cancel_pending()) return true;
            if (semaphore_.free_ == 0 || !semaphore_.waiters_.empty()) return false;
            --semaphore_.free_;
            granted_ = true;
            return true;
        }
        void await_suspend(std::coroutine_handle<> frame) noexcept {
            park(frame);
            semaphore_.waiters_.push_back(*this);
        }
        Permit await_resume() {
            throw_if_cancelled();
            granted_ = false;
            return Permit(semaphore_);
        }

    private:
        friend class Semaphore;
        void unlink_wait() noexcept override { ListHook<>::unlink(); }
        Semaphore& semaphore_;
        bool granted_ = false;
    };

    // Waits for a permit: `auto permit = co_await semaphore.acquire();`
    [[nodiscard("co_await it")]] Acquire acquire() noexcept { return Acquire(*this); }

    // A permit that is free now, if nobody waits for it.
    [[nodiscard]] std::optional<Permit> try_acquire() noexcept {
        if (free_ == 0 || !waiters_.empty()) return std::nullopt;
        --free_;
        return Permit(*this);
    }

    // Gives back a permit, or adds one. Permit does this by itself.
    void release() noexcept {
        if (waiters_.empty()) {
            ++free_;
            return;
        }
        Acquire& next = waiters_.pop_front();
        next.granted_ = true;
        next.wake();
    }

    // Permits that nobody holds.
    [[nodiscard]] std::size_t available() const noexcept { return free_; }

private:
    std::size_t free_;
    IntrusiveList<Acquire> waiters_;
};

inline Permit::~Permit() {
    if (semaphore_) semaphore_->release();
}

// A semaphore that notices a permit which is given back twice. asyncio.BoundedSemaphore.
class BoundedSemaphore : private Semaphore {
public:
    explicit BoundedSemaphore(std::size_t permits) noexcept : Semaphore(permits), permits_(permits) {}

    using Semaphore::acquire;
    using Semaphore::available;
    using Semaphore::try_acquire;

    // Throws UsageError when nobody holds a permit.
    void release() {
        if (available() >= permits_)
            throw UsageError("a bounded semaphore was released more often than it was acquired");
        Semaphore::release();
    }

private:
    std::size_t permits_;
};

}  // namespace weft
