// When a loop looks for events before it sleeps, and when it has learnt not to.
#include "busy_poll.hpp"

#include <weft/core.hpp>

#include <gtest/gtest.h>

#include <array>
#include <ctime>
#include <memory>
#include <optional>
#include <span>
#include <thread>
#include <utility>

#include <unistd.h>

namespace weft {
namespace {

using namespace std::chrono_literals;
using detail::BusyPoll;

constexpr Duration none = Duration::zero();

// A wait that ends at once.
void sleep_shortly(BusyPoll& policy, int times = 1) {
    for (int i = 0; i < times; ++i) const BusyPoll::Sleep sleep(policy);
}

class BusyPolling : public ::testing::Test {
protected:
    BusyPolling() {
        // So long that no wait of these tests is a long one, on however busy a machine.
        policy.set_limit(100s);
    }
    void SetUp() override {
        if (::sysconf(_SC_NPROCESSORS_ONLN) < 2) GTEST_SKIP() << "with one processor no loop looks";
    }
    BusyPoll policy;
};

TEST_F(BusyPolling, begins_after_waits_that_were_short) {
    EXPECT_EQ(policy.budget(), none);
    sleep_shortly(policy);
    EXPECT_EQ(policy.budget(), none);
    sleep_shortly(policy);
    EXPECT_EQ(policy.budget(), Duration(100s));
    policy.found(1us);
    EXPECT_EQ(policy.budget(), Duration(100s));
}

TEST_F(BusyPolling, begins_anew_after_a_long_wait) {
    policy.set_limit(100us);
    sleep_shortly(policy);
    {
        const BusyPoll::Sleep sleep(policy);
        std::this_thread::sleep_for(5ms);
    }
    policy.set_limit(100s);
    sleep_shortly(policy);
    EXPECT_EQ(policy.budget(), none);
}

TEST_F(BusyPolling, costs_more_patience_with_every_failure_until_it_pays_again) {
    const auto waits_until_it_looks = [&] {
        int waits = 0;
        for (; policy.budget() == none && waits < 5000; ++waits) sleep_shortly(policy);
        return waits;
    };
    EXPECT_EQ(waits_until_it_looks(), 2);
    for (const int penalty : {1, 2, 4, 8}) {
        policy.missed();
        EXPECT_EQ(waits_until_it_looks(), penalty + 2);
    }
    for (int i = 0; i < 16; ++i) policy.found(1us);
    policy.missed();
    EXPECT_EQ(waits_until_it_looks(), 1 + 2);
    for (int i = 0; i < 20; ++i) {
        policy.missed();
        (void)waits_until_it_looks();
    }
    policy.missed();
    EXPECT_EQ(waits_until_it_looks(), 1024 + 2);
}

TEST_F(BusyPolling, with_a_limit_of_zero_never_begins) {
    policy.set_limit(none);
    sleep_shortly(policy, 100);
    EXPECT_EQ(policy.budget(), none);
}

TEST_F(BusyPolling, goes_on_only_while_it_takes_less_than_sleeping) {
    policy.set_limit(std::nullopt);
    const auto begin = [&] {
        for (int i = 0; i < 5000 && policy.budget() == none; ++i) sleep_shortly(policy);
    };
    begin();
    EXPECT_GT(policy.budget(), none);
    EXPECT_LE(policy.budget(), Duration(100us));
    for (int i = 0; i < 100; ++i) policy.found(1ns);
    EXPECT_GT(policy.budget(), none);
    for (int i = 0; i < 100 && policy.budget() != none; ++i) policy.found(1ms);
    EXPECT_EQ(policy.budget(), none);
    // What does not pay is tried less and less.
    int waits = 0;
    for (int round = 0; round < 20; ++round) {
        begin();
        // The first ones find the other side asleep.
        for (int i = 0; i < 15; ++i) policy.found(1ms);
        EXPECT_GT(policy.budget(), none);
        policy.found(1ms);
        EXPECT_EQ(policy.budget(), none);
    }
    for (; waits < 5000 && policy.budget() == none; ++waits) sleep_shortly(policy);
    EXPECT_GE(waits, 64);
}

Duration cpu_time() {
    timespec time{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

Task<void> echo(std::unique_ptr<Stream> in, std::unique_ptr<Stream> out) {
    std::array<std::byte, 1> byte{};
    for (;;) {
        const std::size_t n = co_await in->read_some(byte);
        if (n == 0) co_return;
        co_await out->write_all(std::span<const std::byte>(byte));
    }
}

Task<Duration> ask_and_idle(std::unique_ptr<Stream> out, std::unique_ptr<Stream> in) {
    std::array<std::byte, 1> asked{};
    std::array<std::byte, 1> answer{};
    for (unsigned i = 0; i < 500; ++i) {
        asked[0] = static_cast<std::byte>(i);
        co_await out->write_all(std::span<const std::byte>(asked));
        co_await in->read_exactly(answer);
        EXPECT_EQ(answer, asked);
        if (i % 100 == 0) co_await sleep(2ms);
    }
    const Duration before = cpu_time();
    co_await sleep(200ms);
    const Duration used = cpu_time() - before;
    co_return used;
}

// An answer that comes while the loop looks is taken, one that comes later wakes it, and with nothing to do
// it sleeps.
TEST(BusyPollingLoop, takes_every_event_and_sleeps_when_none_comes) {
    Pipe there = make_pipe();
    Pipe back = make_pipe();
    std::thread other([&] {
        Loop loop;
        loop.busy_poll(1ms);
        loop.run(echo(std::move(there.reader), std::move(back.writer)));
    });
    Loop loop;
    loop.busy_poll(1ms);
    const Duration used = loop.run(ask_and_idle(std::move(there.writer), std::move(back.reader)));
    other.join();
    EXPECT_LT(used, Duration(100ms));
}

Task<Duration> sleep_often() {
    const TimePoint begin = Clock::now();
    for (int i = 0; i < 20; ++i) co_await sleep(1ms);
    co_return Clock::now() - begin;
}

// A limit may be longer than the time until the next timer.
TEST(BusyPollingLoop, ends_a_look_when_a_timer_is_due) {
    for (const Duration limit : {Duration(3s), Duration::max()}) {
        Loop loop;
        loop.busy_poll(limit);
        const Duration slept = loop.run(sleep_often());
        EXPECT_GE(slept, Duration(20ms));
        EXPECT_LT(slept, Duration(2s));
    }
}

}  // namespace
}  // namespace weft
