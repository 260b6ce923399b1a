// Readiness: "try again" for one direction of a descriptor or a stream.
#pragma once

#include <weft/core/error.hpp>
#include <weft/core/loop.hpp>

#include <coroutine>
#include <utility>

namespace weft {

// The pattern of every non-blocking operation:
//
//     for (;;) {
//         const auto result = stream.try_read(buffer);       // the system call first
//         if (!result.would_block) co_return …;
//         co_await stream.read_readiness().wait();           // then wait, and try again
//     }
//
// A signal that comes while nobody waits is remembered, so a wait may end early and never sleeps too long.
// One task waits at a time; a second one gets UsageError.
class Readiness {
public:
    class Wait final : public detail::Waiter {
    public:
        explicit Wait(Readiness& readiness) noexcept : readiness_(readiness) {}
        bool await_ready() {
            if (cancel_pending()) return true;
            if (readiness_.waiter_) throw UsageError("two tasks wait for the same direction of one stream");
            return std::exchange(readiness_.signalled_, false);
        }
        void await_suspend(std::coroutine_handle<> frame) noexcept {
            park(frame);
            readiness_.waiter_ = this;
        }
        void await_resume() const { throw_if_cancelled(); }
        // Only a wait that still stands touches the readiness: the one that ended may have outlived it.
        ~Wait() {
            if (waiting()) readiness_.waiter_ = nullptr;
        }

    private:
        void unlink_wait() noexcept override { readiness_.waiter_ = nullptr; }
        Readiness& readiness_;
    };

    [[nodiscard("co_await it")]] Wait wait() noexcept { return Wait(*this); }

    // Wakes the waiter, or the next one.
    void signal() noexcept {
        if (waiter_) {
            std::exchange(waiter_, nullptr)->wake();
        } else {
            signalled_ = true;
        }
    }

    // Forgets a signal that was remembered: before a wait for something more than what was signalled. What is
    // waited for has to be looked at after this, and before the wait.
    void forget() noexcept { signalled_ = false; }

private:
    Wait* waiter_ = nullptr;
    bool signalled_ = false;
};

}  // namespace weft
