// A program in the form that the engine runs: numbers instead of names, one flat array of operations.
#pragma once

#include "expression.hpp"
#include "phv.hpp"

#include <weft/p4switch/entry.hpp>

#include <array>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

namespace weft::p4switch {

enum class OpCode : std::uint8_t {
    // a = field written; where `lvalue` is set a = node of a field reference
    assign_const,   // imm
    assign_param,   // b = limb
    assign_field,   // b = field
    assign_expr,    // b = node, at most 64 bits wanted
    assign_wide,    // b = node, any width or saturating
    assign_varbit,  // b = field
    // a, b = header nodes
    assign_header,
    assign_union,        // a, b = union nodes
    assign_stack,        // a, b = stacks
    assign_union_stack,  // a, b = union stacks
    push,
    pop,
    push_union,
    pop_union,  // a = stack, b = node of the count
    add_header,
    add_header_fast,
    remove_header,  // a = header node
    jump,           // a = operation
    jump_if_zero,   // a = operation, b = node
    exit,
    require,      // assert, assume: b = node
    log_message,  // a = message
    mark_to_drop,
    clone,  // a = node of the session, b = node of the field list
    resubmit,
    recirculate,     // b = node of the field list
    digest,          // b = node of the learn list
    truncate,        // b = node
    hash,            // a = field, b = base, c = calculation, d = size
    random,          // a = field, b = low, c = high
    count,           // a = array, b = node
    meter,           // a = field, b = index, c = array
    register_read,   // a = field, b = index, c = array
    register_write,  // a = array, b = index, c = value
    nothing,
    // parser only
    extract,               // a = header
    extract_stack,         // a = stack
    extract_union_stack,   // a = union stack, b = member
    extract_varbit,        // a = header, b = node of the length in bits
    extract_varbit_stack,  // a = stack, b = node
    lookahead,             // a = field, b = bit offset, c = bits
    verify,                // a = condition, b = error
    advance,               // b = node, bits
};

struct Op {
    OpCode code = OpCode::nothing;
    bool lvalue = false;
    std::uint32_t a = none, b = none, c = none, d = none;
    std::int64_t imm = 0;
};

struct OpRange {
    std::uint32_t first = 0, count = 0;
};

struct LogMessage {
    std::string format;
    std::vector<std::uint32_t> values;  // nodes
};

struct Param {
    std::string name;
    std::uint32_t width = 0;
    std::uint32_t limb = 0;
};

struct Action {
    std::string name;
    std::vector<Param> params;
    std::uint32_t limbs = 0;
    OpRange ops;
};

struct KeyElement {  // of a parser transition
    enum class Kind : std::uint8_t { field, stack_field, union_stack_field, lookahead } kind = Kind::field;
    std::uint32_t a = none, b = none, c = none;
    std::uint32_t width = 0;
};

struct Transition {
    std::vector<std::uint8_t> value, mask;  // as long as the key; of a value set: mask only, compressed
    std::uint64_t value64 = 0, mask64 = 0;  // keys of up to 8 bytes
    std::uint32_t value_set = none;
    std::uint32_t next = none;
};

struct ParserState {
    std::string name;
    OpRange ops;
    std::vector<KeyElement> key;
    std::uint32_t key_bytes = 0;  // each element padded to bytes
    std::uint32_t key_bits = 0;   // without padding, for value sets
    std::vector<Transition> transitions;
    std::uint32_t otherwise = none;
};

struct ValueSetDef {
    std::string name;
    std::uint32_t bits = 0;
    std::uint32_t max_size = 0;
    std::vector<std::uint32_t> widths;  // of the key elements of the first state that uses it
};

struct CalcInput {
    enum class Kind : std::uint8_t { bits, varbit, constant, payload } kind = Kind::bits;
    std::uint32_t header = none;
    std::uint32_t bit = 0, width = 0;  // bits: in the vector; adjacent fields are joined
    std::vector<std::uint8_t> bytes;   // constant, left aligned
};

enum class HashAlgorithm : std::uint8_t {
    crc16,
    crc32,
    crc_ccitt,
    csum16,
    xor16,
    xor32,
    identity,
    xxh64,
    hash_ex,
    round_robin,
    crc8,
    crc64,
    toeplitz
};

struct Calculation {
    std::string name;
    HashAlgorithm algorithm = HashAlgorithm::crc16;
    std::vector<CalcInput> input;
    std::uint32_t round_robin = none;  // its counter
};

struct Checksum {
    std::uint32_t target = none, calculation = none, condition = none;
};

struct CounterDef {
    std::string name;
    std::uint32_t size = 0;
};

struct MeterDef {
    std::string name;
    std::uint32_t size = 0;
    bool bytes = false;
    bool direct = false;
    std::uint32_t result = none;  // field, direct meters
};

struct RegisterDef {
    std::string name;
    std::uint32_t size = 0, width = 0;
};

struct DigestDef {
    std::string name;
    std::vector<std::uint32_t> fields;
    std::vector<std::string> names;
};

struct ProfileDef {
    std::string name;
    std::uint32_t max_size = 0;
    bool selector = false;
    std::uint32_t calculation = none;
    std::vector<std::uint32_t> actions;  // of the tables that use it
};

struct KeyPart {
    std::string name;
    std::uint32_t field = none;
    MatchKind kind = MatchKind::exact;
    std::uint32_t width = 0;
    std::uint32_t offset = 0, bytes = 0;  // in the packed key
    std::vector<std::uint8_t> mask;       // static mask, empty = none
    bool wide = false;
};

enum class TableKind : std::uint8_t { exact, lpm, ternary };  // ternary has the ranges too

struct TableAction {
    std::uint32_t action = none;
    std::uint32_t next = none;  // node
};

struct TableDef {
    std::string name;
    TableKind kind = TableKind::exact;
    std::vector<KeyPart> key;
    std::uint32_t key_words = 0;
    std::uint32_t max_size = 0;
    bool counters = false, timeout = false, constant_entries = false;
    std::uint32_t meter = none;    // direct meter array
    std::uint32_t profile = none;  // indirect tables
    std::vector<TableAction> actions;
    bool by_hit = false;
    std::uint32_t next_hit = none, next_miss = none;
    std::uint32_t default_slot = none;  // into actions
    std::vector<std::uint64_t> default_data;
    bool default_action_constant = false, default_entry_constant = false;
    std::vector<TableEntry> fixed;
};

struct Node {
    enum class Kind : std::uint8_t { table, condition, action } kind = Kind::table;
    std::uint32_t index = none;  // table, expression, action
    std::uint32_t on_true = none, on_false = none;
    std::vector<std::uint64_t> data;  // arguments of an inlined action
};

struct StandardFields {
    std::uint32_t ingress_port = none, egress_spec = none, egress_port = none, instance_type = none,
                  packet_length = none, parser_error = none, checksum_error = none, mcast_grp = none,
                  egress_rid = none, priority = none, qid = none, ingress_timestamp = none,
                  egress_timestamp = none, enq_timestamp = none, enq_qdepth = none, deq_timedelta = none,
                  deq_qdepth = none;
};

struct Compiled {
    Layout layout;
    ExprPool expressions;
    std::vector<Op> ops;
    std::vector<LogMessage> messages;
    std::vector<Action> actions;
    std::vector<ParserState> states;
    std::uint32_t first_state = none;
    std::vector<ValueSetDef> value_sets;
    std::vector<std::uint32_t> deparser;  // headers
    OpRange deparser_ops;
    std::vector<Calculation> calculations;
    std::uint32_t round_robins = 0;
    std::vector<Checksum> verify, update;
    std::vector<CounterDef> counters;
    std::vector<MeterDef> meters;
    std::vector<RegisterDef> registers;
    std::vector<std::vector<std::uint32_t>> field_lists;  // by id, from 1
    std::vector<DigestDef> digests;
    std::vector<std::uint32_t> digest_by_id;
    std::vector<ProfileDef> profiles;
    std::vector<TableDef> tables;
    std::vector<Node> nodes;
    std::uint32_t ingress = none, egress = none;  // first nodes
    StandardFields standard;
    std::uint64_t too_short_error = 1, stack_error = 3, header_error = 4, timeout_error = 5,
                  argument_error = 6;
    std::uint32_t max_key_words = 1, max_transition_bytes = 0;
};

}  // namespace weft::p4switch
