#include "websocket.hpp"

#include <weft/mesh/frame.hpp>

#include <algorithm>
#include <array>

#include <openssl/evp.h>

namespace weft::mesh {

namespace {

char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool same(std::string_view a, std::string_view b) noexcept {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](char x, char y) { return lower(x) == lower(y); });
}

std::string_view trimmed(std::string_view text) noexcept {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
    return text;
}

// One of the elements of "keep-alive, Upgrade".
bool lists(std::string_view value, std::string_view token) noexcept {
    while (!value.empty()) {
        const std::size_t comma = std::min(value.find(','), value.size());
        if (same(trimmed(value.substr(0, comma)), token)) return true;
        value.remove_prefix(std::min(comma + 1, value.size()));
    }
    return false;
}

std::string base64(std::span<const unsigned char> bytes) {
    std::string out(4 * ((bytes.size() + 2) / 3) + 1, '\0');
    const int n = ::EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()), bytes.data(),
                                    static_cast<int>(bytes.size()));
    out.resize(static_cast<std::size_t>(n));
    return out;
}

}  // namespace

std::string_view request_path(std::string_view head) noexcept {
    if (!head.starts_with("GET ")) return {};
    const std::string_view line = head.substr(4, head.find("\r\n") - 4);
    const std::string_view target = line.substr(0, line.find(' '));
    return target.substr(0, target.find('?'));
}

std::string_view request_field(std::string_view head, std::string_view name) noexcept {
    for (std::size_t at = head.find("\r\n"); at != std::string_view::npos;) {
        const std::size_t end = head.find("\r\n", at + 2);
        const std::string_view field = head.substr(at + 2, end - at - 2);
        const std::size_t colon = field.find(':');
        if (colon != std::string_view::npos && same(field.substr(0, colon), name))
            return trimmed(field.substr(colon + 1));
        at = end;
    }
    return {};
}

std::string http_answer(std::string_view status, std::string_view text) {
    return "HTTP/1.1 " + std::string(status) +
           "\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\nContent-Length: " +
           std::to_string(text.size()) + "\r\nConnection: close\r\n\r\n" + std::string(text);
}

bool parse_upgrade(std::string_view head, Upgrade& out, std::string& why) {
    const auto fail = [&](std::string_view reason) {
        why = reason;
        return false;
    };
    const std::size_t line_end = head.find("\r\n");
    if (line_end == std::string_view::npos) return fail("no request line");
    const std::string_view line = head.substr(0, line_end);
    if (!line.starts_with("GET ") || !line.ends_with(" HTTP/1.1")) return fail("no GET of HTTP/1.1");
    bool upgrade = false;
    bool connection = false;
    bool version = false;
    std::string_view rest = head.substr(line_end + 2);
    while (!rest.empty() && !rest.starts_with("\r\n")) {
        const std::size_t end = rest.find("\r\n");
        if (end == std::string_view::npos) return fail("a header line that does not end");
        const std::string_view field = rest.substr(0, end);
        rest.remove_prefix(end + 2);
        const std::size_t colon = field.find(':');
        if (colon == std::string_view::npos) return fail("a header line without a colon");
        const std::string_view name = field.substr(0, colon);
        const std::string_view value = trimmed(field.substr(colon + 1));
        if (same(name, "Upgrade")) upgrade = upgrade || lists(value, "websocket");
        if (same(name, "Connection")) connection = connection || lists(value, "upgrade");
        if (same(name, "Sec-WebSocket-Version")) version = value == "13";
        if (same(name, "Sec-WebSocket-Key")) out.key = value;
        if (same(name, "Origin")) out.origin = value;
    }
    if (!upgrade || !connection) return fail("no upgrade to websocket");
    if (!version) return fail("Sec-WebSocket-Version is not 13");
    // 16 bytes in base64 (RFC 6455 4.1).
    if (out.key.size() != 24) return fail("Sec-WebSocket-Key is not 24 characters");
    return true;
}

std::string upgrade_accepted(std::string_view key) {
    const std::string text = std::string(key) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";  // RFC 6455 1.3
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned size = 0;
    ::EVP_Digest(text.data(), text.size(), digest.data(), &size, ::EVP_sha1(), nullptr);
    return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
           "Sec-WebSocket-Accept: " +
           base64(std::span(digest).first(size)) + "\r\n\r\n";
}

std::string upgrade_refused(std::string_view why) {
    return "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: " +
           std::to_string(why.size() + 1) + "\r\n\r\n" + std::string(why) + "\n";
}

void append_ws_header(WsOpcode opcode, std::uint64_t size, Buffer& out) {
    out.push(static_cast<std::uint8_t>(0x80 | static_cast<std::uint8_t>(opcode)));
    const auto big_endian = [&](int bytes) {
        for (int i = bytes - 1; i >= 0; --i) out.push(static_cast<std::uint8_t>(size >> (8 * i)));
    };
    if (size < 126) {
        big_endian(1);
    } else if (size <= 0xffff) {
        out.push(126);
        big_endian(2);
    } else {
        out.push(127);
        big_endian(8);
    }
}

bool WsDecoder::fail(std::uint16_t code, Buffer& replies) {
    ok_ = false;
    closed_ = true;
    append_ws_header(WsOpcode::close, 2, replies);
    replies.push(static_cast<std::uint8_t>(code >> 8));
    replies.push(static_cast<std::uint8_t>(code));
    return false;
}

bool WsDecoder::header(std::span<const std::byte>& bytes, Buffer& replies) {
    const auto byte = [&](std::size_t i) { return std::to_integer<unsigned>(head_[i]); };
    std::size_t wanted = 2;
    for (;;) {
        if (head_size_ >= 2) {
            const unsigned size = byte(1) & 0x7f;
            wanted = 2 + (size == 126 ? 2 : size == 127 ? 8 : 0) + 4;
        }
        if (head_size_ == wanted) break;
        if (bytes.empty()) return false;
        head_[head_size_++] = bytes.front();
        bytes = bytes.subspan(1);
        // No extension was agreed upon, and a client masks (RFC 6455 5.2, 5.1).
        if (head_size_ == 2 && ((byte(0) & 0x70) != 0 || (byte(1) & 0x80) == 0)) return fail(1002, replies);
    }
    final_ = (byte(0) & 0x80) != 0;
    opcode_ = static_cast<WsOpcode>(byte(0) & 0x0f);
    std::uint64_t size = byte(1) & 0x7f;
    if (size >= 126) {
        const std::size_t n = size == 126 ? 2 : 8;
        size = 0;
        for (std::size_t i = 0; i < n; ++i) size = size << 8 | byte(2 + i);
    }
    std::copy_n(head_ + wanted - 4, 4, mask_);
    head_size_ = 0;
    switch (opcode_) {
        case WsOpcode::continuation:
            if (!in_message_) return fail(1002, replies);
            break;
        case WsOpcode::text:
        case WsOpcode::binary:
            if (in_message_) return fail(1002, replies);
            message_size_ = 0;
            break;
        case WsOpcode::close:
        case WsOpcode::ping:
        case WsOpcode::pong:
            if (!final_ || size > 125) return fail(1002, replies);  // RFC 6455 5.5
            left_ = size;
            position_ = 0;
            control_.clear();
            in_frame_ = true;
            return true;
        default:
            return fail(1002, replies);
    }
    if (size > max_message_ || message_size_ + size > max_message_) return fail(1009, replies);
    message_size_ += size;
    in_message_ = true;
    left_ = size;
    position_ = 0;
    in_frame_ = true;
    return true;
}

bool WsDecoder::control(Buffer& replies) {
    if (opcode_ == WsOpcode::ping) {
        append_ws_header(WsOpcode::pong, control_.size(), replies);
        replies.append(control_.bytes());
    } else if (opcode_ == WsOpcode::close) {
        if (control_.size() == 1) return fail(1002, replies);
        closed_ = true;
        append_ws_header(WsOpcode::close, control_.size() < 2 ? 0 : 2, replies);
        if (control_.size() >= 2) replies.append(control_.bytes().first(2));
    }
    return true;
}

bool WsDecoder::feed(std::span<const std::byte> bytes, Buffer& payload, Buffer& replies) {
    while (ok_ && !closed_) {
        if (!in_frame_ && !header(bytes, replies)) return ok_;
        const std::size_t n = static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size()));
        const bool is_control = static_cast<std::uint8_t>(opcode_) >= 8;
        std::byte* out = (is_control ? control_ : payload).extend(n);
        for (std::size_t i = 0; i < n; ++i) out[i] = bytes[i] ^ mask_[(position_ + i) & 3];
        position_ += n;
        left_ -= n;
        bytes = bytes.subspan(n);
        if (left_ != 0) return true;
        in_frame_ = false;
        if (is_control) {
            if (!control(replies)) return false;
        } else if (final_) {
            in_message_ = false;
        }
    }
    return ok_;
}

}  // namespace weft::mesh
