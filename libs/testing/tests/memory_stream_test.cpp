#include <weft/core.hpp>
#include <weft/testing/co_test.hpp>
#include <weft/testing/memory_stream.hpp>

#include <array>
#include <string>

namespace weft::testing {
namespace {

using namespace std::chrono_literals;

CO_TEST_MANUAL(MemoryStream, cuts_reads_and_writes_to_the_chunk) {
    auto pair = memory_stream_pair({.capacity = 16, .chunk = 2});
    const ConstBuffer text{"abcde", 5};
    EXPECT_EQ(pair.first->try_write({&text, 1}).bytes, 2u);
    EXPECT_EQ(pair.first->try_write({&text, 1}).bytes, 2u);
    std::array<std::byte, 8> buffer;
    EXPECT_EQ(pair.second->try_read(buffer).bytes, 2u);
    EXPECT_EQ(pair.second->try_read(buffer).bytes, 2u);
    EXPECT_EQ(pair.second->try_read(buffer).status, IoResult::Status::would_block);
    co_return;
}

CO_TEST_MANUAL(MemoryStream, a_full_buffer_makes_the_writer_wait) {
    auto pair = memory_stream_pair({.capacity = 4});
    bool written = false;
    auto writer = [&]() -> Task<void> {
        co_await pair.first->write_all("123456");
        written = true;
    };
    auto handle = spawn(writer());
    co_await sleep(1ms);
    EXPECT_FALSE(written);
    std::array<std::byte, 6> buffer;
    co_await pair.second->read_exactly(buffer);
    co_await handle;
    EXPECT_TRUE(written);
}

CO_TEST_MANUAL(MemoryStream, a_wait_that_nothing_ends_is_found) {
    auto pair = memory_stream_pair();
    std::array<std::byte, 1> buffer;
    bool found = false;
    try {
        co_await timeout(1h, pair.second->read_exactly(buffer));
    } catch (const TimeoutError&) {
        found = true;
    }
    EXPECT_TRUE(found);
}

}  // namespace
}  // namespace weft::testing
