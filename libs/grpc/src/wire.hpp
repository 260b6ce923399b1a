// The text forms of gRPC over HTTP/2: timeouts, percent-encoded messages, base64 metadata, header names.
#pragma once

#include <weft/core/timer.hpp>
#include <weft/grpc/metadata.hpp>
#include <weft/http2/header.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace weft::grpc::wire {

// "1500m" and the like; rounded up, at most eight digits, at least 1 ns.
[[nodiscard]] std::string format_timeout(Duration timeout);
// nullopt when it is not a grpc-timeout. Values beyond the clock mean its end.
[[nodiscard]] std::optional<Duration> parse_timeout(std::string_view text) noexcept;

// Bytes outside of 0x20 to 0x7E, and '%', become %XX.
[[nodiscard]] std::string percent_encode(std::string_view text);
// Never fails: sequences that are none stay as they are.
[[nodiscard]] std::string percent_decode(std::string_view text);

// Without padding.
[[nodiscard]] std::string base64_encode(std::string_view bytes);
// With or without padding; nullopt when it is not base64.
[[nodiscard]] std::optional<std::string> base64_decode(std::string_view text);

// "application/grpc", alone or followed by '+' or ';'.
[[nodiscard]] bool is_grpc_content_type(std::string_view value) noexcept;

// Keys that a user's metadata may have: [0-9a-z_.-]+, not starting with ':' or "grpc-".
[[nodiscard]] bool is_metadata_key(std::string_view key) noexcept;
[[nodiscard]] bool is_metadata_value(std::string_view value) noexcept;
[[nodiscard]] inline bool is_binary_key(std::string_view key) noexcept { return key.ends_with("-bin"); }

// The header that is no metadata: what HTTP/2 and gRPC themselves use.
[[nodiscard]] bool is_reserved_header(std::string_view name) noexcept;

// Adds a received header field to `to`. Binary values are decoded, and split where they were joined by
// commas. False when a binary value is not base64.
[[nodiscard]] bool add_field(Metadata& to, const http2::HeaderField& field);

}  // namespace weft::grpc::wire
