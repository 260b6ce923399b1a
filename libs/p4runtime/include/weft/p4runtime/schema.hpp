// What a P4 program offers to its controller, as plain values: the entries of a P4Info.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace weft::p4runtime {

// The type of one field on the wire.
class FieldType {
public:
    FieldType() = default;
    explicit FieldType(std::uint32_t bitwidth_) : bitwidth(bitwidth_) {}

    std::uint32_t bitwidth = 0;  // 0 for strings
    bool is_string = false;      // translated to sdn_string: the bytes are the user's text
    std::string type_name;       // of a P4 `type` or serializable enum; "" for bit<W>

    // Names of a serializable enum with their values (big-endian); empty for every other type.
    std::shared_ptr<const std::vector<std::pair<std::string, std::string>>> enumerators;
};

enum class MatchType : std::uint8_t { unspecified, exact, lpm, ternary, range, optional, other };

[[nodiscard]] const char* to_string(MatchType type) noexcept;

// A match field, an action parameter or a metadata field.
struct FieldInfo {
    std::uint32_t id = 0;
    std::string name;
    FieldType type;
    MatchType match_type = MatchType::unspecified;  // of match fields only
    std::string description;
};

struct ObjectInfo {
    std::uint32_t id = 0;
    std::string name;   // "MyIngress.ipv4_lpm"
    std::string alias;  // "ipv4_lpm"
    std::vector<std::string> annotations;
    std::string description;
};

enum class ActionScope : std::uint8_t { table_and_default, table_only, default_only, group_action };

struct ActionRef {
    std::uint32_t action_id = 0;
    ActionScope scope = ActionScope::table_and_default;
};

struct TableInfo : ObjectInfo {
    std::vector<FieldInfo> match_fields;
    std::vector<ActionRef> actions;
    std::uint32_t const_default_action_id = 0;  // 0: the default action may be changed
    std::uint32_t action_profile_id = 0;        // 0: entries hold their action themselves
    std::uint32_t direct_counter_id = 0;
    std::uint32_t direct_meter_id = 0;
    std::int64_t size = 0;
    bool supports_idle_timeout = false;
    bool is_const = false;
    bool has_initial_entries = false;
    bool needs_priority = false;  // it has a ternary, range or optional field
};

struct ActionInfo : ObjectInfo {
    std::vector<FieldInfo> params;
};

struct ActionProfileInfo : ObjectInfo {
    std::vector<std::uint32_t> table_ids;
    bool with_selector = false;
    std::int64_t size = 0;
    std::int32_t max_group_size = 0;
};

enum class CounterUnit : std::uint8_t { unspecified, bytes, packets, both };

struct CounterInfo : ObjectInfo {
    CounterUnit unit = CounterUnit::unspecified;
    std::int64_t size = 0;       // 0 for direct counters
    std::uint32_t table_id = 0;  // of direct counters
};

enum class MeterUnit : std::uint8_t { unspecified, bytes, packets };
enum class MeterType : std::uint8_t { two_rate_three_color, single_rate_three_color, single_rate_two_color };

struct MeterInfo : ObjectInfo {
    MeterUnit unit = MeterUnit::unspecified;
    MeterType type = MeterType::two_rate_three_color;
    std::int64_t size = 0;       // 0 for direct meters
    std::uint32_t table_id = 0;  // of direct meters
};

// The shape of a register cell or a digest.
struct DataType {
    enum class Kind : std::uint8_t {
        bitstring,
        varbit,
        boolean,
        tuple,
        structure,
        header,
        header_stack,
        enumeration,  // without values on the wire: its member's name
        error,
        unsupported,  // header unions, and names that the P4Info does not define
    };

    Kind kind = Kind::unsupported;
    FieldType field;                // of bitstrings, varbits and serializable enums
    std::string name;               // of structs, headers and enums
    std::vector<DataType> members;  // of tuples, structs, headers; the element of a stack
    std::vector<std::string> member_names;
    std::int32_t size = 0;  // of stacks
};

struct RegisterInfo : ObjectInfo {
    DataType type;
    std::int64_t size = 0;
};

struct DigestInfo : ObjectInfo {
    DataType type;
};

struct ValueSetInfo : ObjectInfo {
    std::vector<FieldInfo> match_fields;
    std::int64_t size = 0;
};

// "packet_in" or "packet_out".
struct PacketHeaderInfo : ObjectInfo {
    std::vector<FieldInfo> fields;
};

}  // namespace weft::p4runtime
