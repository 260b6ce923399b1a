// Entities by name to P4Runtime messages and back. Throws EncodingError and NoSuch...Error, in both
// directions.
#pragma once

#include <weft/p4runtime/p4info.hpp>
#include <weft/p4runtime/packet.hpp>
#include <weft/p4runtime/update.hpp>

#include <optional>

#include <p4/v1/p4runtime.pb.h>

namespace weft::p4runtime {

// What an entity is encoded for: a read takes partial keys and wildcards, a removal needs the key only.
enum class Purpose : std::uint8_t { insert, modify, remove, read };

void encode(const P4Info& info, const Entity& entity, Purpose purpose, p4::v1::Entity& message);
void encode(const P4Info& info, const Update& update, p4::v1::Update& message);
void encode(const P4Info& info, const TableEntry& entry, Purpose purpose, p4::v1::TableEntry& message);

[[nodiscard]] Entity decode(const P4Info& info, const p4::v1::Entity& message);
[[nodiscard]] TableEntry decode(const P4Info& info, const p4::v1::TableEntry& message);

void encode(const P4Info& info, const ActionCall& call, p4::v1::Action& message);
[[nodiscard]] ActionCall decode(const P4Info& info, const p4::v1::Action& message);

// One match field; nothing is written for a field that is left open.
void encode(const FieldInfo& field, const MatchValue& value, p4::v1::FieldMatch& message, bool& open);
[[nodiscard]] MatchValue decode(const FieldInfo& field, const p4::v1::FieldMatch& message);

void encode(const std::string& owner, const DataType& type, const Data& data, p4::v1::P4Data& message);
[[nodiscard]] Data decode(const std::string& owner, const DataType& type, const p4::v1::P4Data& message);

[[nodiscard]] CounterData decode(const p4::v1::CounterData& message);
void encode(const CounterData& data, p4::v1::CounterData& message);
void encode(const MeterConfig& config, p4::v1::MeterConfig& message);
[[nodiscard]] MeterConfig decode(const p4::v1::MeterConfig& message);
[[nodiscard]] MeterCounterData decode(const p4::v1::MeterCounterData& message);

// Fields of the controller header; in a packet-out the missing ones are sent as zero. A program without
// controller headers takes packets without metadata only.
void encode(const P4Info& info, const PacketOut& packet, p4::v1::PacketOut& message);
[[nodiscard]] PacketIn decode(const P4Info& info, const p4::v1::PacketIn& message);

[[nodiscard]] DigestList decode(const P4Info& info, const p4::v1::DigestList& message);

// A port that a group member or action watches: bytes as they are, numbers in shortest form.
[[nodiscard]] std::string encode_port(const Value& port);
[[nodiscard]] Value decode_port(const std::string& bytes);

}  // namespace weft::p4runtime
