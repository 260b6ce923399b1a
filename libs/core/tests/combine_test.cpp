// wait, as_completed, race, shield, uncancellable, timeout_at, with, AsyncScope.
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

Task<int> after(Duration delay, int value) {
    co_await sleep(delay);
    co_return value;
}
Task<int> fail_after(Duration delay, std::string text) {
    co_await sleep(delay);
    throw Error(text);
}

std::vector<TaskHandle<int>> three() {
    std::vector<TaskHandle<int>> handles;
    handles.push_back(spawn(after(30ms, 30)));
    handles.push_back(spawn(fail_after(20ms, "twenty")));
    handles.push_back(spawn(after(10ms, 10)));
    return handles;
}

using Places = std::vector<std::size_t>;

TEST(Wait, ends_with_the_first_the_first_failure_or_all) {
    auto main = []() -> Task<void> {
        auto handles = three();
        auto first = co_await wait(handles, WaitUntil::first_done);
        EXPECT_EQ(first.done, Places{2});
        EXPECT_EQ(first.pending, (Places{0, 1}));
        auto failure = co_await wait(handles, WaitUntil::first_failure);
        EXPECT_EQ(failure.done, (Places{1, 2}));
        auto again = co_await wait(handles, WaitUntil::first_done);
        EXPECT_EQ(again.done, (Places{1, 2})) << "at once";
        auto all = co_await wait(handles);
        EXPECT_TRUE(all.pending.empty());
        EXPECT_NE(handles[1].exception(), nullptr);
        auto none = co_await wait(std::vector<AnyTask>());
        EXPECT_TRUE(none.done.empty());
    };
    run_manual(main());
}

TEST(Wait, neither_a_time_limit_nor_a_cancellation_touches_the_tasks) {
    auto main = []() -> Task<void> {
        auto handles = three();
        auto result = co_await wait(handles, WaitUntil::all_done, 15ms);
        EXPECT_EQ(result.done, Places{2});
        auto waiter = [&]() -> Task<void> { co_await wait(handles); };
        auto handle = spawn(waiter());
        co_await yield();
        handle.cancel();
        bool cancelled = false;
        try {
            co_await handle;
        } catch (const Cancelled&) {
            cancelled = true;
        }
        EXPECT_TRUE(cancelled);
        const int value = co_await handles[0];
        EXPECT_EQ(value, 30);
        EXPECT_NE(handles[1].exception(), nullptr);
    };
    run_manual(main());
}

TEST(AsCompleted, gives_outcomes_as_they_come_within_the_limit) {
    auto main = []() -> Task<void> {
        std::vector<Task<int>> tasks;
        tasks.push_back(after(30ms, 30));
        tasks.push_back(fail_after(20ms, "twenty"));
        tasks.push_back(after(5ms, 5));
        auto completed = as_completed(std::move(tasks), 2);
        std::string order;
        for (;;) {
            auto one = co_await completed.next();
            if (!one) break;
            order +=
                std::to_string(one->index) + (one->ok() ? "=" + std::to_string(one->value()) : "!") + ";";
        }
        EXPECT_EQ(order, "1!;2=5;0=30;") << "the third starts when the second has ended";
        EXPECT_EQ(completed.left(), 0u);
    };
    run_manual(main());
}

TEST(AsCompleted, close_cancels_and_joins_what_is_left) {
    auto main = []() -> Task<void> {
        int cleaned = 0;
        auto slow = [&]() -> Task<int> {
            bool cancelled = false;
            try {
                co_await sleep(1h);
            } catch (const Cancelled&) {
                cancelled = true;
            }
            if (cancelled) co_await sleep(1ms);
            ++cleaned;
            co_return 0;
        };
        std::vector<Task<int>> tasks;
        tasks.push_back(after(1ms, 1));
        tasks.push_back(slow());
        tasks.push_back(slow());
        auto completed = as_completed(std::move(tasks), 2);
        auto first = co_await completed.next();
        EXPECT_EQ(first->value(), 1);
        co_await yield();
        co_await completed.close();
        EXPECT_EQ(cleaned, 2);
        EXPECT_EQ(Loop::current().task_count(), 1u);
    };
    run_manual(main());
}

TEST(Gather, starts_in_the_order_of_the_arguments_and_so_does_race) {
    std::string order;
    const auto note = [&](std::string name) -> Task<void> {
        order += name;
        co_await yield();
        order += name;
    };
    const auto main = [&]() -> Task<void> {
        co_await gather(note("a"), note("b"), note("c"));
        auto first = co_await race(note("d"), note("e"));
        EXPECT_EQ(first.index(), 0u);
    };
    Loop loop(TimeSource::manual);
    loop.run(main());
    EXPECT_EQ(order, "abcabcdede");
}

TEST(Race, the_first_wins_and_the_others_are_cancelled_and_joined) {
    auto main = []() -> Task<void> {
        bool cleaned = false;
        auto loser = [&]() -> Task<std::string> {
            try {
                co_await sleep(1h);
            } catch (const Cancelled&) {
                cleaned = true;
                throw;
            }
            co_return "late";
        };
        auto result = co_await race(loser(), after(5ms, 5));
        EXPECT_EQ(result.index(), 1u);
        EXPECT_EQ(std::get<1>(result), 5);
        EXPECT_TRUE(cleaned);

        std::vector<Task<int>> tasks;
        tasks.push_back(after(9ms, 9));
        tasks.push_back(after(3ms, 3));
        auto listed = co_await race(std::move(tasks));
        EXPECT_EQ(listed.index, 1u);
        EXPECT_EQ(listed.value, 3);

        std::string error;
        try {
            co_await race(after(9ms, 9), fail_after(1ms, "one"));
        } catch (const Error& e) {
            error = e.what();
        }
        EXPECT_EQ(error, "one") << "a failure is an end too";
    };
    run_manual(main());
}

TEST(Race, a_cancellation_reaches_all_unless_one_has_won) {
    auto main = []() -> Task<void> {
        int cancelled = 0;
        auto slow = [&]() -> Task<int> {
            try {
                co_await sleep(1h);
            } catch (const Cancelled&) {
                ++cancelled;
                throw;
            }
            co_return 0;
        };
        auto racer = [&]() -> Task<void> { co_await race(slow(), slow()); };
        auto handle = spawn(racer());
        co_await sleep(1ms);
        handle.cancel();
        bool thrown = false;
        try {
            co_await handle;
        } catch (const Cancelled&) {
            thrown = true;
        }
        EXPECT_TRUE(thrown);
        EXPECT_EQ(cancelled, 2);
    };
    run_manual(main());
}

TEST(Shield, the_waiter_is_cancelled_and_the_task_lives) {
    auto main = []() -> Task<void> {
        auto work = spawn(after(20ms, 20), "work");
        bool timed_out = false;
        try {
            co_await timeout(5ms, shield(work));
        } catch (const TimeoutError&) {
            timed_out = true;
        }
        EXPECT_TRUE(timed_out);
        EXPECT_FALSE(work.done());
        const int value = co_await shield(work);
        EXPECT_EQ(value, 20);

        bool ended = false;
        auto owned = [](bool* flag) -> Task<void> {
            co_await sleep(20ms);
            *flag = true;
        };
        timed_out = false;
        try {
            co_await timeout(5ms, shield(owned(&ended)));
        } catch (const TimeoutError&) {
            timed_out = true;
        }
        EXPECT_TRUE(timed_out);
        co_await sleep(30ms);
        EXPECT_TRUE(ended);
    };
    run_manual(main());
}

TEST(Uncancellable, runs_to_its_end_and_the_cancellation_comes_after) {
    std::string log;
    auto main = [&]() -> Task<void> {
        auto careful = [&]() -> Task<void> {
            const int value = co_await uncancellable(after(10ms, 10));
            log += std::to_string(value) + ";";
            try {
                co_await yield();
            } catch (const Cancelled&) {
                log += "cancelled;";
                throw;
            }
        };
        auto handle = spawn(careful());
        co_await sleep(1ms);
        handle.cancel();
        try {
            co_await handle;
        } catch (const Cancelled&) {
            log += "out";
        }
    };
    run_manual(main());
    EXPECT_EQ(log, "10;cancelled;out");
}

TEST(Uncancellable, time_limits_inside_of_it_work) {
    auto main = []() -> Task<void> {
        auto limited = []() -> Task<void> { co_await uncancellable(timeout(5ms, sleep(1h))); };
        auto handle = spawn(limited());
        co_await yield();
        handle.cancel();
        bool timed_out = false;
        try {
            co_await handle;
        } catch (const TimeoutError&) {
            timed_out = true;
        }
        EXPECT_TRUE(timed_out);
    };
    run_manual(main());
}

TEST(TimeoutAt, several_operations_share_one_end_that_can_be_moved) {
    auto main = []() -> Task<void> {
        const TimePoint end = Loop::current().now() + 25ms;
        const int first = co_await timeout_at(end, after(10ms, 1));
        const int second = co_await timeout_at(end, after(10ms, 2));
        EXPECT_EQ(first + second, 3);
        bool timed_out = false;
        try {
            co_await timeout_at(end, after(10ms, 3));
        } catch (const TimeoutError&) {
            timed_out = true;
        }
        EXPECT_TRUE(timed_out);
        EXPECT_EQ(Loop::current().now(), end);

        TimeoutScope scope(end + 10ms);
        co_await sleep(5ms);
        scope.reschedule(end + 100ms);
        co_await sleep(50ms);
        EXPECT_FALSE(scope.expired());
        scope.reschedule(TimePoint::max());
        co_await sleep(1h);
        EXPECT_FALSE(scope.expired());
    };
    run_manual(main());
}

class Session {
public:
    explicit Session(std::string& log) : log_(&log) {}
    Task<void> close() {
        co_await sleep(1ms);
        *log_ += "closed;";
        if (fails) throw Error("close failed");
    }
    bool fails = false;

private:
    std::string* log_;
};

Task<Session> open_session(std::string& log) {
    co_await sleep(1ms);
    log += "opened;";
    co_return Session(log);
}

TEST(With, closes_after_success_failure_and_cancellation) {
    std::string log;
    auto main = [&]() -> Task<void> {
        const int value = co_await with(open_session(log), [](Session&) -> Task<int> { co_return 3; });
        EXPECT_EQ(value, 3);
        EXPECT_EQ(std::exchange(log, ""), "opened;closed;");

        std::string error;
        try {
            co_await with(std::make_unique<Session>(log), [](auto&) -> Task<void> {
                co_await yield();
                throw Error("lost");
            });
        } catch (const Error& e) {
            error = e.what();
        }
        EXPECT_EQ(error, "lost");
        EXPECT_EQ(std::exchange(log, ""), "closed;");

        auto cancelled = [&]() -> Task<void> {
            co_await with(Session(log), [](Session&) -> Task<void> { co_await sleep(1h); });
        };
        auto handle = spawn(cancelled());
        co_await yield();
        handle.cancel();
        co_await yield();
        handle.cancel();  // while it closes
        bool thrown = false;
        try {
            co_await handle;
        } catch (const Cancelled&) {
            thrown = true;
        }
        EXPECT_TRUE(thrown);
        EXPECT_EQ(log, "closed;");
    };
    run_manual(main());
}

TEST(With, keeps_both_errors) {
    std::string log;
    auto main = [&]() -> Task<void> {
        std::string error;
        try {
            co_await with(Session(log), [](Session& session) -> Task<void> {
                session.fails = true;
                co_await yield();
                throw Error("body failed");
            });
        } catch (const ScopeError& e) {
            error = e.what();
            EXPECT_EQ(e.errors().size(), 2u);
        }
        EXPECT_EQ(error, "body failed; and then: close failed");
    };
    run_manual(main());
}

TEST(AsyncScope, closes_everything_last_first_whatever_fails) {
    std::string log;
    auto main = [&]() -> Task<void> {
        std::string error;
        const auto body = [&](AsyncScope& scope) -> Task<int> {
            scope.defer([&] { log += "plain;"; });
            Session& session = scope.own(co_await open_session(log));
            session.fails = true;
            scope.defer([&]() -> Task<void> {
                co_await sleep(1ms);
                log += "awaited;";
            });
            co_return 4;
        };
        try {
            co_await with_scope(body);
        } catch (const Error& e) {
            error = e.what();
        }
        EXPECT_EQ(error, "close failed");
        EXPECT_EQ(log, "opened;awaited;closed;plain;");
        const int value = co_await with_scope([](AsyncScope&) -> Task<int> { co_return 4; });
        EXPECT_EQ(value, 4);
    };
    run_manual(main());
}

}  // namespace
}  // namespace weft
