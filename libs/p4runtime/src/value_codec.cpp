// The value and match codec: user values to canonical byte strings and back.
#include "byte_string.hpp"

#include <weft/p4runtime/error.hpp>
#include <weft/p4runtime/value_codec.hpp>

#include <charconv>

namespace weft::p4runtime {

namespace {

[[noreturn]] void fail(std::string_view field, const std::string& what) {
    throw EncodingError(std::string(field), "field '" + std::string(field) + "': " + what);
}

[[noreturn]] void too_wide(std::string_view field, std::uint32_t bitwidth, const std::string& value) {
    fail(field, "value " + value + " does not fit into " + std::to_string(bitwidth) + " bits");
}

std::string encode_signed(std::string_view field, std::uint32_t bitwidth, std::int64_t number) {
    // All bits of the width, not the shortest two's complement: P4Info does not say which fields are signed,
    // and this form is right for a receiver that extends the sign and for one that does not.
    if (bitwidth == 0 || (bitwidth < 64 && number < -(std::int64_t{1} << (bitwidth - 1))))
        too_wide(field, bitwidth, std::to_string(number));
    auto bits = static_cast<std::uint64_t>(number);
    if (bitwidth < 64) bits &= (std::uint64_t{1} << bitwidth) - 1;
    std::string bytes = byte_string::from_uint64(bits);
    if (bitwidth > 64) {
        std::string extended = byte_string::prefix_mask(bitwidth - 64, bitwidth);
        extended.replace(extended.size() - 8, 8, byte_string::widened(bytes, 64));
        return extended;
    }
    return bytes;
}

std::string encode_text(std::string_view field, const FieldType& type, const std::string& text) {
    if (type.enumerators) {
        for (const auto& [name, value] : *type.enumerators)
            if (name == text) return byte_string::shortest(value);
    }
    if (auto number = byte_string::parse_number(text)) return *number;
    if (text.size() > 1 && text[0] == '-') {
        std::int64_t number = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
        if (error == std::errc() && end == text.data() + text.size())
            return number < 0 ? encode_signed(field, type.bitwidth, number) : std::string(1, '\0');
    }
    struct Form {
        std::optional<std::string> (*parse)(std::string_view);
        std::uint32_t bitwidth;
        const char* name;
    };
    static constexpr Form forms[]{{byte_string::parse_ipv4, 32, "an IPv4 address"},
                                  {byte_string::parse_mac, 48, "a MAC address"},
                                  {byte_string::parse_ipv6, 128, "an IPv6 address"}};
    for (const auto& form : forms) {
        auto bytes = form.parse(text);
        if (!bytes) continue;
        if (type.bitwidth != form.bitwidth)
            fail(field, "'" + text + "' is " + form.name + " of " + std::to_string(form.bitwidth) +
                            " bits, but the field has " + std::to_string(type.bitwidth));
        return byte_string::shortest(*bytes);
    }
    std::string known = type.enumerators ? ", and no member of " + type.type_name : "";
    fail(field, "'" + text + "' is no number, MAC address or IP address" + known + " (the field has " +
                    std::to_string(type.bitwidth) + " bits)");
}

}  // namespace

const char* to_string(MatchType type) noexcept {
    switch (type) {
        case MatchType::exact:
            return "exact";
        case MatchType::lpm:
            return "lpm";
        case MatchType::ternary:
            return "ternary";
        case MatchType::range:
            return "range";
        case MatchType::optional:
            return "optional";
        case MatchType::other:
            return "other";
        case MatchType::unspecified:
            break;
    }
    return "unspecified";
}

std::string encode_value(std::string_view field, const FieldType& type, const Value& value) {
    const auto& content = value.content();
    if (type.is_string) {
        std::string text;
        if (const auto* given = std::get_if<std::string>(&content))
            text = *given;
        else if (const auto* bytes = std::get_if<Bytes>(&content))
            text.assign(bytes->begin(), bytes->end());
        else
            fail(field, "value " + value.to_string() + " is a number, but " + type.type_name +
                            " is translated to strings");
        if (text.empty()) fail(field, "an empty string has no wire form");
        return text;
    }
    if (const auto* number = std::get_if<std::uint64_t>(&content)) {
        if (type.bitwidth < 64 && *number >> type.bitwidth != 0)
            too_wide(field, type.bitwidth, value.to_string());
        return byte_string::from_uint64(*number);
    }
    if (const auto* number = std::get_if<std::int64_t>(&content))
        return encode_signed(field, type.bitwidth, *number);

    std::string bytes;
    if (const auto* text = std::get_if<std::string>(&content)) {
        bytes = encode_text(field, type, *text);
    } else {
        const auto& raw = std::get<Bytes>(content);
        if (raw.empty()) fail(field, "an empty byte string has no value");
        bytes = byte_string::shortest({reinterpret_cast<const char*>(raw.data()), raw.size()});
    }
    if (byte_string::bit_length(bytes) > type.bitwidth) too_wide(field, type.bitwidth, value.to_string());
    return bytes;
}

Value decode_value(std::string_view field, const FieldType& type, std::string_view bytes) {
    if (bytes.empty()) fail(field, "the byte string is empty");
    if (type.is_string) return Value(std::string(bytes));
    if (byte_string::bit_length(bytes) > type.bitwidth)
        too_wide(field, type.bitwidth, byte_string::render(bytes, 0));
    return Value::of_width(Bytes(bytes.begin(), bytes.end()), type.bitwidth);
}

namespace {

using Kind = MatchValue::Kind;

[[noreturn]] void wrong_form(const FieldInfo& field, const MatchValue& value) {
    fail(field.name, "value " + value.to_string() + " cannot be used: the field is matched " +
                         to_string(field.match_type));
}

std::uint32_t parse_prefix_length(const FieldInfo& field, std::string_view text) {
    std::uint32_t length = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), length);
    if (error != std::errc() || end != text.data() + text.size())
        fail(field.name, "'" + std::string(text) + "' is no prefix length");
    return length;
}

// Splits text at its operator, so that the rest of the encoder sees explicit kinds only.
MatchValue resolve(const FieldInfo& field, const MatchValue& value) {
    if (value.kind() != Kind::automatic) return value;
    const std::string_view text = value.value().text();
    const bool splits = value.value().is_text() && !field.type.is_string;
    const bool masks = field.match_type == MatchType::ternary;
    if (splits && (masks || field.match_type == MatchType::lpm)) {
        if (const auto at = text.find('/'); at != std::string_view::npos)
            return MatchValue::lpm(text.substr(0, at), parse_prefix_length(field, text.substr(at + 1)));
    }
    if (splits && masks) {
        if (const auto at = text.find("&&&"); at != std::string_view::npos)
            return MatchValue::ternary(text.substr(0, at), text.substr(at + 3));
    }
    if (splits && field.match_type == MatchType::range) {
        if (const auto at = text.find(".."); at != std::string_view::npos)
            return MatchValue::range(text.substr(0, at), text.substr(at + 2));
    }
    return MatchValue::exact(value.value());
}

std::optional<EncodedMatch> encode_prefix(const FieldInfo& field, const Value& value, std::uint32_t length) {
    const std::uint32_t width = field.type.bitwidth;
    if (length > width)
        fail(field.name, "prefix length " + std::to_string(length) + " exceeds the width of " +
                             std::to_string(width) + " bits");
    const std::string bytes = encode_value(field.name, field.type, value);
    if (length == 0) return std::nullopt;
    const std::string mask = byte_string::prefix_mask(length, width);
    EncodedMatch match(field.match_type, byte_string::masked(bytes, mask, width));
    if (field.match_type == MatchType::lpm)
        match.prefix_length = length;
    else
        match.second = byte_string::shortest(mask);
    return match;
}

std::optional<EncodedMatch> encode_range(const FieldInfo& field, const Value& low, const Value& high) {
    EncodedMatch match(MatchType::range, encode_value(field.name, field.type, low));
    match.second = encode_value(field.name, field.type, high);
    if (byte_string::less(match.second, match.value))
        fail(field.name, "range " + low.to_string() + ".." + high.to_string() + " ends before it starts");
    const std::uint32_t width = field.type.bitwidth;
    if (byte_string::bit_length(match.value) == 0 &&
        match.second == byte_string::shortest(byte_string::prefix_mask(width, width)))
        return std::nullopt;
    return match;
}

}  // namespace

std::optional<EncodedMatch> encode_match(const FieldInfo& field, const MatchValue& given) {
    const MatchValue value = resolve(field, given);
    const Kind kind = value.kind();
    switch (field.match_type) {
        case MatchType::exact:
        case MatchType::optional:
            if (kind != Kind::exact) wrong_form(field, value);
            return EncodedMatch(field.match_type, encode_value(field.name, field.type, value.value()));
        case MatchType::lpm:
            if (kind == Kind::exact) return encode_prefix(field, value.value(), field.type.bitwidth);
            if (kind != Kind::lpm) wrong_form(field, value);
            return encode_prefix(field, value.value(), value.prefix_length());
        case MatchType::ternary: {
            if (kind == Kind::exact) return encode_prefix(field, value.value(), field.type.bitwidth);
            if (kind == Kind::lpm) return encode_prefix(field, value.value(), value.prefix_length());
            if (kind != Kind::ternary) wrong_form(field, value);
            const std::string mask = encode_value(field.name, field.type, value.mask());
            const std::string bytes = encode_value(field.name, field.type, value.value());
            if (byte_string::bit_length(mask) == 0) return std::nullopt;
            EncodedMatch match(MatchType::ternary, byte_string::masked(bytes, mask, field.type.bitwidth));
            match.second = mask;
            return match;
        }
        case MatchType::range:
            if (kind == Kind::exact) return encode_range(field, value.value(), value.value());
            if (kind != Kind::range) wrong_form(field, value);
            return encode_range(field, value.low(), value.high());
        case MatchType::other:
        case MatchType::unspecified:
            break;
    }
    fail(field.name, "its match type is not one of exact, lpm, ternary, range and optional");
}

MatchValue decode_match(const FieldInfo& field, const EncodedMatch& match) {
    if (match.type != field.match_type)
        fail(field.name, std::string("the switch sent a match of type ") + to_string(match.type) +
                             ", but P4Info says " + to_string(field.match_type));
    Value value = decode_value(field.name, field.type, match.value);
    switch (match.type) {
        case MatchType::lpm:
            if (match.prefix_length > field.type.bitwidth)
                fail(field.name, "prefix length " + std::to_string(match.prefix_length) +
                                     " exceeds the width of " + std::to_string(field.type.bitwidth) +
                                     " bits");
            return MatchValue::lpm(std::move(value), match.prefix_length);
        case MatchType::ternary:
            return MatchValue::ternary(std::move(value), decode_value(field.name, field.type, match.second));
        case MatchType::range:
            return MatchValue::range(std::move(value), decode_value(field.name, field.type, match.second));
        default:
            return MatchValue::exact(std::move(value));
    }
}

}  // namespace weft::p4runtime
