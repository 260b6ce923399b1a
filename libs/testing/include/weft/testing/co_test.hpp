// Tests that are coroutines.
//
//     CO_TEST(Echo, gives_back_what_it_got) {
//         auto pair = weft::testing::memory_stream_pair();
//         co_await pair.first->write_all("hello");
//         …
//     }
//
// Use EXPECT_…, not ASSERT_… (which returns, and a coroutine cannot).
#pragma once

#include <weft/core/loop.hpp>
#include <weft/core/task.hpp>
#include <weft/core/timeout.hpp>

#include <gtest/gtest.h>

#include <utility>

namespace weft::testing {

// Runs `task` on a loop of its own; throws TimeoutError after `limit`.
template <class T>
T run(Task<T> task, Duration limit = std::chrono::seconds(20)) {
    Loop loop;
    return loop.run(timeout(limit, std::move(task)));
}

// The same in jumping time: waiting costs nothing, and a task that waits for something that never comes ends
// at once with TimeoutError. For tasks that wait for no descriptor.
template <class T>
T run_manual(Task<T> task) {
    Loop loop(TimeSource::manual);
    return loop.run(timeout(std::chrono::hours(24 * 365), std::move(task)));
}

}  // namespace weft::testing

#define WEFT_CO_TEST_(suite, name, runner)                                  \
    static ::weft::Task<void> suite##_##name##_body();                      \
    TEST(suite, name) { ::weft::testing::runner(suite##_##name##_body()); } \
    static ::weft::Task<void> suite##_##name##_body()

// A test on a loop in real time, with a limit of 20 s.
#define CO_TEST(suite, name) WEFT_CO_TEST_(suite, name, run)
// A test on a loop in jumping time.
#define CO_TEST_MANUAL(suite, name) WEFT_CO_TEST_(suite, name, run_manual)
