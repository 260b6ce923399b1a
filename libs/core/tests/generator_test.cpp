// AsyncGenerator and what is built on it.
#include <weft/core.hpp>

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace weft {
namespace {

using namespace std::chrono_literals;

template <class T>
T run_manual(Task<T> task) {
    Loop loop(TimeSource::manual);
    return loop.run(std::move(task));
}

AsyncGenerator<int> count(int from, int to, Duration pace = Duration(0), std::string* log = nullptr) {
    std::exception_ptr failure;
    try {
        for (int i = from; i < to; ++i) {
            if (pace > Duration(0)) co_await sleep(pace);
            co_yield i;
        }
    } catch (...) {
        failure = std::current_exception();
    }
    if (log) {
        co_await sleep(1ms);
        *log += "cleaned;";
    }
    if (failure) std::rethrow_exception(failure);
}

TEST(AsyncGenerator, gives_values_then_the_end_again_and_again) {
    auto main = []() -> Task<void> {
        auto numbers = count(0, 3, 1ms);
        std::vector<int> got;
        for (;;) {
            auto number = co_await numbers.next();
            if (!number) break;
            got.push_back(*number);
        }
        EXPECT_EQ(got, (std::vector<int>{0, 1, 2}));
        auto end = co_await numbers.next();
        EXPECT_FALSE(end);
        AsyncGenerator<int> empty;
        auto nothing = co_await empty.next();
        EXPECT_FALSE(nothing);
    };
    run_manual(main());
}

TEST(AsyncGenerator, moves_values_out) {
    auto make = []() -> AsyncGenerator<std::unique_ptr<int>> {
        co_yield std::make_unique<int>(1);
        auto named = std::make_unique<int>(2);
        co_yield std::move(named);
    };
    auto main = [&]() -> Task<void> {
        auto values = co_await collect(make());
        EXPECT_EQ(values.size(), 2u);
        EXPECT_EQ(*values[1], 2);
    };
    run_manual(main());
}

TEST(AsyncGenerator, survives_many_synchronous_values) {
    auto main = []() -> Task<void> {
        auto numbers = map(count(0, 300'000), [](int i) { return i & 1; });
        long sum = 0;
        for (;;) {
            auto number = co_await numbers.next();
            if (!number) break;
            sum += *number;
        }
        EXPECT_EQ(sum, 150'000);
    };
    run_manual(main());
}

TEST(AsyncGenerator, throws_its_error_once) {
    auto make = []() -> AsyncGenerator<int> {
        co_yield 1;
        throw Error("line cut");
    };
    auto main = [&]() -> Task<void> {
        auto numbers = make();
        co_await numbers.next();
        bool failed = false;
        try {
            co_await numbers.next();
        } catch (const Error&) {
            failed = true;
        }
        EXPECT_TRUE(failed);
        auto end = co_await numbers.next();
        EXPECT_FALSE(end);
    };
    run_manual(main());
}

// LeakSanitizer sees a task that its loop forgets.
TEST(AsyncGenerator, that_is_dropped_while_a_task_waits_in_it_leaves_the_task_to_its_loop) {
    auto numbers = std::make_unique<AsyncGenerator<int>>(count(0, 9, 1h));
    auto guard = std::make_shared<int>();
    {
        Loop loop(TimeSource::manual);
        auto wait = [&](std::shared_ptr<int>) -> Task<void> { co_await numbers->next(); };
        auto main = [&]() -> Task<TaskHandle<void>> {
            auto waiting = spawn(wait(guard), "waits");
            co_await yield();
            numbers.reset();
            co_return waiting;
        };
        auto waiting = loop.run_until_complete(main());
        EXPECT_EQ(loop.task_count(), 1u);
        EXPECT_EQ(guard.use_count(), 2);
    }
    EXPECT_EQ(guard.use_count(), 1);
}

TEST(AsyncGenerator, close_runs_its_clean_up_and_a_drop_destroys_it) {
    std::string log;
    auto main = [&]() -> Task<void> {
        auto numbers = count(0, 9, 1ms, &log);
        co_await numbers.next();
        co_await numbers.close();
        EXPECT_EQ(log, "cleaned;");
        auto end = co_await numbers.next();
        EXPECT_FALSE(end);
        co_await numbers.close();

        auto unstarted = count(0, 9, 1ms, &log);
        co_await unstarted.close();
        {
            auto dropped = count(0, 9, 1ms, &log);
            co_await dropped.next();
        }
        EXPECT_EQ(log, "cleaned;");

        auto stubborn = []() -> AsyncGenerator<int> {
            for (;;) {
                try {
                    co_yield 1;
                } catch (...) {
                }
            }
        };
        auto never = stubborn();
        co_await never.next();
        bool refused = false;
        try {
            co_await never.close();
        } catch (const UsageError&) {
            refused = true;
        }
        EXPECT_TRUE(refused);
    };
    run_manual(main());
}

TEST(AsyncGenerator, refuses_a_second_consumer) {
    auto main = []() -> Task<void> {
        auto numbers = count(0, 2, 5ms);
        auto take = [&]() -> Task<int> {
            auto number = co_await numbers.next();
            co_return *number;
        };
        auto first = spawn(take());
        co_await yield();
        bool refused = false;
        try {
            co_await take();
        } catch (const UsageError&) {
            refused = true;
        }
        EXPECT_TRUE(refused);
        const int got = co_await first;
        EXPECT_EQ(got, 0);
    };
    run_manual(main());
}

TEST(AsyncGenerator, is_closed_by_with) {
    std::string log;
    auto main = [&]() -> Task<void> {
        const int first = co_await with(count(5, 9, 1ms, &log), [](auto& numbers) -> Task<int> {
            auto number = co_await numbers.next();
            co_return *number;
        });
        EXPECT_EQ(first, 5);
        EXPECT_EQ(log, "cleaned;");
    };
    run_manual(main());
}

TEST(Generators, map_filter_and_limit_with_plain_and_awaiting_functions) {
    auto main = []() -> Task<void> {
        auto odd = filter(count(0, 100, 1ms), [](int i) { return i % 2 == 1; });
        const auto slow_square = [](int i) -> Task<std::string> {
            co_await sleep(1ms);
            co_return std::to_string(i * i);
        };
        auto squares = co_await collect(limit(map(std::move(odd), slow_square), 3));
        EXPECT_EQ(squares, (std::vector<std::string>{"1", "9", "25"}));
        const auto slow_test = [](int i) -> Task<bool> {
            co_await yield();
            co_return i > 1;
        };
        auto some = co_await collect(filter(count(0, 4), slow_test));
        EXPECT_EQ(some, (std::vector<int>{2, 3}));
    };
    run_manual(main());
}

TEST(Generators, close_their_source_at_the_limit_and_after_a_failure) {
    std::string log;
    auto main = [&]() -> Task<void> {
        co_await collect(limit(count(0, 9, 1ms, &log), 2));
        EXPECT_EQ(std::exchange(log, ""), "cleaned;");
        bool failed = false;
        const auto fail = [](int) -> int { throw Error("no"); };
        try {
            co_await collect(map(count(0, 9, 1ms, &log), fail));
        } catch (const Error&) {
            failed = true;
        }
        EXPECT_TRUE(failed);
        EXPECT_EQ(log, "cleaned;");
    };
    run_manual(main());
}

TEST(Generators, merge_gives_values_as_they_come) {
    auto main = []() -> Task<void> {
        auto merged = merge(count(0, 3, 10ms), count(100, 102, 14ms));
        auto values = co_await collect(std::move(merged));
        EXPECT_EQ(values, (std::vector<int>{0, 100, 1, 101, 2}));
        EXPECT_EQ(Loop::current().task_count(), 1u);
    };
    run_manual(main());
}

TEST(Generators, merge_joins_all_after_a_failure_a_close_and_a_drop) {
    std::string log;
    auto fail = []() -> AsyncGenerator<int> {
        co_yield 1;
        co_await sleep(5ms);
        throw Error("source died");
    };
    auto main = [&]() -> Task<void> {
        std::string error;
        try {
            co_await collect(merge(count(0, 100, 1ms, &log), fail()));
        } catch (const Error& e) {
            error = e.what();
        }
        EXPECT_EQ(error, "source died");
        EXPECT_EQ(std::exchange(log, ""), "cleaned;");
        EXPECT_EQ(Loop::current().task_count(), 1u);

        auto merged = merge(count(0, 100, 1ms, &log), count(0, 100, 1ms, &log));
        co_await merged.next();
        co_await merged.close();
        EXPECT_EQ(std::exchange(log, ""), "cleaned;cleaned;");
        EXPECT_EQ(Loop::current().task_count(), 1u);
        {
            auto dropped = merge(count(0, 100, 1ms), count(0, 100, 1ms));
            co_await dropped.next();
            EXPECT_EQ(Loop::current().task_count(), 3u);
        }
        EXPECT_EQ(Loop::current().task_count(), 1u);
        co_await sleep(5ms);
    };
    run_manual(main());
}

TEST(ForEachConcurrent, keeps_the_limit_and_fails_fast) {
    auto main = []() -> Task<void> {
        int running = 0;
        int most = 0;
        int done = 0;
        const auto work = [&](const int& item) -> Task<void> {
            most = std::max(most, ++running);
            co_await sleep(std::chrono::milliseconds(item));
            --running;
            ++done;
        };
        std::vector<int> items;
        for (int i = 0; i < 10; ++i) items.push_back(1 + i % 3);
        co_await for_each_concurrent(items, 4, work);
        EXPECT_EQ(done, 10);
        EXPECT_EQ(most, 4);
        most = 0;
        co_await for_each_concurrent(count(0, 10), 3, work);
        EXPECT_EQ(done, 20);
        EXPECT_EQ(most, 3);

        int started = 0;
        const auto fail = [&](int item) -> Task<void> {
            ++started;
            co_await sleep(1ms);
            if (item == 2) throw Error("two");
            co_await sleep(1h);
        };
        for (int form = 0; form < 2; ++form) {
            started = 0;
            std::string error;
            try {
                if (form == 0) {
                    co_await for_each_concurrent(items, 4, fail);
                } else {
                    co_await for_each_concurrent(count(0, 100), 4, fail);
                }
            } catch (const Error& e) {
                error = e.what();
            }
            EXPECT_EQ(error, "two");
            EXPECT_EQ(started, 4);
            EXPECT_EQ(Loop::current().task_count(), 1u);
        }
    };
    run_manual(main());
}

}  // namespace
}  // namespace weft
