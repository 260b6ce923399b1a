// The controller header in front of a packet on the CPU port: metadata fields packed most significant bit
// first, in the order of the P4Info.
#pragma once

#include "request_status.hpp"

#include <cstddef>
#include <span>
#include <vector>

#include <p4/config/v1/p4info.pb.h>
#include <p4/v1/p4runtime.pb.h>

namespace weft::p4switch {

// A packet that the data plane sent to the CPU port, taken apart. A packet shorter than its header becomes a
// payload without metadata.
[[nodiscard]] p4::v1::PacketIn unpack(const p4::config::v1::ControllerPacketMetadata* header,
                                      std::span<const std::byte> packet);

// Header and payload as the CPU port receives them. Throws Refusal unless every field is given exactly once.
[[nodiscard]] std::vector<std::byte> pack(const p4::config::v1::ControllerPacketMetadata* header,
                                          const p4::v1::PacketOut& message);

}  // namespace weft::p4switch
