// Table entries, actions and match fields to messages and back.
#include "byte_string.hpp"
#include "entity_codec.hpp"
#include "name_index.hpp"

#include <weft/p4runtime/error.hpp>
#include <weft/p4runtime/value_codec.hpp>

#include <algorithm>

namespace weft::p4runtime {

namespace {

[[noreturn]] void fail(const std::string& field, const std::string& what) {
    throw EncodingError(field, what);
}

bool may_use(const TableInfo& table, std::uint32_t action_id, bool as_default) {
    return std::any_of(table.actions.begin(), table.actions.end(), [&](const ActionRef& ref) {
        if (ref.action_id != action_id) return false;
        return as_default ? ref.scope != ActionScope::table_only : ref.scope != ActionScope::default_only;
    });
}

void check_action(const P4Info& info, const TableInfo& table, const ActionCall& call, bool as_default) {
    const ActionInfo& action = info.action(call.name());
    if (may_use(table, action.id, as_default)) return;
    std::vector<std::string> usable;
    for (const auto& ref : table.actions)
        if (may_use(table, ref.action_id, as_default)) usable.push_back(info.action(ref.action_id).name);
    throw NoSuchActionError(as_default ? "default action" : "action", action.name,
                            "table '" + table.name + "'", std::move(usable));
}

void encode_set(const P4Info& info, const TableInfo& table, const ActionSet& set,
                p4::v1::ActionProfileActionSet& message) {
    for (const auto& choice : set.actions) {
        check_action(info, table, choice.action, false);
        auto& action = *message.add_action_profile_actions();
        encode(info, choice.action, *action.mutable_action());
        action.set_weight(choice.weight);
        if (choice.watch_port) action.set_watch_port(encode_port(*choice.watch_port));
    }
}

void encode_action(const P4Info& info, const TableInfo& table, const TableEntry& entry,
                   p4::v1::TableEntry& message) {
    const auto& action = entry.action();
    if (const auto* call = std::get_if<ActionCall>(&action)) {
        check_action(info, table, *call, entry.is_default_action());
        encode(info, *call, *message.mutable_action()->mutable_action());
    } else if (const auto* member = std::get_if<MemberId>(&action)) {
        message.mutable_action()->set_action_profile_member_id(member->value);
    } else if (const auto* group = std::get_if<GroupId>(&action)) {
        message.mutable_action()->set_action_profile_group_id(group->value);
    } else if (const auto* set = std::get_if<ActionSet>(&action)) {
        encode_set(info, table, *set, *message.mutable_action()->mutable_action_profile_action_set());
    }
}

void check_key(const TableInfo& table, const TableEntry& entry, const p4::v1::TableEntry& message) {
    const std::string where = "entry of table '" + table.name + "': ";
    if (entry.is_default_action()) {
        if (message.match_size() > 0) fail("match", where + "the default action has no match fields");
        if (entry.priority() != 0) fail("priority", where + "the default action has no priority");
        return;
    }
    for (const auto& field : table.match_fields) {
        if (field.match_type != MatchType::exact) continue;
        const bool given = std::any_of(message.match().begin(), message.match().end(),
                                       [&](const auto& match) { return match.field_id() == field.id; });
        if (!given) fail(field.name, where + "exact field '" + field.name + "' needs a value");
    }
    if (table.needs_priority && entry.priority() <= 0)
        fail("priority",
             where + "it needs a priority above 0, because the key has a ternary, range or optional field");
    if (!table.needs_priority && entry.priority() != 0)
        fail("priority", where + "a priority is only for keys with a ternary, range or optional field");
}

}  // namespace

void encode(const FieldInfo& field, const MatchValue& value, p4::v1::FieldMatch& message, bool& open) {
    const auto match = encode_match(field, value);
    open = !match.has_value();
    if (open) return;
    message.set_field_id(field.id);
    switch (match->type) {
        case MatchType::lpm:
            message.mutable_lpm()->set_value(match->value);
            message.mutable_lpm()->set_prefix_len(static_cast<std::int32_t>(match->prefix_length));
            break;
        case MatchType::ternary:
            message.mutable_ternary()->set_value(match->value);
            message.mutable_ternary()->set_mask(match->second);
            break;
        case MatchType::range:
            message.mutable_range()->set_low(match->value);
            message.mutable_range()->set_high(match->second);
            break;
        case MatchType::optional:
            message.mutable_optional()->set_value(match->value);
            break;
        default:
            message.mutable_exact()->set_value(match->value);
    }
}

MatchValue decode(const FieldInfo& field, const p4::v1::FieldMatch& message) {
    EncodedMatch match;
    switch (message.field_match_type_case()) {
        case p4::v1::FieldMatch::kExact:
            match = EncodedMatch(MatchType::exact, message.exact().value());
            break;
        case p4::v1::FieldMatch::kOptional:
            match = EncodedMatch(MatchType::optional, message.optional().value());
            break;
        case p4::v1::FieldMatch::kLpm:
            match = EncodedMatch(MatchType::lpm, message.lpm().value());
            if (message.lpm().prefix_len() < 0)
                fail(field.name, "field '" + field.name + "': negative prefix length");
            match.prefix_length = static_cast<std::uint32_t>(message.lpm().prefix_len());
            break;
        case p4::v1::FieldMatch::kTernary:
            match = EncodedMatch(MatchType::ternary, message.ternary().value());
            match.second = message.ternary().mask();
            break;
        case p4::v1::FieldMatch::kRange:
            match = EncodedMatch(MatchType::range, message.range().low());
            match.second = message.range().high();
            break;
        default:
            fail(field.name, "field '" + field.name + "': the switch sent a match without a known type");
    }
    return decode_match(field, match);
}

void encode(const P4Info& info, const ActionCall& call, p4::v1::Action& message) {
    const ActionInfo& action = info.action(call.name());
    message.set_action_id(action.id);
    for (const auto& [name, value] : call.params()) {
        const FieldInfo& param = info.param(action, name);
        for (const auto& earlier : message.params())
            if (earlier.param_id() == param.id)
                fail(param.name, "parameter '" + param.name + "' of '" + action.name + "' is given twice");
        auto& out = *message.add_params();
        out.set_param_id(param.id);
        out.set_value(encode_value(param.name, param.type, value));
    }
    if (call.params().size() == action.params.size()) return;
    for (const auto& param : action.params) {
        const bool given = std::any_of(message.params().begin(), message.params().end(),
                                       [&](const auto& out) { return out.param_id() == param.id; });
        if (!given) fail(param.name, "action '" + action.name + "' needs its parameter '" + param.name + "'");
    }
}

ActionCall decode(const P4Info& info, const p4::v1::Action& message) {
    const ActionInfo& action = info.action(message.action_id());
    ActionCall call(action.name);
    for (const auto& in : message.params()) {
        const FieldInfo& param = info.param(action, in.param_id());
        call.param(param.name, decode_value(param.name, param.type, in.value()));
    }
    return call;
}

void encode(const P4Info& info, const TableEntry& entry, Purpose purpose, p4::v1::TableEntry& message) {
    message.Clear();
    const bool reads = purpose == Purpose::read;
    if (entry.table().empty()) {
        if (!reads) fail("table", "a table entry needs the name of its table");
        return;  // Every entry of every table.
    }
    const TableInfo& table = info.table(entry.table());
    message.set_table_id(table.id);
    for (const auto& [name, value] : entry.match()) {
        const FieldInfo& field = info.match_field(table, name);
        for (const auto& earlier : message.match())
            if (earlier.field_id() == field.id)
                fail(field.name, "field '" + field.name + "' of '" + table.name + "' is given twice");
        bool open = false;
        encode(field, value, *message.add_match(), open);
        if (open) message.mutable_match()->RemoveLast();
    }
    if (!reads) check_key(table, entry, message);
    if (purpose != Purpose::remove) encode_action(info, table, entry, message);
    if (purpose == Purpose::insert && message.action().type_case() == p4::v1::TableAction::TYPE_NOT_SET)
        fail("action", "a new entry of table '" + table.name + "' needs an action");
    message.set_priority(entry.priority());
    message.set_is_default_action(entry.is_default_action());
    if (purpose == Purpose::remove) return;
    message.set_metadata(entry.metadata());
    message.set_idle_timeout_ns(entry.idle_timeout().count());
    if (entry.counter()) encode(*entry.counter(), *message.mutable_counter_data());
    if (entry.meter()) encode(*entry.meter(), *message.mutable_meter_config());
    if (reads && entry.meter_counter) message.mutable_meter_counter_data();
    if (reads && entry.time_since_last_hit) message.mutable_time_since_last_hit();
}

TableEntry decode(const P4Info& info, const p4::v1::TableEntry& message) {
    const TableInfo& table = info.table(message.table_id());
    TableEntry entry(table.name);
    for (const auto& match : message.match()) {
        const FieldInfo& field = info.match_field(table, match.field_id());
        entry.match(field.name, decode(field, match));
    }
    const auto& action = message.action();
    switch (action.type_case()) {
        case p4::v1::TableAction::kAction:
            entry.action(TableEntry::Action(decode(info, action.action())));
            break;
        case p4::v1::TableAction::kActionProfileMemberId:
            entry.member(action.action_profile_member_id());
            break;
        case p4::v1::TableAction::kActionProfileGroupId:
            entry.group(action.action_profile_group_id());
            break;
        case p4::v1::TableAction::kActionProfileActionSet: {
            ActionSet set;
            for (const auto& choice : action.action_profile_action_set().action_profile_actions()) {
                std::optional<Value> port;
                if (choice.has_watch_port()) port = decode_port(choice.watch_port());
                set.add(decode(info, choice.action()), choice.weight(), std::move(port));
            }
            entry.one_shot(std::move(set));
            break;
        }
        default:
            break;
    }
    entry.priority(message.priority()).default_action(message.is_default_action());
    entry.metadata(message.metadata());
    entry.idle_timeout(std::chrono::nanoseconds(message.idle_timeout_ns()));
    if (message.has_counter_data()) entry.counter(decode(message.counter_data()));
    if (message.has_meter_config()) entry.meter(decode(message.meter_config()));
    if (message.has_meter_counter_data()) entry.meter_counter = decode(message.meter_counter_data());
    if (message.has_time_since_last_hit())
        entry.time_since_last_hit = std::chrono::nanoseconds(message.time_since_last_hit().elapsed_ns());
    entry.is_const = message.is_const();
    return entry;
}

CounterData decode(const p4::v1::CounterData& message) {
    return CounterData{message.byte_count(), message.packet_count()};
}

void encode(const CounterData& data, p4::v1::CounterData& message) {
    message.set_byte_count(data.byte_count);
    message.set_packet_count(data.packet_count);
}

void encode(const MeterConfig& config, p4::v1::MeterConfig& message) {
    message.set_cir(config.cir);
    message.set_cburst(config.cburst);
    message.set_pir(config.pir);
    message.set_pburst(config.pburst);
    message.set_eburst(config.eburst);
}

MeterConfig decode(const p4::v1::MeterConfig& message) {
    return MeterConfig{message.cir(), message.cburst(), message.pir(), message.pburst(), message.eburst()};
}

MeterCounterData decode(const p4::v1::MeterCounterData& message) {
    return MeterCounterData{decode(message.green()), decode(message.yellow()), decode(message.red())};
}

std::string encode_port(const Value& port) {
    const std::string_view text = port.text();
    // A translated port type has names for ports.
    if (port.is_text() && !byte_string::parse_number(text)) return std::string(text);
    const Bytes bytes = port.to_bytes();
    return std::string(bytes.begin(), bytes.end());
}

Value decode_port(const std::string& bytes) { return Value(Bytes(bytes.begin(), bytes.end())); }

}  // namespace weft::p4runtime
