// IpAddress and IpPrefix: IPv4 and IPv6 addresses and networks as values.
#pragma once

#include <weft/core/error.hpp>

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace weft::netlink {

enum class IpFamily : std::uint8_t { v4 = 4, v6 = 6 };

// A text is not the address, prefix or name that it should be.
class ParseError : public weft::Error {
public:
    using Error::Error;
};

// IPv4 sorts before IPv6. The default is 0.0.0.0.
class IpAddress {
public:
    constexpr IpAddress() noexcept = default;

    // "10.0.0.1" or "2001:db8::1", as inet_pton(3) takes them. nullopt otherwise.
    [[nodiscard]] static std::optional<IpAddress> try_parse(std::string_view text) noexcept;
    // The same; throws ParseError with the text in its message.
    [[nodiscard]] static IpAddress parse(std::string_view text);
    // nullopt unless there are four or sixteen bytes, in network order.
    [[nodiscard]] static std::optional<IpAddress> from_bytes(std::span<const std::uint8_t> bytes) noexcept;
    // From host order: 0x0a000001 is 10.0.0.1.
    [[nodiscard]] static constexpr IpAddress from_v4(std::uint32_t number) noexcept {
        IpAddress address;
        for (std::size_t i = 0; i < 4; ++i)
            address.bytes_[i] = static_cast<std::uint8_t>(number >> (24 - 8 * i));
        return address;
    }
    // 0.0.0.0 or ::.
    [[nodiscard]] static constexpr IpAddress any(IpFamily family) noexcept {
        IpAddress address;
        address.family_ = family;
        return address;
    }

    [[nodiscard]] constexpr IpFamily family() const noexcept { return family_; }
    [[nodiscard]] constexpr bool is_v4() const noexcept { return family_ == IpFamily::v4; }
    [[nodiscard]] constexpr bool is_v6() const noexcept { return family_ == IpFamily::v6; }
    // 4 or 16 bytes in network order.
    [[nodiscard]] constexpr std::span<const std::uint8_t> bytes() const noexcept {
        return {bytes_.data(), is_v4() ? std::size_t{4} : std::size_t{16}};
    }
    // 32 or 128.
    [[nodiscard]] constexpr unsigned bit_count() const noexcept { return is_v4() ? 32 : 128; }
    // Host order; only for IPv4 (0 for IPv6).
    [[nodiscard]] constexpr std::uint32_t v4_number() const noexcept {
        if (!is_v4()) return 0;
        std::uint32_t number = 0;
        for (std::size_t i = 0; i < 4; ++i) number = number << 8 | bytes_[i];
        return number;
    }
    // The address that is `offset` further, with carry; wraps at the end of the address space.
    [[nodiscard]] IpAddress plus(std::uint64_t offset) const noexcept;

    [[nodiscard]] bool is_unspecified() const noexcept;
    [[nodiscard]] bool is_loopback() const noexcept;    // 127/8, ::1
    [[nodiscard]] bool is_link_local() const noexcept;  // 169.254/16, fe80::/10
    [[nodiscard]] bool is_multicast() const noexcept;   // 224/4, ff00::/8

    [[nodiscard]] std::string to_string() const;

    constexpr auto operator<=>(const IpAddress&) const noexcept = default;

private:
    IpFamily family_ = IpFamily::v4;
    std::array<std::uint8_t, 16> bytes_{};
};

// An address and a prefix length. Host bits are kept, because an interface's "10.0.0.1/24" is one too;
// network() clears them. The default is 0.0.0.0/0.
class IpPrefix {
public:
    constexpr IpPrefix() noexcept = default;
    // Throws UsageError when the length is greater than the address has bits.
    IpPrefix(IpAddress address, unsigned length);
    // A host: the full length.
    explicit IpPrefix(IpAddress address) noexcept : address_(address), length_(address.bit_count()) {}

    // "10.0.0.0/24", "2001:db8::/32"; without a slash it is a host. nullopt otherwise.
    [[nodiscard]] static std::optional<IpPrefix> try_parse(std::string_view text) noexcept;
    // The same; throws ParseError with the text in its message.
    [[nodiscard]] static IpPrefix parse(std::string_view text);
    // 0.0.0.0/0 or ::/0: where a default route goes.
    [[nodiscard]] static IpPrefix all(IpFamily family) noexcept {
        IpPrefix prefix;
        prefix.address_ = IpAddress::any(family);
        return prefix;
    }

    [[nodiscard]] constexpr const IpAddress& address() const noexcept { return address_; }
    [[nodiscard]] constexpr unsigned length() const noexcept { return length_; }
    [[nodiscard]] constexpr IpFamily family() const noexcept { return address_.family(); }
    [[nodiscard]] constexpr bool is_host() const noexcept { return length_ == address_.bit_count(); }
    [[nodiscard]] constexpr bool is_default() const noexcept { return length_ == 0; }
    // The same prefix with the host bits cleared.
    [[nodiscard]] IpPrefix network() const noexcept;
    [[nodiscard]] bool contains(const IpAddress& address) const noexcept;
    // The highest address of the network (IPv4: where a directed broadcast goes).
    [[nodiscard]] IpAddress last() const noexcept;

    // Always with the length: "10.0.0.1/32".
    [[nodiscard]] std::string to_string() const;

    constexpr auto operator<=>(const IpPrefix&) const noexcept = default;

private:
    IpAddress address_;
    unsigned length_ = 0;
};

}  // namespace weft::netlink
