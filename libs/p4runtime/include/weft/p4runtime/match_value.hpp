// What one match field is compared with: a value alone, or with a prefix length, a mask, an upper bound.
#pragma once

#include <weft/p4runtime/value.hpp>

#include <concepts>
#include <cstdint>
#include <string>

namespace weft::p4runtime {

class MatchValue {
public:
    enum class Kind : std::uint8_t {
        automatic,  // the field's match type says how to read it
        exact,      // also of an optional field
        lpm,
        ternary,
        range,
    };

    MatchValue() = default;

    // Read by the field's match type. Text may carry the second part: "10.0.0.0/24" for lpm and ternary,
    // "0x0800&&&0xff00" for ternary, "1024..2047" for range. A bare value matches exactly (lpm: full
    // length; ternary: all bits; range: just that value).
    template <class T>
        requires std::constructible_from<Value, T> && (!std::same_as<std::remove_cvref_t<T>, MatchValue>)
    MatchValue(T&& value) : value_(std::forward<T>(value)) {}  // NOLINT(google-explicit-constructor)

    [[nodiscard]] static MatchValue exact(Value value);
    [[nodiscard]] static MatchValue lpm(Value value, std::uint32_t prefix_length);
    [[nodiscard]] static MatchValue ternary(Value value, Value mask);
    [[nodiscard]] static MatchValue range(Value low, Value high);

    [[nodiscard]] Kind kind() const noexcept { return kind_; }
    [[nodiscard]] const Value& value() const noexcept { return value_; }
    [[nodiscard]] const Value& low() const noexcept { return value_; }
    [[nodiscard]] const Value& high() const noexcept { return second_; }
    [[nodiscard]] const Value& mask() const noexcept { return second_; }
    [[nodiscard]] std::uint32_t prefix_length() const noexcept { return prefix_length_; }

    // "10.0.1.0/24", "2048&&&65280", "1024..2047", "17".
    [[nodiscard]] std::string to_string() const;

    // Same kind and same parts; `automatic` text equals what it reads as when the other side came from
    // the switch.
    friend bool operator==(const MatchValue& left, const MatchValue& right);

private:
    Kind kind_ = Kind::automatic;
    std::uint32_t prefix_length_ = 0;
    Value value_;
    Value second_;
};

[[nodiscard]] inline MatchValue exact(Value value) { return MatchValue::exact(std::move(value)); }
[[nodiscard]] inline MatchValue lpm(Value value, std::uint32_t prefix_length) {
    return MatchValue::lpm(std::move(value), prefix_length);
}
[[nodiscard]] inline MatchValue ternary(Value value, Value mask) {
    return MatchValue::ternary(std::move(value), std::move(mask));
}
[[nodiscard]] inline MatchValue range(Value low, Value high) {
    return MatchValue::range(std::move(low), std::move(high));
}

}  // namespace weft::p4runtime
