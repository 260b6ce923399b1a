// A request of HTTP/1.1 as a server reads it (RFC 9112): its head, and the body behind. No I/O here.
//
// Strict where leniency lets two parties read one request differently (RFC 9112 11.2): bare CR or LF, spaces
// before a colon, folded lines, a body with two lengths.
#pragma once

#include <weft/http2/header.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace weft::grpc::http1 {

class Request {
public:
    Request() {}

    // `head` is a whole one, with its empty line. Gives 0, or the status that refuses it: 400 for what is no
    // request, 501 and 505 for what is not done here. The request is made anew.
    [[nodiscard]] int parse(std::string_view head);

    // As HTTP/2 has them: pseudo headers first, names in lower case, and nothing that speaks of the
    // connection. They view this request.
    [[nodiscard]] http2::HeaderBlock fields() const noexcept { return fields_; }
    [[nodiscard]] bool chunked() const noexcept { return chunked_; }
    [[nodiscard]] std::uint64_t content_length() const noexcept { return length_; }
    [[nodiscard]] bool has_body() const noexcept { return chunked_ || length_ != 0; }
    [[nodiscard]] bool keep_alive() const noexcept { return keep_alive_; }
    [[nodiscard]] bool expects_continue() const noexcept { return expects_continue_; }

private:
    [[nodiscard]] int parse_line(std::string_view line);
    [[nodiscard]] int parse_field(std::string_view line);

    std::string names_;  // in lower case; sized before views of it are taken
    std::string text_;
    std::vector<http2::HeaderField> fields_;
    std::uint64_t length_ = 0;
    bool has_length_ = false;
    bool has_host_ = false;
    bool chunked_ = false;
    bool keep_alive_ = true;
    bool expects_continue_ = false;
};

// How long the head at the front of `bytes` is, with its empty line; 0 when it is not complete. The first
// `scanned` bytes were looked at before.
[[nodiscard]] std::size_t head_size(std::string_view bytes, std::size_t scanned) noexcept;

// Finds the body in the bytes behind a head.
class BodyReader {
public:
    BodyReader() = default;
    explicit BodyReader(const Request& request) noexcept
        : state_(request.chunked()               ? State::size
                 : request.content_length() != 0 ? State::plain
                                                 : State::ended),
          left_(request.content_length()) {}

    // Takes bytes off the front of `in` up to the end of the next piece of the body, which it gives; empty
    // when `in` has no more of it. Call it until it gives nothing, then see ended() and broken().
    [[nodiscard]] std::span<const std::byte> next(std::span<const std::byte>& in) noexcept;
    [[nodiscard]] bool ended() const noexcept { return state_ == State::ended; }
    [[nodiscard]] bool broken() const noexcept { return state_ == State::broken; }

private:
    // Chunked: size [;extension] CR LF data CR LF … 0 CR LF *(trailer line) CR LF.
    enum class State : std::uint8_t {
        plain,
        size,
        extension,
        size_lf,
        data,
        data_cr,
        data_lf,
        trailer,  // at the beginning of a line
        trailer_line,
        trailer_lf,
        last_lf,
        ended,
        broken
    };
    void control(char c) noexcept;

    State state_ = State::ended;
    std::uint64_t left_ = 0;      // of the body, or of the chunk
    std::uint32_t digits_ = 0;    // of the size
    std::uint32_t overhead_ = 0;  // bytes of this chunk's extension, or of the trailer
};

}  // namespace weft::grpc::http1
