// The doors between threads, with random times and cancellations. For ThreadSanitizer, above all.
// WEFT_STRESS_SEED=n repeats what a failure printed, as far as threads allow.
#include <weft/core.hpp>

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace weft::testing {
namespace {

using namespace std::chrono_literals;

unsigned stress_seed() {
    const char* given = std::getenv("WEFT_STRESS_SEED");
    const unsigned seed =
        given ? static_cast<unsigned>(std::strtoul(given, nullptr, 10)) : std::random_device()();
    std::cout << "WEFT_STRESS_SEED=" << seed << std::endl;
    return seed;
}

std::atomic<int> tokens_alive = 0;
struct Token {
    explicit Token(int n) : number(n) { ++tokens_alive; }
    Token(const Token&) = delete;
    Token& operator=(const Token&) = delete;
    ~Token() { --tokens_alive; }
    int number;
};

TEST(ThreadStress, calls_that_are_cancelled_at_random_give_their_value_or_nothing) {
    std::mt19937 random(stress_seed());
    std::atomic<int> begun = 0;
    std::atomic<int> ended = 0;
    int values = 0;
    int cancelled = 0;
    constexpr int rounds = 20;
    constexpr int calls = 25;
    for (int round = 0; round < rounds; ++round) {
        const auto call = [&](ThreadPool& pool, int number, unsigned spins) -> Task<void> {
            auto work = [&begun, &ended, spins, token = std::make_shared<Token>(number)] {
                ++begun;
                for (unsigned i = 0; i < spins; ++i) std::this_thread::yield();
                ++ended;
                return token;
            };
            auto back = co_await to_thread(pool, std::move(work));
            EXPECT_EQ(back->number, number);
            ++values;
        };
        const auto main = [&]() -> Task<void> {
            ThreadPool pool(3);
            std::vector<TaskHandle<void>> handles;
            for (int i = 0; i < calls; ++i) handles.push_back(spawn(call(pool, i, random() % 6)));
            for (unsigned turns = random() % 30; turns > 0; --turns) co_await yield();
            for (auto& handle : handles)
                if (random() % 2 == 0) handle.cancel();
            co_await wait(handles);
            for (auto& handle : handles) cancelled += handle.cancelled() ? 1 : 0;
        };
        Loop loop;
        loop.run(main());
    }
    EXPECT_EQ(values + cancelled, rounds * calls);
    EXPECT_GT(cancelled, 0);
    EXPECT_EQ(begun, ended);
    EXPECT_EQ(tokens_alive, 0);
}

TEST(ThreadStress, loops_that_post_to_each_other_lose_nothing) {
    constexpr unsigned count = 3;
    constexpr int each = 2000;
    std::array<std::atomic<Loop*>, count> loops{};
    std::atomic<unsigned> ready = 0;
    std::atomic<unsigned> done = 0;
    const unsigned seed = stress_seed();
    const auto main = [&](unsigned index) -> Task<void> {
        std::mt19937 random(seed + index);
        // Of this loop alone.
        int got = 0;
        Event all;
        const auto take = [&] {
            if (++got == each * static_cast<int>(count - 1)) all.set();
        };
        static thread_local const std::function<void()>* taker = nullptr;
        const std::function<void()> function = take;
        taker = &function;
        loops[index] = &Loop::current();
        ++ready;
        while (ready < count) co_await sleep(1ms);
        for (int i = 0; i < each; ++i) {
            for (unsigned other = 0; other < count; ++other) {
                if (other == index) continue;
                auto token = std::make_shared<Token>(i);
                loops[other].load()->post([token] { (*taker)(); });
            }
            if (random() % 64 == 0) co_await yield();
        }
        co_await all.wait();
        // A loop may go when nobody is in its post() any more.
        ++done;
        while (done < count) co_await sleep(1ms);
        EXPECT_EQ(got, each * static_cast<int>(count - 1));
    };
    EXPECT_EQ(run(main, RunOptions().loops(count)), 0);
    EXPECT_EQ(tokens_alive, 0);
}

TEST(ThreadStress, threads_with_blocking_calls_of_their_own) {
    std::vector<std::thread> threads;
    std::atomic<int> sum = 0;
    for (int t = 0; t < 4; ++t)
        threads.emplace_back([&, t] {
            const auto work = [](int n) -> Task<int> {
                co_await yield();
                co_return n;
            };
            for (int i = 0; i < 200; ++i) sum += sync_wait(timeout(10s, work(t)));
        });
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(sum, 200 * (0 + 1 + 2 + 3));
}

}  // namespace
}  // namespace weft::testing
