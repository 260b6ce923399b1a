// Payload: bytes that frames point to instead of copying them. Whoever holds one keeps them alive.
#pragma once

#include <weft/mesh/buffer.hpp>
#include <weft/mesh/value.hpp>

#include <cstddef>
#include <memory>
#include <span>

namespace weft::mesh {

struct Payload {
    std::shared_ptr<const void> keeper;
    std::span<const std::byte> bytes;

    [[nodiscard]] Payload part(std::size_t offset, std::size_t size) const {
        return {keeper, bytes.subspan(offset, size)};
    }
};

// Below, a copy is cheaper than a piece of its own in the queue of what is written.
inline constexpr std::size_t payload_threshold = std::size_t{32} << 10;

// A value that frames point to. Its bytes, when they are many, are kept for spare_bytes() when it goes.
[[nodiscard]] std::shared_ptr<const Value> shared_value(Value value);
// An empty vector that can take `size` bytes, or one with bytes of an earlier message to be overwritten:
// zeroing new ones costs as much as receiving them. One is kept for each thread.
[[nodiscard]] Bytes spare_bytes(std::size_t size);

// The bytes of a value that is bytes or text; OPAQUE carries them as they are. Throws EncodeError for a text
// that is not UTF-8.
[[nodiscard]] Payload opaque_payload(std::shared_ptr<const Value> value);
[[nodiscard]] Payload buffer_payload(Buffer buffer);

}  // namespace weft::mesh
