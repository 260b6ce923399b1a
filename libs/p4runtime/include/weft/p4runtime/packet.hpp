// Packets between data plane and controller, with the fields of their controller header by name.
#pragma once

#include <weft/p4runtime/named_values.hpp>

#include <string>

namespace weft::p4runtime {

class PacketIn {
public:
    PacketIn() = default;
    PacketIn(Bytes payload_, PacketMetadata metadata_)
        : payload(std::move(payload_)), metadata(std::move(metadata_)) {}

    Bytes payload;  // without the controller header
    PacketMetadata metadata;

    friend bool operator==(const PacketIn&, const PacketIn&) = default;
};

// Metadata fields that are not given are sent as zero.
class PacketOut {
public:
    PacketOut() = default;
    explicit PacketOut(Bytes payload_, PacketMetadata metadata_ = PacketMetadata())
        : payload(std::move(payload_)), metadata(std::move(metadata_)) {}

    PacketOut& set(std::string field, Value value) & {
        metadata.set(std::move(field), std::move(value));
        return *this;
    }
    PacketOut&& set(std::string field, Value value) && {
        return std::move(set(std::move(field), std::move(value)));
    }

    Bytes payload;
    PacketMetadata metadata;

    friend bool operator==(const PacketOut&, const PacketOut&) = default;
};

}  // namespace weft::p4runtime
