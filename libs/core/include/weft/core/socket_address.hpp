// SocketAddress: where a stream or datagram socket is: an IP address with a port, or a unix socket's name.
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

namespace weft {

// Text that should be an address is not one. The message says which part, and shows the accepted forms.
class AddressError : public Error {
public:
    using Error::Error;
};

// A value: copies and compares. Text forms, also what to_string() gives:
//
//     ipv4:127.0.0.1:9559    ipv6:[::1]:80    ipv6:[fe80::1%eth0]:80
//     unix:/run/x.sock       unix-abstract:name (bytes that are not printable, '%' and ' ' as %XX)
//
// parse() also takes 127.0.0.1:9559, [::1]:80 and unix:///run/x.sock. Names are for resolve(), not for here.
class SocketAddress {
public:
    enum class Family : std::uint8_t { none, ipv4, ipv6, unix_path, unix_abstract, unix_unnamed };

    SocketAddress() = default;

    // An IPv4 or IPv6 literal (without brackets, with %scope when wanted); nullopt when it is neither.
    [[nodiscard]] static std::optional<SocketAddress> from_ip(std::string_view literal, std::uint16_t port);
    // Throws AddressError when it is not a literal.
    [[nodiscard]] static SocketAddress ip(std::string_view literal, std::uint16_t port);
    // 127.0.0.1; port 0 lets the kernel choose.
    [[nodiscard]] static SocketAddress loopback(std::uint16_t port);
    // A path below 108 bytes; throws AddressError when it is empty, too long or holds a NUL.
    [[nodiscard]] static SocketAddress unix_path(std::string_view path);
    // A name in the abstract space (no file); up to 107 bytes of any value.
    [[nodiscard]] static SocketAddress unix_abstract(std::string_view name);
    // Throws AddressError.
    [[nodiscard]] static SocketAddress parse(std::string_view text);
    // From a struct sockaddr of `size` bytes, as the kernel gave it. Family none for other families.
    [[nodiscard]] static SocketAddress from_native(const void* address, std::size_t size) noexcept;

    [[nodiscard]] Family family() const noexcept { return family_; }
    [[nodiscard]] bool is_ip() const noexcept { return family_ == Family::ipv4 || family_ == Family::ipv6; }
    [[nodiscard]] bool is_unix() const noexcept { return family_ >= Family::unix_path; }
    // 0 for unix sockets.
    [[nodiscard]] std::uint16_t port() const noexcept;
    // The same IP address with another port.
    [[nodiscard]] SocketAddress with_port(std::uint16_t port) const noexcept;
    // The IP literal, the path or the abstract name, as it is.
    [[nodiscard]] std::string host() const;
    // 4, 16 or 0 bytes in network order; valid as long as the address.
    [[nodiscard]] std::span<const std::byte> ip_bytes() const noexcept;
    [[nodiscard]] bool is_loopback() const noexcept;
    [[nodiscard]] std::string to_string() const;

    // For system calls: a struct sockaddr.
    [[nodiscard]] const void* native() const noexcept { return storage_.data(); }
    [[nodiscard]] std::size_t native_size() const noexcept { return size_; }
    // AF_INET, AF_INET6, AF_UNIX or AF_UNSPEC.
    [[nodiscard]] int native_family() const noexcept;

    friend bool operator==(const SocketAddress& a, const SocketAddress& b) noexcept {
        return a.compare(b) == 0;
    }
    friend std::strong_ordering operator<=>(const SocketAddress& a, const SocketAddress& b) noexcept {
        return a.compare(b) <=> 0;
    }

private:
    [[nodiscard]] int compare(const SocketAddress& other) const noexcept;

    // sockaddr_un, the largest, has 110 bytes.
    alignas(8) std::array<std::byte, 112> storage_{};
    std::uint8_t size_ = 0;
    Family family_ = Family::none;
};

}  // namespace weft
