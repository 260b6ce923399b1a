// A structured value of a P4 type: a register's cell, a digest's message.
#pragma once

#include <weft/p4runtime/value.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weft::p4runtime {

class Data {
public:
    enum class Kind : std::uint8_t { value, boolean, composite };

    Data() = default;
    // A bit string, an enum member's name or an error's name, by the type that it goes to.
    Data(Value value) : value_(std::move(value)) {}  // NOLINT(google-explicit-constructor)
    template <class T>
        requires std::constructible_from<Value, T> && (!std::same_as<std::remove_cvref_t<T>, Value>) &&
                 (!std::same_as<std::remove_cvref_t<T>, bool>) &&
                 (!std::same_as<std::remove_cvref_t<T>, Data>)
    Data(T&& value) : value_(std::forward<T>(value)) {}        // NOLINT(google-explicit-constructor)
    Data(bool value) : kind_(Kind::boolean), value_(value) {}  // NOLINT(google-explicit-constructor)

    // An empty struct, tuple, header or stack, to be filled with member().
    [[nodiscard]] static Data composite(bool valid = true);

    // Adds a member; the name is empty in tuples and stacks.
    Data& member(std::string name, Data value) &;
    Data&& member(std::string name, Data value) &&;

    [[nodiscard]] Kind kind() const noexcept { return kind_; }
    [[nodiscard]] const Value& value() const noexcept { return value_; }
    [[nodiscard]] std::uint64_t to_uint64() const { return value_.to_uint64(); }
    [[nodiscard]] const std::vector<std::pair<std::string, Data>>& members() const noexcept {
        return members_;
    }
    // The member of that name. Throws NoSuchFieldError.
    [[nodiscard]] const Data& operator[](std::string_view name) const;
    // false for a header that is not valid.
    [[nodiscard]] bool valid() const noexcept { return valid_; }

    // "{srcAddr=00:00:00:00:00:01, port=3}".
    [[nodiscard]] std::string to_string() const;

    friend bool operator==(const Data&, const Data&);

private:
    Kind kind_ = Kind::value;
    bool valid_ = true;
    Value value_;
    std::vector<std::pair<std::string, Data>> members_;
};

}  // namespace weft::p4runtime
