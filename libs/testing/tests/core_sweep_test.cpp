// The combinators, the synchronisation and the generators of core, stopped at each of their steps.
#include <weft/core.hpp>
#include <weft/testing/sweep.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <vector>

namespace weft::testing {
namespace {

using namespace std::chrono_literals;

void sweep(const SweepScenario& scenario) {
    EXPECT_GT(sweep_destruction(scenario), 1u);
    EXPECT_GT(sweep_cancellation(scenario), 1u);
}

Task<int> after(Duration delay, int value) {
    co_await sleep(delay);
    co_return value;
}
Task<int> fail_after(Duration delay) {
    co_await sleep(delay);
    throw Error("expected");
}
// Takes time to end when it is cancelled.
Task<int> linger() {
    bool cancelled = false;
    try {
        co_await sleep(1h);
    } catch (const Cancelled&) {
        cancelled = true;
    }
    co_await sleep(1ms);
    if (cancelled) throw Cancelled();
    co_return 0;
}

TEST(CoreSweep, wait_for_the_first_then_for_all) {
    sweep([]() -> Task<void> {
        std::vector<TaskHandle<int>> handles;
        handles.push_back(spawn(after(1ms, 1)));
        handles.push_back(spawn(after(3ms, 2)));
        auto first = co_await wait(handles, WaitUntil::first_done);
        EXPECT_EQ(first.done.size(), 1u);
        auto none = co_await wait(handles, WaitUntil::all_done, 1ms);
        EXPECT_EQ(none.pending.size(), 1u);
        co_await wait(handles);
    });
}

TEST(CoreSweep, as_completed_with_a_limit) {
    sweep([]() -> Task<void> {
        std::vector<Task<int>> tasks;
        for (int i = 4; i > 0; --i) tasks.push_back(after(std::chrono::milliseconds(i), i));
        tasks.push_back(fail_after(1ms));
        auto completed = as_completed(std::move(tasks), 2);
        int count = 0;
        for (;;) {
            auto one = co_await completed.next();
            if (!one) break;
            ++count;
        }
        EXPECT_EQ(count, 5);
    });
}

TEST(CoreSweep, as_completed_that_is_closed_early) {
    sweep([]() -> Task<void> {
        std::vector<Task<int>> tasks;
        tasks.push_back(after(1ms, 1));
        tasks.push_back(linger());
        tasks.push_back(linger());
        auto completed = as_completed(std::move(tasks), 2);
        co_await completed.next();
        co_await completed.close();
        EXPECT_EQ(completed.left(), 0u);
    });
}

TEST(CoreSweep, races_with_a_loser_that_takes_its_time) {
    sweep([]() -> Task<void> {
        auto result = co_await race(linger(), after(1ms, 7));
        EXPECT_EQ(result.index(), 1u);
        bool failed = false;
        try {
            co_await race(linger(), fail_after(1ms));
        } catch (const Error&) {
            failed = true;
        }
        EXPECT_TRUE(failed);
        co_await yield();
    });
}

TEST(CoreSweep, shield_and_uncancellable) {
    sweep([]() -> Task<void> {
        auto kept = spawn(after(2ms, 2));
        const int shielded = co_await shield(kept);
        EXPECT_EQ(shielded, 2);
        co_await shield(after(2ms, 2));
        co_await uncancellable(after(2ms, 2));
        co_await yield();
    });
}

TEST(CoreSweep, timeout_at_that_passes) {
    sweep([]() -> Task<void> {
        const TimePoint end = Loop::current().now() + 3ms;
        co_await timeout_at(end, after(1ms, 1));
        bool passed = false;
        try {
            co_await timeout_at(end, linger());
        } catch (const TimeoutError&) {
            passed = true;
        }
        EXPECT_TRUE(passed);
        co_await yield();
    });
}

// A resource that must be closed by awaiting it, wherever its user is stopped.
int open_resources = 0;
class Resource {
public:
    Resource() : open_(std::make_unique<bool>(true)) { ++open_resources; }
    Resource(Resource&&) = default;
    ~Resource() {
        if (open_ && *open_) --open_resources;  // destroyed, not closed
    }
    Task<void> close() {
        co_await sleep(1ms);
        co_await yield();
        if (!*open_) throw Error("closed twice");
        *open_ = false;
        --open_resources;
        ++closed;
    }
    static inline int closed = 0;

private:
    std::unique_ptr<bool> open_;
};
Task<Resource> open_resource() {
    co_await sleep(1ms);
    co_return Resource();
}

TEST(CoreSweep, with_and_async_scope_close_on_every_path) {
    const SweepScenario scenario = []() -> Task<void> {
        const int closed = Resource::closed;
        const int value = co_await with(open_resource(), [](Resource&) -> Task<int> {
            co_await sleep(1ms);
            co_return 5;
        });
        EXPECT_EQ(value, 5);
        EXPECT_EQ(Resource::closed, closed + 1);
        bool failed = false;
        const auto body = [](AsyncScope& scope) -> Task<void> {
            scope.own(co_await open_resource());
            scope.own(co_await open_resource());
            co_await sleep(1ms);
            throw Error("expected");
        };
        try {
            co_await with_scope(body);
        } catch (const Error&) {
            failed = true;
        }
        EXPECT_TRUE(failed);
        EXPECT_EQ(Resource::closed, closed + 3);
    };
    const auto none_open = SweepOptions().check([] { EXPECT_EQ(open_resources, 0); });
    EXPECT_GT(sweep_destruction(scenario, none_open), 5u);
    const int closed = Resource::closed;
    const std::size_t runs = sweep_cancellation(scenario, none_open);
    EXPECT_GT(runs, 5u);
    EXPECT_GT(Resource::closed, closed + static_cast<int>(runs)) << "cancelled runs close by awaiting";
}

TEST(CoreSweep, lock_and_condition) {
    sweep([]() -> Task<void> {
        Lock lock;
        Condition changed;
        int stock = 0;
        const auto consume = [&]() -> Task<void> {
            auto guard = co_await lock.acquire();
            co_await changed.wait_until(guard, [&] { return stock > 0; });
            EXPECT_TRUE(lock.locked());
            --stock;
            co_await yield();
        };
        const auto produce = [&]() -> Task<void> {
            for (int i = 0; i < 2; ++i) {
                auto guard = co_await lock.acquire();
                co_await yield();
                ++stock;
                changed.notify();
            }
        };
        std::exception_ptr failure;
        try {
            co_await gather(consume(), consume(), produce());
        } catch (...) {
            failure = std::current_exception();
        }
        EXPECT_FALSE(lock.locked());
        if (failure) std::rethrow_exception(failure);
        EXPECT_EQ(stock, 0);
    });
}

TEST(CoreSweep, barrier_for_three) {
    sweep([]() -> Task<void> {
        Barrier barrier(3);
        const auto party = [&](int delay) -> Task<void> {
            for (int round = 0; round < 2; ++round) {
                co_await sleep(std::chrono::milliseconds(delay));
                co_await barrier.wait();
            }
        };
        co_await gather(party(1), party(2), party(3));
        EXPECT_EQ(barrier.waiting(), 0u);
    });
}

TEST(CoreSweep, queue_join_with_workers) {
    sweep([]() -> Task<void> {
        PriorityQueue<int> queue(2);
        const auto work = [&]() -> Task<void> {
            for (;;) {
                auto item = co_await queue.next();
                if (!item) break;
                co_await yield();
                queue.task_done();
            }
        };
        const auto feed = [&]() -> Task<void> {
            for (int i = 0; i < 5; ++i) co_await queue.put(5 - i);
            co_await queue.join();
            queue.close();
        };
        co_await gather(work(), work(), feed());
        EXPECT_EQ(queue.unfinished(), 0u);
    });
}

TEST(CoreSweep, channels_with_and_without_room) {
    sweep([]() -> Task<void> {
        for (std::size_t capacity : {0u, 2u}) {
            Channel<std::unique_ptr<int>> channel(capacity);
            const auto send = [](Sender<std::unique_ptr<int>> sender) -> Task<void> {
                for (int i = 0; i < 3; ++i) co_await sender.send(std::make_unique<int>(i));
            };
            const auto receive = [](Receiver<std::unique_ptr<int>> receiver) -> Task<int> {
                int count = 0;
                for (;;) {
                    auto item = co_await receiver.next();
                    if (!item) break;
                    ++count;
                }
                co_return count;
            };
            auto first = channel.sender;
            auto counts = co_await gather(send(std::move(first)), send(std::move(channel.sender)),
                                          receive(channel.receiver), receive(std::move(channel.receiver)));
            EXPECT_EQ(std::get<2>(counts) + std::get<3>(counts), 6);
        }
    });
}

AsyncGenerator<int> count(int n) {
    std::exception_ptr failure;
    try {
        for (int i = 0; i < n; ++i) {
            co_await sleep(1ms);
            co_yield i;
        }
    } catch (...) {
        failure = std::current_exception();
    }
    co_await yield();
    if (failure) std::rethrow_exception(failure);
}

TEST(CoreSweep, generators_and_their_adapters) {
    sweep([]() -> Task<void> {
        const auto slow = [](int i) -> Task<int> {
            co_await yield();
            co_return 2 * i;
        };
        auto even = filter(count(6), [](int i) { return i % 2 == 0; });
        auto values = co_await collect(limit(map(std::move(even), slow), 2));
        EXPECT_EQ(values, (std::vector<int>{0, 4}));
    });
}

TEST(CoreSweep, merge_to_its_end_and_closed_early) {
    sweep([]() -> Task<void> {
        auto values = co_await collect(merge(count(2), count(3)));
        EXPECT_EQ(values.size(), 5u);
        co_await with(merge(count(9), count(9)), [](auto& merged) -> Task<void> { co_await merged.next(); });
        co_await collect(limit(merge(count(9), count(9)), 3));
    });
}

TEST(CoreSweep, for_each_concurrent_of_both_kinds) {
    sweep([]() -> Task<void> {
        int done = 0;
        const auto work = [&](int item) -> Task<void> {
            co_await sleep(std::chrono::milliseconds(item));
            ++done;
        };
        std::vector<int> items(4, 1);
        co_await for_each_concurrent(items, 2, work);
        co_await for_each_concurrent(count(4), 2, work);
        EXPECT_EQ(done, 8);
    });
}

}  // namespace
}  // namespace weft::testing
