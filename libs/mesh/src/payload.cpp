#include "payload.hpp"

#include <weft/mesh/error.hpp>
#include <weft/mesh/frame.hpp>

#include <utility>

namespace weft::mesh {

Payload opaque_payload(std::shared_ptr<const Value> value) {
    std::span<const std::byte> bytes;
    if (const auto* text = value->get_if<std::string>()) {
        if (!valid_utf8(*text)) throw EncodeError("a text is not UTF-8; send it as Bytes");
        bytes = std::as_bytes(std::span(*text));
    } else if (const auto* data = value->get_if<Bytes>()) {
        bytes = *data;
    }
    return {std::move(value), bytes};
}

Payload buffer_payload(Buffer buffer) {
    auto kept = std::make_shared<const Buffer>(std::move(buffer));
    const std::span<const std::byte> bytes = kept->bytes();
    return {std::move(kept), bytes};
}

}  // namespace weft::mesh
