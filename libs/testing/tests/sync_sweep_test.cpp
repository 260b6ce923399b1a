// The rest of the synchronisation under contention, stopped at each step.
#include <weft/core.hpp>
#include <weft/testing/sweep.hpp>

#include <gtest/gtest.h>

#include <exception>
#include <memory>
#include <string>
#include <vector>

namespace weft::testing {
namespace {

using namespace std::chrono_literals;

void sweep(const SweepScenario& scenario) {
    EXPECT_GT(sweep_destruction(scenario), 1u);
    EXPECT_GT(sweep_cancellation(scenario), 1u);
}

// Runs `body` and then `check`, on every path on which the frame goes on.
template <class Body, class Check>
Task<void> and_then(Body& body, Check& check) {
    std::exception_ptr failure;
    try {
        co_await body();
    } catch (...) {
        failure = std::current_exception();
    }
    check();
    if (failure) std::rethrow_exception(failure);
}

TEST(SyncSweep, a_lock_among_tasks_of_which_one_gives_up) {
    sweep([]() -> Task<void> {
        Lock lock;
        int inside = 0;
        const auto hold = [&]() -> Task<void> {
            for (int i = 0; i < 2; ++i) {
                auto guard = co_await lock.acquire();
                EXPECT_EQ(++inside, 1);
                struct Leave {
                    int& count;
                    ~Leave() { --count; }
                } leave{inside};
                co_await sleep(2ms);
            }
        };
        const auto impatient = [&]() -> Task<void> {
            bool late = false;
            try {
                co_await timeout(1ms, hold());
            } catch (const TimeoutError&) {
                late = true;
            }
            EXPECT_TRUE(late);
        };
        const auto body = [&]() -> Task<void> { co_await gather(hold(), impatient(), hold()); };
        const auto check = [&] { EXPECT_FALSE(lock.locked()); };
        co_await and_then(body, check);
    });
}

TEST(SyncSweep, a_bounded_semaphore) {
    sweep([]() -> Task<void> {
        BoundedSemaphore semaphore(2);
        const auto use = [&]() -> Task<void> {
            auto permit = co_await semaphore.acquire();
            co_await sleep(1ms);
        };
        const auto body = [&]() -> Task<void> {
            std::vector<Task<void>> tasks;
            for (int i = 0; i < 5; ++i) tasks.push_back(use());
            co_await gather(std::move(tasks));
        };
        const auto check = [&] { EXPECT_EQ(semaphore.available(), 2u); };
        co_await and_then(body, check);
    });
}

TEST(SyncSweep, an_event_that_is_set_and_cleared_again) {
    sweep([]() -> Task<void> {
        Event event;
        const auto wait = [&]() -> Task<void> {
            for (int i = 0; i < 2; ++i) {
                co_await event.wait();
                co_await sleep(3ms);
            }
        };
        const auto set = [&]() -> Task<void> {
            for (int i = 0; i < 3; ++i) {
                co_await sleep(2ms);
                event.set();
                event.clear();
            }
        };
        co_await gather(wait(), wait(), set());
    });
}

TEST(SyncSweep, a_lifo_queue_that_is_full_and_empty_by_turns) {
    sweep([]() -> Task<void> {
        LifoQueue<std::unique_ptr<int>> queue(1);
        const auto put = [&]() -> Task<void> {
            for (int i = 0; i < 3; ++i) {
                auto item = std::make_unique<int>(i);
                co_await queue.put(std::move(item));
            }
        };
        const auto get = [&]() -> Task<void> {
            for (int i = 0; i < 3; ++i) {
                auto item = co_await queue.get();
                EXPECT_NE(item, nullptr);
                co_await yield();
            }
        };
        co_await gather(put(), put(), get(), get());
        EXPECT_TRUE(queue.empty());
    });
}

TEST(SyncSweep, a_queue_that_is_closed_under_those_who_wait) {
    sweep([]() -> Task<void> {
        Queue<int> queue(1);
        int refused = 0;
        const auto put = [&]() -> Task<void> {
            try {
                co_await queue.put(1);
                co_await queue.put(2);
            } catch (const ClosedError&) {
                ++refused;
            }
        };
        const auto close = [&]() -> Task<void> {
            co_await sleep(1ms);
            queue.close_and_drop();
        };
        const auto join = [&]() -> Task<void> {
            co_await yield();
            co_await queue.join();
        };
        co_await gather(put(), put(), join(), close());
        EXPECT_EQ(refused, 2);
        EXPECT_EQ(queue.unfinished(), 0u);
    });
}

TEST(SyncSweep, a_scope_whose_end_is_moved) {
    sweep([]() -> Task<void> {
        TimeoutScope scope(1ms);
        scope.reschedule(5ms);
        co_await sleep(2ms);
        scope.reschedule(1ms);
        bool mine = false;
        bool other = false;
        try {
            co_await sleep(1h);
        } catch (const Cancelled&) {
            mine = scope.claim();
            other = !mine;
        }
        if (other) throw Cancelled();
        co_await yield();
        EXPECT_TRUE(mine);
    });
}

TEST(SyncSweep, groups_in_groups_whose_tasks_add_tasks) {
    sweep([]() -> Task<void> {
        int ended = 0;
        const auto leaf = [&](int delay) -> Task<void> {
            co_await sleep(std::chrono::milliseconds(delay));
            ++ended;
        };
        const auto outer = [&](TaskGroup& group) -> Task<void> {
            const auto adding = [&]() -> Task<void> {
                co_await sleep(1ms);
                group.spawn(leaf(2), "added");
                const auto inner = [&](TaskGroup& nested) -> Task<void> {
                    nested.spawn(leaf(1));
                    nested.spawn(leaf(2));
                    co_await yield();
                };
                co_await with_task_group(inner);
            };
            group.spawn(adding());
            co_await yield();
            co_await sleep(10ms);  // `adding` uses this frame
        };
        co_await with_task_group(outer);
        EXPECT_EQ(ended, 3);
    });
}

}  // namespace
}  // namespace weft::testing
