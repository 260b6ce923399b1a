#include "message_reader.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace weft::grpc {
namespace {

using Front = MessageReader::Front;

std::string framed(std::string_view payload, char flag = 0) {
    std::string out(1, flag);
    for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(payload.size() >> shift);
    return out.append(payload);
}

void feed(MessageReader& reader, std::string_view bytes) {
    reader.append(std::as_bytes(std::span(bytes.data(), bytes.size())));
}

std::string message(const MessageReader& reader) {
    return {reinterpret_cast<const char*>(reader.message().data()), reader.message().size()};
}

TEST(MessageReader, finds_messages_however_they_are_cut) {
    const std::vector<std::string> messages{"", "a", std::string(300, 'm'), "", "end"};
    std::string bytes;
    for (const auto& one : messages) bytes += framed(one);
    for (std::size_t piece = 1; piece <= bytes.size(); ++piece) {
        MessageReader reader(1000);
        std::vector<std::string> found;
        for (std::size_t at = 0; at < bytes.size(); at += piece) {
            feed(reader, std::string_view(bytes).substr(at, piece));
            while (reader.front() == Front::message) {
                found.push_back(message(reader));
                reader.pop();
            }
        }
        ASSERT_EQ(found, messages) << "pieces of " << piece;
        EXPECT_TRUE(reader.empty());
    }
}

TEST(MessageReader, length_over_the_limit_is_seen_before_the_body) {
    MessageReader reader(10);
    feed(reader, framed(std::string(11, 'x')).substr(0, 5));
    EXPECT_EQ(reader.front(), Front::too_large);
    EXPECT_NE(reader.too_large_text().find("11"), std::string::npos);
    MessageReader largest(10);
    feed(largest, std::string("\0\xff\xff\xff\xff", 5));
    EXPECT_EQ(largest.front(), Front::too_large);
    MessageReader fits(10);
    feed(fits, framed(std::string(10, 'x')));
    EXPECT_EQ(fits.front(), Front::message);
}

TEST(MessageReader, flags_are_told_apart) {
    MessageReader compressed(10);
    feed(compressed, framed("x", 1));
    EXPECT_EQ(compressed.front(), Front::compressed);
    MessageReader bad(10);
    feed(bad, framed("x", 2));
    EXPECT_EQ(bad.front(), Front::bad_flag);
}

TEST(MessageReader, knows_when_more_than_one_message_begins) {
    MessageReader reader(10);
    feed(reader, framed("x"));
    EXPECT_FALSE(reader.has_more_than_front());
    feed(reader, std::string(1, '\0'));
    EXPECT_TRUE(reader.has_more_than_front());
}

}  // namespace
}  // namespace weft::grpc
