// gRPC-Web (PROTOCOL-WEB.md): the same calls for browsers, whose scripts see no trailers. These follow the
// messages in the body, in a frame with flag 0x80; with "-text" the body is base64. And what browsers ask
// before they call another origin (CORS).
#pragma once

#include <weft/http2/header.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace weft::grpc::web {

enum class Mode : std::uint8_t { none, binary, text };

// none for what is not gRPC-Web: "application/grpc-web", "-text", alone or followed by '+' or ';'.
[[nodiscard]] Mode mode_of(std::string_view content_type) noexcept;
[[nodiscard]] std::string_view content_type(Mode mode) noexcept;

// With padding.
[[nodiscard]] std::string base64(std::span<const std::byte> bytes);

// Base64 that comes in pieces; padding may end any group of four, as senders encode piece by piece.
class Base64Reader {
public:
    // Appends what `text` completes; false when it is not base64.
    [[nodiscard]] bool read(std::span<const std::byte> text, std::vector<std::byte>& out);
    // The text ended with a whole group.
    [[nodiscard]] bool complete() const noexcept { return count_ == 0; }

private:
    std::array<char, 4> group_{};
    std::size_t count_ = 0;
};

// The frame with the trailers: "grpc-status: 0\r\n" and so on.
[[nodiscard]] std::string trailer_frame(http2::HeaderBlock fields);

// What a browser has to say about a call from another origin; empty for other callers.
struct Origin {
    Origin() {}
    std::string name;     // Origin
    std::string method;   // Access-Control-Request-Method
    std::string headers;  // Access-Control-Request-Headers
    // Takes a request's field, when it is one of these.
    void read(const http2::HeaderField& field);
    // Scripts from this origin may call. "*" in the list stands for all of them.
    [[nodiscard]] bool allowed(const std::vector<std::string>& origins) const noexcept;
};

// Adds the fields by which a browser lets the script see the response; `exposed` keeps their text.
void add_cors_fields(std::vector<http2::HeaderField>& fields, const Origin& origin, std::string& exposed);
// The answer to an OPTIONS request.
[[nodiscard]] std::vector<http2::HeaderField> preflight_fields(const Origin& origin, bool allowed);

}  // namespace weft::grpc::web
