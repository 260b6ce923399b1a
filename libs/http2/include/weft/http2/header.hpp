// One header field, borrowed: names are lower case, values are bytes.
#pragma once

#include <span>
#include <string_view>

namespace weft::http2 {

struct HeaderField {
    std::string_view name;
    std::string_view value;
    // Kept out of HPACK's table: values that are secret, or never repeat.
    bool no_index = false;
};

// A block of fields, in the order in which they were sent.
using HeaderBlock = std::span<const HeaderField>;

}  // namespace weft::http2
