// Pictures of a topology.
#include "fabric_topology.hpp"

#include <weft/lab/picture.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weft::lab {
namespace {

using ::testing::HasSubstr;

TEST(TextPicture, lists_spines_first_and_marks_what_is_down) {
    EXPECT_EQ(text_picture(small_fabric(), {4}),
              "  spine1 ┬ 1  ──✗── leaf1  3   (down)\n"
              "         └ 2  ───── leaf2  3\n"
              "  spine2 ┬ 1  ───── leaf1  4\n"
              "         └ 2  ───── leaf2  4\n"
              "  leaf1  ┬ 1  ───── h1      10.1.1.1/24\n"
              "         ├ 2  ───── h2      10.1.2.1/24\n"
              "         ├ 3  ──✗── spine1 1   (down)\n"
              "         └ 4  ───── spine2 1\n"
              "  leaf2  ┬ 1  ───── h3      10.2.1.1/24\n"
              "         ├ 2  ───── h4      10.2.2.1/24\n"
              "         ├ 3  ───── spine1 2\n"
              "         └ 4  ───── spine2 2\n");
}

TEST(SvgPicture, draws_every_node_and_link_and_escapes_names) {
    Topology t = small_fabric();
    const std::string svg = svg_picture(t, {4});
    EXPECT_THAT(svg, ::testing::StartsWith("<svg xmlns="));
    EXPECT_THAT(svg, ::testing::EndsWith("</svg>\n"));
    const auto count = [&](const char* what) {
        std::size_t n = 0;
        for (std::size_t at = svg.find(what); at != std::string::npos; at = svg.find(what, at + 1)) ++n;
        return n;
    };
    EXPECT_EQ(count("<line "), 8u);
    EXPECT_EQ(count("stroke-dasharray"), 1u);
    EXPECT_EQ(count("rx=\""), 8u);
    for (const char* name : {">h1<", ">h4<", ">leaf2<", ">spine2<", ">10.2.2.1/24<"})
        EXPECT_THAT(svg, HasSubstr(name));
    EXPECT_THAT(svg_picture(Topology("a<b")), HasSubstr("a&lt;b"));
}

}  // namespace
}  // namespace weft::lab
