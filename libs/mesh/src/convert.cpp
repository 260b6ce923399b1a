#include <weft/mesh/convert.hpp>
#include <weft/mesh/error.hpp>
#include <weft/mesh/frame.hpp>

#include <cstring>

namespace weft::mesh {

namespace detail {

void throw_wrong_type(const Value& value, std::string_view wanted) {
    throw ConversionError("a " + std::string(to_string(value.kind())) + " (" + value.to_string(60) +
                          ") where a " + std::string(wanted) + " is wanted");
}

void throw_out_of_range(const Value& value, std::string_view wanted) {
    throw ConversionError("the number " + value.to_string(60) + " does not fit into the " +
                          std::string(wanted) + " that is wanted");
}

void throw_wrong_count(std::size_t count, std::size_t wanted) {
    throw ConversionError(std::to_string(count) + " items where " + std::to_string(wanted) + " are wanted");
}

std::vector<Value>& items_of(Value& value) {
    if (auto* list = value.get_if<List>()) return list->items;
    if (auto* tuple = value.get_if<Tuple>()) return tuple->items;
    if (auto* set = value.get_if<Set>()) return set->items;
    throw_wrong_type(value, "list");
}

Dict& dict_of(Value& value) {
    if (auto* dict = value.get_if<Dict>()) return *dict;
    throw_wrong_type(value, "dict");
}

double real_of(const Value& value) {
    if (const auto* real = value.get_if<double>()) return *real;
    if (const auto* number = value.get_if<std::int64_t>()) return static_cast<double>(*number);
    if (const auto* number = value.get_if<std::uint64_t>()) return static_cast<double>(*number);
    throw_wrong_type(value, "float");
}

}  // namespace detail

std::string Convert<std::string>::from(Value&& value) {
    if (auto* text = value.get_if<std::string>()) return std::move(*text);
    if (const auto* bytes = value.get_if<Bytes>())
        return {reinterpret_cast<const char*>(bytes->data()), bytes->size()};
    detail::throw_wrong_type(value, "str");
}

Bytes Convert<Bytes>::from(Value&& value) {
    if (auto* bytes = value.get_if<Bytes>()) return std::move(*bytes);
    if (const auto* text = value.get_if<std::string>()) {
        const auto view = std::as_bytes(std::span(*text));
        return {view.begin(), view.end()};
    }
    detail::throw_wrong_type(value, "bytes");
}

}  // namespace weft::mesh
