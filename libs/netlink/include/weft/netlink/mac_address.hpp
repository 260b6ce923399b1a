// MacAddress: 48 bits of an Ethernet address, as a value.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace weft::netlink {

class MacAddress {
public:
    static constexpr std::size_t size = 6;

    constexpr MacAddress() noexcept = default;
    constexpr explicit MacAddress(std::array<std::uint8_t, size> bytes) noexcept : bytes_(bytes) {}

    // "02:00:00:00:00:01", hexadecimal digits in either case, ':' or '-' between them. nullopt otherwise.
    [[nodiscard]] static std::optional<MacAddress> try_parse(std::string_view text) noexcept;
    // The same; throws ParseError (ip_address.hpp) with the text in its message.
    [[nodiscard]] static MacAddress parse(std::string_view text);
    // nullopt unless there are six bytes.
    [[nodiscard]] static std::optional<MacAddress> from_bytes(std::span<const std::uint8_t> bytes) noexcept;
    // The low 48 bits of a number, most significant byte first.
    [[nodiscard]] static constexpr MacAddress from_number(std::uint64_t number) noexcept {
        MacAddress mac;
        for (std::size_t i = 0; i < size; ++i)
            mac.bytes_[i] = static_cast<std::uint8_t>(number >> (8 * (size - 1 - i)));
        return mac;
    }

    [[nodiscard]] constexpr const std::array<std::uint8_t, size>& bytes() const noexcept { return bytes_; }
    [[nodiscard]] constexpr std::uint64_t to_number() const noexcept {
        std::uint64_t number = 0;
        for (const std::uint8_t byte : bytes_) number = number << 8 | byte;
        return number;
    }
    [[nodiscard]] constexpr bool is_multicast() const noexcept { return bytes_[0] & 1; }

    // Lower case, with colons.
    [[nodiscard]] std::string to_string() const;

    constexpr auto operator<=>(const MacAddress&) const noexcept = default;

private:
    std::array<std::uint8_t, size> bytes_{};
};

}  // namespace weft::netlink
