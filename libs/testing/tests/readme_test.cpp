// The example of this module's page.
#include <weft/core/spawn.hpp>
#include <weft/testing/co_test.hpp>
#include <weft/testing/memory_stream.hpp>

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace weft {
namespace {

Task<void> echo(std::unique_ptr<Stream> stream) {
    std::vector<std::byte> buffer(1024);
    for (;;) {
        const std::size_t n = co_await stream->read_some(buffer);
        if (n == 0) co_return;
        co_await stream->write_all(std::span(buffer).first(n));
    }
}

CO_TEST(Echo, gives_back_what_it_got) {
    auto pair = weft::testing::memory_stream_pair({.capacity = 64, .chunk = 7});
    auto server = weft::spawn(echo(std::move(pair.second)));
    co_await pair.first->write_all("hello");

    std::string answer(5, '\0');
    co_await pair.first->read_exactly(std::as_writable_bytes(std::span(answer)));
    EXPECT_EQ(answer, "hello");
}

}  // namespace
}  // namespace weft
