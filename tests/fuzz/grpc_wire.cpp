// The text forms and the framing of gRPC: nothing throws or reads beyond, and what is written can be read
// back.
#include "message_reader.hpp"
#include "status_wire.hpp"
#include "wire.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace weft::grpc;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    if (wire::percent_decode(wire::percent_encode(text)) != text) std::abort();
    if (wire::base64_decode(wire::base64_encode(text)) != text) std::abort();
    static_cast<void>(wire::percent_decode(text));
    if (const auto timeout = wire::parse_timeout(text)) {
        const auto again = wire::parse_timeout(wire::format_timeout(*timeout));
        if (!again || *again < *timeout) std::abort();
    }
    Metadata metadata;
    static_cast<void>(wire::add_field(metadata, {"key-bin", text}));
    const weft::http2::HeaderField fields[] = {
        {"grpc-status", text}, {"grpc-message", text}, {"grpc-status-details-bin", text}};
    static_cast<void>(wire::status_of(weft::http2::HeaderBlock(fields)));
    MessageReader reader(1000);
    std::size_t taken = 0;
    for (std::size_t at = 0; at < size; at += 7) {
        reader.append(std::as_bytes(std::span(data + at, size - at < 7 ? size - at : 7)));
        while (reader.front() == MessageReader::Front::message) {
            taken += MessageReader::prefix_size + reader.message().size();
            reader.pop();
        }
    }
    if (taken + reader.size() != size) std::abort();
    return 0;
}
