#include "wire.hpp"

#include <weft/core/error.hpp>
#include <weft/grpc/metadata.hpp>

namespace weft::grpc {

namespace {

void require_sendable(std::string_view key, std::string_view value) {
    if (!wire::is_metadata_key(key))
        throw UsageError(
            "metadata key '" + std::string(key) +
            "': keys have lower-case letters, digits, '_', '-' and '.', and do not begin with grpc-");
    if (!wire::is_binary_key(key) && !wire::is_metadata_value(value))
        throw UsageError("metadata value of '" + std::string(key) +
                         "' is not printable ASCII; bytes go under a key that ends in -bin");
}

}  // namespace

Metadata::Metadata(std::initializer_list<std::pair<std::string_view, std::string_view>> entries) {
    entries_.reserve(entries.size());
    for (const auto& [key, value] : entries) add(std::string(key), std::string(value));
}

Metadata& Metadata::add(std::string key, std::string value) {
    require_sendable(key, value);
    entries_.emplace_back(std::move(key), std::move(value));
    return *this;
}

Metadata& Metadata::set(std::string key, std::string value) {
    require_sendable(key, value);
    erase(key);
    entries_.emplace_back(std::move(key), std::move(value));
    return *this;
}

std::size_t Metadata::erase(std::string_view key) {
    return std::erase_if(entries_, [key](const Entry& entry) { return entry.first == key; });
}

std::optional<std::string_view> Metadata::get(std::string_view key) const noexcept {
    for (const Entry& entry : entries_)
        if (entry.first == key) return entry.second;
    return std::nullopt;
}

std::vector<std::string> Metadata::get_all(std::string_view key) const {
    std::vector<std::string> values;
    for (const Entry& entry : entries_)
        if (entry.first == key) values.push_back(entry.second);
    return values;
}

}  // namespace weft::grpc
