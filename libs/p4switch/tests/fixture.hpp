// What the tests of the pipeline share: a sink that keeps what left, frames from hexadecimal digits, and a
// builder of small programs around one table.
#pragma once

#include <weft/p4switch/error.hpp>
#include <weft/p4switch/switch.hpp>

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace weft::p4switch::test {

using Frame = std::vector<std::uint8_t>;

inline Frame frame(const std::string& digits) {
    Frame bytes;
    std::string clean;
    for (char c : digits)
        if (c != ' ') clean.push_back(c);
    for (std::size_t i = 0; i + 1 < clean.size(); i += 2)
        bytes.push_back(static_cast<std::uint8_t>(std::stoul(clean.substr(i, 2), nullptr, 16)));
    return bytes;
}

class Collected : public PacketSink {
public:
    std::vector<std::pair<std::uint32_t, Frame>> packets;
    void transmit(std::uint32_t port, std::span<const std::uint8_t> bytes) override {
        packets.emplace_back(port, Frame(bytes.begin(), bytes.end()));
    }
};

// Runs one packet; what left the switch.
inline std::vector<std::pair<std::uint32_t, Frame>> run(
    Switch& target, std::uint32_t port, const Frame& bytes,
    std::chrono::nanoseconds now = std::chrono::seconds(1)) {
    Collected sink;
    target.process(port, bytes, now, sink);
    return sink.packets;
}

inline std::string bytes(std::initializer_list<int> values) {
    std::string result;
    for (int value : values) result.push_back(static_cast<char>(value));
    return result;
}

struct KeySpec {
    std::string name;  // a field of the header "h"
    std::string kind;
};

// A program whose one header h has the fields a (8 bits), b (12), c (4), d (32) and e (128), 23 bytes, and
// whose one table "t" has the given key, the actions out(port) and drop(), and drop() as default. Pieces of
// JSON go into the places that the tests vary.
struct SmallProgram {
    std::vector<KeySpec> key;
    std::string table_more;  // further members of the table
    std::string next_tables = R"("out":null,"drop":null)";
    std::string max_size = "4";
    std::string parser_ops;  // after the extraction of h
    std::string top_more;    // further sections
    std::string out_more;    // further primitives of out()
    std::string egress = R"("init_table":null,"tables":[],"conditionals":[])";
    std::string scalars = R"(["s8",8,false],["s16",16,false],["s64",64,false],["i8",8,true],["w",128,false])";

    [[nodiscard]] std::string json() const {
        std::string keys;
        std::string type = "exact";
        for (const KeySpec& part : key) {
            if (!keys.empty()) keys += ",";
            keys += R"({"match_type":")" + part.kind + R"(","name":"h.)" + part.name +
                    R"(","target":["h",")" + part.name + R"("],"mask":null})";
        }
        return R"({"header_types":[
 {"name":"scalars_t","id":0,"fields":[)" +
               scalars + R"(]},
 {"name":"standard_metadata","id":1,"fields":[["ingress_port",9,false],["egress_spec",9,false],["egress_port",9,false],
  ["instance_type",32,false],["packet_length",32,false],["enq_timestamp",32,false],["enq_qdepth",19,false],
  ["deq_timedelta",32,false],["deq_qdepth",19,false],["ingress_global_timestamp",48,false],
  ["egress_global_timestamp",48,false],["mcast_grp",16,false],["egress_rid",16,false],["checksum_error",1,false],
  ["parser_error",32,false],["priority",3,false],["_padding",3,false]]},
 {"name":"h_t","id":2,"fields":[["a",8,false],["b",12,false],["c",4,false],["d",32,false],["e",128,false]]}],
"headers":[{"name":"scalars","id":0,"header_type":"scalars_t","metadata":true},
 {"name":"standard_metadata","id":1,"header_type":"standard_metadata","metadata":true},
 {"name":"h","id":2,"header_type":"h_t","metadata":false}],
"errors":[["NoError",0],["PacketTooShort",1],["NoMatch",2],["StackOutOfBounds",3],["HeaderTooShort",4],
 ["ParserTimeout",5],["ParserInvalidArgument",6]],
"parsers":[{"name":"parser","id":0,"init_state":"start","parse_states":[{"name":"start","id":0,
 "parser_ops":[{"op":"extract","parameters":[{"type":"regular","value":"h"}]})" +
               parser_ops + R"(],
 "transition_key":[],"transitions":[{"type":"default","value":null,"mask":null,"next_state":null}]}]}],
"deparsers":[{"name":"deparser","id":0,"order":["h"],"primitives":[]}],
"actions":[{"name":"out","id":0,"runtime_data":[{"name":"port","bitwidth":9}],"primitives":[
  {"op":"assign","parameters":[{"type":"field","value":["standard_metadata","egress_spec"]},
   {"type":"runtime_data","value":0}]})" +
               out_more + R"(]},
 {"name":"drop","id":1,"runtime_data":[],"primitives":[
  {"op":"mark_to_drop","parameters":[{"type":"header","value":"standard_metadata"}]}]}],
"pipelines":[{"name":"ingress","id":0,"init_table":"t","tables":[{"name":"t","id":0,"key":[)" +
               keys + R"(],
  "match_type":")" +
               type + R"(","type":"simple","max_size":)" + max_size + R"(,"with_counters":true,
  "support_timeout":true,"direct_meters":null,"action_ids":[0,1],"actions":["out","drop"],"base_default_next":null,
  "next_tables":{)" +
               next_tables + R"(},
  "default_entry":{"action_id":1,"action_const":false,"action_data":[],"action_entry_const":false})" +
               table_more +
               R"(}],"conditionals":[]},
 {"name":"egress","id":1,)" +
               egress + R"(}])" + top_more + "}";
    }
    [[nodiscard]] Switch start() const { return Switch(Program::load(json())); }
};

inline TableEntry to_port(std::vector<MatchField> match, std::uint64_t port, std::int32_t priority = 0) {
    TableEntry entry;
    entry.match = std::move(match);
    entry.priority = priority;
    entry.action = ActionCall{"out", {{"port", to_bytes(port)}}};
    return entry;
}

// The header h: a, then b and c, d, e = 0; then "payload" as ff.
inline Frame small_frame(std::uint8_t a, std::uint16_t b = 0, std::uint32_t d = 0) {
    Frame result = {a,
                    static_cast<std::uint8_t>(b >> 4),
                    static_cast<std::uint8_t>(b << 4),
                    static_cast<std::uint8_t>(d >> 24),
                    static_cast<std::uint8_t>(d >> 16),
                    static_cast<std::uint8_t>(d >> 8),
                    static_cast<std::uint8_t>(d)};
    result.resize(23);
    result.push_back(0xff);
    return result;
}

// The port by which the frame leaves, 0 when it is dropped (no test uses port 0).
inline std::uint32_t port_of(Switch& target, const Frame& bytes) {
    const auto out = run(target, 1, bytes);
    return out.empty() ? 0 : out.front().first;
}

}  // namespace weft::p4switch::test
