// Time limits: timeout(duration, task) and the scope under it.
#pragma once

#include <weft/core/error.hpp>
#include <weft/core/loop.hpp>
#include <weft/core/sleep.hpp>
#include <weft/core/task.hpp>

#include <string>
#include <utility>

namespace weft {

// Cancels the running task when the time has come. Scopes nest; each turns only its own cancellation into a
// timeout, as asyncio.timeout does. Lives in the coroutine whose work it limits:
//
//     TimeoutScope scope(2s);
//     try { co_await work(); }
//     catch (const Cancelled&) { if (!scope.claim()) throw; timed_out = true; }
class TimeoutScope final : private Timer {
public:
    // Throws UsageError outside of a task.
    explicit TimeoutScope(Duration limit);
    explicit TimeoutScope(TimePoint end);
    TimeoutScope(const TimeoutScope&) = delete;
    TimeoutScope& operator=(const TimeoutScope&) = delete;
    ~TimeoutScope();

    // True when the Cancelled that has just been caught is this scope's and nobody else asked for one. Ends
    // the scope.
    [[nodiscard]] bool claim() noexcept;
    [[nodiscard]] bool expired() const noexcept { return expired_; }

    // Moves the end to `limit` from now. No effect once expired.
    void reschedule(Duration limit) noexcept;
    // The same, to a point of time. TimePoint::max() means never.
    void reschedule(TimePoint end) noexcept;

private:
    void fire() noexcept override;
    unsigned finish() noexcept;

    detail::TaskControl& task_;
    unsigned outer_requests_;
    detail::CancelRequest request_;
    bool expired_ = false;
    bool ended_ = false;
};

[[noreturn]] void throw_timeout(Duration limit);
[[noreturn]] void throw_deadline();

// Awaits `task` for at most `limit`. Then cancels it, waits until its clean-up is done, and throws
// TimeoutError. An operation that ended before its cancellation reached it gives its result: nothing is lost.
template <class T>
Task<T> timeout(Duration limit, Task<T> task) {
    TimeoutScope scope(limit);
    try {
        co_return co_await std::move(task);
    } catch (const Cancelled&) {
        if (!scope.claim()) throw;
    }
    throw_timeout(limit);
}

// The same with an end that is given as a time of the loop's clock (Loop::now() + …), for several operations
// that share one deadline. A time that has passed cancels the task at its first wait.
template <class T>
Task<T> timeout_at(TimePoint end, Task<T> task) {
    TimeoutScope scope(end);
    try {
        co_return co_await std::move(task);
    } catch (const Cancelled&) {
        if (!scope.claim()) throw;
    }
    throw_deadline();
}

inline Task<void> timeout(Duration limit, Sleep sleep) { return timeout(limit, Task<void>(sleep)); }

inline Task<void> timeout_at(TimePoint end, Sleep sleep) { return timeout_at(end, Task<void>(sleep)); }

}  // namespace weft
