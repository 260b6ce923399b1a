#include "wire.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>

namespace weft::grpc::wire {

namespace {

using std::chrono::nanoseconds;

struct Unit {
    char letter;
    std::int64_t in_ns;
};
constexpr std::array<Unit, 6> units{{{'n', 1},
                                     {'u', 1'000},
                                     {'m', 1'000'000},
                                     {'S', 1'000'000'000},
                                     {'M', 60'000'000'000},
                                     {'H', 3'600'000'000'000}}};
constexpr std::int64_t max_timeout_value = 99'999'999;

constexpr char hex_digits[] = "0123456789ABCDEF";
constexpr char base64_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int hex_value(char c) noexcept {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return -1;
}

constexpr std::array<std::int8_t, 256> make_base64_values() {
    std::array<std::int8_t, 256> values{};
    for (auto& value : values) value = -1;
    for (int i = 0; i < 64; ++i)
        values[static_cast<unsigned char>(base64_digits[i])] = static_cast<std::int8_t>(i);
    return values;
}
constexpr auto base64_values = make_base64_values();

bool is_key_character(char c) noexcept {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
}

bool is_printable(char c) noexcept { return c >= 0x20 && c <= 0x7E; }

}  // namespace

std::string format_timeout(Duration timeout) {
    const std::int64_t ns =
        std::max<std::int64_t>(std::chrono::duration_cast<nanoseconds>(timeout).count(), 1);
    for (const Unit& unit : units) {
        const std::int64_t value = ns / unit.in_ns + (ns % unit.in_ns != 0 ? 1 : 0);
        if (value <= max_timeout_value) return std::to_string(value) + unit.letter;
    }
    return std::to_string(max_timeout_value) + 'H';
}

std::optional<Duration> parse_timeout(std::string_view text) noexcept {
    if (text.size() < 2 || text.size() > 9) return std::nullopt;
    std::int64_t value = 0;
    for (const char c : text.substr(0, text.size() - 1)) {
        if (c < '0' || c > '9') return std::nullopt;
        value = value * 10 + (c - '0');
    }
    for (const Unit& unit : units) {
        if (unit.letter != text.back()) continue;
        if (value > INT64_MAX / unit.in_ns) return Duration::max();
        return nanoseconds(value * unit.in_ns);
    }
    return std::nullopt;
}

std::string percent_encode(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    for (const char c : text) {
        if (is_printable(c) && c != '%') {
            out += c;
        } else {
            const auto byte = static_cast<unsigned char>(c);
            out += '%';
            out += hex_digits[byte >> 4];
            out += hex_digits[byte & 15];
        }
    }
    return out;
}

std::string percent_decode(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '%' && i + 2 < text.size() && hex_value(text[i + 1]) >= 0 &&
            hex_value(text[i + 2]) >= 0) {
            out += static_cast<char>(hex_value(text[i + 1]) * 16 + hex_value(text[i + 2]));
            i += 2;
        } else {
            out += text[i];
        }
    }
    return out;
}

std::string base64_encode(std::string_view bytes) {
    std::string out;
    out.reserve((bytes.size() * 4 + 2) / 3);
    std::uint32_t bits = 0;
    int count = 0;
    for (const char c : bytes) {
        bits = bits << 8 | static_cast<unsigned char>(c);
        for (count += 8; count >= 6; count -= 6) out += base64_digits[bits >> (count - 6) & 63];
    }
    if (count > 0) out += base64_digits[bits << (6 - count) & 63];
    return out;
}

std::optional<std::string> base64_decode(std::string_view text) {
    const std::size_t length = text.size();
    while (!text.empty() && text.back() == '=' && length - text.size() < 2) text.remove_suffix(1);
    if (text.size() != length && length % 4 != 0) return std::nullopt;
    if (text.size() % 4 == 1) return std::nullopt;
    std::string out;
    out.reserve(text.size() * 3 / 4);
    std::uint32_t bits = 0;
    int count = 0;
    for (const char c : text) {
        const int value = base64_values[static_cast<unsigned char>(c)];
        if (value < 0) return std::nullopt;
        bits = bits << 6 | static_cast<std::uint32_t>(value);
        if ((count += 6) >= 8) {
            count -= 8;
            out += static_cast<char>(bits >> count & 0xFF);
        }
    }
    return out;
}

bool is_grpc_content_type(std::string_view value) noexcept {
    constexpr std::string_view grpc = "application/grpc";
    if (!value.starts_with(grpc)) return false;
    return value.size() == grpc.size() || value[grpc.size()] == '+' || value[grpc.size()] == ';';
}

bool is_metadata_key(std::string_view key) noexcept {
    return !key.empty() && std::all_of(key.begin(), key.end(), is_key_character) && !key.starts_with("grpc-");
}

bool is_metadata_value(std::string_view value) noexcept {
    return std::all_of(value.begin(), value.end(), is_printable);
}

bool is_reserved_header(std::string_view name) noexcept {
    if (name.empty() || name[0] == ':') return true;
    if (name == "content-type" || name == "te") return true;
    // Rich details and tracing contexts are for the user; the rest of grpc-… is ours.
    return name.starts_with("grpc-") && !is_binary_key(name);
}

bool add_field(Metadata& to, const http2::HeaderField& field) {
    if (!is_binary_key(field.name)) {
        to.add_received(field.name, std::string(field.value));
        return true;
    }
    std::string_view rest = field.value;
    for (;;) {
        const std::size_t comma = rest.find(',');
        std::string_view piece = rest.substr(0, comma);
        while (!piece.empty() && piece.front() == ' ') piece.remove_prefix(1);
        while (!piece.empty() && piece.back() == ' ') piece.remove_suffix(1);
        auto decoded = base64_decode(piece);
        if (!decoded) return false;
        to.add_received(field.name, std::move(*decoded));
        if (comma == std::string_view::npos) return true;
        rest.remove_prefix(comma + 1);
    }
}

}  // namespace weft::grpc::wire
