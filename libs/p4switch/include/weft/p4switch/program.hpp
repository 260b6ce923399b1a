// A P4 program for v1model, as p4c-bm2-ss writes it (BMv2 JSON), checked and compiled.
//
// A Program is immutable; copies share it, and any number of switches may run it.
#pragma once

#include <weft/p4switch/entry.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace weft::p4switch {

struct Compiled;  // private: src/compiled.hpp

// The egress port that drops, and the port of the controller that the programs of this repository use.
inline constexpr std::uint32_t drop_port = 511;
inline constexpr std::uint32_t cpu_port = 510;

struct ParameterInfo {
    std::string name;
    std::uint32_t width = 0;  // bits
};

struct ActionInfo {
    std::string name;
    std::vector<ParameterInfo> parameters;
};

struct KeyInfo {
    std::string name;
    MatchKind kind = MatchKind::exact;  // optional keys appear as ternary: the compiler writes them so
    std::uint32_t width = 0;
};

struct TableInfo {
    std::string name;
    std::vector<KeyInfo> key;
    std::vector<ActionInfo> actions;
    std::uint32_t max_size = 0;
    std::string action_profile;  // empty = plain actions
    std::string direct_meter;    // empty = none
    bool direct_counter = false;
    bool idle_timeout = false;
    bool constant_entries = false;
    bool constant_default_action = false;
    bool has_priority = false;  // a ternary, range or optional field
};

struct ArrayInfo {  // counters, meters, registers
    std::string name;
    std::uint32_t size = 0;
    std::uint32_t width = 0;  // registers
};

struct ProfileInfo {
    std::string name;
    std::uint32_t max_size = 0;
    bool selector = false;
};

struct DigestInfo {
    std::string name;
    std::vector<ParameterInfo> fields;
};

struct ValueSetInfo {
    std::string name;
    std::vector<std::uint32_t> widths;  // of the fields of a member
    std::uint32_t max_size = 0;
};

class Program {
public:
    // Throws ProgramError for text that is not a program this switch can run. Hostile text is refused, too.
    [[nodiscard]] static Program load(std::string_view json);

    // What there is to control. Tables that the compiler made of statements are left out.
    [[nodiscard]] std::vector<TableInfo> tables() const;
    [[nodiscard]] std::vector<ArrayInfo> counters() const;
    [[nodiscard]] std::vector<ArrayInfo> meters() const;
    [[nodiscard]] std::vector<ArrayInfo> registers() const;
    [[nodiscard]] std::vector<ProfileInfo> action_profiles() const;
    [[nodiscard]] std::vector<DigestInfo> digests() const;
    [[nodiscard]] std::vector<ValueSetInfo> value_sets() const;

    [[nodiscard]] const std::shared_ptr<const Compiled>& compiled() const { return compiled_; }

private:
    explicit Program(std::shared_ptr<const Compiled> compiled) : compiled_(std::move(compiled)) {}
    std::shared_ptr<const Compiled> compiled_;
};

}  // namespace weft::p4switch
