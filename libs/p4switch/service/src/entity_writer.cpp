// Updates onto the switch.
#include "entity_io.hpp"

#include <limits>

namespace weft::p4switch {

namespace {

using p4::v1::Update;

[[noreturn]] void invalid(const std::string& what) { throw Refusal(google::rpc::INVALID_ARGUMENT, what); }
[[noreturn]] void unimplemented(const std::string& what) { throw Refusal(google::rpc::UNIMPLEMENTED, what); }

void only_modify(Update::Type type, const char* kind) {
    if (type != Update::MODIFY) invalid(std::string(kind) + " can only be modified");
}

CounterData to_switch(const p4::v1::CounterData& message) {
    if (message.packet_count() < 0 || message.byte_count() < 0) invalid("a counter cannot be negative");
    return CounterData{static_cast<std::uint64_t>(message.packet_count()),
                       static_cast<std::uint64_t>(message.byte_count())};
}

MeterConfig to_switch(const p4::v1::MeterConfig& message) {
    if (message.cir() < 0 || message.cburst() < 0 || message.pir() < 0 || message.pburst() < 0)
        invalid("rates and bursts of a meter cannot be negative");
    return MeterConfig{static_cast<double>(message.cir()), static_cast<std::uint64_t>(message.cburst()),
                       static_cast<double>(message.pir()), static_cast<std::uint64_t>(message.pburst())};
}

// One cell, or all of the array when the message names none.
template <class Message, class F>
void for_cells(const Message& message, std::uint32_t size, const F& f) {
    if (!message.has_index()) {
        for (std::uint32_t i = 0; i < size; ++i) f(i);
        return;
    }
    const std::int64_t index = message.index().index();
    if (index < 0) invalid("index " + std::to_string(index) + " is negative");
    // An index beyond 32 bits is beyond every array; the switch says so for the largest it can hold.
    constexpr std::int64_t most = std::numeric_limits<std::uint32_t>::max();
    f(static_cast<std::uint32_t>(std::min(index, most)));
}

void write_table_entry(Target target, Update::Type type, const p4::v1::TableEntry& message) {
    const auto& table = target.map.table(message.table_id());
    const std::string& name = table.info->preamble().name();
    if (message.is_default_action()) {
        only_modify(type, "a default entry");
        if (message.match_size() > 0 || message.priority() != 0)
            invalid("a default entry has no match and no priority");
        if (!message.has_action()) {
            target.pipeline.reset_default_action(name);
            return;
        }
        if (!message.action().has_action()) unimplemented("a default entry needs a direct action");
        target.map.check_scope(*table.info, message.action().action().action_id(), true);
        target.pipeline.set_default_action(name, to_switch(target.map, message.action().action()));
        return;
    }
    if (message.idle_timeout_ns() < 0) invalid("an idle timeout cannot be negative");
    const TableEntry entry = to_switch(target.map, table, message);
    if (type == Update::INSERT)
        target.pipeline.insert(name, entry);
    else if (type == Update::MODIFY)
        target.pipeline.modify(name, entry);
    else
        target.pipeline.remove(name, entry);
}

void write_member(Target target, Update::Type type, const p4::v1::ActionProfileMember& message) {
    const std::string& profile = target.map.profile(message.action_profile_id());
    if (message.member_id() == 0) invalid("a member needs an ID above 0");
    if (type == Update::DELETE) {
        target.pipeline.remove_member(profile, message.member_id());
        return;
    }
    const Member member{message.member_id(), to_switch(target.map, message.action())};
    if (type == Update::INSERT)
        target.pipeline.insert_member(profile, member);
    else
        target.pipeline.modify_member(profile, member);
}

void write_group(Target target, Update::Type type, const p4::v1::ActionProfileGroup& message) {
    const std::string& profile = target.map.profile(message.action_profile_id());
    if (message.group_id() == 0) invalid("a group needs an ID above 0");
    if (type == Update::DELETE) {
        target.pipeline.remove_group(profile, message.group_id());
        return;
    }
    Group group;
    group.id = message.group_id();
    group.max_size = static_cast<std::uint32_t>(std::max(message.max_size(), 0));
    for (const auto& in : message.members()) {
        if (in.weight() <= 0)
            invalid("the weight of member " + std::to_string(in.member_id()) + " is not above 0");
        GroupMember member{in.member_id(), static_cast<std::uint32_t>(in.weight()), std::nullopt};
        if (in.has_watch_port())
            member.watch_port = port_number(in.watch_port());
        else if (in.watch() > 0)
            member.watch_port = static_cast<std::uint32_t>(in.watch());
        group.members.push_back(member);
    }
    if (type == Update::INSERT)
        target.pipeline.insert_group(profile, group);
    else
        target.pipeline.modify_group(profile, group);
}

void write_counter(Target target, const p4::v1::CounterEntry& message) {
    const std::string& name = target.map.counter(message.counter_id());
    const CounterData data = to_switch(message.data());
    for_cells(message, target.map.size_of(name),
              [&](std::uint32_t index) { target.pipeline.set_counter(name, index, data); });
}

void write_meter(Target target, const p4::v1::MeterEntry& message) {
    const std::string& name = target.map.meter(message.meter_id());
    std::optional<MeterConfig> config;
    if (message.has_config()) config = to_switch(message.config());
    for_cells(message, target.map.size_of(name),
              [&](std::uint32_t index) { target.pipeline.set_meter(name, index, config); });
}

void write_register(Target target, const p4::v1::RegisterEntry& message) {
    const std::string& name = target.map.register_array(message.register_id());
    if (message.data().data_case() != p4::v1::P4Data::kBitstring)
        invalid("register '" + name + "' takes a bitstring");
    const std::string value = canonical(message.data().bitstring(), name);
    for_cells(message, target.map.size_of(name),
              [&](std::uint32_t index) { target.pipeline.set_register(name, index, value); });
}

std::vector<Replica> to_switch(const google::protobuf::RepeatedPtrField<p4::v1::Replica>& messages) {
    std::vector<Replica> replicas;
    for (const auto& message : messages) {
        if (message.backup_replicas_size() > 0) unimplemented("backup replicas");
        if (message.instance() > 0xffff) invalid("a replica's instance has at most 16 bits");
        Replica replica;
        replica.port = message.port_kind_case() == p4::v1::Replica::kPort ? port_number(message.port())
                                                                          : message.egress_port();
        replica.instance = static_cast<std::uint16_t>(message.instance());
        replicas.push_back(replica);
    }
    return replicas;
}

void write_replication(Target target, Update::Type type,
                       const p4::v1::PacketReplicationEngineEntry& message) {
    Switch& pipeline = target.pipeline;
    if (message.has_multicast_group_entry()) {
        const auto& in = message.multicast_group_entry();
        if (type == Update::DELETE)
            pipeline.remove_multicast_group(in.multicast_group_id());
        else if (type == Update::INSERT)
            pipeline.insert_multicast_group(in.multicast_group_id(), to_switch(in.replicas()));
        else
            pipeline.modify_multicast_group(in.multicast_group_id(), to_switch(in.replicas()));
        return;
    }
    if (!message.has_clone_session_entry())
        invalid("a replication entry is a multicast group or a clone session");
    const auto& in = message.clone_session_entry();
    if (type == Update::DELETE) {
        pipeline.remove_clone_session(in.session_id());
        return;
    }
    if (in.class_of_service() != 0) unimplemented("a class of service of clone sessions");
    if (in.packet_length_bytes() < 0) invalid("the packet length of a clone session cannot be negative");
    CloneSession session;
    session.replicas = to_switch(in.replicas());
    session.packet_length = static_cast<std::uint32_t>(in.packet_length_bytes());
    if (type == Update::INSERT)
        pipeline.insert_clone_session(in.session_id(), session);
    else
        pipeline.modify_clone_session(in.session_id(), session);
}

void write_value_set(Target target, const p4::v1::ValueSetEntry& message) {
    const auto& value_set = target.map.value_set(message.value_set_id());
    const std::string& name = value_set.preamble().name();
    std::vector<std::vector<std::string>> members;
    for (const auto& in : message.members()) {
        std::vector<std::string> values;
        for (const auto& field : value_set.match()) {
            const p4::v1::FieldMatch* given = nullptr;
            for (const auto& match : in.match())
                if (match.field_id() == field.id()) given = &match;
            if (!given || !given->has_exact())
                invalid("a member of value set '" + name + "' needs an exact value for '" + field.name() +
                        "'");
            values.push_back(canonical(given->exact().value(), field.name()));
        }
        for (const auto& earlier : members)
            if (earlier == values)
                throw Refusal(google::rpc::ALREADY_EXISTS, "a member of '" + name + "' is given twice");
        members.push_back(std::move(values));
    }
    target.pipeline.set_value_set(name, members);
}

void write_digest(Target target, Update::Type type, const p4::v1::DigestEntry& message) {
    const auto& digest = target.map.digest(message.digest_id());
    const auto at = target.digests.find(message.digest_id());
    const bool exists = at != target.digests.end();
    if (type == Update::INSERT && exists)
        throw Refusal(google::rpc::ALREADY_EXISTS, "digest '" + digest.preamble().name() + "' is on already");
    if (type != Update::INSERT && !exists)
        throw Refusal(google::rpc::NOT_FOUND, "digest '" + digest.preamble().name() + "' is off");
    if (type == Update::DELETE) {
        target.digests.erase(at);
        return;
    }
    const auto& config = message.config();
    if (config.max_timeout_ns() < 0 || config.max_list_size() < 0 || config.ack_timeout_ns() < 0)
        invalid("the settings of a digest cannot be negative");
    target.digests[message.digest_id()] = config;
}

}  // namespace

void apply(Target target, const p4::v1::Update& update) {
    const Update::Type type = update.type();
    if (type != Update::INSERT && type != Update::MODIFY && type != Update::DELETE)
        invalid("the update has no type");
    const auto& entity = update.entity();
    switch (entity.entity_case()) {
        case p4::v1::Entity::kTableEntry:
            return write_table_entry(target, type, entity.table_entry());
        case p4::v1::Entity::kActionProfileMember:
            return write_member(target, type, entity.action_profile_member());
        case p4::v1::Entity::kActionProfileGroup:
            return write_group(target, type, entity.action_profile_group());
        case p4::v1::Entity::kCounterEntry:
            only_modify(type, "a counter");
            return write_counter(target, entity.counter_entry());
        case p4::v1::Entity::kDirectCounterEntry: {
            only_modify(type, "a direct counter");
            const auto& message = entity.direct_counter_entry();
            const auto& table = target.map.table(message.table_entry().table_id());
            target.pipeline.set_direct_counter(table.info->preamble().name(),
                                               to_switch(target.map, table, message.table_entry()),
                                               to_switch(message.data()));
            return;
        }
        case p4::v1::Entity::kMeterEntry:
            only_modify(type, "a meter");
            return write_meter(target, entity.meter_entry());
        case p4::v1::Entity::kDirectMeterEntry: {
            only_modify(type, "a direct meter");
            const auto& message = entity.direct_meter_entry();
            const auto& table = target.map.table(message.table_entry().table_id());
            std::optional<MeterConfig> config;
            if (message.has_config()) config = to_switch(message.config());
            target.pipeline.set_direct_meter(table.info->preamble().name(),
                                             to_switch(target.map, table, message.table_entry()), config);
            return;
        }
        case p4::v1::Entity::kPacketReplicationEngineEntry:
            return write_replication(target, type, entity.packet_replication_engine_entry());
        case p4::v1::Entity::kValueSetEntry:
            only_modify(type, "a value set");
            return write_value_set(target, entity.value_set_entry());
        case p4::v1::Entity::kRegisterEntry:
            only_modify(type, "a register");
            return write_register(target, entity.register_entry());
        case p4::v1::Entity::kDigestEntry:
            return write_digest(target, type, entity.digest_entry());
        case p4::v1::Entity::kExternEntry:
            unimplemented("this switch has no externs of its own");
        default:
            invalid("the update has no entity");
    }
}

}  // namespace weft::p4switch
