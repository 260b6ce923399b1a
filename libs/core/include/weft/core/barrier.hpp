// Barrier: a number of tasks that wait for each other. asyncio.Barrier.
#pragma once

#include <weft/core/error.hpp>
#include <weft/core/loop.hpp>

#include <coroutine>
#include <cstddef>

namespace weft {

// The barrier was aborted while a task waited at it, or before.
class BrokenBarrierError : public Error {
public:
    using Error::Error;
};

// Belongs to one loop. When `parties` tasks wait, all of them go on, and the barrier is as new. One that is
// cancelled no longer counts.
class Barrier {
public:
    // Throws UsageError for no parties.
    explicit Barrier(std::size_t parties) : parties_(parties) {
        if (parties == 0) throw UsageError("a barrier for no tasks");
    }
    Barrier(const Barrier&) = delete;
    Barrier& operator=(const Barrier&) = delete;

    class Wait final : public detail::Waiter, public ListHook<> {
    public:
        explicit Wait(Barrier& barrier) noexcept : barrier_(barrier) {}
        ~Wait() {
            if (linked()) --barrier_.waiting_;
        }
        bool await_ready() {
            if (cancel_pending()) return true;
            if (barrier_.broken_) return broken_ = true;
            if (barrier_.waiting_ + 1 < barrier_.parties_) return false;
            place_ = barrier_.parties_ - 1;
            barrier_.let_go(false);
            return true;
        }
        void await_suspend(std::coroutine_handle<> frame) noexcept {
            park(frame);
            ++barrier_.waiting_;
            barrier_.waiters_.push_back(*this);
        }
        std::size_t await_resume() const {
            throw_if_cancelled();
            if (broken_) throw BrokenBarrierError("the barrier was aborted");
            return place_;
        }

    private:
        friend class Barrier;
        void unlink_wait() noexcept override {
            ListHook<>::unlink();
            --barrier_.waiting_;
        }
        Barrier& barrier_;
        std::size_t place_ = 0;
        bool broken_ = false;
    };

    // Waits for the others. Gives each its place, 0 to parties - 1, so that one of them can do what is to be
    // done once. Throws BrokenBarrierError after abort().
    [[nodiscard("co_await it")]] Wait wait() noexcept { return Wait(*this); }

    // Those who wait, and all who come until reset(), get BrokenBarrierError.
    void abort() noexcept {
        broken_ = true;
        let_go(true);
    }
    // Makes it new; those who wait get BrokenBarrierError.
    void reset() noexcept {
        let_go(true);
        broken_ = false;
    }

    [[nodiscard]] std::size_t parties() const noexcept { return parties_; }
    [[nodiscard]] std::size_t waiting() const noexcept { return waiting_; }
    [[nodiscard]] bool broken() const noexcept { return broken_; }

private:
    void let_go(bool broken) noexcept {
        waiting_ = 0;
        for (std::size_t place = 0; !waiters_.empty(); ++place) {
            Wait& waiter = waiters_.pop_front();
            waiter.place_ = place;
            waiter.broken_ = broken;
            waiter.wake();
        }
    }

    std::size_t parties_;
    std::size_t waiting_ = 0;
    bool broken_ = false;
    IntrusiveList<Wait> waiters_;
};

}  // namespace weft
