#include <weft/netlink/ip_address.hpp>
#include <weft/netlink/mac_address.hpp>

#include <algorithm>

namespace weft::netlink {

namespace {

int hex_digit(char c) noexcept {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

}  // namespace

std::optional<MacAddress> MacAddress::try_parse(std::string_view text) noexcept {
    if (text.size() != size * 3 - 1) return std::nullopt;
    MacAddress mac;
    for (std::size_t i = 0; i < size; ++i) {
        const int high = hex_digit(text[3 * i]);
        const int low = hex_digit(text[3 * i + 1]);
        if (high < 0 || low < 0) return std::nullopt;
        if (i + 1 < size && text[3 * i + 2] != ':' && text[3 * i + 2] != '-') return std::nullopt;
        mac.bytes_[i] = static_cast<std::uint8_t>(high << 4 | low);
    }
    return mac;
}

MacAddress MacAddress::parse(std::string_view text) {
    const auto mac = try_parse(text);
    if (!mac)
        throw ParseError("'" + std::string(text) + "' is no MAC address; write it as 02:00:00:00:00:01");
    return *mac;
}

std::optional<MacAddress> MacAddress::from_bytes(std::span<const std::uint8_t> bytes) noexcept {
    if (bytes.size() != size) return std::nullopt;
    MacAddress mac;
    std::copy(bytes.begin(), bytes.end(), mac.bytes_.begin());
    return mac;
}

std::string MacAddress::to_string() const {
    constexpr char digits[] = "0123456789abcdef";
    std::string text;
    for (const std::uint8_t byte : bytes_) {
        if (!text.empty()) text += ':';
        text += digits[byte >> 4];
        text += digits[byte & 15];
    }
    return text;
}

}  // namespace weft::netlink
