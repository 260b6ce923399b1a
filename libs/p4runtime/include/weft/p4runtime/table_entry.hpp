// A row of a match-action table, by names. A value: it copies, compares and prints.
//
//     TableEntry("ipv4_lpm").match("hdr.ipv4.dstAddr", "10.0.1.0/24").action("set_egress_port").param("port",
//     1)
#pragma once

#include <weft/p4runtime/action.hpp>
#include <weft/p4runtime/named_values.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>

namespace weft::p4runtime {

struct CounterData {
    std::int64_t byte_count = 0;
    std::int64_t packet_count = 0;

    friend bool operator==(const CounterData&, const CounterData&) = default;
};

// Rates in the meter's unit per second, bursts in its unit.
struct MeterConfig {
    std::int64_t cir = 0;
    std::int64_t cburst = 0;
    std::int64_t pir = 0;
    std::int64_t pburst = 0;
    std::int64_t eburst = 0;

    friend bool operator==(const MeterConfig&, const MeterConfig&) = default;
};

struct MeterCounterData {
    CounterData green;
    CounterData yellow;
    CounterData red;

    friend bool operator==(const MeterCounterData&, const MeterCounterData&) = default;
};

struct MemberId {
    std::uint32_t value = 0;
    friend bool operator==(const MemberId&, const MemberId&) = default;
};

struct GroupId {
    std::uint32_t value = 0;
    friend bool operator==(const GroupId&, const GroupId&) = default;
};

class TableEntry {
public:
    // monostate: no action, which in MODIFY leaves the entry's action as it is and resets a default action.
    using Action = std::variant<std::monostate, ActionCall, MemberId, GroupId, ActionSet>;

    TableEntry() = default;
    explicit TableEntry(std::string table) : table_(std::move(table)) {}

    // Setters, chained; each exists for named entries and for temporaries.
    TableEntry& match(std::string field, MatchValue value) & {
        match_.set(std::move(field), std::move(value));
        return *this;
    }
    TableEntry& match(Match fields) & {
        match_ = std::move(fields);
        return *this;
    }
    TableEntry& action(std::string name, Params params = Params()) & {
        action_ = ActionCall(std::move(name), std::move(params));
        return *this;
    }
    TableEntry& action(Action value) & {
        action_ = std::move(value);
        return *this;
    }
    // A parameter of the action that was set last; throws UsageError when there is none.
    TableEntry& param(std::string name, Value value) &;
    TableEntry& member(std::uint32_t id) & { return action(Action(MemberId{id})); }
    TableEntry& group(std::uint32_t id) & { return action(Action(GroupId{id})); }
    TableEntry& one_shot(ActionSet actions) & { return action(Action(std::move(actions))); }
    // Larger wins. Needed when the key has a ternary, range or optional field, forbidden otherwise.
    TableEntry& priority(std::int32_t value) & {
        priority_ = value;
        return *this;
    }
    // The default action of the table: no match, MODIFY only.
    TableEntry& default_action(bool on = true) & {
        is_default_ = on;
        return *this;
    }
    // Opaque bytes that the switch keeps with the entry and returns in reads.
    TableEntry& metadata(std::string bytes) & {
        metadata_ = std::move(bytes);
        return *this;
    }
    // After that long without a hit the switch sends an IdleTimeout notification; 0 is off.
    TableEntry& idle_timeout(std::chrono::nanoseconds value) & {
        idle_timeout_ = value;
        return *this;
    }
    TableEntry& counter(CounterData value) & {
        counter_ = value;
        return *this;
    }
    TableEntry& meter(MeterConfig value) & {
        meter_ = value;
        return *this;
    }

    TableEntry&& match(std::string field, MatchValue value) && {
        return std::move(match(std::move(field), std::move(value)));
    }
    TableEntry&& match(Match fields) && { return std::move(match(std::move(fields))); }
    TableEntry&& action(std::string name, Params params = Params()) && {
        return std::move(action(std::move(name), std::move(params)));
    }
    TableEntry&& action(Action value) && { return std::move(action(std::move(value))); }
    TableEntry&& param(std::string name, Value value) && {
        return std::move(param(std::move(name), std::move(value)));
    }
    TableEntry&& member(std::uint32_t id) && { return std::move(member(id)); }
    TableEntry&& group(std::uint32_t id) && { return std::move(group(id)); }
    TableEntry&& one_shot(ActionSet actions) && { return std::move(one_shot(std::move(actions))); }
    TableEntry&& priority(std::int32_t value) && { return std::move(priority(value)); }
    TableEntry&& default_action(bool on = true) && { return std::move(default_action(on)); }
    TableEntry&& metadata(std::string bytes) && { return std::move(metadata(std::move(bytes))); }
    TableEntry&& idle_timeout(std::chrono::nanoseconds value) && { return std::move(idle_timeout(value)); }
    TableEntry&& counter(CounterData value) && { return std::move(counter(value)); }
    TableEntry&& meter(MeterConfig value) && { return std::move(meter(value)); }

    [[nodiscard]] const std::string& table() const noexcept { return table_; }
    [[nodiscard]] const Match& match() const noexcept { return match_; }
    // Throws NoSuchFieldError when the entry does not name the field (it then matches anything).
    [[nodiscard]] const MatchValue& match(std::string_view field) const;
    [[nodiscard]] const Action& action() const noexcept { return action_; }
    // nullptr unless the action is a direct one.
    [[nodiscard]] const ActionCall* action_call() const noexcept { return std::get_if<ActionCall>(&action_); }
    [[nodiscard]] std::int32_t priority() const noexcept { return priority_; }
    [[nodiscard]] bool is_default_action() const noexcept { return is_default_; }
    [[nodiscard]] const std::string& metadata() const noexcept { return metadata_; }
    [[nodiscard]] std::chrono::nanoseconds idle_timeout() const noexcept { return idle_timeout_; }
    [[nodiscard]] const std::optional<CounterData>& counter() const noexcept { return counter_; }
    [[nodiscard]] const std::optional<MeterConfig>& meter() const noexcept { return meter_; }

    // Set by the switch in reads.
    std::optional<MeterCounterData> meter_counter;
    std::optional<std::chrono::nanoseconds> time_since_last_hit;
    bool is_const = false;

    // "MyIngress.ipv4_lpm hdr.ipv4.dstAddr=10.0.1.0/24 -> MyIngress.set_egress_port(port=1)".
    [[nodiscard]] std::string to_string() const;

    friend bool operator==(const TableEntry&, const TableEntry&) = default;

private:
    std::string table_;
    Match match_;
    Action action_;
    std::int32_t priority_ = 0;
    bool is_default_ = false;
    std::string metadata_;
    std::chrono::nanoseconds idle_timeout_{0};
    std::optional<CounterData> counter_;
    std::optional<MeterConfig> meter_;
};

}  // namespace weft::p4runtime
