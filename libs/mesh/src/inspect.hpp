// What nodes tell about themselves: the values of weft.stats and weft.methods.
#pragma once

#include "registry.hpp"

#include <weft/mesh/stats.hpp>
#include <weft/mesh/value.hpp>

#include <string_view>

namespace weft::mesh {

// Functions of this prefix are answered by the node itself.
inline constexpr std::string_view own_prefix = "weft.";

[[nodiscard]] Value describe(const NodeStats& stats);
[[nodiscard]] Value describe(const detail::Registry& registry);

}  // namespace weft::mesh
