// Tasks: values, errors, order, gather, groups, run.
#include <weft/core.hpp>

#include <gtest/gtest.h>

#include <csignal>
#include <memory>
#include <string>
#include <thread>

#include <unistd.h>

namespace weft {
namespace {

using namespace std::chrono_literals;

Task<int> doubled(int x) {
    co_await sleep(1ms);
    co_return 2 * x;
}

Task<int> failing(std::string text) {
    co_await yield();
    throw Error(text);
}

template <class T>
T run_manual(Task<T> task) {
    Loop loop(TimeSource::manual);
    return loop.run(std::move(task));
}

TEST(Task, gives_its_value) { EXPECT_EQ(run_manual(doubled(21)), 42); }

TEST(Task, gives_a_move_only_value) {
    auto make = []() -> Task<std::unique_ptr<int>> { co_return std::make_unique<int>(7); };
    EXPECT_EQ(*run_manual(make()), 7);
}

TEST(Task, gives_a_reference) {
    int variable = 1;
    auto refer = [&]() -> Task<int&> { co_return variable; };
    auto main = [&]() -> Task<void> {
        int& r = co_await refer();
        r = 5;
    };
    run_manual(main());
    EXPECT_EQ(variable, 5);
}

TEST(Task, throws_its_exception_out_of_run) { EXPECT_THROW(run_manual(failing("no route")), Error); }

TEST(Task, does_nothing_when_dropped_unawaited) {
    bool ran = false;
    auto body = [&]() -> Task<void> {
        ran = true;
        co_return;
    };
    { auto task = body(); }
    EXPECT_FALSE(ran);
}

TEST(Task, survives_a_million_synchronous_awaits) {
    auto leaf = [](int i) -> Task<int> { co_return i & 1; };
    auto main = [&]() -> Task<int> {
        int sum = 0;
        for (int i = 0; i < 1'000'000; ++i) sum += co_await leaf(i);
        co_return sum;
    };
    EXPECT_EQ(run_manual(main()), 500'000);
}

Task<int> recurse(int depth) {
    if (depth == 0) co_return 0;
    const int below = co_await recurse(depth - 1);
    co_return below + 1;
}

TEST(Task, survives_deep_recursion) { EXPECT_EQ(run_manual(recurse(10'000)), 10'000); }

TEST(Spawn, runs_concurrently_and_is_awaited_many_times) {
    auto main = []() -> Task<int> {
        auto handle = spawn(doubled(4), "doubler");
        EXPECT_EQ(handle.name(), "doubler");
        EXPECT_FALSE(handle.done());
        EXPECT_THROW(handle.result(), UsageError);
        const int first = co_await handle;
        const int second = co_await handle;
        EXPECT_TRUE(handle.done());
        co_return first + second;
    };
    EXPECT_EQ(run_manual(main()), 16);
}

TEST(Spawn, releases_what_the_task_held_when_it_ends) {
    auto held = std::make_shared<int>(1);
    auto body = [](std::shared_ptr<int> p) -> Task<void> {
        co_await yield();
        EXPECT_EQ(*p, 1);
    };
    auto main = [&]() -> Task<void> {
        auto handle = spawn(body(held));
        co_await handle;
        EXPECT_EQ(held.use_count(), 1);
    };
    run_manual(main());
}

TEST(Spawn, dropping_the_handle_cancels_and_the_loop_joins) {
    std::string log;
    auto body = [&]() -> Task<void> {
        try {
            co_await sleep(1h);
        } catch (const Cancelled&) {
            log += "cancelled;";
            throw;
        }
    };
    auto main = [&]() -> Task<void> {
        {
            auto handle = spawn(body());
            co_await yield();
        }
        log += "dropped;";
    };
    run_manual(main());
    EXPECT_EQ(log, "dropped;cancelled;");
}

TEST(Spawn, reports_an_error_that_nobody_took) {
    Loop loop(TimeSource::manual);
    std::string lost;
    loop.on_lost_error([](const std::string& name, std::exception_ptr,
                          void* user) { *static_cast<std::string*>(user) += name; },
                       &lost);
    auto main = []() -> Task<void> {
        auto handle = spawn(failing("x"), "loser");
        co_await sleep(1ms);
    };
    loop.run(main());
    EXPECT_EQ(lost, "loser");
}

TEST(Gather, gives_values_in_the_order_of_the_arguments) {
    auto text = []() -> Task<std::string> { co_return "two"; };
    auto nothing = []() -> Task<void> { co_return; };
    auto main = [&]() -> Task<void> {
        auto results = co_await gather(doubled(1), text(), nothing());
        EXPECT_EQ(std::get<0>(results), 2);
        EXPECT_EQ(std::get<1>(results), "two");
    };
    run_manual(main());
}

TEST(Gather, first_failure_cancels_and_joins_the_rest) {
    bool joined = false;
    auto slow = [&]() -> Task<int> {
        try {
            co_await sleep(1h);
        } catch (const Cancelled&) {
            joined = true;
            throw;
        }
        co_return 1;
    };
    auto main = [&]() -> Task<void> {
        try {
            co_await gather(slow(), failing("port down"));
            ADD_FAILURE() << "gather did not throw";
        } catch (const Error& e) {
            EXPECT_STREQ(e.what(), "port down");
            EXPECT_TRUE(joined);
        }
    };
    run_manual(main());
}

TEST(Gather, list_form_keeps_order_and_limit) {
    int running = 0;
    int most = 0;
    auto work = [&](int i) -> Task<int> {
        most = std::max(most, ++running);
        co_await sleep(std::chrono::milliseconds(10 - i));
        --running;
        co_return i;
    };
    auto main = [&]() -> Task<void> {
        std::vector<Task<int>> tasks;
        for (int i = 0; i < 10; ++i) tasks.push_back(work(i));
        const auto values = co_await gather(std::move(tasks), 3);
        EXPECT_EQ(values, (std::vector<int>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
        EXPECT_EQ(most, 3);
    };
    run_manual(main());
}

TEST(Gather, settled_gives_every_outcome) {
    auto main = []() -> Task<void> {
        std::vector<Task<int>> tasks;
        tasks.push_back(doubled(1));
        tasks.push_back(failing("timeout"));
        tasks.push_back(doubled(3));
        const auto outcomes = co_await gather_settled(std::move(tasks));
        EXPECT_EQ(outcomes.size(), 3u);
        EXPECT_EQ(outcomes[0].value(), 2);
        EXPECT_FALSE(outcomes[1].ok());
        EXPECT_EQ(outcomes[1].error_text(), "timeout");
        EXPECT_THROW(outcomes[1].value(), Error);
        EXPECT_EQ(outcomes[2].value(), 6);
    };
    run_manual(main());
}

TEST(TaskGroup, waits_for_its_tasks) {
    int sum = 0;
    auto add = [&](int x) -> Task<void> {
        co_await sleep(1ms);
        sum += x;
    };
    auto main = [&]() -> Task<void> {
        co_await with_task_group([&](TaskGroup& group) -> Task<void> {
            group.spawn(add(1), "one");
            group.spawn(add(2), "two");
            co_return;
        });
        EXPECT_EQ(sum, 3);
    };
    run_manual(main());
}

TEST(TaskGroup, a_failure_cancels_the_block_and_the_others) {
    std::string log;
    auto waiter = [&]() -> Task<void> {
        try {
            co_await sleep(1h);
        } catch (const Cancelled&) {
            log += "task;";
            throw;
        }
    };
    auto main = [&]() -> Task<void> {
        try {
            co_await with_task_group([&](TaskGroup& group) -> Task<void> {
                group.spawn(waiter());
                group.spawn(failing("lost carrier"), "carrier");
                try {
                    co_await sleep(1h);
                } catch (const Cancelled&) {
                    log += "block;";
                    throw;
                }
            });
        } catch (const Error& e) {
            log += e.what();
        }
        co_await sleep(1ms);  // the group's own cancellation must not leak into what follows
    };
    run_manual(main());
    EXPECT_TRUE(log == "task;block;lost carrier" || log == "block;task;lost carrier") << log;
}

TEST(TaskGroup, several_failures_arrive_together) {
    auto main = []() -> Task<void> {
        try {
            co_await with_task_group([&](TaskGroup& group) -> Task<void> {
                group.spawn(failing("a"), "first");
                group.spawn(failing("b"), "second");
                co_await sleep(1h);
            });
        } catch (const TaskGroupError& e) {
            EXPECT_EQ(e.failures().size(), 2u);
            EXPECT_EQ(e.failures()[1].task, "second");
            EXPECT_STREQ(e.what(), "2 tasks of the group failed: first: a; second: b");
            co_return;
        }
        ADD_FAILURE() << "no TaskGroupError";
    };
    run_manual(main());
}

TEST(TaskGroup, a_failure_after_a_block_that_does_not_wait_is_not_a_cancellation) {
    auto fail_now = []() -> Task<void> {
        throw Error("now");
        co_return;
    };
    auto main = [&]() -> Task<void> {
        try {
            co_await with_task_group([&](TaskGroup& group) -> Task<void> {
                group.spawn(fail_now());
                co_return;
            });
        } catch (const Error& e) {
            EXPECT_STREQ(e.what(), "now");
        }
        co_await sleep(1ms);
    };
    run_manual(main());
}

TEST(Loop, runs_what_other_threads_post) {
    auto main = []() -> Task<int> {
        Event done;
        int value = 0;
        Loop& loop = Loop::current();
        std::thread thread([&] {
            loop.post([&] {
                value = 3;
                done.set();
            });
        });
        co_await done.wait();
        thread.join();
        co_return value;
    };
    Loop loop;
    EXPECT_EQ(loop.run(main()), 3);
}

TEST(Loop, refuses_to_run_inside_itself) {
    auto main = []() -> Task<void> {
        Loop inner;
        EXPECT_THROW(inner.run(doubled(1)), UsageError);
        co_return;
    };
    Loop loop;
    loop.run(main());
}

TEST(Run, a_signal_cancels_the_main_task_and_gives_its_exit_status) {
    bool cleaned = false;
    auto main = [&]() -> Task<void> {
        ::kill(::getpid(), SIGINT);
        try {
            co_await sleep(1h);
        } catch (const Cancelled&) {
            cleaned = true;
            throw;
        }
    };
    EXPECT_EQ(run(main()), 130);
    EXPECT_TRUE(cleaned);
}

TEST(Run, gives_zero_after_success) {
    auto main = []() -> Task<void> { co_return; };
    EXPECT_EQ(run(main()), 0);
}

}  // namespace
}  // namespace weft
