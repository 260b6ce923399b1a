// Topologies as JSON files.
//
//     {
//       "name": "fabric",
//       "programs": { "fabric": { "bmv2_json": "fabric.json", "p4info": "fabric.p4info.txtpb" } },
//       "hosts":    { "h1": { "ip": "10.1.1.1/24", "gateway": "10.1.1.254" } },
//       "switches": { "leaf1": { "program": "fabric", "prefix": "10.1.0.0/16" } },
//       "links":    [ ["h1", "leaf1"], ["leaf1:3", "spine1:1"] ]
//     }
//
// A link's end is a node's name, with ":port" where the port matters. Unknown keys are errors.
#pragma once

#include <weft/lab/topology.hpp>

#include <filesystem>
#include <string_view>

namespace weft::lab {

// Throws TopologyError with every problem of the file, each with its place; paths of programs come out
// relative to `base`. The topology is not validated yet.
[[nodiscard]] Topology parse_topology(std::string_view json, const std::filesystem::path& base);

// The same for a file. Throws SystemError when it cannot be read.
[[nodiscard]] Topology load_topology(const std::filesystem::path& file);

}  // namespace weft::lab
