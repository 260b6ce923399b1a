// WebSocket, the server's side (RFC 6455): the opening handshake, and the frames a client sends, as a decoder
// that is fed any pieces. No I/O here.
#pragma once

#include <weft/mesh/buffer.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace weft::mesh {

// Longest request that is read (RFC 6455 4.1 sets none).
inline constexpr std::size_t max_upgrade_size = std::size_t{8} << 10;

struct Upgrade {
    std::string key;     // Sec-WebSocket-Key
    std::string origin;  // of the page that asks; empty when it is no browser
};
// The path of a request's first line, without its query; empty when that is no GET.
[[nodiscard]] std::string_view request_path(std::string_view head) noexcept;
// The value of a header field; empty when there is none.
[[nodiscard]] std::string_view request_field(std::string_view head, std::string_view name) noexcept;
// "200 OK", with a text for Prometheus or any other; the connection ends behind it.
[[nodiscard]] std::string http_answer(std::string_view status, std::string_view text);
// `head` is a whole request, with its empty line. False, and `why`: it asks for no WebSocket of version 13.
[[nodiscard]] bool parse_upgrade(std::string_view head, Upgrade& out, std::string& why);
// "HTTP/1.1 101 …", and the answer to those that get none.
[[nodiscard]] std::string upgrade_accepted(std::string_view key);
[[nodiscard]] std::string upgrade_refused(std::string_view why);

enum class WsOpcode : std::uint8_t { continuation = 0, text = 1, binary = 2, close = 8, ping = 9, pong = 10 };

// Appends the header of a server's frame: whole messages, unmasked (RFC 6455 5.1).
void append_ws_header(WsOpcode opcode, std::uint64_t size, Buffer& out);

// Decodes a client's frames. Payloads of messages, text or binary, come out one after another; what has to be
// answered (ping, close) is written to `replies`.
class WsDecoder {
public:
    explicit WsDecoder(std::uint64_t max_message) noexcept : max_message_(max_message) {}
    // False after a violation, for which `replies` has the close frame; the connection is to be ended then.
    [[nodiscard]] bool feed(std::span<const std::byte> bytes, Buffer& payload, Buffer& replies);
    // The peer has closed, or has been closed for a violation.
    [[nodiscard]] bool closed() const noexcept { return closed_; }

private:
    bool fail(std::uint16_t code, Buffer& replies);
    // True when a header is whole; false with ok_ says that it is one that must not be.
    bool header(std::span<const std::byte>& bytes, Buffer& replies);
    bool control(Buffer& replies);

    std::uint64_t max_message_;
    std::uint64_t message_size_ = 0;  // of the message that comes in, so far
    std::uint64_t left_ = 0;          // of the frame that comes in
    std::uint64_t position_ = 0;      // in it, for the mask
    Buffer control_;                  // a control frame's payload
    std::byte head_[14] = {};
    std::size_t head_size_ = 0;
    std::byte mask_[4] = {};
    WsOpcode opcode_ = WsOpcode::binary;
    bool in_frame_ = false;
    bool in_message_ = false;
    bool final_ = true;
    bool ok_ = true;
    bool closed_ = false;
};

}  // namespace weft::mesh
