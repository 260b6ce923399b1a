// Value: any plain datum of Python, for what has no C++ type at the call.
//
//     Value order = Dict{{"id", 7}, {"items", List{"a", "b"}}};
//     order.at("id").as<int>();
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace weft::mesh {

class Value;
struct DictEntry;

using Bytes = std::vector<std::byte>;

// Every member that needs to know Value is defined behind it: clang insists, and so does the standard.
class List {
public:
    List() noexcept;
    List(const List&);
    List(List&&) noexcept;
    List& operator=(const List&);
    List& operator=(List&&) noexcept;
    ~List();
    List(std::initializer_list<Value> items);
    explicit List(std::vector<Value> values) noexcept;
    std::vector<Value> items;
    friend bool operator==(const List&, const List&) noexcept;
};
class Tuple {
public:
    Tuple() noexcept;
    Tuple(const Tuple&);
    Tuple(Tuple&&) noexcept;
    Tuple& operator=(const Tuple&);
    Tuple& operator=(Tuple&&) noexcept;
    ~Tuple();
    Tuple(std::initializer_list<Value> values);
    explicit Tuple(std::vector<Value> values) noexcept;
    std::vector<Value> items;
    friend bool operator==(const Tuple&, const Tuple&) noexcept;
};
// Sets keep the order in which they came, and compare without it.
class Set {
public:
    Set() noexcept;
    Set(const Set&);
    Set(Set&&) noexcept;
    Set& operator=(const Set&);
    Set& operator=(Set&&) noexcept;
    ~Set();
    Set(std::initializer_list<Value> values);
    explicit Set(std::vector<Value> values) noexcept;
    std::vector<Value> items;
    friend bool operator==(const Set&, const Set&) noexcept;
};
// Keys are any values, in the order of insertion. Looking up is linear. A peer may send a key twice: both are
// kept, and find() gives the last, as Python would.
class Dict {
public:
    Dict() noexcept;
    Dict(const Dict&);
    Dict(Dict&&) noexcept;
    Dict& operator=(const Dict&);
    Dict& operator=(Dict&&) noexcept;
    ~Dict();
    Dict(std::initializer_list<DictEntry> items);
    std::vector<DictEntry> entries;

    [[nodiscard]] std::size_t size() const noexcept;
    [[nodiscard]] bool empty() const noexcept;
    // Null when there is no such key.
    [[nodiscard]] const Value* find(std::string_view key) const noexcept;
    [[nodiscard]] const Value* find_key(const Value& key) const noexcept;
    // Replaces or adds.
    void set(Value key, Value value);
    // The same, without looking whether the key is there.
    void append(Value key, Value value);
    friend bool operator==(const Dict&, const Dict&) noexcept;
};

enum class Kind : std::uint8_t { null, boolean, integer, big, real, text, bytes, list, tuple, dict, set };
[[nodiscard]] std::string_view to_string(Kind kind) noexcept;

class Value {
    using Storage = std::variant<std::monostate, bool, std::int64_t, std::uint64_t, double, std::string,
                                 Bytes, List, Tuple, Dict, Set>;

public:
    Value() noexcept;
    Value(std::nullptr_t) noexcept;  // NOLINT(google-explicit-constructor): literals become values, here and
                                     // below
    template <class T>
        requires std::is_same_v<T, bool>
    Value(T flag) noexcept : data_(flag) {}  // NOLINT
    // An integer of 64 bits. Kind::big holds only what does not fit into a signed one.
    template <class T>
        requires(std::is_integral_v<T> && !std::is_same_v<T, bool>)
    Value(T number) noexcept : data_(std::in_place_index<2>, static_cast<std::int64_t>(number)) {  // NOLINT
        if constexpr (std::is_unsigned_v<T> && sizeof(T) == 8)
            if (number > static_cast<T>(INT64_MAX)) data_.template emplace<3>(number);
    }
    Value(double number) noexcept;            // NOLINT
    Value(std::string text) noexcept;         // NOLINT
    Value(std::string_view text);             // NOLINT
    Value(const char* text);                  // NOLINT
    Value(Bytes bytes) noexcept;              // NOLINT
    Value(std::span<const std::byte> bytes);  // NOLINT
    Value(List list) noexcept;                // NOLINT
    Value(Tuple tuple) noexcept;              // NOLINT
    Value(Dict dict) noexcept;                // NOLINT
    Value(Set set) noexcept;                  // NOLINT
    Value(const Value&);
    Value(Value&&) noexcept;
    Value& operator=(const Value&);
    Value& operator=(Value&&) noexcept;
    ~Value();

    [[nodiscard]] Kind kind() const noexcept { return static_cast<Kind>(data_.index()); }
    [[nodiscard]] bool is_null() const noexcept { return kind() == Kind::null; }

    // Null when the value is of another kind.
    template <class T>
    [[nodiscard]] const T* get_if() const noexcept {
        return std::get_if<T>(&data_);
    }
    template <class T>
    [[nodiscard]] T* get_if() noexcept {
        return std::get_if<T>(&data_);
    }

    // Becomes a T made of `args`, in place: std::string, Bytes, List, Tuple, Dict, Set, bool, std::int64_t,
    // std::uint64_t (which must not fit into the former) or double.
    template <class T, class... Args>
    T& emplace(Args&&... args) {
        return data_.template emplace<T>(std::forward<Args>(args)...);
    }

    // The value as a C++ type: see convert.hpp, which must be included. Throws ConversionError.
    template <class T>
    [[nodiscard]] T as() const;
    template <class T>
    [[nodiscard]] T take() &&;

    // A dictionary's entry; throws ConversionError when there is none, or this is no dictionary.
    [[nodiscard]] const Value& at(std::string_view key) const;
    // An item of a list or a tuple; throws ConversionError.
    [[nodiscard]] const Value& at(std::size_t index) const;
    // Items of a list, tuple, set or dictionary, bytes of a text; 0 for the rest.
    [[nodiscard]] std::size_t size() const noexcept;

    // As Python's repr() writes it, cut with "…" after `limit` bytes.
    [[nodiscard]] std::string to_string(std::size_t limit = 4096) const;

    // Numbers compare by value, whatever their kind, as in Python; lists and tuples differ.
    friend bool operator==(const Value& a, const Value& b) noexcept;

private:
    Storage data_;
};

struct DictEntry {
    Value key;
    Value value;
};

inline Value::Value() noexcept = default;

}  // namespace weft::mesh
