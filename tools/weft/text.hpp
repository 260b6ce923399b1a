// Text in columns, and files as text.
#pragma once

#include <weft/core/timer.hpp>

#include <cstddef>
#include <string>

namespace weft::tool {

// With blanks up to `width` characters; longer text stays as it is.
[[nodiscard]] std::string left(std::string text, std::size_t width);
[[nodiscard]] std::string right(std::string text, std::size_t width);

// "2.4 ms".
[[nodiscard]] std::string milliseconds(Duration time);

// "1 host", "4 hosts".
[[nodiscard]] std::string count_of(std::size_t n, const char* singular, const char* plural);

// Throws SystemError.
[[nodiscard]] std::string read_file(const std::string& name);

}  // namespace weft::tool
