// Between Value and C++ types: how typed callbacks get their arguments and typed calls their results.
//
// Known: bool, integers (checked for range), floating point (takes integers), std::string and Bytes (each
// takes text and bytes), vector, array, set, optional (None), pair and tuple, map and unordered_map, Value.
// For a type of yours specialise Convert:
//
//     template <>
//     struct weft::mesh::Convert<Point> {
//         static Point from(Value&& v) { return {v.at("x").as<int>(), v.at("y").as<int>()}; }
//         static Value to(Point p) { return Dict{{"x", p.x}, {"y", p.y}}; }
//     };
#pragma once

#include <weft/mesh/value.hpp>

#include <array>
#include <concepts>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

namespace weft::mesh {

template <class T>
struct Convert;

namespace detail {

// "a str ('abc') where an int is wanted"
[[noreturn]] void throw_wrong_type(const Value& value, std::string_view wanted);
[[noreturn]] void throw_out_of_range(const Value& value, std::string_view wanted);
[[noreturn]] void throw_wrong_count(std::size_t count, std::size_t wanted);

// The items of a list, tuple or set; throws ConversionError.
[[nodiscard]] std::vector<Value>& items_of(Value& value);
[[nodiscard]] Dict& dict_of(Value& value);
[[nodiscard]] double real_of(const Value& value);

}  // namespace detail

// What a C++ type becomes: decays references and takes text in its forms.
template <class T>
[[nodiscard]] Value to_value(T&& value) {
    using Plain = std::remove_cvref_t<T>;
    if constexpr (std::is_same_v<Plain, Value>) {
        return Value(std::forward<T>(value));
    } else if constexpr (std::is_convertible_v<T&&, std::string_view> &&
                         !std::is_same_v<Plain, std::string>) {
        return Value(std::string_view(value));
    } else if constexpr (std::is_same_v<Plain, std::nullptr_t> || std::is_same_v<Plain, List> ||
                         std::is_same_v<Plain, Dict> || std::is_same_v<Plain, Tuple> ||
                         std::is_same_v<Plain, Set>) {
        return Value(std::forward<T>(value));
    } else {
        return Convert<Plain>::to(std::forward<T>(value));
    }
}

template <class T>
[[nodiscard]] T from_value(Value&& value) {
    return Convert<T>::from(std::move(value));
}

template <>
struct Convert<Value> {
    static Value from(Value&& value) noexcept { return std::move(value); }
    static Value to(Value value) noexcept { return value; }
};

template <class T>
    requires(std::is_same_v<T, Dict> || std::is_same_v<T, List> || std::is_same_v<T, Tuple> ||
             std::is_same_v<T, Set>)
struct Convert<T> {
    static T from(Value&& value) {
        if (auto* found = value.get_if<T>()) return std::move(*found);
        if constexpr (!std::is_same_v<T, Dict>) {
            T out;
            out.items = std::move(detail::items_of(value));
            return out;
        } else {
            detail::throw_wrong_type(value, "dict");
        }
    }
    static Value to(T value) { return Value(std::move(value)); }
};

template <>
struct Convert<bool> {
    static bool from(Value&& value) {
        if (const auto* flag = value.get_if<bool>()) return *flag;
        detail::throw_wrong_type(value, "bool");
    }
    static Value to(bool flag) noexcept { return flag; }
};

template <class T>
    requires(std::is_integral_v<T> && !std::is_same_v<T, bool>)
struct Convert<T> {
    static T from(Value&& value) {
        if (const auto* number = value.get_if<std::int64_t>()) {
            if (std::in_range<T>(*number)) return static_cast<T>(*number);
            detail::throw_out_of_range(value, "int");
        }
        if (const auto* number = value.get_if<std::uint64_t>()) {
            if (std::in_range<T>(*number)) return static_cast<T>(*number);
            detail::throw_out_of_range(value, "int");
        }
        // In Python a bool is an int.
        if (const auto* flag = value.get_if<bool>()) return static_cast<T>(*flag);
        detail::throw_wrong_type(value, "int");
    }
    static Value to(T number) noexcept { return number; }
};

template <std::floating_point T>
struct Convert<T> {
    static T from(Value&& value) { return static_cast<T>(detail::real_of(value)); }
    static Value to(T number) noexcept { return static_cast<double>(number); }
};

template <>
struct Convert<std::string> {
    static std::string from(Value&& value);
    static Value to(std::string text) noexcept { return text; }
};

template <>
struct Convert<Bytes> {
    static Bytes from(Value&& value);
    static Value to(Bytes bytes) noexcept { return bytes; }
};

template <class T>
struct Convert<std::optional<T>> {
    static std::optional<T> from(Value&& value) {
        if (value.is_null()) return std::nullopt;
        return from_value<T>(std::move(value));
    }
    static Value to(std::optional<T> value) { return value ? to_value(std::move(*value)) : Value(); }
};

template <class T>
struct Convert<std::vector<T>> {
    static std::vector<T> from(Value&& value) {
        auto& items = detail::items_of(value);
        std::vector<T> out;
        out.reserve(items.size());
        for (Value& item : items) out.push_back(from_value<T>(std::move(item)));
        return out;
    }
    static Value to(std::vector<T> values) {
        List out;
        out.items.reserve(values.size());
        for (auto&& item : values) out.items.push_back(to_value(T(std::move(item))));
        return out;
    }
};

template <class T, std::size_t N>
struct Convert<std::array<T, N>> {
    static std::array<T, N> from(Value&& value) {
        auto& items = detail::items_of(value);
        if (items.size() != N) detail::throw_wrong_count(items.size(), N);
        std::array<T, N> out{};
        for (std::size_t i = 0; i < N; ++i) out[i] = from_value<T>(std::move(items[i]));
        return out;
    }
    static Value to(std::array<T, N> values) {
        List out;
        for (T& item : values) out.items.push_back(to_value(std::move(item)));
        return out;
    }
};

template <class T>
struct Convert<std::set<T>> {
    static std::set<T> from(Value&& value) {
        std::set<T> out;
        for (Value& item : detail::items_of(value)) out.insert(from_value<T>(std::move(item)));
        return out;
    }
    static Value to(const std::set<T>& values) {
        Set out;
        for (const T& item : values) out.items.push_back(to_value(item));
        return out;
    }
};

namespace detail {

template <class Map>
struct ConvertMap {
    static Map from(Value&& value) {
        Map out;
        for (DictEntry& entry : dict_of(value).entries)
            out.insert_or_assign(from_value<typename Map::key_type>(std::move(entry.key)),
                                 from_value<typename Map::mapped_type>(std::move(entry.value)));
        return out;
    }
    static Value to(const Map& map) {
        Dict out;
        for (const auto& [key, value] : map) out.append(to_value(key), to_value(value));
        return out;
    }
};

template <class... Ts>
struct ConvertTuple {
    template <class Result>
    static Result from(Value&& value) {
        auto& items = items_of(value);
        if (items.size() != sizeof...(Ts)) throw_wrong_count(items.size(), sizeof...(Ts));
        return take<Result>(items, std::index_sequence_for<Ts...>());
    }
    template <class Result, std::size_t... I>
    static Result take(std::vector<Value>& items, std::index_sequence<I...>) {
        return Result(from_value<Ts>(std::move(items[I]))...);
    }
};

}  // namespace detail

template <class K, class V, class... Rest>
struct Convert<std::map<K, V, Rest...>> : detail::ConvertMap<std::map<K, V, Rest...>> {};
template <class K, class V, class... Rest>
struct Convert<std::unordered_map<K, V, Rest...>> : detail::ConvertMap<std::unordered_map<K, V, Rest...>> {};

template <class A, class B>
struct Convert<std::pair<A, B>> {
    static std::pair<A, B> from(Value&& value) {
        return detail::ConvertTuple<A, B>::template from<std::pair<A, B>>(std::move(value));
    }
    static Value to(std::pair<A, B> pair) {
        return Tuple{to_value(std::move(pair.first)), to_value(std::move(pair.second))};
    }
};

template <class... Ts>
struct Convert<std::tuple<Ts...>> {
    static std::tuple<Ts...> from(Value&& value) {
        return detail::ConvertTuple<Ts...>::template from<std::tuple<Ts...>>(std::move(value));
    }
    static Value to(std::tuple<Ts...> tuple) {
        return std::apply([](Ts&... items) { return Value(Tuple{to_value(std::move(items))...}); }, tuple);
    }
};

template <class T>
T Value::as() const {
    return from_value<T>(Value(*this));
}

template <class T>
T Value::take() && {
    return from_value<T>(std::move(*this));
}

}  // namespace weft::mesh
