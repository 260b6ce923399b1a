#include <weft/netlink/ip_address.hpp>

#include <algorithm>
#include <charconv>
#include <cstring>

#include <arpa/inet.h>

namespace weft::netlink {

namespace {

// Clears the bits of `bytes` from bit `from` on, or sets them.
template <class Span>
void fill_bits(Span bytes, unsigned from, bool ones) noexcept {
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        const unsigned first_bit = static_cast<unsigned>(i) * 8;
        if (first_bit + 8 <= from) continue;
        const unsigned keep = from > first_bit ? from - first_bit : 0;
        const auto mask = static_cast<std::uint8_t>(0xffu >> keep);
        bytes[i] = static_cast<std::uint8_t>(ones ? bytes[i] | mask : bytes[i] & ~mask);
    }
}

IpAddress with_bits(const IpAddress& address, unsigned from, bool ones) noexcept {
    std::array<std::uint8_t, 16> bytes{};
    const auto source = address.bytes();
    std::copy(source.begin(), source.end(), bytes.begin());
    const auto used = std::span(bytes).first(source.size());
    fill_bits(used, from, ones);
    return *IpAddress::from_bytes(used);
}

}  // namespace

std::optional<IpAddress> IpAddress::try_parse(std::string_view text) noexcept {
    char buffer[INET6_ADDRSTRLEN + 1];
    if (text.empty() || text.size() >= sizeof buffer || text.find('\0') != text.npos) return std::nullopt;
    std::memcpy(buffer, text.data(), text.size());
    buffer[text.size()] = '\0';
    IpAddress address;
    address.family_ = text.find(':') == text.npos ? IpFamily::v4 : IpFamily::v6;
    const int family = address.is_v4() ? AF_INET : AF_INET6;
    if (::inet_pton(family, buffer, address.bytes_.data()) != 1) return std::nullopt;
    return address;
}

IpAddress IpAddress::parse(std::string_view text) {
    const auto address = try_parse(text);
    if (!address) throw ParseError("'" + std::string(text) + "' is no IPv4 or IPv6 address");
    return *address;
}

std::optional<IpAddress> IpAddress::from_bytes(std::span<const std::uint8_t> bytes) noexcept {
    if (bytes.size() != 4 && bytes.size() != 16) return std::nullopt;
    IpAddress address;
    address.family_ = bytes.size() == 4 ? IpFamily::v4 : IpFamily::v6;
    std::copy(bytes.begin(), bytes.end(), address.bytes_.begin());
    return address;
}

IpAddress IpAddress::plus(std::uint64_t offset) const noexcept {
    IpAddress sum = *this;
    for (std::size_t i = bytes().size(); i-- > 0 && offset != 0;) {
        const std::uint64_t digit = sum.bytes_[i] + (offset & 0xff);
        sum.bytes_[i] = static_cast<std::uint8_t>(digit);
        offset = (offset >> 8) + (digit >> 8);
    }
    return sum;
}

bool IpAddress::is_unspecified() const noexcept { return *this == any(family_); }

bool IpAddress::is_loopback() const noexcept {
    if (is_v4()) return bytes_[0] == 127;
    return *this == any(IpFamily::v6).plus(1);
}

bool IpAddress::is_link_local() const noexcept {
    if (is_v4()) return bytes_[0] == 169 && bytes_[1] == 254;
    return bytes_[0] == 0xfe && (bytes_[1] & 0xc0) == 0x80;
}

bool IpAddress::is_multicast() const noexcept {
    return is_v4() ? (bytes_[0] & 0xf0) == 0xe0 : bytes_[0] == 0xff;
}

std::string IpAddress::to_string() const {
    char buffer[INET6_ADDRSTRLEN];
    ::inet_ntop(is_v4() ? AF_INET : AF_INET6, bytes_.data(), buffer, sizeof buffer);
    return buffer;
}

IpPrefix::IpPrefix(IpAddress address, unsigned length) : address_(address), length_(length) {
    if (length > address.bit_count())
        throw UsageError("prefix length " + std::to_string(length) + " is too long for " +
                         address.to_string());
}

std::optional<IpPrefix> IpPrefix::try_parse(std::string_view text) noexcept {
    const std::size_t slash = text.find('/');
    const auto address = IpAddress::try_parse(text.substr(0, slash));
    if (!address) return std::nullopt;
    IpPrefix prefix(*address);
    if (slash == text.npos) return prefix;
    const std::string_view digits = text.substr(slash + 1);
    unsigned length = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), length);
    if (error != std::errc() || end != digits.data() + digits.size() || length > address->bit_count())
        return std::nullopt;
    prefix.length_ = length;
    return prefix;
}

IpPrefix IpPrefix::parse(std::string_view text) {
    const auto prefix = try_parse(text);
    if (!prefix)
        throw ParseError("'" + std::string(text) +
                         "' is no IP prefix; write it as 10.0.0.0/8 or 2001:db8::/32");
    return *prefix;
}

IpPrefix IpPrefix::network() const noexcept {
    IpPrefix network = *this;
    network.address_ = with_bits(address_, length_, false);
    return network;
}

bool IpPrefix::contains(const IpAddress& address) const noexcept {
    return address.family() == family() && with_bits(address, length_, false) == network().address_;
}

IpAddress IpPrefix::last() const noexcept { return with_bits(address_, length_, true); }

std::string IpPrefix::to_string() const { return address_.to_string() + "/" + std::to_string(length_); }

}  // namespace weft::netlink
