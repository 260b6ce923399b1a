#include "table.hpp"

#include "key_value.hpp"
#include "names.hpp"

#include <weft/p4switch/error.hpp>

#include <algorithm>

namespace weft::p4switch {
namespace {

std::uint8_t* bytes_of(std::vector<std::uint64_t>& words) {
    return reinterpret_cast<std::uint8_t*>(words.data());
}

void put(std::vector<std::uint64_t>& words, const KeyPart& part, const WideInt& value) {
    value.to_bytes(bytes_of(words) + part.offset, part.bytes);
}

WideInt prefix_mask(std::uint32_t width, std::uint32_t prefix) {
    return WideInt::ones(prefix).shifted_left(width - prefix);
}

}  // namespace

Table::Table(const Compiled& program, const TableDef& definition, ActionProfile* profile, const PortSet& down)
    : default_slot(definition.default_slot),
      default_data(definition.default_data),
      program_(program),
      definition_(definition),
      profile_(profile),
      down_(down),
      exact_(definition.key_words),
      masked_(definition.key_words) {
    for (std::size_t i = 0; i < definition.key.size(); ++i)
        if (definition.key[i].kind == MatchKind::range) range_parts_.push_back(static_cast<std::uint32_t>(i));
}

Entry* Table::lookup_lpm(const std::uint64_t* key) {
    for (const auto& level : levels_) {
        for (std::uint32_t i = 0; i < definition_.key_words; ++i) masked_[i] = key[i] & level->mask[i];
        const std::uint32_t found = level->map.find(masked_.data());
        if (found != KeyMap::absent) return entries_[found].get();
    }
    return nullptr;
}

Entry* Table::lookup_ternary(const std::uint64_t* key) {
    const std::uint32_t words = definition_.key_words;
    if (range_parts_.empty() && tuples_.ready(row_words_, rows_.size(), words)) {
        const std::uint32_t row = tuples_.find(key, masked_.data());
        return row == KeyMap::absent ? nullptr : entries_[rows_[row].handle].get();
    }
    const std::size_t stride = words * (range_parts_.empty() ? std::size_t{2} : std::size_t{4});
    const std::uint64_t* row = row_words_.data();
    const auto* key_bytes = reinterpret_cast<const std::uint8_t*>(key);
    for (std::size_t i = 0; i < rows_.size(); ++i, row += stride) {
        std::uint64_t difference = 0;
        for (std::uint32_t w = 0; w < words; ++w) difference |= (key[w] ^ row[w]) & row[words + w];
        if (difference != 0) continue;
        bool inside = true;
        for (std::uint32_t index : range_parts_) {
            const KeyPart& part = definition_.key[index];
            const auto* low = reinterpret_cast<const std::uint8_t*>(row + 2 * words) + part.offset;
            const auto* high = reinterpret_cast<const std::uint8_t*>(row + 3 * words) + part.offset;
            if (std::memcmp(key_bytes + part.offset, low, part.bytes) < 0 ||
                std::memcmp(key_bytes + part.offset, high, part.bytes) > 0) {
                inside = false;
                break;
            }
        }
        if (inside) return entries_[rows_[i].handle].get();
    }
    return nullptr;
}

void Table::pack_field(const KeyPart& part, const MatchField* field, Entry& out,
                       std::string& identity) const {
    const std::string what = "table " + definition_.name + ", key " + part.name;
    const WideInt all = WideInt::ones(part.width);
    WideInt value, mask;
    switch (part.kind) {
        case MatchKind::exact:
            if (field == nullptr) throw InvalidError(what + ": an exact field cannot be left out");
            if (field->kind != MatchKind::exact) throw InvalidError(what + " is matched exactly");
            value = checked_value(field->value, part.width, what);
            mask = all;
            break;
        case MatchKind::lpm: {
            if (field == nullptr) break;
            if (field->kind != MatchKind::lpm && field->kind != MatchKind::exact)
                throw InvalidError(what + " is matched by prefix");
            const std::uint32_t prefix = field->kind == MatchKind::lpm ? field->prefix_length : part.width;
            if (prefix > part.width)
                throw InvalidError(what + ": the prefix length " + std::to_string(prefix) +
                                   " exceeds the width " + std::to_string(part.width));
            value = checked_value(field->value, part.width, what);
            mask = prefix_mask(part.width, prefix);
            identity += static_cast<char>(prefix & 0xff);
            identity += static_cast<char>(prefix >> 8);
            break;
        }
        case MatchKind::range: {
            WideInt low, high = all;
            if (field != nullptr) {
                if (field->kind != MatchKind::range) throw InvalidError(what + " is matched by range");
                low = checked_value(field->value, part.width, what);
                high = checked_value(field->mask, part.width, what);
                if (low > high) throw InvalidError(what + ": the low end of the range is above the high end");
            }
            put(out.low, part, low);
            put(out.high, part, high);
            break;
        }
        default:
            if (field == nullptr) break;
            if (field->kind == MatchKind::range || field->kind == MatchKind::lpm)
                throw InvalidError(what + " is matched by value and mask");
            value = checked_value(field->value, part.width, what);
            mask = field->kind == MatchKind::ternary ? checked_value(field->mask, part.width, what) : all;
            break;
    }
    if (!part.mask.empty()) {
        const WideInt fixed = WideInt::from_bytes(part.mask.data(), part.mask.size());
        value = value & fixed;
    }
    put(out.value, part, value & mask);
    put(out.mask, part, mask);
}

void Table::pack_match(const TableEntry& entry, Entry& out) const {
    for (auto* words : {&out.value, &out.mask, &out.low, &out.high}) words->assign(definition_.key_words, 0);
    std::string identity;
    std::vector<const MatchField*> fields(definition_.key.size());
    for (const MatchField& field : entry.match) {
        const auto found = std::find_if(definition_.key.begin(), definition_.key.end(),
                                        [&](const KeyPart& part) { return part.name == field.field; });
        if (found == definition_.key.end()) {
            std::vector<std::string> known;
            for (const KeyPart& part : definition_.key) known.push_back(part.name);
            throw UnknownNameError("key field of table " + definition_.name, field.field,
                                   nearest_name(field.field, known));
        }
        const auto index = static_cast<std::size_t>(found - definition_.key.begin());
        if (fields[index] != nullptr)
            throw InvalidError("table " + definition_.name + ": key field " + field.field +
                               " is given twice");
        fields[index] = &field;
    }
    for (std::size_t i = 0; i < fields.size(); ++i) pack_field(definition_.key[i], fields[i], out, identity);
    if (definition_.kind == TableKind::ternary) {
        if (entry.priority <= 0)
            throw InvalidError("table " + definition_.name + ": an entry needs a positive priority");
    } else if (entry.priority != 0) {
        throw InvalidError("table " + definition_.name + " has no ternary, range or optional field, so its " +
                           "entries have no priority");
    }
    // Duplicate = same key and same priority (P4Runtime 9.1).
    const auto append = [&](const std::vector<std::uint64_t>& words) {
        identity.append(reinterpret_cast<const char*>(words.data()), words.size() * 8);
    };
    append(out.value);
    if (definition_.kind == TableKind::ternary) {
        append(out.mask);
        append(out.low);
        append(out.high);
        identity.append(reinterpret_cast<const char*>(&entry.priority), sizeof entry.priority);
    }
    out.identity = std::move(identity);
}

std::uint32_t Table::slot_named(const std::string& name) const {
    std::vector<std::string> known;
    for (std::size_t i = 0; i < definition_.actions.size(); ++i) {
        const std::string& action = program_.actions[definition_.actions[i].action].name;
        if (action == name) return static_cast<std::uint32_t>(i);
        known.push_back(action);
    }
    const std::string near = nearest_name(name, known);
    throw InvalidError("table " + definition_.name + " has no action \"" + name + "\"" +
                       (near.empty() ? "" : "; did you mean \"" + near + "\"?"));
}

std::uint32_t Table::next_of(std::uint32_t action) const {
    if (definition_.by_hit) return definition_.next_hit;
    const std::string& name = program_.actions[action].name;
    for (const TableAction& known : definition_.actions)
        if (known.action == action || program_.actions[known.action].name == name) return known.next;
    return definition_.next_miss;
}

void Table::bind_action(const TableEntry& spec, Entry& out) const {
    if (const auto* call = std::get_if<ActionCall>(&spec.action)) {
        if (profile_ != nullptr)
            throw InvalidError("table " + definition_.name + " takes members, groups or one-shot sets of " +
                               profile_->definition().name + ", not plain actions");
        const std::uint32_t slot = slot_named(call->action);
        const TableAction& action = definition_.actions[slot];
        out.bound = {action.action, bind_arguments(program_.actions[action.action], *call)};
        out.next = definition_.by_hit ? definition_.next_hit : action.next;
        return;
    }
    if (std::holds_alternative<std::monostate>(spec.action))
        throw InvalidError("table " + definition_.name + ": an entry needs an action");
    if (profile_ == nullptr) throw InvalidError("table " + definition_.name + " has no action profile");
    if (const auto* member = std::get_if<MemberRef>(&spec.action)) {
        out.member = &profile_->member(member->member);
        return;
    }
    if (!profile_->definition().selector)
        throw InvalidError("action profile " + profile_->definition().name + " has no selector");
    if (const auto* group = std::get_if<GroupRef>(&spec.action)) {
        out.group = &profile_->group(group->group);
        return;
    }
    const auto& set = std::get<OneShot>(spec.action);
    if (set.actions.empty()) throw InvalidError("table " + definition_.name + ": an empty one-shot set");
    auto one_shot = std::make_unique<OneShotSet>();
    std::vector<WeightedChoice::Item> items;
    std::uint64_t total = 0;
    for (const WeightedAction& item : set.actions) {
        total += item.weight;
        if (item.weight == 0 || total > 65536)
            throw InvalidError("table " + definition_.name +
                               ": weights are positive and add up to at most 65536");
        one_shot->actions.push_back(std::make_unique<BoundAction>(profile_->bind(item.call)));
        items.push_back({one_shot->actions.back().get(), item.weight, item.watch_port});
    }
    one_shot->choice.assign(std::move(items), down_);
    out.one_shot = std::move(one_shot);
}

void Table::hold_action(Entry& entry) const {
    if (entry.member != nullptr) ++entry.member->users;
    if (entry.group != nullptr) ++entry.group->users;
}

void Table::release_action(Entry& entry) const {
    if (entry.member != nullptr) --entry.member->users;
    if (entry.group != nullptr) --entry.group->users;
    entry.member = nullptr;
    entry.group = nullptr;
    entry.one_shot.reset();
}

void Table::check_options(const TableEntry& spec) const {
    if (spec.counter && !definition_.counters)
        throw InvalidError("table " + definition_.name + " has no direct counter");
    if (spec.meter && definition_.meter == none)
        throw InvalidError("table " + definition_.name + " has no direct meter");
    if (spec.meter) check_meter(*spec.meter);
    if (spec.idle_timeout.count() < 0 || (spec.idle_timeout.count() > 0 && !definition_.timeout))
        throw InvalidError("table " + definition_.name + " does not support that idle timeout");
}

void Table::index_insert(const Entry& entry) {
    switch (definition_.kind) {
        case TableKind::exact:
            exact_.insert(entry.value.data(), entry.handle);
            return;
        case TableKind::lpm: {
            std::uint32_t prefix = 0;
            for (std::uint64_t word : entry.mask) prefix += static_cast<std::uint32_t>(std::popcount(word));
            auto level = std::find_if(levels_.begin(), levels_.end(),
                                      [&](const auto& at) { return at->prefix <= prefix; });
            if (level == levels_.end() || (*level)->prefix != prefix)
                level = levels_.insert(
                    level, std::make_unique<Level>(Level{prefix, entry.mask, KeyMap(definition_.key_words)}));
            (*level)->map.insert(entry.value.data(), entry.handle);
            return;
        }
        default: {
            // The larger priority first; of equal ones the lower handle, as BMv2 decides.
            const Row row{entry.spec.priority, entry.handle};
            const auto at = std::lower_bound(rows_.begin(), rows_.end(), row, [](const Row& a, const Row& b) {
                return a.priority != b.priority ? a.priority > b.priority : a.handle < b.handle;
            });
            std::vector<std::uint64_t> words = entry.value;
            words.insert(words.end(), entry.mask.begin(), entry.mask.end());
            if (!range_parts_.empty()) {
                words.insert(words.end(), entry.low.begin(), entry.low.end());
                words.insert(words.end(), entry.high.begin(), entry.high.end());
            }
            const auto offset = static_cast<std::ptrdiff_t>(words.size()) * (at - rows_.begin());
            row_words_.insert(row_words_.begin() + offset, words.begin(), words.end());
            rows_.insert(at, row);
            tuples_.invalidate();
            return;
        }
    }
}

void Table::index_erase(const Entry& entry) {
    switch (definition_.kind) {
        case TableKind::exact:
            exact_.erase(entry.value.data());
            return;
        case TableKind::lpm: {
            const auto level = std::find_if(levels_.begin(), levels_.end(),
                                            [&](const auto& at) { return at->mask == entry.mask; });
            (*level)->map.erase(entry.value.data());
            if ((*level)->map.size() == 0) levels_.erase(level);
            return;
        }
        default: {
            const auto at = std::find_if(rows_.begin(), rows_.end(),
                                         [&](const Row& row) { return row.handle == entry.handle; });
            const auto stride = static_cast<std::ptrdiff_t>(row_words_.size() / rows_.size());
            const auto first = row_words_.begin() + stride * (at - rows_.begin());
            row_words_.erase(first, first + stride);
            rows_.erase(at);
            tuples_.invalidate();
            return;
        }
    }
}

void Table::insert(const TableEntry& spec, std::chrono::nanoseconds now, bool fixed) {
    if (definition_.constant_entries && !fixed)
        throw ConstantError("the entries of table " + definition_.name + " are fixed by the program");
    if (definition_.key.empty())
        throw InvalidError("table " + definition_.name + " has no key, so no entries");
    auto entry = std::make_unique<Entry>();
    pack_match(spec, *entry);
    check_options(spec);
    if (by_identity_.contains(entry->identity))
        throw DuplicateError("table " + definition_.name +
                             " has an entry with this key and priority already");
    if (definition_.max_size != 0 && by_identity_.size() >= definition_.max_size)
        throw FullError("table " + definition_.name + " holds " + std::to_string(definition_.max_size) +
                        " entries and is full");
    bind_action(spec, *entry);
    hold_action(*entry);
    entry->spec = spec;
    entry->last_hit = now;
    entry->idle_timeout = spec.idle_timeout;
    if (spec.counter) entry->counter = *spec.counter;
    if (spec.meter) entry->meter.configure(*spec.meter, now);
    if (free_.empty()) {
        entry->handle = static_cast<std::uint32_t>(entries_.size());
        entries_.emplace_back();
    } else {
        entry->handle = *free_.begin();
        free_.erase(free_.begin());
    }
    index_insert(*entry);
    by_identity_.emplace(entry->identity, entry->handle);
    entries_[entry->handle] = std::move(entry);
}

Entry& Table::entry(const TableEntry& key) const {
    Entry wanted;
    pack_match(key, wanted);
    const auto found = by_identity_.find(wanted.identity);
    if (found == by_identity_.end())
        throw NotFoundError("table " + definition_.name + " has no entry with this key and priority");
    return *entries_[found->second];
}

void Table::modify(const TableEntry& spec, std::chrono::nanoseconds now) {
    if (definition_.constant_entries)
        throw ConstantError("the entries of table " + definition_.name + " are fixed by the program");
    Entry& found = entry(spec);
    check_options(spec);
    if (!std::holds_alternative<std::monostate>(spec.action)) {
        Entry changed;
        bind_action(spec, changed);
        hold_action(changed);
        release_action(found);
        found.bound = std::move(changed.bound);
        found.next = changed.next;
        found.member = changed.member;
        found.group = changed.group;
        found.one_shot = std::move(changed.one_shot);
        found.spec.action = spec.action;
    }
    found.spec.metadata = spec.metadata;
    found.idle_timeout = spec.idle_timeout;
    found.last_hit = now;
    if (spec.counter) found.counter = *spec.counter;
    if (!spec.meter)
        found.meter.reset();
    else if (found.meter.config() != spec.meter)
        found.meter.configure(*spec.meter, now);
}

void Table::remove(const TableEntry& key) {
    if (definition_.constant_entries)
        throw ConstantError("the entries of table " + definition_.name + " are fixed by the program");
    Entry& found = entry(key);
    release_action(found);
    index_erase(found);
    by_identity_.erase(found.identity);
    const std::uint32_t handle = found.handle;
    free_.insert(handle);
    entries_[handle].reset();
}

TableEntry Table::described(const Entry& entry) const {
    TableEntry result = entry.spec;
    if (definition_.counters)
        result.counter = entry.counter;
    else
        result.counter.reset();
    result.meter = entry.meter.config();
    result.idle_timeout = entry.idle_timeout;
    result.last_hit = entry.last_hit;
    return result;
}

TableEntry Table::read(const TableEntry& key) const { return described(entry(key)); }

std::vector<TableEntry> Table::read_all() const {
    std::vector<TableEntry> list;
    list.reserve(by_identity_.size());
    for (const auto& entry : entries_)
        if (entry != nullptr) list.push_back(described(*entry));
    return list;
}

void Table::set_default(const ActionCall& call) {
    if (profile_ != nullptr)
        throw InvalidError("table " + definition_.name + " has an action profile, so no default action");
    if (definition_.default_entry_constant)
        throw ConstantError("the default action of table " + definition_.name + " is fixed by the program");
    const std::uint32_t slot = slot_named(call.action);
    if (definition_.default_action_constant && slot != definition_.default_slot)
        throw ConstantError("the default action of table " + definition_.name + " is fixed by the program");
    default_data = bind_arguments(program_.actions[definition_.actions[slot].action], call);
    default_slot = slot;
}

void Table::reset_default() {
    default_slot = definition_.default_slot;
    default_data = definition_.default_data;
}

std::optional<ActionCall> Table::default_call() const {
    if (default_slot == none) return std::nullopt;
    return unbind_arguments(program_.actions[definition_.actions[default_slot].action], default_data);
}

void Table::sweep_idle(std::chrono::nanoseconds now, std::vector<IdleEntry>& out) {
    if (!definition_.timeout) return;
    for (const auto& entry : entries_) {
        if (entry == nullptr || entry->idle_timeout.count() == 0) continue;
        const bool idle = now - entry->last_hit >= entry->idle_timeout;
        if (idle && !entry->reported_idle) out.push_back({definition_.name, described(*entry)});
        entry->reported_idle = idle && !entry->reported_idle;
    }
}

void Table::ports_changed() {
    for (const auto& entry : entries_)
        if (entry != nullptr && entry->one_shot != nullptr) entry->one_shot->choice.refresh(down_);
}

}  // namespace weft::p4switch
