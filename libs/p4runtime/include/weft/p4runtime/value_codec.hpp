// User values to the byte strings of P4Runtime and back (P4Runtime specification, "Bytestrings").
//
// A byte string is unsigned big-endian in its shortest form: no leading zero byte, zero is one 0x00 byte.
// Receivers accept leading zero bytes; an empty string and a value beyond the width are refused.
#pragma once

#include <weft/p4runtime/match_value.hpp>
#include <weft/p4runtime/schema.hpp>
#include <weft/p4runtime/value.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace weft::p4runtime {

// The value as a field of that type takes it; field is its name, for the error. A negative number becomes
// the two's complement of all bits of the width. Throws EncodingError, which names field, width and value.
[[nodiscard]] std::string encode_value(std::string_view field, const FieldType& type, const Value& value);

// The reverse. Throws EncodingError for an empty string and for bits beyond the width.
[[nodiscard]] Value decode_value(std::string_view field, const FieldType& type, std::string_view bytes);

// A match in wire form. second is the mask of a ternary and the upper bound of a range match.
class EncodedMatch {
public:
    EncodedMatch() = default;
    EncodedMatch(MatchType type_, std::string value_) : type(type_), value(std::move(value_)) {}

    MatchType type = MatchType::exact;
    std::string value;
    std::string second;
    std::uint32_t prefix_length = 0;

    friend bool operator==(const EncodedMatch&, const EncodedMatch&) = default;
};

// nullopt when the match leaves the field open (lpm of length 0, zero mask, full range): such a field is
// left out of the entry. Bits that a prefix or mask excludes are cleared. Throws EncodingError, also for a
// range whose low is above its high and for a form that the field's match type does not have.
[[nodiscard]] std::optional<EncodedMatch> encode_match(const FieldInfo& field, const MatchValue& value);

// The reverse. Throws EncodingError.
[[nodiscard]] MatchValue decode_match(const FieldInfo& field, const EncodedMatch& match);

}  // namespace weft::p4runtime
