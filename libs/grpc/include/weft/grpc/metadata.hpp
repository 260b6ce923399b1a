// Metadata: what travels beside the messages: an ordered list of keys with values, a key may come repeatedly.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weft::grpc {

// Keys are lower case ([0-9a-z_.-]+). The values of keys that end in "-bin" are bytes; others are printable
// ASCII. A value: copies and compares.
class Metadata {
public:
    using Entry = std::pair<std::string, std::string>;
    using const_iterator = std::vector<Entry>::const_iterator;

    Metadata() = default;
    // Throws UsageError as add().
    Metadata(std::initializer_list<std::pair<std::string_view, std::string_view>> entries);

    // Appends. Throws UsageError when the key or the value cannot be sent: the message says why.
    Metadata& add(std::string key, std::string value);
    // Replaces every value of the key by this one.
    Metadata& set(std::string key, std::string value);
    // Removes every value of the key; gives how many there were.
    std::size_t erase(std::string_view key);

    // The first value of the key; nullopt when there is none. Valid until the metadata changes.
    [[nodiscard]] std::optional<std::string_view> get(std::string_view key) const noexcept;
    // Every value of the key, in order.
    [[nodiscard]] std::vector<std::string> get_all(std::string_view key) const;
    [[nodiscard]] bool contains(std::string_view key) const noexcept { return get(key).has_value(); }

    [[nodiscard]] bool empty() const noexcept { return entries_.empty(); }
    [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }
    [[nodiscard]] const_iterator begin() const noexcept { return entries_.begin(); }
    [[nodiscard]] const_iterator end() const noexcept { return entries_.end(); }

    // Appends what came off the wire, without the checks.
    void add_received(std::string_view key, std::string value) {
        entries_.emplace_back(std::string(key), std::move(value));
    }

    friend bool operator==(const Metadata&, const Metadata&) = default;

private:
    std::vector<Entry> entries_;
};

}  // namespace weft::grpc
