// The timer wheel: order, cascades, disarming.
#include <weft/core.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <random>
#include <vector>

namespace weft {
namespace {

using namespace std::chrono_literals;

struct Recorder final : Timer {
    std::uint64_t wanted = 0;
    std::vector<std::uint64_t>* fired = nullptr;
    void fire() noexcept override { fired->push_back(wanted); }
};

TEST(TimerWheel, fires_in_order_at_every_distance) {
    TimerWheel wheel;
    std::vector<std::uint64_t> fired;
    std::mt19937_64 random(42);
    std::deque<Recorder> timers;
    for (int i = 0; i < 2000; ++i) {
        Recorder& timer = timers.emplace_back();
        timer.wanted = random() >> (24 + random() % 38);
        timer.fired = &fired;
        wheel.arm(timer, timer.wanted);
    }
    std::uint64_t now = 0;
    while (fired.size() < timers.size()) {
        const std::uint64_t next = wheel.next_tick();
        ASSERT_NE(next, TimerWheel::no_tick);
        now = std::max(now, next);
        const std::size_t before = fired.size();
        wheel.advance(now);
        for (std::size_t i = before; i < fired.size(); ++i) ASSERT_EQ(fired[i], now);
    }
    EXPECT_TRUE(std::is_sorted(fired.begin(), fired.end()));
    EXPECT_EQ(wheel.next_tick(), TimerWheel::no_tick);
}

TEST(TimerWheel, a_disarmed_timer_does_not_fire) {
    TimerWheel wheel;
    std::vector<std::uint64_t> fired;
    Recorder a;
    Recorder b;
    a.fired = b.fired = &fired;
    a.wanted = 5;
    b.wanted = 7000;
    wheel.arm(a, 5);
    wheel.arm(b, 7000);
    a.disarm();
    wheel.advance(10'000);
    EXPECT_EQ(fired, std::vector<std::uint64_t>{7000});
}

TEST(TimerWheel, arming_again_moves_the_timer) {
    TimerWheel wheel;
    std::vector<std::uint64_t> fired;
    Recorder a;
    a.fired = &fired;
    wheel.arm(a, 5);
    wheel.arm(a, 50);
    wheel.advance(49);
    EXPECT_TRUE(fired.empty());
    wheel.advance(50);
    EXPECT_EQ(fired.size(), 1u);
}

TEST(Sleep, is_never_early_in_real_time) {
    auto main = []() -> Task<void> {
        for (const auto delay : {0ms, 1ms, 3ms, 10ms}) {
            const auto start = Clock::now();
            co_await sleep(delay);
            EXPECT_GE(Clock::now() - start, delay);
        }
    };
    Loop loop;
    loop.run(main());
}

TEST(Sleep, a_manual_clock_jumps) {
    auto main = []() -> Task<void> {
        const auto start = Loop::current().now();
        co_await sleep(24h);
        EXPECT_EQ(Loop::current().now() - start, 24h);
    };
    Loop loop(TimeSource::manual);
    loop.run(main());
}

}  // namespace
}  // namespace weft
