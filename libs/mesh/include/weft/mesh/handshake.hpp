// The JSON of HANDSHAKE and EVENTS frames. daffi's parsers are strict: only the keys that it knows are sent.
#pragma once

#include <weft/mesh/buffer.hpp>

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace weft::mesh {

struct Member {
    Member() {}
    Member(std::string n, std::vector<std::string> m) : name(std::move(n)), methods(std::move(m)) {}
    std::string name;
    std::vector<std::string> methods;  // announced; empty for a pure caller
    friend bool operator==(const Member&, const Member&) = default;
};

struct Handshake {
    Handshake() {}
    // "client", "router" or "service". Free text to daffi's nodes, so weft's carry what they can do behind a
    // semicolon: "client;weft=1;token=…".
    std::string type;
    std::optional<std::string> error;  // the reason of a refusal
    std::vector<Member> members;
};

// Names and texts must be UTF-8.
void write_handshake(const Handshake& handshake, Buffer& out);
void write_handshake(std::string_view type, std::span<const Member* const> members, Buffer& out);
// The same in pieces: the beginning, members separated by commas, the end.
void begin_handshake(std::string_view type, Buffer& out);
void write_member(const Member& member, Buffer& out);
inline constexpr std::string_view handshake_end = "]}";
// False, and `why` says the reason. Unknown keys are let pass.
[[nodiscard]] bool read_handshake(std::span<const std::byte> data, Handshake& out, std::string& why);

// The value of `key` in "client;key=value;…".
[[nodiscard]] std::optional<std::string> type_option(std::string_view type, std::string_view key);

// EVENTS: {"type":"connected","member":"w2"}.
void write_event(std::string_view type, std::string_view member, Buffer& out);
struct EventText {
    EventText() {}
    std::string type;
    std::string member;
};
[[nodiscard]] bool read_event(std::span<const std::byte> data, EventText& out);

}  // namespace weft::mesh
