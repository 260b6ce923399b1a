// Unsigned big-endian byte strings of any length.
#include "byte_string.hpp"

#include <algorithm>
#include <bit>
#include <cstdio>

#include <arpa/inet.h>

namespace weft::p4runtime::byte_string {

namespace {

constexpr std::size_t max_digits = 512;

std::uint8_t byte_at(std::string_view bytes, std::size_t index) {
    return static_cast<std::uint8_t>(bytes[index]);
}

int digit_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return 99;
}

std::string_view without_leading_zeros(std::string_view bytes) {
    const auto first = bytes.find_first_not_of('\0');
    return first == std::string_view::npos ? std::string_view() : bytes.substr(first);
}

}  // namespace

std::string shortest(std::string_view bytes) {
    const auto rest = without_leading_zeros(bytes);
    return rest.empty() ? std::string(1, '\0') : std::string(rest);
}

std::string from_uint64(std::uint64_t value) {
    char buffer[8];
    std::size_t start = 8;
    do {
        buffer[--start] = static_cast<char>(value & 0xff);
        value >>= 8;
    } while (value != 0);
    return std::string(buffer + start, 8 - start);
}

std::optional<std::uint64_t> to_uint64(std::string_view bytes) noexcept {
    const auto rest = without_leading_zeros(bytes);
    if (rest.size() > 8) return std::nullopt;
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < rest.size(); ++i) value = value << 8 | byte_at(rest, i);
    return value;
}

std::uint64_t bit_length(std::string_view bytes) noexcept {
    const auto rest = without_leading_zeros(bytes);
    if (rest.empty()) return 0;
    return (rest.size() - 1) * 8 + static_cast<std::uint64_t>(std::bit_width(unsigned{byte_at(rest, 0)}));
}

std::string widened(std::string_view bytes, std::uint32_t bitwidth) {
    const auto rest = without_leading_zeros(bytes);
    const std::size_t size = std::max<std::size_t>((bitwidth + 7) / 8, rest.size());
    std::string result(size - rest.size(), '\0');
    return result.append(rest);
}

std::string prefix_mask(std::uint32_t length, std::uint32_t bitwidth) {
    std::string mask((bitwidth + 7) / 8, '\0');
    // A width that is no multiple of 8 starts inside the first byte.
    const std::size_t skipped = mask.size() * 8 - bitwidth;
    for (std::size_t bit = skipped; bit < skipped + length; ++bit)
        mask[bit / 8] = static_cast<char>(static_cast<unsigned char>(mask[bit / 8]) | 0x80u >> bit % 8);
    return mask;
}

std::string masked(std::string_view value, std::string_view mask, std::uint32_t bitwidth) {
    std::string result = widened(value, bitwidth);
    const std::string wide_mask = widened(mask, bitwidth);
    for (std::size_t i = 0; i < result.size(); ++i)
        result[i] = static_cast<char>(byte_at(result, i) & byte_at(wide_mask, i));
    return shortest(result);
}

bool less(std::string_view left, std::string_view right) noexcept {
    if (left.size() != right.size()) return left.size() < right.size();
    return std::lexicographical_compare(
        left.begin(), left.end(), right.begin(), right.end(),
        [](char a, char b) { return static_cast<unsigned char>(a) < static_cast<unsigned char>(b); });
}

std::optional<std::string> parse_number(std::string_view text) {
    unsigned base = 10;
    if (text.size() > 2 && text[0] == '0') {
        switch (text[1]) {
            case 'x':
            case 'X':
                base = 16;
                break;
            case 'b':
            case 'B':
                base = 2;
                break;
            case 'o':
            case 'O':
                base = 8;
                break;
            default:
                break;
        }
        if (base != 10) text.remove_prefix(2);
    }
    if (text.empty() || text.size() > max_digits) return std::nullopt;
    std::string little_endian(1, '\0');
    for (const char c : text) {
        unsigned carry = static_cast<unsigned>(digit_value(c));
        if (carry >= base) return std::nullopt;
        for (char& byte : little_endian) {
            carry += static_cast<unsigned char>(byte) * base;
            byte = static_cast<char>(carry & 0xff);
            carry >>= 8;
        }
        if (carry != 0) little_endian.push_back(static_cast<char>(carry));
    }
    std::reverse(little_endian.begin(), little_endian.end());
    return shortest(little_endian);
}

std::optional<std::string> parse_ipv4(std::string_view text) {
    in_addr address{};
    if (inet_pton(AF_INET, std::string(text).c_str(), &address) != 1) return std::nullopt;
    return std::string(reinterpret_cast<const char*>(&address), sizeof address);
}

std::optional<std::string> parse_ipv6(std::string_view text) {
    in6_addr address{};
    if (inet_pton(AF_INET6, std::string(text).c_str(), &address) != 1) return std::nullopt;
    return std::string(reinterpret_cast<const char*>(&address), sizeof address);
}

std::optional<std::string> parse_mac(std::string_view text) {
    if (text.size() != 17) return std::nullopt;
    std::string bytes;
    for (std::size_t i = 0; i < text.size(); i += 3) {
        const int high = digit_value(text[i]);
        const int low = digit_value(text[i + 1]);
        if (high > 15 || low > 15) return std::nullopt;
        if (i + 2 < text.size() && text[i + 2] != ':' && text[i + 2] != '-') return std::nullopt;
        bytes.push_back(static_cast<char>(high << 4 | low));
    }
    return bytes;
}

std::string render(std::string_view bytes, std::uint32_t bitwidth) {
    const std::string wide = widened(bytes, bitwidth);
    char buffer[INET6_ADDRSTRLEN];
    if (bitwidth == 32 && wide.size() == 4 && inet_ntop(AF_INET, wide.data(), buffer, sizeof buffer))
        return buffer;
    if (bitwidth == 128 && wide.size() == 16 && inet_ntop(AF_INET6, wide.data(), buffer, sizeof buffer))
        return buffer;
    if (bitwidth == 48 && wide.size() == 6) {
        std::snprintf(buffer, sizeof buffer, "%02x:%02x:%02x:%02x:%02x:%02x", byte_at(wide, 0),
                      byte_at(wide, 1), byte_at(wide, 2), byte_at(wide, 3), byte_at(wide, 4),
                      byte_at(wide, 5));
        return buffer;
    }
    if (const auto number = to_uint64(bytes)) return std::to_string(*number);
    std::string hex = "0x";
    for (const char c : shortest(bytes)) {
        std::snprintf(buffer, sizeof buffer, "%02x", static_cast<unsigned>(static_cast<unsigned char>(c)));
        hex += buffer;
    }
    return hex;
}

}  // namespace weft::p4runtime::byte_string
