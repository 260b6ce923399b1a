// What a gRPC peer may send beside frames: compressed messages, metadata, statuses. The first byte chooses
// the compression; then a line for each header field ("name: value"), an empty line, and a body of messages.
#include "compressor.hpp"
#include "message_reader.hpp"
#include "status_wire.hpp"
#include "web.hpp"
#include "wire.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace weft::grpc;
using weft::http2::HeaderBlock;
using weft::http2::HeaderField;

constexpr std::size_t limit = 1 << 16;

// Takes the fields off the front of `text`.
std::vector<HeaderField> fields_of(std::string_view& text) {
    std::vector<HeaderField> fields;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        const std::string_view line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (line.empty()) break;
        const std::size_t colon = line.find(": ");
        if (colon != std::string_view::npos)
            fields.push_back({line.substr(0, colon), line.substr(colon + 2)});
    }
    return fields;
}

void read_fields(const std::vector<HeaderField>& fields) {
    Metadata metadata;
    web::Origin origin;
    for (const auto& field : fields) {
        static_cast<void>(wire::add_field(metadata, field));
        static_cast<void>(wire::is_reserved_header(field.name));
        static_cast<void>(wire::code_of_http(field.value));
        static_cast<void>(wire::parse_compression(field.value));
        static_cast<void>(wire::accepts(field.value, Compression::gzip));
        static_cast<void>(web::mode_of(field.value));
        origin.read(field);
    }
    const auto status = wire::status_of(HeaderBlock(fields));
    // What we would say of it can be read again.
    if (!status) return;
    const std::string code = std::to_string(static_cast<int>(status->code()));
    const std::string text = wire::percent_encode(status->details());
    const std::string bytes = wire::base64_encode(status->details_bin());
    std::vector<HeaderField> said{{"grpc-status", code}, {"grpc-message", text}};
    if (!bytes.empty()) said.push_back({"grpc-status-details-bin", bytes});
    const auto again = wire::status_of(HeaderBlock(said));
    if (!again || again->code() != status->code() || again->details() != status->details() ||
        again->details_bin() != status->details_bin())
        std::abort();
}

// The messages of a body that comes in pieces; what was wrong with it, at the end.
std::vector<std::string> messages_of(std::span<const std::byte> body, Compression encoding,
                                     std::size_t step) {
    MessageReader reader(limit);
    reader.set_encoding(encoding);
    std::vector<std::string> out;
    for (;;) {
        while (reader.front() == MessageReader::Front::message) {
            const auto payload = reader.decode();
            if (payload == MessageReader::Payload::ok) {
                const auto message = reader.message();
                if (message.size() > limit) std::abort();
                out.emplace_back(reinterpret_cast<const char*>(message.data()), message.size());
            } else {
                out.emplace_back(payload == MessageReader::Payload::corrupt ? "corrupt" : "too large");
            }
            reader.pop();
        }
        if (body.empty()) break;
        const std::size_t n = std::min(step, body.size());
        reader.append(body.first(n));
        body = body.subspan(n);
    }
    out.push_back(std::to_string(static_cast<int>(reader.front())));
    return out;
}

void round_trip(Compression algorithm, std::string_view text) {
    std::vector<std::byte> bytes(text.size());
    if (!text.empty()) std::memcpy(bytes.data(), text.data(), text.size());
    const auto smaller = wire::compress_in_place(algorithm, bytes);
    if (!smaller) return;
    std::vector<std::byte> out;
    if (wire::decompress(algorithm, std::span(bytes).first(*smaller), text.size(), out) !=
            wire::DecompressResult::ok ||
        out.size() != text.size() || std::memcmp(out.data(), text.data(), text.size()) != 0)
        std::abort();
    if (wire::decompress(algorithm, std::span(bytes).first(*smaller), text.size() - 1, out) !=
        wire::DecompressResult::too_large)
        std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    constexpr Compression algorithms[] = {Compression::identity, Compression::gzip, Compression::deflate};
    const Compression encoding = algorithms[data[0] % 3];
    std::string_view text(reinterpret_cast<const char*>(data + 1), size - 1);
    read_fields(fields_of(text));
    const auto body = std::as_bytes(std::span(text));
    if (messages_of(body, encoding, 3) != messages_of(body, encoding, body.size() + 1)) std::abort();
    if (encoding != Compression::identity) round_trip(encoding, text);
    web::Base64Reader base64;
    std::vector<std::byte> plain;
    static_cast<void>(base64.read(body, plain));
    return 0;
}
