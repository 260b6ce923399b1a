// Byte strings of the control interface to numbers and back.
#pragma once

#include "wide_int.hpp"

#include <string>

namespace weft::p4switch {

// Throws InvalidError when the string is empty or needs more than `width` bits.
[[nodiscard]] WideInt checked_value(const std::string& bytes, std::uint32_t width, const std::string& what);

// Without leading zero bytes, but at least one byte.
[[nodiscard]] std::string canonical_bytes(const WideInt& value, std::uint32_t width);

}  // namespace weft::p4switch
