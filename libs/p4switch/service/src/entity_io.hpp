// Entities of the protocol onto the switch and back. Functions throw Refusal or one of the switch's
// ControlErrors.
#pragma once

#include "pipeline_map.hpp"

#include <weft/p4switch/entry.hpp>

#include <functional>
#include <map>

#include <p4/v1/p4runtime.pb.h>

namespace weft::p4switch {

// How a digest is sent; kept by the service, not by the switch.
using DigestConfigs = std::map<std::uint32_t, p4::v1::DigestEntry::Config>;

// What reads and writes work on.
struct Target {
    const PipelineMap& map;
    Switch& pipeline;
    DigestConfigs& digests;
};

void apply(Target target, const p4::v1::Update& update);

// Calls emit for every entity that fits the filter.
using Emit = std::function<void(p4::v1::Entity&&)>;
void read(Target target, const p4::v1::Entity& filter, const Emit& emit);

// Parts, shared by writer and reader.
[[nodiscard]] TableEntry to_switch(const PipelineMap& map, const PipelineMap::TableRef& table,
                                   const p4::v1::TableEntry& message);
[[nodiscard]] p4::v1::TableEntry to_message(const PipelineMap& map, const PipelineMap::TableRef& table,
                                            const TableEntry& entry);
[[nodiscard]] ActionCall to_switch(const PipelineMap& map, const p4::v1::Action& message);
[[nodiscard]] p4::v1::Action to_message(const PipelineMap& map, const ActionCall& call);
[[nodiscard]] std::uint32_t port_number(const std::string& bytes);

}  // namespace weft::p4switch
