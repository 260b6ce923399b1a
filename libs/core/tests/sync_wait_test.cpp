// Blocking calls on a thread's own loop, and how run() sets up its loops.
#include <weft/core.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace weft {
namespace {

using namespace std::chrono_literals;

Task<int> after(Duration delay, int value) {
    co_await sleep(delay);
    co_return value;
}
Task<void> fail() {
    co_await yield();
    throw ClosedError("expected");
}

TEST(SyncWait, gives_the_value_or_throws_the_exception_again_and_again) {
    for (int i = 0; i < 3; ++i) EXPECT_EQ(sync_wait(after(1ms, i)), i);
    EXPECT_THROW(sync_wait(fail()), ClosedError);
    EXPECT_THROW(sync_wait(timeout(1ms, after(1h, 1))), TimeoutError);
    EXPECT_EQ(sync_wait(after(1ms, 7)), 7);
    EXPECT_EQ(Loop::current_or_null(), nullptr);
}

TEST(SyncWait, inside_a_running_loop_is_refused) {
    Loop loop;
    const auto main = []() -> Task<void> {
        EXPECT_THROW(sync_wait(after(1ms, 1)), UsageError);
        EXPECT_THROW((void)SyncLoop::of_this_thread(), UsageError);
        co_await yield();
    };
    loop.run(main());
    // So it is in a blocking call.
    sync_wait(main());
}

// What a blocking client hides: a task of its own that works for it.
class Doubler {
public:
    explicit Doubler(SyncLoop loop) : loop_(std::move(loop)) { loop_.wait(start()); }
    int operator()(int value) { return loop_.wait(ask(value)); }

private:
    struct Shared {
        Queue<int> questions{1};
        Queue<int> answers{1};
    };
    static Task<void> serve(std::shared_ptr<Shared> shared) {
        for (;;) {
            const auto question = co_await shared->questions.next();
            if (!question) co_return;
            co_await sleep(1ms);
            co_await shared->answers.put(2 * *question);
        }
    }
    Task<void> start() {
        server_ = spawn(serve(shared_), "doubler");
        co_return;
    }
    Task<int> ask(int value) {
        co_await shared_->questions.put(value);
        co_return co_await shared_->answers.get();
    }
    SyncLoop loop_;
    std::shared_ptr<Shared> shared_ = std::make_shared<Shared>();
    TaskHandle<void> server_;
};

TEST(SyncLoop, an_objects_tasks_live_on_between_the_calls) {
    Doubler doubler(SyncLoop::of_this_thread());
    EXPECT_EQ(doubler(4), 8);
    EXPECT_EQ(sync_wait(after(1ms, 1)), 1);
    EXPECT_EQ(doubler(21), 42);
}

TEST(SyncLoop, streams_and_servers_stay_open_between_the_calls) {
    const SyncLoop loop = SyncLoop::of_this_thread();
    const auto serve = []() -> Task<Server> {
        const ConnectionHandler echo = [](Connection& c) -> Task<void> {
            for (;;) {
                auto line = co_await c.reader.read_line();
                if (!line) co_return;
                c.writer.write(*line + "\n");
            }
        };
        co_return start_server(echo, SocketAddress::loopback(0));
    };
    Server server = loop.wait(serve());
    Connection connection = loop.wait(open_connection(server.local_address()));
    const auto ask = [&](std::string text) -> Task<std::optional<std::string>> {
        connection.writer.write(text + "\n");
        co_return co_await connection.reader.read_line();
    };
    EXPECT_EQ(loop.wait(ask("one")), "one");
    EXPECT_EQ(loop.wait(ask("two")), "two");
    loop.wait(server.close());
}

TEST(SyncLoop, belongs_to_its_thread_and_outlives_it_in_a_copy) {
    std::optional<SyncLoop> of_other;
    std::thread other([&] {
        of_other.emplace(SyncLoop::of_this_thread());
        EXPECT_EQ(of_other->wait(after(1ms, 3)), 3);
        EXPECT_EQ(&of_other->loop(), &SyncLoop::of_this_thread().loop());
    });
    other.join();
    EXPECT_NE(&of_other->loop(), &SyncLoop::of_this_thread().loop());
    EXPECT_THROW(of_other->wait(after(1ms, 3)), UsageError);
    EXPECT_THROW(of_other->finish(), UsageError);
}

TEST(SyncLoop, finish_cancels_and_joins_what_was_left_behind) {
    bool cleaned = false;
    const auto linger = [&]() -> Task<void> {
        bool cancelled = false;
        try {
            co_await sleep(1h);
        } catch (const Cancelled&) {
            cancelled = true;
        }
        co_await sleep(1ms);
        cleaned = cancelled;
    };
    TaskHandle<void> left;
    const auto start = [&]() -> Task<void> {
        left = spawn(linger(), "left");
        co_await yield();
    };
    const SyncLoop loop = SyncLoop::of_this_thread();
    loop.wait(start());
    EXPECT_FALSE(left.done());
    EXPECT_EQ(loop.loop().task_count(), 1u);
    loop.finish();
    EXPECT_TRUE(cleaned);
    EXPECT_EQ(loop.loop().task_count(), 0u);
    EXPECT_EQ(loop.wait(after(1ms, 5)), 5) << "it can be used again";
}

TEST(SyncLoop, what_is_left_when_the_thread_ends_is_destroyed) {
    const auto alive = std::make_shared<int>();
    const auto hold = [](std::shared_ptr<int>) -> Task<void> { co_await sleep(1h); };
    std::thread other([&] {
        const auto leave = [&]() -> Task<void> {
            // Nobody owns it but the loop.
            static_cast<void>(
                detail::start_task(Loop::current(), Loop::current().root(), hold(alive), "left"));
            co_await yield();
        };
        sync_wait(leave());
        EXPECT_EQ(alive.use_count(), 2);
    });
    other.join();
    EXPECT_EQ(alive.use_count(), 1);
}

class Lines final : public LogSink {
public:
    void log(LogLevel level, const std::string& text) noexcept override {
        const std::lock_guard lock(mutex);
        lines.push_back(std::string(to_string(level)) + ": " + text);
    }
    std::mutex mutex;
    std::vector<std::string> lines;
};

TEST(RunOptions, log_sink_and_slow_limit_reach_the_loop) {
    Lines sink;
    const auto main = []() -> Task<void> {
        log(LogLevel::info, "hello");
        std::this_thread::sleep_for(25ms);
        co_await yield();
    };
    EXPECT_EQ(run(main(), RunOptions().log_sink(sink).warn_slow(20ms)), 0);
    ASSERT_EQ(sink.lines.size(), 2u);
    EXPECT_EQ(sink.lines[0], "info: hello");
    EXPECT_NE(sink.lines[1].find("kept the loop busy"), std::string::npos) << sink.lines[1];
}

TEST(RunOptions, log_sink_reaches_each_of_several_loops) {
    Lines sink;
    const auto main = [](unsigned index) -> Task<void> {
        log(LogLevel::info, std::to_string(index));
        co_await yield();
    };
    EXPECT_EQ(run(main, RunOptions().loops(3).log_sink(sink)), 0);
    EXPECT_EQ(sink.lines.size(), 3u);
}

TEST(RunOptions, one_task_on_several_loops_is_refused) {
    EXPECT_THROW(run(after(1ms, 1), RunOptions().loops(2)), UsageError);
}

}  // namespace
}  // namespace weft
