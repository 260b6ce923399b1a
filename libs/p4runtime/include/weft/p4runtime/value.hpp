// A value as a user writes it or as the switch answered it: number, text, bytes.
//
// How many bits it takes is known only by the field that it goes to, so a user's value is kept as given
// and turned into wire bytes by value_codec.hpp. A value that came from the switch knows its width.
#pragma once

#include <compare>
#include <concepts>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace weft::p4runtime {

using Bytes = std::vector<std::uint8_t>;

class Value {
public:
    // Zero.
    Value() = default;

    template <std::integral T>
    Value(T number) {  // NOLINT(google-explicit-constructor): literals are values
        if constexpr (std::signed_integral<T>) {
            if (number < 0) {
                content_ = static_cast<std::int64_t>(number);
                return;
            }
        }
        content_ = static_cast<std::uint64_t>(number);
    }

    // Text is read by the width of its field: "10.0.1.1" (32 bits), "00:11:22:33:44:55" (48), "2001:db8::1"
    // (128), "255", "0xff", "0b1010", "0o17" (any), a member of a serializable enum, or, where the program
    // translates the type to strings (sdn_string), the string itself.
    Value(std::string text) : content_(std::move(text)) {}         // NOLINT(google-explicit-constructor)
    Value(std::string_view text) : content_(std::string(text)) {}  // NOLINT(google-explicit-constructor)
    Value(const char* text) : content_(std::string(text)) {}       // NOLINT(google-explicit-constructor)

    // Big-endian. Leading zero bytes do not matter.
    Value(Bytes bytes) : content_(std::move(bytes)) {}  // NOLINT(google-explicit-constructor)

    // Big-endian bytes of a field of bitwidth bits, as the switch sends them.
    [[nodiscard]] static Value of_width(Bytes bytes, std::uint32_t bitwidth);

    [[nodiscard]] bool is_text() const noexcept { return std::holds_alternative<std::string>(content_); }

    // The text, "" when this is no text.
    [[nodiscard]] std::string_view text() const noexcept;

    // Bits of the field that it came from; 0 for a value made by the user.
    [[nodiscard]] std::uint32_t bitwidth() const noexcept { return bitwidth_; }

    // The number. Throws EncodingError for text that is no number and for more than 64 bits.
    [[nodiscard]] std::uint64_t to_uint64() const;

    // Big-endian bytes in their shortest form, at least one. Text without a field's width is read as a
    // number, a MAC or an IP address; EncodingError if it is none. A negative number gives 8 bytes.
    [[nodiscard]] Bytes to_bytes() const;

    // For people: text as it is; with a width of 32, 48, 128 an IPv4, MAC, IPv6 address; otherwise decimal,
    // and hexadecimal above 64 bits.
    [[nodiscard]] std::string to_string() const;

    // The same content; a value with a width equals whatever encodes to its bytes at that width, so
    // `entry.match("hdr.ipv4.dstAddr") == "10.0.1.1"` holds on an entry read back.
    friend bool operator==(const Value& left, const Value& right);

    using Content = std::variant<std::uint64_t, std::int64_t, std::string, Bytes>;
    [[nodiscard]] const Content& content() const noexcept { return content_; }

private:
    Content content_{std::uint64_t{0}};
    std::uint32_t bitwidth_ = 0;
};

}  // namespace weft::p4runtime
