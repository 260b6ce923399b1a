// What becomes of the memory of many tasks when they have ended.
#include <weft/core.hpp>

#include <gtest/gtest.h>

#include <vector>

namespace weft {
namespace {

using namespace std::chrono_literals;

Task<void> wait_for(Event& event) { co_await event.wait(); }

TEST(FramePool, keeps_the_memory_of_a_burst_until_the_loop_is_idle) {
    if (WEFT_SANITIZED) GTEST_SKIP() << "frames come from malloc here";
    const auto main = []() -> Task<void> {
        Event event;
        std::vector<Task<void>> tasks;
        for (int i = 0; i < 200'000; ++i) tasks.push_back(wait_for(event));
        auto all = spawn(gather(std::move(tasks)));
        co_await yield();
        event.set();
        co_await all;
        EXPECT_GT(detail::frame_pool.cached_bytes, detail::FramePool::kept_bytes);
        co_await sleep(1ms);
        EXPECT_LE(detail::frame_pool.cached_bytes, detail::FramePool::kept_bytes);
        EXPECT_GT(detail::frame_pool.cached_bytes, detail::FramePool::kept_bytes / 2);
    };
    Loop loop(TimeSource::manual);
    loop.run(main());
}

TEST(FramePool, a_block_has_room_for_every_size_of_its_class) {
    for (std::size_t size = 1; size < 4096; ++size) {
        const std::size_t index = detail::FramePool::class_of(size);
        EXPECT_GE(detail::FramePool::block_size(index), size);
        if (size >= 8) {
            EXPECT_LT(detail::FramePool::block_size(index), size + 16);
        }
    }
}

}  // namespace
}  // namespace weft
