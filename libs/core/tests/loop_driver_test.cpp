// A loop that somebody else's loop drives: here poll(2), as the simplest.
#include <weft/core.hpp>
#include <weft/core/loop_driver.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <thread>

#include <poll.h>

namespace weft {
namespace {

using namespace std::chrono_literals;

// Steps as a foreign loop does, until the driver has no task.
void drive(LoopDriver& driver) {
    while (driver.loop().task_count() > 0) {
        int limit = -1;
        if (const auto next = driver.next_step()) {
            const auto left = std::chrono::ceil<std::chrono::milliseconds>(*next - Clock::now());
            limit = static_cast<int>(std::max<std::int64_t>(left.count(), 0));
        }
        pollfd handle{driver.native_handle(), POLLIN, 0};
        ::poll(&handle, 1, limit);
        driver.step();
    }
}

TEST(LoopDriver, timers_descriptors_and_posts_bring_the_next_step) {
    LoopDriver driver;
    Event posted;
    std::thread other;
    const auto main = [&]() -> Task<std::string> {
        co_await sleep(2ms);
        auto pipe = make_pipe();
        auto written = spawn(pipe.writer->write_all("bytes"));
        char text[5];
        co_await pipe.reader->read_exactly(std::as_writable_bytes(std::span(text)));
        co_await written;
        Loop& loop = Loop::current();
        other = std::thread([&] { loop.post([&] { posted.set(); }); });
        co_await posted.wait();
        co_return std::string(text, 5);
    };
    auto handle = driver.spawn(main());
    drive(driver);
    other.join();
    EXPECT_EQ(handle.result(), "bytes");
}

TEST(LoopDriver, says_once_that_a_step_is_due_when_tasks_are_woken_from_outside) {
    LoopDriver driver;
    int due = 0;
    driver.on_ready([&] { ++due; });
    Event event;
    const auto wait = [&]() -> Task<void> {
        co_await event.wait();
        co_await yield();  // becomes ready inside of a step: nothing to tell
        co_await yield();
    };
    auto first = driver.spawn(wait());
    auto second = driver.spawn(wait());
    EXPECT_EQ(due, 1);
    driver.step();
    EXPECT_EQ(due, 1);
    event.set();
    EXPECT_EQ(due, 2);
    while (!first.done() || !second.done()) driver.step();
    EXPECT_EQ(due, 2);
    auto third = driver.spawn(wait());
    EXPECT_EQ(due, 3);
    driver.step();
    driver.cancel_all();
    EXPECT_EQ(due, 3) << "it runs already: the event is set";
    drive(driver);
    event.clear();
    auto fourth = driver.spawn(wait());
    driver.step();
    due = 0;
    driver.cancel_all();
    EXPECT_EQ(due, 1);
    drive(driver);
    EXPECT_TRUE(fourth.cancelled());
}

TEST(LoopDriver, refuses_a_step_inside_of_a_loop) {
    LoopDriver driver;
    Loop loop;
    const auto main = [&]() -> Task<void> {
        EXPECT_THROW(driver.step(), UsageError);
        co_await yield();
    };
    loop.run(main());
}

}  // namespace
}  // namespace weft
