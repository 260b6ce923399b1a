// Small ordered maps from names to values: match keys, action parameters, packet metadata.
//
//     Match("hdr.ipv4.dstAddr", "10.0.1.0/24")           safe inside co_await
//     Params("port", 1, "dstAddr", "00:00:00:00:00:01")  safe inside co_await
//     Match{{"hdr.ipv4.dstAddr", "10.0.1.0/24"}}         in statements without co_await (g++ 12, rule R5)
#pragma once

#include <weft/p4runtime/match_value.hpp>
#include <weft/p4runtime/value.hpp>

#include <concepts>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weft::p4runtime {

template <class V>
class NamedValues {
public:
    using value_type = std::pair<std::string, V>;
    using const_iterator = typename std::vector<value_type>::const_iterator;

    NamedValues() = default;
    NamedValues(std::initializer_list<value_type> items) {
        for (const auto& [name, value] : items) assign(name, value);
    }

    // Name, value, name, value, ...
    template <class T, class... Rest>
        requires(sizeof...(Rest) % 2 == 0) && std::constructible_from<V, T>
    NamedValues(std::string name, T&& value, Rest&&... rest) {
        assign(std::move(name), V(std::forward<T>(value)));
        append(std::forward<Rest>(rest)...);
    }

    // Adds the name, or replaces its value.
    NamedValues& set(std::string name, V value) & {
        assign(std::move(name), std::move(value));
        return *this;
    }
    NamedValues&& set(std::string name, V value) && {
        assign(std::move(name), std::move(value));
        return std::move(*this);
    }

    // nullptr when the name is absent. Valid until the next change.
    [[nodiscard]] const V* find(std::string_view name) const noexcept {
        for (const auto& item : items_)
            if (item.first == name) return &item.second;
        return nullptr;
    }
    [[nodiscard]] bool contains(std::string_view name) const noexcept { return find(name) != nullptr; }

    [[nodiscard]] bool empty() const noexcept { return items_.empty(); }
    [[nodiscard]] std::size_t size() const noexcept { return items_.size(); }
    [[nodiscard]] const_iterator begin() const noexcept { return items_.begin(); }
    [[nodiscard]] const_iterator end() const noexcept { return items_.end(); }
    void clear() noexcept { items_.clear(); }

    // The order of the names does not count.
    friend bool operator==(const NamedValues& left, const NamedValues& right) {
        if (left.size() != right.size()) return false;
        for (const auto& [name, value] : left) {
            const V* other = right.find(name);
            if (!other || !(value == *other)) return false;
        }
        return true;
    }

private:
    void assign(std::string name, V value) {
        for (auto& item : items_)
            if (item.first == name) {
                item.second = std::move(value);
                return;
            }
        items_.emplace_back(std::move(name), std::move(value));
    }
    void append() {}
    template <class T, class... Rest>
    void append(std::string name, T&& value, Rest&&... rest) {
        assign(std::move(name), V(std::forward<T>(value)));
        append(std::forward<Rest>(rest)...);
    }

    std::vector<value_type> items_;
};

using Match = NamedValues<MatchValue>;
using Params = NamedValues<Value>;
using PacketMetadata = NamedValues<Value>;

}  // namespace weft::p4runtime
