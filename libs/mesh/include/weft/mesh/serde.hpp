// Messages: what stands in a frame's data. Arguments of a call, its result, its error, in each serialiser.
#pragma once

#include <weft/mesh/buffer.hpp>
#include <weft/mesh/frame.hpp>
#include <weft/mesh/value.hpp>

#include <span>
#include <string>
#include <vector>

namespace weft::mesh {

// A call's arguments, as Python has them.
struct Arguments {
    Arguments() {}
    std::vector<Value> positional;
    Dict keyword;
};

// How a callback failed.
struct Failure {
    Failure() {}
    std::string type;    // "ValueError"
    std::string module;  // "builtins"
    std::string text;
    std::string traceback;  // empty when there is none to show
};

// Each encoder appends to `out` and gives the frame's is_bytes. They throw EncodeError; what was appended by
// then is for the caller to take back.
bool encode_arguments(Serde serde, std::span<const Value> positional, const Dict& keyword, Buffer& out);
bool encode_result(Serde serde, const Value& result, Buffer& out);
// OPAQUE has no form for errors: they are written as PICKLE; `serde` is changed to what was used.
bool encode_failure(Serde& serde, const Failure& failure, Buffer& out);

// Each decoder throws DecodeError.
[[nodiscard]] Arguments decode_arguments(Serde serde, bool is_bytes, std::span<const std::byte> data);
[[nodiscard]] Value decode_result(Serde serde, bool is_bytes, std::span<const std::byte> data);
// Never throws on what a peer sent: an error that cannot be read is still an error.
[[nodiscard]] Failure decode_failure(Serde serde, bool is_bytes, std::span<const std::byte> data);

// One value, without the layout of a call. Throws EncodeError, DecodeError.
void encode_value(Serde serde, const Value& value, Buffer& out);
[[nodiscard]] Value decode_value(Serde serde, std::span<const std::byte> data);

}  // namespace weft::mesh
