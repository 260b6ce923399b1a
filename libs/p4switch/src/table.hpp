// A match-action table at run time: its entries, the lookup structures over them, and its default entry.
//
// Exact tables are one hash lookup. LPM tables have a hash table for each prefix length in use, longest
// first. Ternary and range tables are scanned in order of priority.
#pragma once

#include "action_profile.hpp"
#include "compiled.hpp"
#include "key_map.hpp"
#include "meter.hpp"
#include "tuple_space.hpp"

#include <weft/p4switch/entry.hpp>

#include <map>
#include <memory>
#include <set>
#include <unordered_map>
#include <vector>

namespace weft::p4switch {

struct OneShotSet {
    std::vector<std::unique_ptr<BoundAction>> actions;
    WeightedChoice choice;
};

struct Entry {
    BoundAction bound;          // direct tables
    std::uint32_t next = none;  // node after a hit, direct tables
    ProfileMember* member = nullptr;
    ProfileGroup* group = nullptr;
    std::unique_ptr<OneShotSet> one_shot;
    CounterData counter;
    MeterCell meter;
    std::chrono::nanoseconds last_hit{0};
    std::chrono::nanoseconds idle_timeout{0};
    bool reported_idle = false;

    // For the control interface.
    std::uint32_t handle = 0;
    std::string identity;
    std::vector<std::uint64_t> value, mask, low, high;  // packed as the key
    TableEntry spec;
};

class Table {
public:
    Table(const Compiled& program, const TableDef& definition, ActionProfile* profile, const PortSet& down);

    [[nodiscard]] Entry* lookup(const std::uint64_t* key) {
        switch (definition_.kind) {
            case TableKind::exact: {
                const std::uint32_t found = exact_.find(key);
                return found == KeyMap::absent ? nullptr : entries_[found].get();
            }
            case TableKind::lpm:
                return lookup_lpm(key);
            default:
                return lookup_ternary(key);
        }
    }

    // The control interface; `now` starts the idle timeout and the meters. `fixed` entries of the program
    // pass the check for constant tables.
    void insert(const TableEntry& entry, std::chrono::nanoseconds now, bool fixed = false);
    void modify(const TableEntry& entry, std::chrono::nanoseconds now);
    void remove(const TableEntry& entry);
    [[nodiscard]] TableEntry read(const TableEntry& key) const;
    [[nodiscard]] std::vector<TableEntry> read_all() const;
    [[nodiscard]] Entry& entry(const TableEntry& key) const;
    [[nodiscard]] std::size_t size() const { return by_identity_.size(); }

    void set_default(const ActionCall& call);
    void reset_default();
    [[nodiscard]] std::optional<ActionCall> default_call() const;

    // Entries that have become idle; one is reported again only after a sweep that left it out (as BMv2
    // does).
    void sweep_idle(std::chrono::nanoseconds now, std::vector<IdleEntry>& out);
    void ports_changed();

    [[nodiscard]] const TableDef& definition() const { return definition_; }
    [[nodiscard]] ActionProfile* profile() const { return profile_; }
    [[nodiscard]] std::uint32_t next_of(std::uint32_t action) const;

    std::uint32_t default_slot = none;
    std::vector<std::uint64_t> default_data;

private:
    struct Level {
        std::uint32_t prefix = 0;
        std::vector<std::uint64_t> mask;
        KeyMap map;
    };
    struct Row {
        std::int32_t priority = 0;
        std::uint32_t handle = 0;
    };

    [[nodiscard]] Entry* lookup_lpm(const std::uint64_t* key);
    [[nodiscard]] Entry* lookup_ternary(const std::uint64_t* key);
    void pack_match(const TableEntry& entry, Entry& out) const;
    void pack_field(const KeyPart& part, const MatchField* field, Entry& out, std::string& identity) const;
    void bind_action(const TableEntry& spec, Entry& out) const;
    void release_action(Entry& entry) const;
    void hold_action(Entry& entry) const;
    void check_options(const TableEntry& spec) const;
    void index_insert(const Entry& entry);
    void index_erase(const Entry& entry);
    [[nodiscard]] std::uint32_t slot_named(const std::string& action) const;
    [[nodiscard]] TableEntry described(const Entry& entry) const;

    const Compiled& program_;
    const TableDef& definition_;
    ActionProfile* profile_;
    const PortSet& down_;
    std::vector<std::unique_ptr<Entry>> entries_;
    std::set<std::uint32_t> free_;
    std::unordered_map<std::string, std::uint32_t> by_identity_;
    KeyMap exact_;
    std::vector<std::unique_ptr<Level>> levels_;
    std::vector<Row> rows_;
    std::vector<std::uint64_t> row_words_;  // value, mask and, with ranges, low, high of each row
    std::vector<std::uint32_t> range_parts_;
    TupleSpace tuples_;
    std::vector<std::uint64_t> masked_;  // scratch of the lookup
};

}  // namespace weft::p4switch
