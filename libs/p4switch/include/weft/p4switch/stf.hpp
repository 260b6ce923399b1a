// STF, the packet test language of p4c, and a runner for it.
//
// The dialect is that of p4c's BMv2 runner plus the commands of this repository's .ext.stf files: range keys
// (low..high), members and groups, value sets, digests, registers. Commands take effect one after the other,
// and a packet is dealt with completely before the next line.
#pragma once

#include <weft/core/error.hpp>
#include <weft/p4switch/switch.hpp>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weft::p4switch {

// A line that is not STF. what() names the line.
class StfError : public Error {
public:
    StfError(unsigned line, const std::string& problem,
             std::source_location where = std::source_location::current());
    [[nodiscard]] unsigned line() const noexcept { return line_; }

private:
    unsigned line_;
};

// A number as written. A `*` digit leaves its bits out of the mask; decimal numbers have no digits to count.
struct StfNumber {
    std::string value;       // big-endian bytes
    std::string mask;        // as long as value
    std::uint32_t bits = 0;  // of the digits; 0 = decimal
    std::uint32_t open = 0;  // bits of the `*` digits at the end
};

struct StfMatch {
    enum class Kind { plain, prefix, range };
    std::string field;
    Kind kind = Kind::plain;
    StfNumber value;
    StfNumber second;  // prefix length or high end
};

struct StfArgument {
    std::string name;
    StfNumber value;
};

// One line; which members count depends on the kind.
struct StfCommand {
    enum class Kind {
        add,
        set_default,
        remove_all,
        packet,
        expect,
        no_packet,
        wait,
        check_counter,
        check_register,
        register_write,
        register_reset,
        meter_set_rates,
        meter_array_set_rates,
        mirroring_add,
        mirroring_add_mc,
        mirroring_delete,
        mc_mgrp_create,
        mc_node_create,
        mc_node_update,
        mc_node_associate,
        counter_write,
        member,
        group,
        value_set_add,
        expect_digest
    };
    Kind kind = Kind::wait;
    unsigned line = 0;
    std::string name;  // of the table, array, profile, set or digest
    std::optional<std::int64_t> priority;
    std::vector<StfMatch> matches;
    std::string action;                  // an action, or "member" or "group" with one plain argument
    std::vector<StfArgument> arguments;  // of the action; fields of a digest
    std::string label;                   // of the entry; for checks: the entry meant, without `$`
    std::vector<std::uint64_t> numbers;  // port, index, ids
    std::vector<std::pair<double, std::uint64_t>> rates;  // per microsecond, burst
    std::string digits;                                   // of a packet, lower case; `*` matches any
    bool whole = false;                                   // the packet ends after the digits
    std::string unit, comparison;                         // "packets" or "bytes"; "==" …
    StfNumber value;
};

struct StfScript {
    std::vector<StfCommand> commands;

    // Throws StfError.
    [[nodiscard]] static StfScript parse(std::string_view text);
};

// Runs scripts on a switch of its own.
class StfRunner {
public:
    explicit StfRunner(Program program, SwitchOptions options = {});

    // What went wrong, one text for each mismatch; empty when the script passed. Commands that the switch
    // refuses are mismatches, too.
    [[nodiscard]] std::vector<std::string> run(const StfScript& script);

    [[nodiscard]] Switch& target() { return switch_; }

private:
    struct Seen {
        std::vector<std::string> packets;  // hex digits
        std::vector<const StfCommand*> expected;
    };
    struct McNode {
        std::uint16_t instance = 0;
        std::vector<std::uint32_t> ports;
        std::uint32_t group = 0;
    };
    struct Labelled {
        std::string table;
        TableEntry entry;
    };

    void execute(const StfCommand& command);
    void add(const StfCommand& command);
    void check_counter(const StfCommand& command);
    void check_register(const StfCommand& command);
    void expect_digest(const StfCommand& command);
    void set_meter(const StfCommand& command);
    void rebuild_group(std::uint32_t group);
    void send(const StfCommand& command);
    void compare_packets(bool at_end);
    void fail(const StfCommand& command, const std::string& problem);
    [[nodiscard]] ActionCall call(const StfCommand& command, const std::vector<ActionInfo>& actions) const;
    [[nodiscard]] MatchField match(const KeyInfo& key, const StfMatch& match) const;
    [[nodiscard]] const TableInfo& table(const std::string& name) const;
    [[nodiscard]] const Labelled& labelled(const StfCommand& command) const;

    Switch switch_;
    std::vector<TableInfo> tables_;
    std::map<std::uint32_t, Seen> ports_;
    std::map<std::string, Labelled> labels_;
    std::vector<McNode> nodes_;
    std::vector<Digest> digests_, digests_seen_;
    std::vector<std::string> failures_;
    std::chrono::nanoseconds now_{0};
};

}  // namespace weft::p4switch
