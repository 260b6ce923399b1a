// The hash and checksum algorithms of BMv2 over a byte string.
#pragma once

#include "compiled.hpp"

#include <cstdint>
#include <span>

namespace weft::p4switch {

// round_robin has no function over bytes; the engine counts for it.
[[nodiscard]] std::uint64_t hash_bytes(HashAlgorithm algorithm, std::span<const std::uint8_t> bytes);

}  // namespace weft::p4switch
