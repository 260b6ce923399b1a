// The reader of PICKLE: what it accepts can be written again, and reads back equal.
#include <weft/mesh/error.hpp>
#include <weft/mesh/serde.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace weft::mesh;
    const auto bytes = std::as_bytes(std::span(data, size));
    (void)decode_failure(Serde::pickle, true, bytes);
    Value value;
    try {
        value = decode_value(Serde::pickle, bytes);
    } catch (const DecodeError&) {
        return 0;
    }
    Buffer out;
    try {
        encode_value(Serde::pickle, value, out);
    } catch (const EncodeError&) {
        return 0;
    }
    // NaN differs from itself: the texts are compared, not the values.
    if (decode_value(Serde::pickle, out.bytes()).to_string() != value.to_string()) std::abort();
    return 0;
}
