// Table entries and actions between the protocol's messages and the switch's values.
#include "entity_io.hpp"

#include <algorithm>
#include <set>

namespace weft::p4switch {

namespace config = p4::config::v1;

namespace {

[[noreturn]] void invalid(const std::string& what) { throw Refusal(google::rpc::INVALID_ARGUMENT, what); }

MatchField to_switch(const config::MatchField& info, const p4::v1::FieldMatch& message) {
    using Message = p4::v1::FieldMatch;
    const std::string& name = info.name();
    const auto need = [&](config::MatchField::MatchType type) {
        if (info.match_type() != type) invalid("field '" + name + "' is not matched that way");
    };
    switch (message.field_match_type_case()) {
        case Message::kExact:
            need(config::MatchField::EXACT);
            return exact(name, canonical(message.exact().value(), name));
        case Message::kTernary:
            need(config::MatchField::TERNARY);
            return ternary(name, canonical(message.ternary().value(), name),
                           canonical(message.ternary().mask(), name));
        case Message::kLpm:
            need(config::MatchField::LPM);
            // A field that matches anything has to be left out (specification, "Match format").
            if (message.lpm().prefix_len() <= 0) invalid("prefix length of '" + name + "' is not above 0");
            return lpm(name, canonical(message.lpm().value(), name),
                       static_cast<std::uint32_t>(message.lpm().prefix_len()));
        case Message::kRange:
            need(config::MatchField::RANGE);
            return range(name, canonical(message.range().low(), name),
                         canonical(message.range().high(), name));
        case Message::kOptional:
            need(config::MatchField::OPTIONAL);
            return optional(name, canonical(message.optional().value(), name));
        default:
            invalid("field '" + name + "' has no match");
    }
}

void to_message(const config::MatchField& info, const MatchField& field, p4::v1::FieldMatch& message) {
    message.set_field_id(info.id());
    switch (info.match_type()) {
        case config::MatchField::LPM:
            message.mutable_lpm()->set_value(field.value);
            message.mutable_lpm()->set_prefix_len(static_cast<std::int32_t>(field.prefix_length));
            break;
        case config::MatchField::TERNARY:
            message.mutable_ternary()->set_value(field.value);
            message.mutable_ternary()->set_mask(field.mask);
            break;
        case config::MatchField::RANGE:
            message.mutable_range()->set_low(field.value);
            message.mutable_range()->set_high(field.mask);
            break;
        case config::MatchField::OPTIONAL:
            message.mutable_optional()->set_value(field.value);
            break;
        default:
            message.mutable_exact()->set_value(field.value);
    }
}

OneShot to_switch(const PipelineMap& map, const config::Table& table,
                  const p4::v1::ActionProfileActionSet& message) {
    OneShot set;
    for (const auto& action : message.action_profile_actions()) {
        map.check_scope(table, action.action().action_id(), false);
        if (action.weight() <= 0) invalid("the weight of an action is not above 0");
        WeightedAction weighted;
        weighted.call = to_switch(map, action.action());
        weighted.weight = static_cast<std::uint32_t>(action.weight());
        if (action.has_watch_port())
            weighted.watch_port = port_number(action.watch_port());
        else if (action.watch() > 0)
            weighted.watch_port = static_cast<std::uint32_t>(action.watch());
        set.actions.push_back(std::move(weighted));
    }
    return set;
}

EntryAction to_switch(const PipelineMap& map, const config::Table& table,
                      const p4::v1::TableAction& message) {
    switch (message.type_case()) {
        case p4::v1::TableAction::kAction:
            map.check_scope(table, message.action().action_id(), false);
            return to_switch(map, message.action());
        case p4::v1::TableAction::kActionProfileMemberId:
            return MemberRef{message.action_profile_member_id()};
        case p4::v1::TableAction::kActionProfileGroupId:
            return GroupRef{message.action_profile_group_id()};
        case p4::v1::TableAction::kActionProfileActionSet:
            return to_switch(map, table, message.action_profile_action_set());
        default:
            return std::monostate();
    }
}

void to_message(const PipelineMap& map, const EntryAction& action, p4::v1::TableEntry& message) {
    if (const auto* call = std::get_if<ActionCall>(&action)) {
        *message.mutable_action()->mutable_action() = to_message(map, *call);
    } else if (const auto* member = std::get_if<MemberRef>(&action)) {
        message.mutable_action()->set_action_profile_member_id(member->member);
    } else if (const auto* group = std::get_if<GroupRef>(&action)) {
        message.mutable_action()->set_action_profile_group_id(group->group);
    } else if (const auto* set = std::get_if<OneShot>(&action)) {
        auto& out = *message.mutable_action()->mutable_action_profile_action_set();
        for (const auto& weighted : set->actions) {
            auto& choice = *out.add_action_profile_actions();
            *choice.mutable_action() = to_message(map, weighted.call);
            choice.set_weight(static_cast<std::int32_t>(weighted.weight));
            if (weighted.watch_port) choice.set_watch_port(to_bytes(*weighted.watch_port));
        }
    }
}

}  // namespace

std::uint32_t port_number(const std::string& bytes) {
    const std::string shortest = canonical(bytes, "the port");
    if (shortest.size() > 4) invalid("a port number has at most 32 bits");
    return static_cast<std::uint32_t>(to_number(shortest));
}

ActionCall to_switch(const PipelineMap& map, const p4::v1::Action& message) {
    const auto& action = map.action(message.action_id());
    ActionCall call;
    call.action = action.preamble().name();
    std::set<std::uint32_t> given;
    for (const auto& argument : message.params()) {
        const auto param = std::find_if(action.params().begin(), action.params().end(),
                                        [&](const auto& p) { return p.id() == argument.param_id(); });
        if (param == action.params().end())
            invalid("action '" + call.action + "' has no parameter with ID " +
                    std::to_string(argument.param_id()));
        if (!given.insert(param->id()).second)
            invalid("parameter '" + param->name() + "' of '" + call.action + "' is given twice");
        call.arguments.push_back(Argument{param->name(), canonical(argument.value(), param->name())});
    }
    return call;
}

p4::v1::Action to_message(const PipelineMap& map, const ActionCall& call) {
    const auto& action = map.action(call.action);
    p4::v1::Action message;
    message.set_action_id(action.preamble().id());
    // In the order of the P4Info, whatever order they were written in.
    for (const auto& param : action.params())
        for (const auto& argument : call.arguments) {
            if (argument.name != param.name()) continue;
            auto& out = *message.add_params();
            out.set_param_id(param.id());
            out.set_value(argument.value);
        }
    return message;
}

TableEntry to_switch(const PipelineMap& map, const PipelineMap::TableRef& table,
                     const p4::v1::TableEntry& message) {
    TableEntry entry;
    std::set<std::uint32_t> given;
    for (const auto& match : message.match()) {
        const auto& field = map.field(*table.info, match.field_id());
        if (!given.insert(field.id()).second) invalid("field '" + field.name() + "' is given twice");
        entry.match.push_back(to_switch(field, match));
    }
    entry.priority = message.priority();
    entry.action = to_switch(map, *table.info, message.action());
    if (message.has_counter_data()) {
        if (!table.has_counter)
            invalid("table '" + table.info->preamble().name() + "' has no direct counter");
        entry.counter = CounterData{static_cast<std::uint64_t>(message.counter_data().packet_count()),
                                    static_cast<std::uint64_t>(message.counter_data().byte_count())};
    }
    if (message.has_meter_config()) {
        if (!table.has_meter) invalid("table '" + table.info->preamble().name() + "' has no direct meter");
        const auto& in = message.meter_config();
        entry.meter = MeterConfig{static_cast<double>(in.cir()), static_cast<std::uint64_t>(in.cburst()),
                                  static_cast<double>(in.pir()), static_cast<std::uint64_t>(in.pburst())};
    }
    entry.idle_timeout = std::chrono::nanoseconds(message.idle_timeout_ns());
    entry.metadata = message.metadata();
    return entry;
}

p4::v1::TableEntry to_message(const PipelineMap& map, const PipelineMap::TableRef& table,
                              const TableEntry& entry) {
    p4::v1::TableEntry message;
    message.set_table_id(table.info->preamble().id());
    for (const auto& info : table.info->match_fields())
        for (const auto& field : entry.match)
            if (field.field == info.name()) to_message(info, field, *message.add_match());
    message.set_priority(entry.priority);
    to_message(map, entry.action, message);
    if (entry.counter) {
        message.mutable_counter_data()->set_packet_count(static_cast<std::int64_t>(entry.counter->packets));
        message.mutable_counter_data()->set_byte_count(static_cast<std::int64_t>(entry.counter->bytes));
    }
    if (entry.meter) {
        auto& out = *message.mutable_meter_config();
        out.set_cir(static_cast<std::int64_t>(entry.meter->committed_rate));
        out.set_cburst(static_cast<std::int64_t>(entry.meter->committed_burst));
        out.set_pir(static_cast<std::int64_t>(entry.meter->peak_rate));
        out.set_pburst(static_cast<std::int64_t>(entry.meter->peak_burst));
    }
    message.set_idle_timeout_ns(entry.idle_timeout.count());
    message.set_metadata(entry.metadata);
    message.set_is_const(table.info->is_const_table());
    return message;
}

}  // namespace weft::p4switch
