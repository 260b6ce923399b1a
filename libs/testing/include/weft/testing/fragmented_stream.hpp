// A stream that moves few bytes at a time: finds code that takes one read for one message.
#pragma once

#include <weft/core/stream.hpp>

#include <cstddef>
#include <memory>

namespace weft::testing {

// Passes everything on to `stream`, at most `chunk` bytes for each try_read() and try_write().
[[nodiscard]] std::unique_ptr<Stream> fragmented(std::unique_ptr<Stream> stream, std::size_t chunk);

}  // namespace weft::testing
