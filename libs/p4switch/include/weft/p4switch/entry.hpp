// The values of the control interface: table entries, actions, profile members and groups, replicas, meters.
//
// Numbers are big-endian byte strings, as in P4Runtime: leading zeros are allowed, bits beyond the width of
// the field are an InvalidError. What the switch hands out is canonical (no leading zero bytes, "\0" for
// zero). Names are the fully qualified names of the program ("MyIngress.ipv4_lpm", "hdr.ipv4.dstAddr").
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace weft::p4switch {

// How a key field is matched. A field that an entry leaves out matches anything (not allowed for exact
// fields).
enum class MatchKind { exact, lpm, ternary, range, optional };

// One field of an entry's key. Made by the functions below, which say which members count.
struct MatchField {
    std::string field;
    MatchKind kind = MatchKind::exact;
    std::string value;                // exact, lpm, ternary, optional: the value; range: the low end
    std::string mask;                 // ternary: the mask; range: the high end (included)
    std::uint32_t prefix_length = 0;  // lpm: bits, counted from the top bit of the field

    friend bool operator==(const MatchField&, const MatchField&) = default;
};

[[nodiscard]] MatchField exact(std::string field, std::string value);
[[nodiscard]] MatchField lpm(std::string field, std::string value, std::uint32_t prefix_length);
[[nodiscard]] MatchField ternary(std::string field, std::string value, std::string mask);
[[nodiscard]] MatchField range(std::string field, std::string low, std::string high);
[[nodiscard]] MatchField optional(std::string field, std::string value);

// `number` as the canonical byte string.
[[nodiscard]] std::string to_bytes(std::uint64_t number);

// The low 64 bits of a big-endian byte string.
[[nodiscard]] std::uint64_t to_number(const std::string& bytes);

struct Argument {
    std::string name;
    std::string value;

    friend bool operator==(const Argument&, const Argument&) = default;
};

// An action with its arguments, each by name, in any order, none left out.
struct ActionCall {
    std::string action;
    std::vector<Argument> arguments;

    friend bool operator==(const ActionCall&, const ActionCall&) = default;
};

// A member or a group of the table's action profile.
struct MemberRef {
    std::uint32_t member = 0;
    friend bool operator==(const MemberRef&, const MemberRef&) = default;
};
struct GroupRef {
    std::uint32_t group = 0;
    friend bool operator==(const GroupRef&, const GroupRef&) = default;
};

// One action of a one-shot set. While `watch_port` is down (Switch::set_port_up), it is not chosen.
struct WeightedAction {
    ActionCall call;
    std::uint32_t weight = 1;
    std::optional<std::uint32_t> watch_port;

    friend bool operator==(const WeightedAction&, const WeightedAction&) = default;
};

// A private group of one entry (P4Runtime's one-shot programming), kept in the written order.
struct OneShot {
    std::vector<WeightedAction> actions;
    friend bool operator==(const OneShot&, const OneShot&) = default;
};

using EntryAction = std::variant<std::monostate, ActionCall, MemberRef, GroupRef, OneShot>;

// Two rates, three colours (RFC 2698, colour blind): rates in packets or bytes per second, bursts in packets
// or bytes; which of the two is the program's choice.
struct MeterConfig {
    double committed_rate = 0;
    std::uint64_t committed_burst = 0;
    double peak_rate = 0;
    std::uint64_t peak_burst = 0;

    friend bool operator==(const MeterConfig&, const MeterConfig&) = default;
};

struct CounterData {
    std::uint64_t packets = 0;
    std::uint64_t bytes = 0;

    friend bool operator==(const CounterData&, const CounterData&) = default;
};

struct TableEntry {
    std::vector<MatchField> match;
    // Of entries that overlap the larger priority wins; used by tables with a ternary, range or optional
    // field only, where it must be positive; elsewhere it must be 0.
    std::int32_t priority = 0;
    EntryAction action;
    std::optional<CounterData> counter;  // tables with a direct counter; in reads always set there
    std::optional<MeterConfig> meter;    // tables with a direct meter; absent = not configured, all green
    std::chrono::nanoseconds idle_timeout{0};  // 0 = never; tables that support a timeout only
    std::string metadata;                      // the controller's, kept and handed back
    std::chrono::nanoseconds last_hit{0};      // reads only: on the clock of Switch::process
};

struct Member {
    std::uint32_t id = 0;
    ActionCall call;
};

struct GroupMember {
    std::uint32_t member = 0;
    std::uint32_t weight = 1;
    std::optional<std::uint32_t> watch_port;
};

struct Group {
    std::uint32_t id = 0;
    std::uint32_t max_size = 0;  // most total weight; 0 = no limit
    std::vector<GroupMember> members;
};

// A copy of a packet: the port that it leaves by, and what egress sees in egress_rid.
struct Replica {
    std::uint32_t port = 0;
    std::uint16_t instance = 0;

    friend bool operator==(const Replica&, const Replica&) = default;
};

struct CloneSession {
    std::vector<Replica> replicas;
    std::uint16_t multicast_group = 0;  // besides the replicas and before them; 0 = none
    std::uint32_t packet_length = 0;    // clones are cut to that many bytes; 0 = whole
};

// An entry that no packet has hit for its idle timeout.
struct IdleEntry {
    std::string table;
    TableEntry entry;
};

// A sample of the fields of a digest, in the order of the program.
struct Digest {
    std::string name;
    std::vector<std::string> values;
};

}  // namespace weft::p4switch
