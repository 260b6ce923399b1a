#include "target.hpp"

#include <weft/core/error.hpp>

#include <charconv>
#include <optional>

namespace weft::grpc {

namespace {

constexpr std::uint16_t default_port = 443;

[[noreturn]] void refuse(std::string_view text, std::string_view why) {
    throw UsageError("gRPC target '" + std::string(text) + "': " + std::string(why) +
                     "; write host:port, ipv4:…, ipv6:…, unix:… or unix-abstract:…");
}

struct HostPort {
    std::string_view host;
    std::uint16_t port;
};

HostPort split(std::string_view text, std::string_view whole) {
    std::string_view host = text;
    std::string_view port;
    if (text.starts_with('[')) {
        const std::size_t close = text.find(']');
        if (close == std::string_view::npos) refuse(whole, "a bracket is not closed");
        host = text.substr(1, close - 1);
        text.remove_prefix(close + 1);
        if (!text.empty() && text[0] != ':') refuse(whole, "after the bracket comes a colon");
        if (!text.empty()) port = text.substr(1);
    } else if (const std::size_t colon = text.rfind(':');
               colon != std::string_view::npos && text.find(':') == colon) {
        host = text.substr(0, colon);
        port = text.substr(colon + 1);
    }
    if (host.empty()) refuse(whole, "there is no host");
    std::uint16_t number = default_port;
    if (!port.empty()) {
        const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
        if (error != std::errc() || end != port.data() + port.size())
            refuse(whole, "the port is no number below 65536");
    }
    return {host, number};
}

void add_literals(Target& target, std::string_view list, std::string_view whole) {
    while (!list.empty()) {
        const std::size_t comma = list.find(',');
        const HostPort part = split(list.substr(0, comma), whole);
        const auto address = SocketAddress::from_ip(part.host, part.port);
        if (!address) refuse(whole, "not an IP address");
        target.addresses.push_back(*address);
        list = comma == std::string_view::npos ? std::string_view() : list.substr(comma + 1);
    }
    if (target.addresses.empty()) refuse(whole, "there is no address");
}

bool take_scheme(std::string_view& text, std::string_view scheme) {
    if (!text.starts_with(scheme)) return false;
    text.remove_prefix(scheme.size());
    return true;
}

}  // namespace

Target parse_target(std::string_view whole) {
    std::string_view text = whole;
    Target target;
    if (take_scheme(text, "unix:")) {
        if (text.starts_with("///")) text.remove_prefix(2);
        target.addresses.push_back(SocketAddress::unix_path(text));
        target.authority = "localhost";
        return target;
    }
    if (take_scheme(text, "unix-abstract:")) {
        target.addresses.push_back(SocketAddress::unix_abstract(text));
        target.authority = "localhost";
        return target;
    }
    if (take_scheme(text, "ipv4:") || take_scheme(text, "ipv6:")) {
        add_literals(target, text, whole);
        target.authority = std::string(text.substr(0, text.find(',')));
        return target;
    }
    if (take_scheme(text, "passthrough:")) {
        // "passthrough:///host:port": the text goes to the connection as it is.
        if (text.starts_with("///")) text.remove_prefix(3);
    } else if (take_scheme(text, "dns:") && text.starts_with("//")) {
        // dns://server/host: the server is the resolver's business; we ask the system's.
        const std::size_t slash = text.find('/', 2);
        if (slash == std::string_view::npos) refuse(whole, "there is no host");
        text.remove_prefix(slash + 1);
    }
    const HostPort parts = split(text, whole);
    target.authority = std::string(text);
    target.port = parts.port;
    if (const auto address = SocketAddress::from_ip(parts.host, parts.port)) {
        target.addresses.push_back(*address);
    } else if (parts.host == "localhost") {
        target.addresses.push_back(SocketAddress::ip("127.0.0.1", parts.port));
        target.addresses.push_back(SocketAddress::ip("::1", parts.port));
    } else {
        target.host = std::string(parts.host);
    }
    return target;
}

}  // namespace weft::grpc
