// Two connected streams in memory: a session's tests need no socket, and reads can be cut into pieces.
#pragma once

#include <weft/core/stream.hpp>

#include <cstddef>
#include <memory>
#include <utility>

namespace weft::testing {

struct MemoryStreamOptions {
    // Bytes that one direction holds before a writer has to wait.
    std::size_t capacity = std::size_t{64} << 10;
    // No read or write moves more bytes than this; 0: no limit. 1, 2 and 7 find most framing bugs.
    std::size_t chunk = 0;
};

struct StreamPair {
    StreamPair(std::unique_ptr<Stream> a, std::unique_ptr<Stream> b) noexcept
        : first(std::move(a)), second(std::move(b)) {}
    std::unique_ptr<Stream> first;
    std::unique_ptr<Stream> second;
};

// What one end writes, the other reads. Both belong to one loop. peer() is "memory". Closing one end ends
// the other's reads, after what is in the buffer; writing to a closed end throws SystemError (EPIPE).
[[nodiscard]] StreamPair memory_stream_pair(MemoryStreamOptions options = MemoryStreamOptions());

}  // namespace weft::testing
