// The four serialisers' inner side: one value from bytes and to bytes.
//
// Readers never throw on what they read (std::bad_alloc apart): they fill `why` and give false. They bound
// the depth, and what one byte of input may cost in memory.
#pragma once

#include <weft/mesh/buffer.hpp>
#include <weft/mesh/value.hpp>

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace weft::mesh {

// Deeper nesting is refused in both directions: values are destroyed and written by recursion.
inline constexpr int max_depth = 256;
// Values in one message. A null takes one byte on the wire and 40 here, so 32 MiB could claim 1.3 GB.
inline constexpr std::size_t max_values = std::size_t{8} << 20;

// JSON as Python's json module reads and writes it: NaN, Infinity and -Infinity are numbers.
[[nodiscard]] bool read_json(std::string_view text, Value& out, std::string& why);
void write_json(const Value& value, Buffer& out);
void write_json_text(std::string_view text, Buffer& out);

[[nodiscard]] bool read_msgpack(std::span<const std::byte> bytes, Value& out, std::string& why);
void write_msgpack(const Value& value, Buffer& out);
void write_msgpack_array(std::size_t count, Buffer& out);

enum class PickleObjects {
    refuse,   // anything but plain data is an error that names it
    replace,  // becomes None: tblib's traceback beside an error, which nothing here can use
};
[[nodiscard]] bool read_pickle(std::span<const std::byte> bytes, Value& out, std::string& why,
                               PickleObjects objects = PickleObjects::refuse);
// The value alone, without the frame of a message; for PickleMessage.
void write_pickle_value(const Value& value, Buffer& out);

}  // namespace weft::mesh
