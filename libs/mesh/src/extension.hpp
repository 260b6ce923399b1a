// What weft's nodes say beyond daffi: frames with flag 5, only on links whose ends have both said "weft=1" in
// their handshakes. The data begins with a kind (1 byte), the size of the attributes (2, little endian) and
// the attributes ("key=value" lines); the rest belongs to the kind.
//
// wants_reply says who speaks about a call: 1 its caller, 0 its worker.
#pragma once

#include "payload.hpp"

#include <weft/mesh/frame.hpp>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace weft::mesh {

class Link;

enum class ExtKind : std::uint8_t {
    request = 1,  // a REQUEST with attributes: trace, stream (the window), size (parts follow)
    part = 2,     // a piece of a message that is larger than a frame may be
    got = 3,      // n bytes of parts have been taken
    cancel = 4,   // the caller has given up
    item = 5,     // one value of a stream
    credit = 6,   // n bytes more of items may be sent
    end = 7,      // the caller sends no more items
    ping = 8,
    pong = 9,
    peers = 10,  // these members are weft's: names, separated by '|'
    taken = 11,  // of a worker in a NATS cluster: the call that any of several could take is mine
    // Of a server: this member (its name) was given up or lost its name; "reason" says why. To the member
    // itself, when it is back: its connection before was.
    evicted = 12,
};

struct Extension {
    ExtKind kind = ExtKind::ping;
    std::string_view attributes;
    std::span<const std::byte> data;

    [[nodiscard]] std::optional<std::string_view> attribute(std::string_view key) const noexcept;
    // 0 when there is none, or it is no number.
    [[nodiscard]] std::uint64_t number(std::string_view key) const noexcept;
};

// False when the frame's data is too short for what it says. Kinds that are not known here are let pass.
[[nodiscard]] bool parse_extension(std::span<const std::byte> data, Extension& out) noexcept;

void append_extension_head(ExtKind kind, std::string_view attributes, Buffer& out);

// Whose frame it is: the fields of its metadata.
struct Route {
    std::string_view from;
    std::string_view to;
    std::string_view function;
};

// Appends a whole frame.
void append_extension(Buffer& out, FrameHeader header, const Route& route, ExtKind kind,
                      std::string_view attributes, std::span<const std::byte> data);
// Sends one; `header` gives id, serde, is_bytes and wants_reply. A payload is not copied.
void send_extension(Link& link, FrameHeader header, const Route& route, ExtKind kind,
                    std::string_view attributes, Payload payload);
void send_extension(Link& link, FrameHeader header, const Route& route, ExtKind kind,
                    std::string_view attributes = {}, std::span<const std::byte> data = {});

}  // namespace weft::mesh
