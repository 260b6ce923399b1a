#include <weft/http2/byte_buffer.hpp>

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace weft::http2 {
namespace {

std::string text(const ByteBuffer& buffer) {
    return {reinterpret_cast<const char*>(buffer.data()), buffer.size()};
}

TEST(ByteBuffer, behaves_as_a_string_that_loses_its_front) {
    std::mt19937 random(7);
    ByteBuffer buffer;
    std::string model;
    for (int i = 0; i < 2000; ++i) {
        const std::string piece(random() % 300, static_cast<char>('a' + i % 26));
        buffer.append(piece);
        model += piece;
        const std::size_t take = random() % (model.size() + 1);
        buffer.consume(take);
        model.erase(0, take);
        ASSERT_EQ(text(buffer), model);
    }
}

TEST(ByteBuffer, moved_from_is_empty_and_usable) {
    ByteBuffer a;
    a.append("abc");
    ByteBuffer b(std::move(a));
    EXPECT_EQ(text(b), "abc");
    EXPECT_TRUE(a.empty());
    a.append("x");
    EXPECT_EQ(text(a), "x");
    a = std::move(b);
    EXPECT_EQ(text(a), "abc");
}

TEST(ByteBuffer, prepared_bytes_count_only_when_committed) {
    ByteBuffer buffer;
    std::byte* room = buffer.prepare(1000);
    room[0] = std::byte{'z'};
    EXPECT_TRUE(buffer.empty());
    buffer.commit(1);
    EXPECT_EQ(text(buffer), "z");
}

}  // namespace
}  // namespace weft::http2
