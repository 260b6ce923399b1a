// The wire: daffi 3's frame, as bytes. No I/O and no exceptions here; every field is checked before it is
// used, because every byte comes from outside.
//
//     9 bytes of header | metadata "transmitter|receiver|function" | data
//
// The header is a little-endian integer of 72 bits: id 16, flag 4, serde 2, is_bytes 1, wants_reply 1,
// message size 25 (metadata and data), metadata size 15, message parts 7 (always 1), endian 1 (always 1).
#pragma once

#include <weft/mesh/buffer.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace weft::mesh {

inline constexpr std::size_t header_size = 9;
// Metadata and data together: 25 bits.
inline constexpr std::size_t max_message_size = (std::size_t{1} << 25) - 1;
inline constexpr std::size_t max_metadata_size = (std::size_t{1} << 15) - 1;
// What a client sends before its first frame: nine ASCII unit separators. Servers of daffi throw away
// whatever stands in these nine bytes, unless it begins with "GET".
inline constexpr std::string_view syn = "\x1f\x1f\x1f\x1f\x1f\x1f\x1f\x1f\x1f";
// Byte 8 as daffi sends it: one part, little endian. Every daffi node ignores it and routers pass it on, so
// weft nodes carry a call's deadline in its low seven bits: see encode_deadline().
inline constexpr std::uint8_t plain_tail = 0x81;

// An extension is what only weft's nodes send each other, and only when both have said that they are.
enum class Flag : std::uint8_t {
    handshake = 0,
    request = 1,
    response = 2,
    error = 3,
    events = 4,
    extension = 5
};

// How a message's data is written.
enum class Serde : std::uint8_t { opaque = 0, json = 1, pickle = 2, msgpack = 3 };
[[nodiscard]] std::string_view to_string(Serde serde) noexcept;

enum class FrameFault : std::uint8_t {
    none,
    bad_flag,           // 6..15
    metadata_too_long,  // longer than the message that holds it
    bad_metadata,       // not exactly three fields
};
[[nodiscard]] std::string_view to_string(FrameFault fault) noexcept;

struct FrameHeader {
    std::uint16_t id = 0;
    Flag flag = Flag::handshake;
    Serde serde = Serde::opaque;
    bool is_bytes = false;  // false: data is UTF-8 text
    bool wants_reply = false;
    std::uint32_t message_size = 0;
    std::uint16_t metadata_size = 0;
    std::uint8_t tail = plain_tail;

    [[nodiscard]] std::size_t frame_size() const noexcept { return header_size + message_size; }
    friend bool operator==(const FrameHeader&, const FrameHeader&) = default;
};

// One frame; the views point into the bytes that were parsed.
struct Frame {
    FrameHeader header;
    std::string_view transmitter;
    std::string_view receiver;
    std::string_view function;
    std::span<const std::byte> data;
    std::span<const std::byte> raw;  // all of it, or what stands before the data when that lies elsewhere
};

// `bytes` holds at least header_size bytes.
[[nodiscard]] FrameFault parse_header(const std::byte* bytes, FrameHeader& out) noexcept;
// `raw` is exactly one frame whose header was parsed into `header`.
[[nodiscard]] FrameFault parse_frame(std::span<const std::byte> raw, const FrameHeader& header,
                                     Frame& out) noexcept;

// Writes a header; message_size and metadata_size must be within their limits.
void write_header(const FrameHeader& header, std::byte* out) noexcept;

// A frame under construction at the end of a buffer: metadata first, then the caller appends data, then
// finish(). Nothing else may be appended between.
class FrameWriter {
public:
    // The fields must hold no '|'. False from ok() when they are longer than max_metadata_size.
    FrameWriter(Buffer& out, std::string_view transmitter, std::string_view receiver,
                std::string_view function);
    [[nodiscard]] bool ok() const noexcept { return ok_; }
    [[nodiscard]] Buffer& data() noexcept { return out_; }
    // Fills in the sizes and writes the header. False, and the buffer is as it was before the frame, when the
    // message is larger than the wire can say. `more` bytes of data follow that are not in the buffer.
    [[nodiscard]] bool finish(FrameHeader header, std::size_t more = 0) noexcept;
    // The data's size so far.
    [[nodiscard]] std::size_t data_size() const noexcept {
        return out_.size() - start_ - header_size - metadata_size_;
    }
    // Takes the frame back.
    void abandon() noexcept { out_.resize(start_); }

private:
    Buffer& out_;
    std::size_t start_;
    std::size_t metadata_size_;
    bool ok_;
};

// A name may be used on the wire: not empty, UTF-8, without '|' and ',' (daffi's separators) and without
// control characters, at most 255 bytes.
[[nodiscard]] bool valid_name(std::string_view name) noexcept;
[[nodiscard]] bool valid_utf8(std::string_view text) noexcept;

// A deadline as a class of 4 per doubling, 1 ms to 24 days, rounded up, in byte 8; plain_tail for none.
[[nodiscard]] std::uint8_t encode_deadline(std::uint64_t milliseconds) noexcept;
// Milliseconds; 0 when the byte holds no deadline.
[[nodiscard]] std::uint64_t decode_deadline(std::uint8_t tail) noexcept;

}  // namespace weft::mesh
