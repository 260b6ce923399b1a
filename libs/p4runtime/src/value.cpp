// Values and match values: conversion to numbers and text, comparison.
#include "byte_string.hpp"

#include <weft/p4runtime/error.hpp>
#include <weft/p4runtime/match_value.hpp>
#include <weft/p4runtime/value_codec.hpp>

namespace weft::p4runtime {

namespace {

template <class... F>
struct Overloaded : F... {
    using F::operator()...;
};
template <class... F>
Overloaded(F...) -> Overloaded<F...>;

std::string_view view(const Bytes& bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string bytes_of_text(const std::string& text) {
    if (auto number = byte_string::parse_number(text)) return *number;
    if (auto address = byte_string::parse_ipv4(text)) return *address;
    if (auto address = byte_string::parse_mac(text)) return *address;
    if (auto address = byte_string::parse_ipv6(text)) return *address;
    throw EncodingError("", "'" + text + "' is no number, MAC address or IP address");
}

std::string bytes_of(const Value& value) {
    return std::visit(Overloaded{[](std::uint64_t number) { return byte_string::from_uint64(number); },
                                 [](std::int64_t number) {
                                     return byte_string::from_uint64(static_cast<std::uint64_t>(number));
                                 },
                                 [](const std::string& text) { return bytes_of_text(text); },
                                 [](const Bytes& bytes) { return byte_string::shortest(view(bytes)); }},
                      value.content());
}

}  // namespace

Value Value::of_width(Bytes bytes, std::uint32_t bitwidth) {
    Value value;
    value.bitwidth_ = bitwidth;
    // Up to 64 bits are kept as a number, so that reading a table allocates nothing for its values.
    if (const auto number = byte_string::to_uint64(view(bytes)))
        value.content_ = *number;
    else
        value.content_ = std::move(bytes);
    return value;
}

std::string_view Value::text() const noexcept {
    const auto* text = std::get_if<std::string>(&content_);
    return text ? std::string_view(*text) : std::string_view();
}

std::uint64_t Value::to_uint64() const {
    if (const auto* number = std::get_if<std::uint64_t>(&content_)) return *number;
    if (const auto* number = std::get_if<std::int64_t>(&content_))
        throw EncodingError("", std::to_string(*number) + " is negative: it has no unsigned form");
    const auto number = byte_string::to_uint64(bytes_of(*this));
    if (!number) throw EncodingError("", to_string() + " takes more than 64 bits");
    return *number;
}

Bytes Value::to_bytes() const {
    const std::string bytes = bytes_of(*this);
    return Bytes(bytes.begin(), bytes.end());
}

std::string Value::to_string() const {
    return std::visit(
        Overloaded{[this](std::uint64_t number) {
                       return bitwidth_ == 0
                                  ? std::to_string(number)
                                  : byte_string::render(byte_string::from_uint64(number), bitwidth_);
                   },
                   [](std::int64_t number) { return std::to_string(number); },
                   [](const std::string& text) { return text; },
                   [this](const Bytes& bytes) { return byte_string::render(view(bytes), bitwidth_); }},
        content_);
}

bool operator==(const Value& left, const Value& right) {
    if (left.bitwidth_ == 0 && right.bitwidth_ == 0) return left.content_ == right.content_;
    if (left.bitwidth_ != 0 && right.bitwidth_ != 0) return left.content_ == right.content_;
    const std::uint32_t width = left.bitwidth_ != 0 ? left.bitwidth_ : right.bitwidth_;
    try {
        const FieldType type(width);
        return encode_value("", type, left) == encode_value("", type, right);
    } catch (const EncodingError&) {
        return false;
    }
}

MatchValue MatchValue::exact(Value value) {
    MatchValue match(std::move(value));
    match.kind_ = Kind::exact;
    return match;
}

MatchValue MatchValue::lpm(Value value, std::uint32_t prefix_length) {
    MatchValue match(std::move(value));
    match.kind_ = Kind::lpm;
    match.prefix_length_ = prefix_length;
    return match;
}

MatchValue MatchValue::ternary(Value value, Value mask) {
    MatchValue match(std::move(value));
    match.kind_ = Kind::ternary;
    match.second_ = std::move(mask);
    return match;
}

MatchValue MatchValue::range(Value low, Value high) {
    MatchValue match(std::move(low));
    match.kind_ = Kind::range;
    match.second_ = std::move(high);
    return match;
}

std::string MatchValue::to_string() const {
    switch (kind_) {
        case Kind::lpm:
            return value_.to_string() + "/" + std::to_string(prefix_length_);
        case Kind::ternary:
            return value_.to_string() + "&&&" + second_.to_string();
        case Kind::range:
            return value_.to_string() + ".." + second_.to_string();
        default:
            return value_.to_string();
    }
}

bool operator==(const MatchValue& left, const MatchValue& right) {
    if (left.kind_ == right.kind_ && left.prefix_length_ == right.prefix_length_ &&
        left.value_ == right.value_ && left.second_ == right.second_)
        return true;
    // One side came from the switch: its kind and width say how to read the other.
    const MatchValue& typed = left.value_.bitwidth() != 0 ? left : right;
    if (typed.kind_ == MatchValue::Kind::automatic) return false;
    if (typed.value_.bitwidth() == 0)
        return typed.kind_ == MatchValue::Kind::exact && left.value_ == right.value_ &&
               left.kind_ <= MatchValue::Kind::exact && right.kind_ <= MatchValue::Kind::exact;
    FieldInfo field;
    field.type = FieldType(typed.value_.bitwidth());
    switch (typed.kind_) {
        case MatchValue::Kind::lpm:
            field.match_type = MatchType::lpm;
            break;
        case MatchValue::Kind::ternary:
            field.match_type = MatchType::ternary;
            break;
        case MatchValue::Kind::range:
            field.match_type = MatchType::range;
            break;
        default:
            field.match_type = MatchType::exact;
    }
    try {
        return encode_match(field, left) == encode_match(field, right);
    } catch (const EncodingError&) {
        return false;
    }
}

}  // namespace weft::p4runtime
