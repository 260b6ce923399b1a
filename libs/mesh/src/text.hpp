// How Python writes numbers as text.
#pragma once

#include <string>

namespace weft::mesh {

// repr(float): the shortest digits that read back the same, always with a point or an exponent.
[[nodiscard]] std::string real_text(double number);

}  // namespace weft::mesh
