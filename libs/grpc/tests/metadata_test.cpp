#include <weft/core/error.hpp>
#include <weft/grpc/metadata.hpp>

#include <gtest/gtest.h>

namespace weft::grpc {
namespace {

TEST(Metadata, keeps_order_and_repeated_keys) {
    Metadata metadata{{"a", "1"}, {"b", "2"}, {"a", "3"}};
    EXPECT_EQ(metadata.get("a"), "1");
    EXPECT_EQ(metadata.get_all("a"), (std::vector<std::string>{"1", "3"}));
    EXPECT_EQ(metadata.size(), 3U);
    metadata.set("a", "4");
    EXPECT_EQ(metadata.get_all("a"), (std::vector<std::string>{"4"}));
    EXPECT_EQ(metadata.erase("b"), 1U);
    EXPECT_FALSE(metadata.contains("b"));
    EXPECT_EQ(metadata, (Metadata{{"a", "4"}}));
}

TEST(Metadata, refuses_what_cannot_be_sent) {
    Metadata metadata;
    for (const char* key : {"", "Upper", "sp ace", "grpc-status", ":path", "ümlaut"})
        EXPECT_THROW(metadata.add(key, "v"), UsageError) << key;
    EXPECT_THROW(metadata.add("text", "line\nbreak"), UsageError);
    EXPECT_THROW(metadata.add("text", "\xff"), UsageError);
    EXPECT_NO_THROW(metadata.add("bytes-bin", std::string("\0\n\xff", 3)));
    EXPECT_EQ(metadata.size(), 1U);
}

}  // namespace
}  // namespace weft::grpc
