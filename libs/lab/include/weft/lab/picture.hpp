// Pictures of a topology: text for a terminal, SVG for a page.
#pragma once

#include <weft/lab/topology.hpp>

#include <set>
#include <string>

namespace weft::lab {

// A line for each link of each switch, spines first. Links whose index is in `down` are marked.
[[nodiscard]] std::string text_picture(const Topology& topology, const std::set<std::size_t>& down = {});

// A drawing in tiers, hosts at the bottom; a whole SVG document that needs no font, script or style from
// elsewhere. Links whose index is in `down` are red and dashed.
[[nodiscard]] std::string svg_picture(const Topology& topology, const std::set<std::size_t>& down = {});

}  // namespace weft::lab
