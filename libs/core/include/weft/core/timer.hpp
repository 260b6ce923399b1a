// A timer that lives in its user: arming and cancelling allocate nothing and cost a few nanoseconds.
//
// Resolution is one millisecond, and a timer is never early. Belongs to one loop and its thread.
#pragma once

#include <weft/core/intrusive_list.hpp>

#include <chrono>
#include <cstdint>

namespace weft {

using Clock = std::chrono::steady_clock;
using TimePoint = Clock::time_point;
using Duration = Clock::duration;

struct TimerListTag;

class Timer : public ListHook<TimerListTag> {
public:
    [[nodiscard]] bool armed() const noexcept { return linked(); }
    void disarm() noexcept { unlink(); }

    // Called by the loop when the time has come; the timer is no longer armed.
    virtual void fire() noexcept = 0;

protected:
    Timer() = default;
    ~Timer() = default;

private:
    friend class TimerWheel;
    std::uint64_t tick_ = 0;
};

// Seven levels of 64 slots: 1 ms ticks at the bottom, 139 years at the top.
class TimerWheel {
public:
    static constexpr std::uint64_t no_tick = ~std::uint64_t{0};

    // `tick` in milliseconds since the loop began; a tick that has passed fires at the next advance().
    void arm(Timer& timer, std::uint64_t tick) noexcept;

    // The tick at which advance() has something to do; may be early, never late. no_tick when empty.
    [[nodiscard]] std::uint64_t next_tick() noexcept;

    // Fires everything due up to and including `now`.
    void advance(std::uint64_t now) noexcept;

private:
    static constexpr int bits = 6;
    static constexpr int levels = 7;
    static constexpr std::uint64_t max_tick = (std::uint64_t{1} << (bits * levels)) - 1;
    using Slot = IntrusiveList<Timer, TimerListTag>;

    struct Expiry {
        int level;
        int slot;
        std::uint64_t tick;
    };
    [[nodiscard]] bool next_expiry(Expiry& out) noexcept;
    void place(Timer& timer) noexcept;

    std::uint64_t elapsed_ = 0;
    std::uint64_t occupied_[levels] = {};
    Slot slots_[levels][std::size_t{1} << bits];
    Slot due_;
};

}  // namespace weft
