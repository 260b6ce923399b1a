// Compression of messages: which algorithms there are.
#pragma once

#include <cstdint>
#include <string_view>

namespace weft::grpc {

// deflate is zlib's format (RFC 1950), gzip RFC 1952. Every message is compressed by itself, and only where
// that makes it smaller.
enum class Compression : std::uint8_t { identity, deflate, gzip };

// The name on the wire: "identity", "deflate", "gzip".
[[nodiscard]] std::string_view to_string(Compression algorithm) noexcept;

}  // namespace weft::grpc
