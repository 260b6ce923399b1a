// Compressing and decompressing single messages with zlib.
#pragma once

#include <weft/grpc/compression.hpp>

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace weft::grpc::wire {

// What grpc-accept-encoding says of us.
inline constexpr std::string_view accepted_encodings = "identity,deflate,gzip";

// nullopt for algorithms that we do not know.
[[nodiscard]] std::optional<Compression> parse_compression(std::string_view name) noexcept;
// True when a grpc-accept-encoding list has the algorithm. identity is in every list.
[[nodiscard]] bool accepts(std::string_view list, Compression algorithm) noexcept;

// Compresses `message` in place; gives its new size, or nullopt when it would not become smaller (then it is
// unchanged).
[[nodiscard]] std::optional<std::size_t> compress_in_place(Compression algorithm,
                                                           std::span<std::byte> message) noexcept;

enum class DecompressResult { ok, corrupt, too_large };
// Replaces what is in `out`. Stops at `limit` bytes, so that a bomb costs no more memory than an honest
// message may.
[[nodiscard]] DecompressResult decompress(Compression algorithm, std::span<const std::byte> message,
                                          std::size_t limit, std::vector<std::byte>& out);

}  // namespace weft::grpc::wire
