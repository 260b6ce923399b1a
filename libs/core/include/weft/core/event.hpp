// Event: a flag that tasks wait for. asyncio.Event.
#pragma once

#include <weft/core/loop.hpp>

#include <coroutine>

namespace weft {

// Belongs to one loop. set() wakes everyone who waits; they run in their turn, in the order in which they
// came.
class Event {
public:
    class Wait final : public detail::Waiter, public ListHook<> {
    public:
        explicit Wait(Event& event) noexcept : event_(event) {}
        bool await_ready() { return cancel_pending() || event_.set_; }
        void await_suspend(std::coroutine_handle<> frame) noexcept {
            park(frame);
            event_.waiters_.push_back(*this);
        }
        void await_resume() const { throw_if_cancelled(); }

    private:
        void unlink_wait() noexcept override { ListHook<>::unlink(); }
        Event& event_;
    };

    [[nodiscard]] bool is_set() const noexcept { return set_; }
    void set() noexcept {
        set_ = true;
        while (!waiters_.empty()) waiters_.pop_front().wake();
    }
    void clear() noexcept { set_ = false; }

    // Waits until the event is set; at once when it is. The event must outlive the wait.
    [[nodiscard("co_await it")]] Wait wait() noexcept { return Wait(*this); }

private:
    bool set_ = false;
    IntrusiveList<Wait> waiters_;
};

}  // namespace weft
