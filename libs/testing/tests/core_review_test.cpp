// Corners of core's cancellation and lifetime that a review found wrong; each test failed before its fix.
#include <weft/core.hpp>
#include <weft/testing/co_test.hpp>
#include <weft/testing/loop_stepper.hpp>

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace weft::testing {
namespace {

using namespace std::chrono_literals;

struct SetEvent final : Timer {
    explicit SetEvent(Event& e) : event(e) {}
    void fire() noexcept override { event.set(); }
    Event& event;
};

// A limit whose time comes when its work is done already asks for a cancellation that never is thrown. It
// must not reach a later wait, also when the task is cancelled for another reason.
CO_TEST_MANUAL(TimeoutScope, an_undelivered_expiry_does_not_leak_into_the_clean_up) {
    std::string log;
    const auto worker = [&]() -> Task<void> {
        bool cancelled = false;
        try {
            co_await sleep(1h);
        } catch (const Cancelled&) {
            cancelled = true;
        }
        EXPECT_TRUE(cancelled);
        {
            // Both timers fire in one turn: the event wakes the task, then the scope expires.
            Event done;
            SetEvent set(done);
            Loop::current().arm_after(set, 10ms);
            TimeoutScope scope(10ms);
            co_await done.wait();
            EXPECT_TRUE(scope.expired());
        }
        co_await sleep(1ms);
        log = "cleaned";
    };
    auto handle = spawn(worker());
    co_await sleep(1ms);
    handle.cancel();
    bool cancelled = false;
    try {
        co_await handle;
    } catch (const Cancelled&) {
        cancelled = true;
    }
    EXPECT_FALSE(cancelled);
    EXPECT_EQ(log, "cleaned");
}

// The same for the cancellation with which a failing group interrupts its own block.
CO_TEST_MANUAL(TaskGroup, an_undelivered_stop_does_not_turn_into_a_cancellation) {
    std::string log;
    const auto fails = [](Event& go) -> Task<void> {
        co_await go.wait();
        throw Error("child failed");
    };
    const auto worker = [&]() -> Task<void> {
        bool cancelled = false;
        try {
            co_await sleep(1h);
        } catch (const Cancelled&) {
            cancelled = true;
        }
        EXPECT_TRUE(cancelled);
        // Clean-up with a group whose child fails while the block is just about to end.
        Event go;
        const auto body = [&](TaskGroup& group) -> Task<void> {
            group.spawn(fails(go));
            co_await yield();
            go.set();
            co_await yield();
        };
        try {
            co_await with_task_group(body);
        } catch (const Error& e) {
            log = e.what();
        }
        co_await sleep(1ms);
        log += "; cleaned";
    };
    auto handle = spawn(worker());
    co_await sleep(1ms);
    handle.cancel();
    try {
        co_await handle;
    } catch (const Cancelled&) {
        log += "; cancelled again";
    }
    EXPECT_EQ(log, "child failed; cleaned");
}

CO_TEST_MANUAL(TaskHandle, a_task_that_waits_for_itself_is_told_so) {
    std::optional<TaskHandle<void>> self;
    std::string text;
    const auto body = [&]() -> Task<void> {
        co_await yield();
        try {
            co_await *self;
        } catch (const UsageError& e) {
            text = e.what();
        }
    };
    self.emplace(spawn(body(), "narcissus"));
    co_await sleep(1ms);
    EXPECT_EQ(text, "task 'narcissus' waits for its own end");
    self.reset();
}

// Dropping a loop destroys its tasks newest first: a younger one may hold what an older one owns.
TEST(Loop, destruction_does_not_touch_what_an_older_task_owned) {
    Event never;
    const auto holder = [](Semaphore& semaphore, Event& event) -> Task<void> {
        auto permit = co_await semaphore.acquire();
        co_await event.wait();
    };
    const auto owner = [&]() -> Task<void> {
        auto semaphore = std::make_unique<Semaphore>(1);
        auto handle = spawn(holder(*semaphore, never));
        co_await never.wait();
    };
    const auto main = [&]() -> Task<void> {
        // In a frame of its own that dies with the loop, as main's does.
        auto semaphore = std::make_unique<Semaphore>(1);
        std::vector<TaskHandle<void>> handles;
        handles.push_back(spawn(holder(*semaphore, never)));
        handles.push_back(spawn(holder(*semaphore, never)));
        handles.push_back(spawn(owner()));
        co_await never.wait();
    };
    constexpr int resumptions = 5;  // each of the five tasks runs once, and then waits for ever
    for (int steps = 0; steps <= resumptions; ++steps) {
        LoopStepper stepper(main(), TimeSource::manual);
        for (int i = 0; i < steps; ++i) stepper.step();
    }
}

// The stream that a task waits on dies first; the wait is over and touches nothing of it.
CO_TEST_MANUAL(Readiness, a_wait_may_outlive_what_it_waited_for) {
    auto readiness = std::make_unique<Readiness>();
    const auto waiter = [](Readiness& r) -> Task<void> { co_await r.wait(); };
    auto handle = spawn(waiter(*readiness));
    co_await yield();
    readiness->signal();
    readiness.reset();
    co_await handle;
}

TEST(LoopPost, functions_of_many_threads_all_run_on_the_loop) {
    Loop loop;
    constexpr int threads = 4;
    constexpr int each = 2000;
    int ran = 0;  // touched on the loop's thread only
    Event all;
    const auto loop_thread = std::this_thread::get_id();
    const auto main = [&]() -> Task<void> { co_await all.wait(); };
    std::vector<std::thread> posters;
    for (int t = 0; t < threads; ++t)
        posters.emplace_back([&] {
            for (int i = 0; i < each; ++i)
                loop.post([&] {
                    EXPECT_EQ(std::this_thread::get_id(), loop_thread);
                    if (++ran == threads * each) all.set();
                });
        });
    loop.run(main());
    for (std::thread& poster : posters) poster.join();
    EXPECT_EQ(ran, threads * each);
}

TEST(LoopPost, a_function_that_never_runs_is_destroyed_with_the_loop) {
    auto held = std::make_shared<int>(0);
    {
        Loop loop;
        loop.post([held] { ++*held; });
        EXPECT_EQ(held.use_count(), 2);
    }
    EXPECT_EQ(held.use_count(), 1);
    EXPECT_EQ(*held, 0);
}

}  // namespace
}  // namespace weft::testing
