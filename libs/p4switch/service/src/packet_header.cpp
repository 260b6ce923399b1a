// Packing and unpacking of controller headers, bit by bit.
#include "packet_header.hpp"

#include "pipeline_map.hpp"

#include <algorithm>

namespace weft::p4switch {

namespace {

std::size_t header_bits(const p4::config::v1::ControllerPacketMetadata& header) {
    std::size_t bits = 0;
    for (const auto& field : header.metadata())
        bits += static_cast<std::size_t>(std::max(field.bitwidth(), 0));
    return bits;
}

// The width bits from offset on, as a canonical byte string.
std::string extract(std::span<const std::byte> bytes, std::size_t offset, std::size_t width) {
    std::string value((width + 7) / 8, '\0');
    const std::size_t padding = value.size() * 8 - width;
    for (std::size_t i = 0; i < width; ++i) {
        const std::size_t from = offset + i;
        const bool bit = (std::to_integer<unsigned>(bytes[from / 8]) >> (7 - from % 8) & 1U) != 0;
        const std::size_t to = padding + i;
        if (bit)
            value[to / 8] = static_cast<char>(static_cast<unsigned char>(value[to / 8]) | 0x80U >> to % 8);
    }
    return value.empty() ? std::string(1, '\0') : canonical(value, "metadata");
}

void insert(std::vector<std::byte>& bytes, std::size_t offset, std::size_t width, const std::string& value) {
    // value is canonical and fits: its last bit lands at offset + width - 1.
    const std::size_t bits = value.size() * 8;
    for (std::size_t i = 0; i < std::min(bits, width); ++i) {
        const auto byte = static_cast<unsigned char>(value[value.size() - 1 - i / 8]);
        if ((byte >> i % 8 & 1U) == 0) continue;
        const std::size_t to = offset + width - 1 - i;
        bytes[to / 8] |= static_cast<std::byte>(0x80U >> to % 8);
    }
}

bool fits(const std::string& value, std::size_t width) {
    if (value.size() * 8 <= width) return true;
    const std::size_t whole = width / 8;
    if (value.size() > whole + 1) return false;
    return static_cast<unsigned char>(value[0]) >> width % 8 == 0;
}

}  // namespace

p4::v1::PacketIn unpack(const p4::config::v1::ControllerPacketMetadata* header,
                        std::span<const std::byte> packet) {
    p4::v1::PacketIn message;
    std::size_t size = 0;
    if (header) {
        size = (header_bits(*header) + 7) / 8;
        if (size <= packet.size()) {
            std::size_t offset = 0;
            for (const auto& field : header->metadata()) {
                const auto width = static_cast<std::size_t>(std::max(field.bitwidth(), 0));
                auto& out = *message.add_metadata();
                out.set_metadata_id(field.id());
                out.set_value(extract(packet, offset, width));
                offset += width;
            }
        } else {
            size = 0;
        }
    }
    message.set_payload(packet.data() + size, packet.size() - size);
    return message;
}

std::vector<std::byte> pack(const p4::config::v1::ControllerPacketMetadata* header,
                            const p4::v1::PacketOut& message) {
    std::vector<std::byte> packet;
    if (!header) {
        if (message.metadata_size() > 0)
            throw Refusal(google::rpc::INVALID_ARGUMENT, "the program has no packet_out header");
    } else {
        packet.resize((header_bits(*header) + 7) / 8);
        if (message.metadata_size() != header->metadata_size())
            throw Refusal(google::rpc::INVALID_ARGUMENT,
                          "a packet-out needs " + std::to_string(header->metadata_size()) +
                              " metadata fields, not " + std::to_string(message.metadata_size()));
        std::size_t offset = 0;
        for (const auto& field : header->metadata()) {
            const auto width = static_cast<std::size_t>(std::max(field.bitwidth(), 0));
            const auto given = std::find_if(message.metadata().begin(), message.metadata().end(),
                                            [&](const auto& m) { return m.metadata_id() == field.id(); });
            if (given == message.metadata().end())
                throw Refusal(google::rpc::INVALID_ARGUMENT,
                              "metadata field '" + field.name() + "' is missing");
            const std::string value = canonical(given->value(), field.name());
            if (!fits(value, width))
                throw Refusal(google::rpc::INVALID_ARGUMENT,
                              "metadata field '" + field.name() + "' has " + std::to_string(width) + " bits");
            insert(packet, offset, width, value);
            offset += width;
        }
    }
    const auto payload = std::as_bytes(std::span(message.payload()));
    packet.insert(packet.end(), payload.begin(), payload.end());
    return packet;
}

}  // namespace weft::p4switch
