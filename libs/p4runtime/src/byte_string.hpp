// Unsigned big-endian byte strings of any length: parsing text, shortening, masking. No P4Info, no protobuf.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace weft::p4runtime::byte_string {

// Without leading zero bytes, at least one byte.
[[nodiscard]] std::string shortest(std::string_view bytes);
[[nodiscard]] std::string from_uint64(std::uint64_t value);

// nullopt above 64 bits.
[[nodiscard]] std::optional<std::uint64_t> to_uint64(std::string_view bytes) noexcept;

// Position of the highest set bit plus one; 0 for zero.
[[nodiscard]] std::uint64_t bit_length(std::string_view bytes) noexcept;

// Left-padded with zero bytes to the bytes of that width (which must be enough).
[[nodiscard]] std::string widened(std::string_view bytes, std::uint32_t bitwidth);

// width bits, the first length of them set.
[[nodiscard]] std::string prefix_mask(std::uint32_t length, std::uint32_t bitwidth);

// value & mask in shortest form.
[[nodiscard]] std::string masked(std::string_view value, std::string_view mask, std::uint32_t bitwidth);

// Numeric comparison of two strings in shortest form.
[[nodiscard]] bool less(std::string_view left, std::string_view right) noexcept;

// "255", "0xff", "0b1010", "0o17"; any number of digits up to 512. nullopt: no such number.
[[nodiscard]] std::optional<std::string> parse_number(std::string_view text);

// "10.0.0.1", "00:11:22:33:44:55", "2001:db8::1"; nullopt when the text is not of that form.
[[nodiscard]] std::optional<std::string> parse_ipv4(std::string_view text);
[[nodiscard]] std::optional<std::string> parse_mac(std::string_view text);
[[nodiscard]] std::optional<std::string> parse_ipv6(std::string_view text);

// The address forms of widths 32, 48 and 128; decimal up to 64 bits; hexadecimal above.
[[nodiscard]] std::string render(std::string_view bytes, std::uint32_t bitwidth);

}  // namespace weft::p4runtime::byte_string
