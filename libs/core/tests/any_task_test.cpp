// Observing tasks: current_task(), done callbacks, task-local values, and what is reported.
#include <weft/core.hpp>

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

namespace weft {
namespace {

using namespace std::chrono_literals;

template <class T>
T run_manual(Task<T> task) {
    Loop loop(TimeSource::manual);
    return loop.run(std::move(task));
}

class Lines final : public LogSink {
public:
    void log(LogLevel level, const std::string& text) noexcept override {
        lines.push_back(std::string(to_string(level)) + ": " + text);
    }
    std::vector<std::string> lines;
};

TEST(CurrentTask, knows_its_name_and_can_be_renamed) {
    auto main = []() -> Task<void> {
        EXPECT_EQ(current_task().name(), "main");
        auto body = []() -> Task<void> {
            current_task().set_name("worker");
            co_await yield();
        };
        auto handle = spawn(body(), "before");
        co_await yield();
        EXPECT_EQ(handle.name(), "worker");
        EXPECT_EQ(all_tasks().size(), 2u);
        EXPECT_EQ(all_tasks()[1], handle.task());
        co_await handle;
        EXPECT_EQ(all_tasks().size(), 1u);
    };
    run_manual(main());
    EXPECT_THROW((void)current_task(), UsageError);
}

TEST(CurrentTask, has_a_name_of_any_length_and_bytes) {
    auto main = []() -> Task<void> {
        for (const std::string& name :
             {std::string(), std::string("s"), std::string(5000, 'x'), std::string("a\0b", 3)}) {
            current_task().set_name(name);
            EXPECT_EQ(current_task().name(), name);
        }
        co_return;
    };
    run_manual(main());
}

TEST(CurrentTask, cancels_itself_at_its_next_wait) {
    auto main = []() -> Task<void> {
        current_task().cancel();
        EXPECT_EQ(current_task().cancelling(), 1u);
        bool cancelled = false;
        try {
            co_await yield();
        } catch (const Cancelled&) {
            cancelled = true;
        }
        EXPECT_TRUE(cancelled);
        EXPECT_EQ(current_task().uncancel(), 0u);
        co_await yield();
    };
    run_manual(main());
}

TEST(CurrentTask, a_request_that_is_taken_back_is_never_thrown) {
    auto main = []() -> Task<void> {
        AnyTask self = current_task();
        self.cancel();
        self.cancel();
        EXPECT_EQ(self.uncancel(), 1u);
        EXPECT_EQ(self.uncancel(), 0u);
        EXPECT_EQ(self.uncancel(), 0u) << "no more than were made";
        co_await yield();
    };
    run_manual(main());
}

TEST(DoneCallback, runs_once_with_the_handle_in_the_order_of_adding) {
    std::string log;
    auto body = []() -> Task<int> {
        co_await yield();
        co_return 5;
    };
    auto main = [&]() -> Task<void> {
        auto handle = spawn(body(), "five");
        handle.add_done_callback([&](TaskHandle<int>& done) { log += done.name() + "="; });
        handle.add_done_callback([&](TaskHandle<int>& done) { log += std::to_string(done.result()) + ";"; });
        co_await handle;
        EXPECT_EQ(log, "five=5;");
        handle.add_done_callback([&](TaskHandle<int>&) { log += "late"; });
        EXPECT_EQ(log, "five=5;") << "not inside of the call";
        co_await sleep(1ms);
        EXPECT_EQ(log, "five=5;late");
    };
    run_manual(main());
}

TEST(DoneCallback, that_throws_is_logged_and_one_that_is_never_called_is_destroyed) {
    auto held = std::make_shared<int>(1);
    Lines sink;
    {
        Loop loop(TimeSource::manual);
        loop.set_log_sink(&sink);
        auto body = []() -> Task<void> { co_await sleep(1ms); };
        auto main = [&]() -> Task<void> {
            auto handle = spawn(body(), "b");
            handle.add_done_callback([held](TaskHandle<void>&) { throw Error("bad"); });
            co_await handle;
        };
        loop.run(main());
    }
    EXPECT_EQ(held.use_count(), 1);
    ASSERT_EQ(sink.lines.size(), 1u);
    EXPECT_EQ(sink.lines[0], "error: a done callback of task 'b' threw");
}

const TaskLocal<std::string> device("none");
const TaskLocal<int> attempt;

TEST(TaskLocal, children_start_with_the_parents_values_and_keep_their_own) {
    auto main = []() -> Task<void> {
        EXPECT_EQ(device.get(), "none");
        EXPECT_EQ(attempt.find(), nullptr);
        EXPECT_THROW((void)attempt.get(), UsageError);
        device.set("sw1");
        attempt.set(1);
        auto child = [](std::string inherited) -> Task<void> {
            EXPECT_EQ(device.get(), inherited);
            device.set("sw2");
            co_await yield();
            EXPECT_EQ(device.get(), "sw2");
            EXPECT_EQ(attempt.get(), 1);
        };
        auto handle = spawn(child("sw1"));
        device.set("sw3");  // before the child first runs
        co_await handle;
        EXPECT_EQ(device.get(), "sw3");
        co_await gather(child("sw3"), child("sw3"));
        EXPECT_EQ(device.get(), "sw3");
    };
    run_manual(main());
}

TEST(TaskLocal, a_scope_gives_back_the_value_before) {
    auto main = []() -> Task<void> {
        {
            const auto outer = device.bind("a");
            attempt.set(7);
            {
                const auto inner = device.bind("b");
                attempt.set(8);
                co_await yield();
                EXPECT_EQ(device.get(), "b");
            }
            EXPECT_EQ(device.get(), "a");
            EXPECT_EQ(attempt.get(), 8) << "only its own value";
        }
        EXPECT_EQ(device.get(), "none");
    };
    run_manual(main());
    EXPECT_EQ(device.get(), "none") << "the default, outside of any task";
}

TEST(TaskLocal, many_sets_do_not_grow_the_context) {
    auto main = []() -> Task<void> {
        auto tracked = std::make_shared<int>(0);
        const TaskLocal<std::shared_ptr<int>> local;
        const TaskLocal<int> other;
        for (int i = 0; i < 100; ++i) {
            local.set(tracked);
            other.set(i);
        }
        EXPECT_EQ(tracked.use_count(), 2);
        EXPECT_EQ(other.get(), 99);
        co_return;
    };
    run_manual(main());
}

TEST(Reports, a_task_that_was_never_awaited) {
    Lines sink;
    Loop loop(TimeSource::manual);
    loop.set_log_sink(&sink);
    auto body = []() -> Task<void> { co_return; };
    auto main = [&]() -> Task<void> {
        { auto forgotten = body(); }
        discard(body());
        co_await body();
        try {
            auto prepared = body();
            throw Error("before it was awaited");
        } catch (const Error&) {
        }
        std::vector<Task<void>> tasks;
        auto fail = []() -> Task<void> {
            co_await yield();
            throw Error("the first");
        };
        tasks.push_back(fail());
        tasks.push_back(body());
        bool failed = false;
        try {
            co_await gather(std::move(tasks), 1);
        } catch (const Error&) {
            failed = true;
        }
        EXPECT_TRUE(failed);
    };
    loop.run(main(), "prepare");
    ASSERT_EQ(sink.lines.size(), 1u) << sink.lines.back();
    EXPECT_NE(sink.lines[0].find("warning: a coroutine was never awaited"), std::string::npos);
    EXPECT_NE(sink.lines[0].find("dropped by task 'prepare'"), std::string::npos);
}

TEST(Reports, an_error_that_nobody_took) {
    Lines sink;
    Loop loop(TimeSource::manual);
    loop.set_log_sink(&sink);
    auto fail = []() -> Task<void> {
        co_await yield();
        throw Error("no route");
    };
    auto main = [&]() -> Task<void> {
        auto handle = spawn(fail(), "loser");
        co_await sleep(1ms);
    };
    loop.run(main());
    ASSERT_EQ(sink.lines.size(), 1u);
    EXPECT_EQ(sink.lines[0], "error: task 'loser' failed, and nobody took its error: no route");
}

TEST(Reports, a_posted_function_that_throws) {
    Lines sink;
    Loop loop;
    loop.set_log_sink(&sink);
    bool later = false;
    loop.post([] { throw Error("no such port"); });
    loop.post([&] { later = true; });
    auto main = []() -> Task<void> { co_await sleep(1ms); };
    loop.run(main());
    EXPECT_TRUE(later);
    ASSERT_EQ(sink.lines.size(), 1u);
    EXPECT_EQ(sink.lines[0], "error: a function that was posted to the loop threw: no such port");
}

TEST(Reports, a_resumption_that_is_slow_by_the_name_of_its_task) {
    Lines sink;
    Loop loop;
    loop.set_log_sink(&sink);
    loop.warn_slow(20ms);
    auto main = []() -> Task<void> {
        co_await yield();
        std::this_thread::sleep_for(25ms);
        co_await yield();
    };
    loop.run(main(), "hog");
    ASSERT_FALSE(sink.lines.empty());
    const std::string start = "warning: task 'hog' kept the loop busy for ";
    ASSERT_TRUE(sink.lines[0].starts_with(start)) << sink.lines[0];
    EXPECT_GE(std::stod(sink.lines[0].substr(start.size())), 0.02) << sink.lines[0];
}

Task<void> stuck(Event& event) { co_await event.wait(); }
Task<void> outer_stuck(Event& event) {
    co_await stuck(event);  // the outer place
}

TEST(DumpTasks, shows_the_tree_where_each_waits_and_since_when) {
    auto main = []() -> Task<void> {
        Event event;
        auto alone = spawn(stuck(event), "alone");
        std::string text;
        std::vector<TaskInfo> tasks;
        const auto look = [&]() -> Task<void> {
            co_await sleep(2s);
            auto fresh = spawn(stuck(event), "fresh");
            tasks = list_tasks(Loop::current());
            text = dump_tasks();
            event.set();
            co_await fresh;
        };
        auto looker = spawn(look(), "looker");
        const auto body = [&](TaskGroup& group) -> Task<void> {
            group.spawn(outer_stuck(event), "member");
            co_await gather(stuck(event), stuck(event));
        };
        co_await with_task_group(body);
        co_await alone;
        co_await looker;

        EXPECT_EQ(tasks.size(), 7u);
        if (tasks.size() != 7) co_return;
        EXPECT_EQ(tasks[0].name, "main");
        EXPECT_EQ(tasks[0].phase, TaskPhase::waiting);
        EXPECT_EQ(tasks[0].waiting_for, Duration(2s));
        EXPECT_EQ(tasks[0].places.size(), 4u) << "gather, the body, its group, main";
        EXPECT_EQ(tasks[1].name, "member");
        EXPECT_EQ(tasks[1].depth, 1u);
        EXPECT_EQ(tasks[1].places.size(), 2u);
        EXPECT_EQ(tasks[1].places.back().file, __FILE__);
        EXPECT_EQ(tasks[1].places.back().line, tasks[1].places.front().line + 2);
        EXPECT_EQ(tasks[2].depth, 1u) << "of the gather";
        EXPECT_EQ(tasks[4].name, "alone");
        EXPECT_EQ(tasks[4].depth, 0u);
        EXPECT_EQ(tasks[5].phase, TaskPhase::running);
        EXPECT_EQ(tasks[6].phase, TaskPhase::not_started);
        EXPECT_NE(text.find("main: waits 2 s at "), std::string::npos) << text;
        EXPECT_NE(text.find("\n  member: waits 2 s at any_task_test.cpp:"), std::string::npos) << text;
        EXPECT_NE(text.find("looker: runs\n"), std::string::npos) << text;
    };
    run_manual(main());
}

TEST(DumpTasks, of_ready_tasks_and_of_a_loop_that_does_not_run) {
    Loop loop(TimeSource::manual);
    auto main = []() -> Task<void> {
        Event event;
        auto waiter = spawn(stuck(event), "waiter");
        co_await yield();
        event.set();
        EXPECT_NE(dump_tasks().find("waiter: is ready at "), std::string::npos) << dump_tasks();
        co_await waiter;
    };
    loop.run(main());
    EXPECT_EQ(dump_tasks(loop), "");
    EXPECT_THROW((void)dump_tasks(), UsageError);
}

}  // namespace
}  // namespace weft
