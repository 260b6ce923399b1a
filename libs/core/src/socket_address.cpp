#include <weft/core/socket_address.hpp>

#include <charconv>
#include <cstring>

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

namespace weft {

namespace {

constexpr std::string_view accepted_forms =
    "; use 127.0.0.1:80, [::1]:80, unix:/path or unix-abstract:name (host names go through resolve())";

[[noreturn]] void throw_not_address(std::string_view text, std::string_view why) {
    throw AddressError("'" + std::string(text) + "' is not a socket address: " + std::string(why) +
                       std::string(accepted_forms));
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
    unsigned port = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
    if (text.empty() || error != std::errc() || end != text.data() + text.size() || port > 65535)
        return std::nullopt;
    return static_cast<std::uint16_t>(port);
}

bool is_unreserved(unsigned char c) { return c > ' ' && c < 0x7f && c != '%'; }

std::string percent_encode(std::string_view bytes) {
    constexpr char digits[] = "0123456789ABCDEF";
    std::string text;
    for (const unsigned char c : bytes) {
        if (is_unreserved(c)) {
            text += static_cast<char>(c);
        } else {
            text += '%';
            text += digits[c >> 4];
            text += digits[c & 15];
        }
    }
    return text;
}

std::optional<std::string> percent_decode(std::string_view text) {
    std::string bytes;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            bytes += text[i];
            continue;
        }
        unsigned value = 0;
        if (i + 2 >= text.size()) return std::nullopt;
        const char* digits = text.data() + i + 1;
        const auto [end, error] = std::from_chars(digits, digits + 2, value, 16);
        if (error != std::errc() || end != digits + 2) return std::nullopt;
        bytes += static_cast<char>(value);
        i += 2;
    }
    return bytes;
}

bool take_prefix(std::string_view& text, std::string_view prefix) {
    if (!text.starts_with(prefix)) return false;
    text.remove_prefix(prefix.size());
    return true;
}

constexpr std::size_t unix_header = offsetof(sockaddr_un, sun_path);
constexpr std::size_t unix_capacity = sizeof(sockaddr_un::sun_path);

}  // namespace

SocketAddress SocketAddress::from_native(const void* address, std::size_t size) noexcept {
    SocketAddress out;
    sockaddr_storage any{};
    std::memcpy(&any, address, std::min(size, sizeof any));
    if (size < sizeof any.ss_family) return out;
    if (any.ss_family == AF_INET && size >= sizeof(sockaddr_in)) {
        sockaddr_in in;
        std::memcpy(&in, &any, sizeof in);
        std::memset(in.sin_zero, 0, sizeof in.sin_zero);
        std::memcpy(out.storage_.data(), &in, sizeof in);
        out.size_ = sizeof in;
        out.family_ = Family::ipv4;
    } else if (any.ss_family == AF_INET6 && size >= sizeof(sockaddr_in6)) {
        sockaddr_in6 in6;
        std::memcpy(&in6, &any, sizeof in6);
        in6.sin6_flowinfo = 0;
        std::memcpy(out.storage_.data(), &in6, sizeof in6);
        out.size_ = sizeof in6;
        out.family_ = Family::ipv6;
    } else if (any.ss_family == AF_UNIX) {
        // unix(7): an abstract name is counted by the length, a path ends at its NUL if there is one.
        size = std::min(size, sizeof(sockaddr_un));
        const char* path = reinterpret_cast<const char*>(&any) + unix_header;
        const std::size_t length = size > unix_header ? size - unix_header : 0;
        if (length == 0) {
            out.family_ = Family::unix_unnamed;
        } else if (path[0] == '\0') {
            out.family_ = Family::unix_abstract;
        } else {
            out.family_ = Family::unix_path;
            size = unix_header + ::strnlen(path, length);
        }
        std::memcpy(out.storage_.data(), &any, size);
        // A path of 108 bytes has no NUL and is good; a shorter one carries its NUL.
        if (out.family_ == Family::unix_path && size < sizeof(sockaddr_un)) ++size;
        out.size_ = static_cast<std::uint8_t>(size);
    }
    return out;
}

std::optional<SocketAddress> SocketAddress::from_ip(std::string_view literal, std::uint16_t port) {
    // inet_pton wants a C string; no literal with a scope is longer than this.
    char text[INET6_ADDRSTRLEN + IF_NAMESIZE + 1];
    if (literal.empty() || literal.size() >= sizeof text) return std::nullopt;
    std::memcpy(text, literal.data(), literal.size());
    text[literal.size()] = '\0';
    if (std::strlen(text) != literal.size()) return std::nullopt;

    sockaddr_in in{};
    if (::inet_pton(AF_INET, text, &in.sin_addr) == 1) {
        in.sin_family = AF_INET;
        in.sin_port = htons(port);
        return from_native(&in, sizeof in);
    }
    sockaddr_in6 in6{};
    if (char* percent = std::strchr(text, '%')) {
        // RFC 4007 11: an interface by name, or by number.
        *percent = '\0';
        const char* scope = percent + 1;
        const char* end = text + literal.size();
        std::uint32_t index = 0;
        const auto number = std::from_chars(scope, end, index);
        if (number.ec != std::errc() || number.ptr != end) index = ::if_nametoindex(scope);
        if (index == 0) return std::nullopt;
        in6.sin6_scope_id = index;
    }
    if (::inet_pton(AF_INET6, text, &in6.sin6_addr) != 1) return std::nullopt;
    in6.sin6_family = AF_INET6;
    in6.sin6_port = htons(port);
    return from_native(&in6, sizeof in6);
}

SocketAddress SocketAddress::ip(std::string_view literal, std::uint16_t port) {
    const auto address = from_ip(literal, port);
    if (!address) throw_not_address(literal, "neither an IPv4 nor an IPv6 literal");
    return *address;
}

SocketAddress SocketAddress::loopback(std::uint16_t port) {
    sockaddr_in in{};
    in.sin_family = AF_INET;
    in.sin_port = htons(port);
    in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return from_native(&in, sizeof in);
}

SocketAddress SocketAddress::unix_path(std::string_view path) {
    if (path.empty() || path.size() >= unix_capacity)
        throw_not_address(path, "a unix socket's path has 1 to 107 bytes");
    if (path.find('\0') != path.npos) throw_not_address(path, "a path holds no NUL byte");
    sockaddr_un un{};
    un.sun_family = AF_UNIX;
    std::memcpy(un.sun_path, path.data(), path.size());
    return from_native(&un, unix_header + path.size() + 1);
}

SocketAddress SocketAddress::unix_abstract(std::string_view name) {
    if (name.size() >= unix_capacity)
        throw_not_address(percent_encode(name), "an abstract name has at most 107 bytes");
    sockaddr_un un{};
    un.sun_family = AF_UNIX;
    std::memcpy(un.sun_path + 1, name.data(), name.size());
    return from_native(&un, unix_header + 1 + name.size());
}

SocketAddress SocketAddress::parse(std::string_view text) {
    std::string_view rest = text;
    if (take_prefix(rest, "unix-abstract:")) {
        const auto name = percent_decode(rest);
        if (!name) throw_not_address(text, "'%' must be followed by two hexadecimal digits");
        return unix_abstract(*name);
    }
    if (take_prefix(rest, "unix:")) {
        if (rest.starts_with("///")) rest.remove_prefix(2);
        return unix_path(rest);
    }
    const bool must_be_v4 = take_prefix(rest, "ipv4:");
    const bool must_be_v6 = !must_be_v4 && take_prefix(rest, "ipv6:");
    std::string_view host;
    std::string_view port;
    if (rest.starts_with('[')) {
        const auto bracket = rest.find("]:");
        if (bracket == rest.npos) throw_not_address(text, "']:port' is missing");
        host = rest.substr(1, bracket - 1);
        port = rest.substr(bracket + 2);
    } else {
        const auto colon = rest.rfind(':');
        if (colon == rest.npos) throw_not_address(text, "the port is missing");
        host = rest.substr(0, colon);
        port = rest.substr(colon + 1);
        // Else ::1:80 would be taken for ::1 and port 80, or for ::1:80 without a port.
        if (host.find(':') != host.npos) throw_not_address(text, "an IPv6 address stands in brackets");
    }
    const auto number = parse_port(port);
    if (!number) throw_not_address(text, "the port is not a number from 0 to 65535");
    const auto address = from_ip(host, *number);
    if (!address) throw_not_address(text, "the host is neither an IPv4 nor an IPv6 literal");
    if ((must_be_v4 && address->family_ != Family::ipv4) || (must_be_v6 && address->family_ != Family::ipv6))
        throw_not_address(text, "the address is not of the family that is named before it");
    return *address;
}

int SocketAddress::native_family() const noexcept {
    sa_family_t family;
    std::memcpy(&family, storage_.data(), sizeof family);
    return size_ == 0 ? AF_UNSPEC : family;
}

// sin_port and sin6_port stand at the same place.
std::uint16_t SocketAddress::port() const noexcept {
    if (!is_ip()) return 0;
    in_port_t port;
    std::memcpy(&port, storage_.data() + offsetof(sockaddr_in, sin_port), sizeof port);
    return ntohs(port);
}

SocketAddress SocketAddress::with_port(std::uint16_t port) const noexcept {
    SocketAddress out = *this;
    const in_port_t wire = htons(port);
    if (is_ip()) std::memcpy(out.storage_.data() + offsetof(sockaddr_in, sin_port), &wire, sizeof wire);
    return out;
}

std::span<const std::byte> SocketAddress::ip_bytes() const noexcept {
    const std::span<const std::byte> all(storage_);
    if (family_ == Family::ipv4) return all.subspan(offsetof(sockaddr_in, sin_addr), 4);
    if (family_ == Family::ipv6) return all.subspan(offsetof(sockaddr_in6, sin6_addr), 16);
    return {};
}

bool SocketAddress::is_loopback() const noexcept {
    if (family_ == Family::ipv4) return ip_bytes()[0] == std::byte{127};
    if (family_ == Family::ipv6)
        return std::memcmp(ip_bytes().data(), &in6addr_loopback, sizeof in6addr_loopback) == 0;
    return is_unix();
}

std::string SocketAddress::host() const {
    const char* path = reinterpret_cast<const char*>(storage_.data()) + unix_header;
    char text[INET6_ADDRSTRLEN];
    switch (family_) {
        case Family::none:
        case Family::unix_unnamed:
            return {};
        case Family::unix_path:
            return std::string(path, ::strnlen(path, size_ - unix_header));
        case Family::unix_abstract:
            return std::string(path + 1, size_ - unix_header - 1);
        case Family::ipv4:
            return ::inet_ntop(AF_INET, ip_bytes().data(), text, sizeof text);
        case Family::ipv6:
            break;
    }
    std::string host = ::inet_ntop(AF_INET6, ip_bytes().data(), text, sizeof text);
    std::uint32_t scope;
    std::memcpy(&scope, storage_.data() + offsetof(sockaddr_in6, sin6_scope_id), sizeof scope);
    if (scope != 0) {
        char name[IF_NAMESIZE];
        host += '%';
        host += ::if_indextoname(scope, name) ? std::string(name) : std::to_string(scope);
    }
    return host;
}

std::string SocketAddress::to_string() const {
    switch (family_) {
        case Family::none:
            return "none";
        case Family::ipv4:
            return "ipv4:" + host() + ":" + std::to_string(port());
        case Family::ipv6:
            return "ipv6:[" + host() + "]:" + std::to_string(port());
        case Family::unix_path:
            return "unix:" + host();
        case Family::unix_abstract:
            return "unix-abstract:" + percent_encode(host());
        case Family::unix_unnamed:
            return "unix:";
    }
    return {};
}

int SocketAddress::compare(const SocketAddress& other) const noexcept {
    if (family_ != other.family_) return family_ < other.family_ ? -1 : 1;
    if (size_ != other.size_) return size_ < other.size_ ? -1 : 1;
    return std::memcmp(storage_.data(), other.storage_.data(), size_);
}

}  // namespace weft
