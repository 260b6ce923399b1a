// Commands of STF to the switch, and the comparison of what came out.
#include "wide_int.hpp"

#include <weft/p4switch/error.hpp>
#include <weft/p4switch/stf.hpp>

#include <algorithm>
#include <set>

namespace weft::p4switch {
namespace {

constexpr std::size_t max_failures = 100;

WideInt number_of(const std::string& bytes) {
    return WideInt::from_bytes(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
}

std::string bytes_of(const WideInt& value, std::uint32_t width) {
    std::string bytes((width + 7) / 8, '\0');
    value.to_bytes(reinterpret_cast<std::uint8_t*>(bytes.data()), bytes.size());
    return bytes;
}

std::string hex(std::span<const std::uint8_t> bytes) {
    std::string digits;
    for (std::uint8_t byte : bytes) {
        digits.push_back("0123456789abcdef"[byte >> 4]);
        digits.push_back("0123456789abcdef"[byte & 15]);
    }
    return digits;
}

// Exact, or the only one that ends in ".name".
template <class List, class Name>
const typename List::value_type& named(const List& list, const std::string& name, const char* kind,
                                       Name name_of) {
    const typename List::value_type* found = nullptr;
    for (const auto& item : list) {
        const std::string& full = name_of(item);
        if (full == name) return item;
        if (!full.ends_with("." + name)) continue;
        if (found != nullptr) throw InvalidError(std::string("more than one ") + kind + " ends in " + name);
        found = &item;
    }
    if (found == nullptr) throw UnknownNameError(kind, name, "");
    return *found;
}

bool matches(const std::string& expected, bool whole, const std::string& seen) {
    if (seen.size() < expected.size() || (whole && seen.size() != expected.size())) return false;
    for (std::size_t i = 0; i < expected.size(); ++i)
        if (expected[i] != '*' && expected[i] != seen[i]) return false;
    return true;
}

bool compare(const WideInt& found, const std::string& comparison, const WideInt& wanted) {
    if (comparison == "==") return found == wanted;
    if (comparison == "!=") return !(found == wanted);
    if (comparison == "<") return found < wanted;
    if (comparison == "<=") return found <= wanted;
    if (comparison == ">") return found > wanted;
    return found >= wanted;
}

const std::string& array_name(const ArrayInfo& array) { return array.name; }

// Collects what leaves, by port.
class Collector : public PacketSink {
public:
    std::vector<std::pair<std::uint32_t, std::string>> packets;
    void transmit(std::uint32_t port, std::span<const std::uint8_t> bytes) override {
        packets.emplace_back(port, hex(bytes));
    }
};

}  // namespace

StfRunner::StfRunner(Program program, SwitchOptions options)
    : switch_(std::move(program), options), tables_(switch_.program().tables()) {}

std::vector<std::string> StfRunner::run(const StfScript& script) {
    failures_.clear();
    ports_.clear();
    labels_.clear();
    nodes_.clear();
    digests_.clear();
    digests_seen_.clear();
    // A digest that nobody has acknowledged is not sent again, and nobody acknowledges here.
    switch_.on_digest([this](const Digest& digest) {
        const auto same = [&](const Digest& other) {
            return other.name == digest.name && other.values == digest.values;
        };
        if (std::any_of(digests_seen_.begin(), digests_seen_.end(), same)) return;
        digests_seen_.push_back(digest);
        digests_.push_back(digest);
    });
    bool digests_checked = false;
    for (const StfCommand& command : script.commands) {
        if (command.kind == StfCommand::Kind::expect_digest) digests_checked = true;
        try {
            execute(command);
        } catch (const Error& error) {
            fail(command, error.what());
        }
        if (failures_.size() >= max_failures) break;
    }
    compare_packets(true);
    if (digests_checked && !digests_.empty())
        failures_.push_back("at the end: " + std::to_string(digests_.size()) + " digests of " +
                            digests_.front().name + " that nobody expected");
    switch_.on_digest({});
    return failures_;
}

void StfRunner::fail(const StfCommand& command, const std::string& problem) {
    failures_.push_back("line " + std::to_string(command.line) + ": " + problem);
}

const TableInfo& StfRunner::table(const std::string& name) const {
    return named(tables_, name, "table", [](const TableInfo& at) -> const std::string& { return at.name; });
}

ActionCall StfRunner::call(const StfCommand& command, const std::vector<ActionInfo>& actions) const {
    const ActionInfo& action = named(actions, command.action, "action",
                                     [](const ActionInfo& at) -> const std::string& { return at.name; });
    ActionCall result;
    result.action = action.name;
    for (const StfArgument& argument : command.arguments)
        result.arguments.push_back({argument.name, argument.value.value});
    return result;
}

MatchField StfRunner::match(const KeyInfo& key, const StfMatch& match) const {
    const WideInt all = WideInt::ones(key.width);
    const WideInt value = number_of(match.value.value);
    switch (key.kind) {
        case MatchKind::exact:
            return exact(key.name, match.value.value);
        case MatchKind::range:
            if (match.kind != StfMatch::Kind::range)
                return range(key.name, match.value.value, match.value.value);
            return range(key.name, match.value.value, match.second.value);
        case MatchKind::lpm: {
            std::uint32_t prefix = key.width - std::min(key.width, match.value.open);
            if (match.kind == StfMatch::Kind::prefix)
                prefix = static_cast<std::uint32_t>(
                    std::min<std::uint64_t>(to_number(match.second.value), 0xffff));
            return lpm(key.name, match.value.value, prefix);
        }
        default: {
            // Bits above the given digits do not matter; a decimal number has them all.
            WideInt mask = match.value.bits == 0 ? all : number_of(match.value.mask) & all;
            if (match.kind == StfMatch::Kind::prefix) mask = number_of(match.second.value);
            return ternary(key.name, bytes_of(value & mask, key.width), bytes_of(mask, key.width));
        }
    }
}

void StfRunner::add(const StfCommand& command) {
    const TableInfo& info = table(command.name);
    TableEntry entry;
    std::set<std::string> given;
    for (const StfMatch& item : command.matches) {
        const KeyInfo* key = nullptr;
        for (const KeyInfo& candidate : info.key) {
            const std::string& name = candidate.name;
            if (name == item.field || name == item.field + ".$valid$" || name == item.field + ".isValid()") {
                key = &candidate;
                break;
            }
            if (name.ends_with("." + item.field)) key = &candidate;
        }
        if (key == nullptr) throw UnknownNameError("key field of table " + info.name, item.field, "");
        given.insert(key->name);
        entry.match.push_back(match(*key, item));
    }
    for (const KeyInfo& key : info.key)
        if (key.kind == MatchKind::exact && !given.contains(key.name))
            entry.match.push_back(exact(key.name, std::string(1, '\0')));
    if (info.has_priority) {
        if (!command.priority) throw InvalidError("table " + info.name + ": an entry needs a priority");
        entry.priority = static_cast<std::int32_t>(*command.priority);
    }
    const bool reference = !command.arguments.empty() && command.arguments.front().name.empty();
    if (reference) {
        const auto id = static_cast<std::uint32_t>(to_number(command.arguments.front().value.value));
        if (command.action == "member")
            entry.action = MemberRef{id};
        else
            entry.action = GroupRef{id};
    } else {
        entry.action = call(command, info.actions);
    }
    switch_.insert(info.name, entry);
    if (!command.label.empty()) labels_[command.label] = {info.name, entry};
}

const StfRunner::Labelled& StfRunner::labelled(const StfCommand& command) const {
    const auto found = labels_.find(command.label);
    if (found == labels_.end()) throw UnknownNameError("entry", command.label, "");
    return found->second;
}

void StfRunner::check_counter(const StfCommand& command) {
    CounterData data;
    if (command.label.empty()) {
        const auto arrays = switch_.program().counters();
        const ArrayInfo& array = named(arrays, command.name, "counter", array_name);
        data = switch_.counter(array.name, static_cast<std::uint32_t>(command.numbers.front()));
    } else {
        const Labelled& entry = labelled(command);
        const auto counter = switch_.entry(entry.table, entry.entry).counter;
        if (!counter) throw InvalidError("table " + entry.table + " has no direct counter");
        data = *counter;
    }
    if (command.comparison.empty()) return;
    const std::uint64_t found = command.unit == "bytes" ? data.bytes : data.packets;
    const std::string bytes = to_bytes(found);
    if (!compare(number_of(bytes), command.comparison, number_of(command.value.value)))
        fail(command, "counter " + command.name + ": expected " + command.unit + " " + command.comparison +
                          " " + number_of(command.value.value).to_decimal() + ", found " +
                          std::to_string(found));
}

void StfRunner::check_register(const StfCommand& command) {
    const auto arrays = switch_.program().registers();
    const ArrayInfo& array = named(arrays, command.name, "register", array_name);
    if (command.numbers.empty()) throw InvalidError("a register needs an index");
    const WideInt found =
        number_of(switch_.register_value(array.name, static_cast<std::uint32_t>(command.numbers.front())));
    if (!command.comparison.empty() && !compare(found, command.comparison, number_of(command.value.value)))
        fail(command, "register " + command.name + ": expected " + command.comparison + " " +
                          number_of(command.value.value).to_decimal() + ", found " + found.to_decimal());
}

void StfRunner::expect_digest(const StfCommand& command) {
    std::string wanted = command.name, found;
    for (const StfArgument& field : command.arguments)
        wanted += " " + number_of(field.value.value).to_decimal();
    if (digests_.empty()) return fail(command, "no digest was sent, expected " + wanted);
    const Digest digest = digests_.front();
    digests_.erase(digests_.begin());
    found = digest.name;
    for (const std::string& value : digest.values) found += " " + number_of(value).to_decimal();
    if (found != wanted) fail(command, "expected digest " + wanted + "\n    found           " + found);
}

void StfRunner::set_meter(const StfCommand& command) {
    MeterConfig config;
    config.committed_rate = command.rates[0].first * 1e6;
    config.committed_burst = command.rates[0].second;
    config.peak_rate = command.rates[1].first * 1e6;
    config.peak_burst = command.rates[1].second;
    if (!command.label.empty()) {
        const Labelled& entry = labelled(command);
        switch_.set_direct_meter(entry.table, entry.entry, config);
        return;
    }
    const auto arrays = switch_.program().meters();
    const ArrayInfo& array = named(arrays, command.name, "meter", array_name);
    if (command.kind == StfCommand::Kind::meter_array_set_rates) {
        for (std::uint32_t i = 0; i < array.size; ++i) switch_.set_meter(array.name, i, config);
        return;
    }
    switch_.set_meter(array.name, static_cast<std::uint32_t>(command.numbers.front()), config);
}

void StfRunner::rebuild_group(std::uint32_t group) {
    std::vector<Replica> replicas;
    for (const McNode& node : nodes_) {
        if (node.group != group) continue;
        for (std::uint32_t port : node.ports) replicas.push_back({port, node.instance});
    }
    const auto known = switch_.multicast_groups();
    const bool exists =
        std::any_of(known.begin(), known.end(), [&](const auto& at) { return at.first == group; });
    if (exists)
        switch_.modify_multicast_group(group, replicas);
    else
        switch_.insert_multicast_group(group, replicas);
}

void StfRunner::send(const StfCommand& command) {
    std::vector<std::uint8_t> bytes;
    for (std::size_t i = 0; i + 1 < command.digits.size(); i += 2)
        bytes.push_back(static_cast<std::uint8_t>(std::stoul(command.digits.substr(i, 2), nullptr, 16)));
    Collector collector;
    now_ += std::chrono::microseconds(1);
    switch_.process(static_cast<std::uint32_t>(command.numbers.front()), bytes, now_, collector);
    for (auto& [port, digits] : collector.packets) ports_[port].packets.push_back(std::move(digits));
}

// The n-th expectation of a port meets its n-th packet. Before the end only packets that came too many count.
void StfRunner::compare_packets(bool at_end) {
    for (auto& [port, seen] : ports_) {
        const std::size_t both = std::min(seen.packets.size(), seen.expected.size());
        for (std::size_t i = 0; i < both; ++i) {
            const StfCommand& wanted = *seen.expected[i];
            if (!matches(wanted.digits, wanted.whole, seen.packets[i]))
                fail(wanted, "port " + std::to_string(port) + ": a packet differs\n    expected " +
                                 wanted.digits + (wanted.whole ? "$" : "") + "\n    seen     " +
                                 seen.packets[i]);
        }
        for (std::size_t i = both; i < seen.packets.size(); ++i)
            failures_.push_back("port " + std::to_string(port) + ": an unexpected packet\n    seen     " +
                                seen.packets[i]);
        if (at_end)
            for (std::size_t i = both; i < seen.expected.size(); ++i)
                fail(*seen.expected[i], "port " + std::to_string(port) +
                                            ": a packet is missing\n    expected " +
                                            seen.expected[i]->digits + (seen.expected[i]->whole ? "$" : ""));
        seen.packets.clear();
        seen.expected.erase(seen.expected.begin(), seen.expected.begin() + static_cast<std::ptrdiff_t>(both));
    }
}

void StfRunner::execute(const StfCommand& command) {
    const auto id = [&](std::size_t index) { return static_cast<std::uint32_t>(command.numbers.at(index)); };
    const auto node = [&](std::size_t index) -> McNode& {
        if (id(index) >= nodes_.size())
            throw NotFoundError("there is no multicast node " + std::to_string(id(index)));
        return nodes_[id(index)];
    };
    const auto set_session = [&](const CloneSession& session) {
        const auto known = switch_.clone_sessions();
        const bool exists =
            std::any_of(known.begin(), known.end(), [&](const auto& at) { return at.first == id(0); });
        if (exists)
            switch_.modify_clone_session(id(0), session);
        else
            switch_.insert_clone_session(id(0), session);
    };
    using Kind = StfCommand::Kind;
    switch (command.kind) {
        case Kind::add:
            add(command);
            return;
        case Kind::set_default: {
            const TableInfo& info = table(command.name);
            switch_.set_default_action(info.name, call(command, info.actions));
            return;
        }
        case Kind::remove_all:
            for (const TableInfo& info : tables_)
                if (!info.constant_entries)
                    for (const TableEntry& entry : switch_.entries(info.name))
                        switch_.remove(info.name, entry);
            return;
        case Kind::packet:
            send(command);
            return;
        case Kind::expect:
            ports_[id(0)].expected.push_back(&command);
            return;
        case Kind::no_packet:
            compare_packets(false);
            return;
        case Kind::wait:
            return;
        case Kind::check_counter:
            check_counter(command);
            return;
        case Kind::check_register:
            check_register(command);
            return;
        case Kind::register_write:
        case Kind::register_reset: {
            const auto arrays = switch_.program().registers();
            const ArrayInfo& array = named(arrays, command.name, "register", array_name);
            if (command.kind == Kind::register_write)
                return switch_.set_register(array.name, id(0), command.value.value);
            for (std::uint32_t i = 0; i < array.size; ++i)
                switch_.set_register(array.name, i, std::string(1, '\0'));
            return;
        }
        case Kind::counter_write: {
            const auto arrays = switch_.program().counters();
            const ArrayInfo& array = named(arrays, command.name, "counter", array_name);
            switch_.set_counter(array.name, id(0), {command.numbers.at(1), command.numbers.at(2)});
            return;
        }
        case Kind::meter_set_rates:
        case Kind::meter_array_set_rates:
            set_meter(command);
            return;
        case Kind::mirroring_add: {
            CloneSession session;
            session.replicas.push_back({id(1), 0});
            set_session(session);
            return;
        }
        case Kind::mirroring_add_mc: {
            CloneSession session;
            session.multicast_group = static_cast<std::uint16_t>(id(1));
            set_session(session);
            return;
        }
        case Kind::mirroring_delete:
            switch_.remove_clone_session(id(0));
            return;
        case Kind::mc_mgrp_create:
            rebuild_group(id(0));
            return;
        case Kind::mc_node_create:
        case Kind::mc_node_update: {
            const bool create = command.kind == Kind::mc_node_create;
            if (create) {
                nodes_.emplace_back();
                nodes_.back().instance = static_cast<std::uint16_t>(id(0));
            }
            McNode& changed = create ? nodes_.back() : node(0);
            changed.ports.assign(command.numbers.begin() + 1, command.numbers.end());
            std::sort(changed.ports.begin(), changed.ports.end());
            if (changed.group != 0) rebuild_group(changed.group);
            return;
        }
        case Kind::mc_node_associate: {
            McNode& associated = node(1);
            associated.group = id(0);
            rebuild_group(id(0));
            return;
        }
        case Kind::member:
        case Kind::group: {
            const auto profiles = switch_.program().action_profiles();
            const ProfileInfo& profile =
                named(profiles, command.name, "action profile",
                      [](const ProfileInfo& at) -> const std::string& { return at.name; });
            if (command.kind == Kind::group) {
                Group group;
                group.id = id(0);
                for (std::size_t i = 1; i < command.numbers.size(); ++i)
                    group.members.push_back({id(i), 1, {}});
                return switch_.insert_group(profile.name, group);
            }
            for (const TableInfo& info : tables_)
                if (info.action_profile == profile.name)
                    return switch_.insert_member(profile.name, {id(0), call(command, info.actions)});
            throw InvalidError("no table uses action profile " + profile.name);
        }
        case Kind::value_set_add: {
            const auto sets = switch_.program().value_sets();
            const ValueSetInfo& set =
                named(sets, command.name, "value set",
                      [](const ValueSetInfo& at) -> const std::string& { return at.name; });
            auto members = switch_.value_set(set.name);
            std::vector<std::string> member;
            for (const StfArgument& value : command.arguments) member.push_back(value.value.value);
            members.push_back(std::move(member));
            switch_.set_value_set(set.name, members);
            return;
        }
        case Kind::expect_digest:
            expect_digest(command);
            return;
    }
}

}  // namespace weft::p4switch
