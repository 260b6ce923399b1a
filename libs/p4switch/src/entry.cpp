// Makers of the control interface's values, and the conversions of key_value.hpp.
#include "key_value.hpp"
#include "meter.hpp"

#include <weft/p4switch/entry.hpp>
#include <weft/p4switch/error.hpp>

#include <algorithm>

namespace weft::p4switch {

MatchField exact(std::string field, std::string value) {
    return {std::move(field), MatchKind::exact, std::move(value), {}, 0};
}

MatchField lpm(std::string field, std::string value, std::uint32_t prefix_length) {
    return {std::move(field), MatchKind::lpm, std::move(value), {}, prefix_length};
}

MatchField ternary(std::string field, std::string value, std::string mask) {
    return {std::move(field), MatchKind::ternary, std::move(value), std::move(mask), 0};
}

MatchField range(std::string field, std::string low, std::string high) {
    return {std::move(field), MatchKind::range, std::move(low), std::move(high), 0};
}

MatchField optional(std::string field, std::string value) {
    return {std::move(field), MatchKind::optional, std::move(value), {}, 0};
}

std::string to_bytes(std::uint64_t number) {
    std::string bytes;
    do {
        bytes.push_back(static_cast<char>(number & 0xff));
        number >>= 8;
    } while (number != 0);
    std::reverse(bytes.begin(), bytes.end());
    return bytes;
}

std::uint64_t to_number(const std::string& bytes) {
    std::uint64_t number = 0;
    for (char byte : bytes) number = (number << 8) | static_cast<unsigned char>(byte);
    return number;
}

void check_meter(const MeterConfig& config) {
    if (!std::isfinite(config.committed_rate) || !std::isfinite(config.peak_rate) ||
        config.committed_rate < 0)
        throw InvalidError("a meter needs finite rates that are not negative");
    if (config.committed_rate > config.peak_rate)
        throw InvalidError("the committed rate of a meter exceeds its peak rate");
}

WideInt checked_value(const std::string& bytes, std::uint32_t width, const std::string& what) {
    if (bytes.empty()) throw InvalidError(what + ": the value is an empty byte string");
    if (bytes.size() > WideInt::max_bits / 8) throw InvalidError(what + ": the value is too long");
    WideInt value = WideInt::from_bytes(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
    if (value.signed_bits() > width + std::size_t{1})
        throw InvalidError(what + ": the value needs " + std::to_string(value.signed_bits() - 1) +
                           " bits, the width is " + std::to_string(width));
    return value;
}

std::string canonical_bytes(const WideInt& value, std::uint32_t width) {
    std::string bytes((width + 7) / 8, '\0');
    value.low_bits(width).to_bytes(reinterpret_cast<std::uint8_t*>(bytes.data()), bytes.size());
    const std::size_t first = bytes.find_first_not_of('\0');
    if (first == std::string::npos) return std::string(1, '\0');
    return bytes.substr(first);
}

}  // namespace weft::p4switch
