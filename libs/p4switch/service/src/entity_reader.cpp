// The switch's state as entities.
#include "entity_io.hpp"

#include <weft/p4switch/error.hpp>

#include <limits>

namespace weft::p4switch {

namespace {

using p4::v1::Entity;

[[noreturn]] void invalid(const std::string& what) { throw Refusal(google::rpc::INVALID_ARGUMENT, what); }

void to_message(const CounterData& data, p4::v1::CounterData& message) {
    message.set_packet_count(static_cast<std::int64_t>(data.packets));
    message.set_byte_count(static_cast<std::int64_t>(data.bytes));
}

void to_message(const MeterConfig& config, p4::v1::MeterConfig& message) {
    message.set_cir(static_cast<std::int64_t>(config.committed_rate));
    message.set_cburst(static_cast<std::int64_t>(config.committed_burst));
    message.set_pir(static_cast<std::int64_t>(config.peak_rate));
    message.set_pburst(static_cast<std::int64_t>(config.peak_burst));
}

// Calls f(table) for the table with that ID, or for all tables when it is 0.
template <class F>
void for_tables(Target target, std::uint32_t id, const F& f) {
    if (id != 0) return f(target.map.table(id));
    for (const auto& [unused, table] : target.map.tables()) f(table);
}

template <class F>
void for_names(const std::map<std::uint32_t, std::string>& names, std::uint32_t id, const F& f) {
    for (const auto& [own_id, name] : names)
        if (id == 0 || id == own_id) f(own_id, name);
}

// The entries that fit the filter's key, priority, action and metadata.
std::vector<TableEntry> matching(Target target, const PipelineMap::TableRef& table,
                                 const p4::v1::TableEntry& filter) {
    const std::string& name = table.info->preamble().name();
    const TableEntry wanted = to_switch(target.map, table, filter);
    std::vector<TableEntry> result;
    const bool one = filter.match_size() > 0 && (!table.has_priority || filter.priority() != 0);
    if (one) {
        try {
            result.push_back(target.pipeline.entry(name, wanted));
        } catch (const NotFoundError&) {
        }
    } else {
        result = target.pipeline.entries(name);
    }
    const auto canonical_filter = to_message(target.map, table, wanted);
    const auto same_key = [&](const TableEntry& entry) {
        if (entry.match.size() != wanted.match.size()) return false;
        const auto message = to_message(target.map, table, entry);
        for (const auto& field : canonical_filter.match()) {
            bool found = false;
            for (const auto& own : message.match())
                found = found || own.SerializeAsString() == field.SerializeAsString();
            if (!found) return false;
        }
        return true;
    };
    std::erase_if(result, [&](const TableEntry& entry) {
        if (filter.match_size() > 0 && !one && !same_key(entry)) return true;
        if (filter.priority() != 0 && entry.priority != filter.priority()) return true;
        if (!filter.metadata().empty() && entry.metadata != filter.metadata()) return true;
        if (filter.action().has_action()) {
            const auto* call = std::get_if<ActionCall>(&entry.action);
            return !call ||
                   target.map.action(call->action).preamble().id() != filter.action().action().action_id();
        }
        return false;
    });
    return result;
}

void read_table(Target target, const PipelineMap::TableRef& table, const p4::v1::TableEntry& filter,
                const Emit& emit) {
    const std::string& name = table.info->preamble().name();
    if (filter.is_default_action()) {
        const auto action = target.pipeline.default_action(name);
        if (!action) return;
        Entity entity;
        auto& message = *entity.mutable_table_entry();
        message.set_table_id(table.info->preamble().id());
        message.set_is_default_action(true);
        *message.mutable_action()->mutable_action() = to_message(target.map, *action);
        return emit(std::move(entity));
    }
    p4::v1::TableEntry key = filter;
    key.clear_counter_data();
    key.clear_meter_config();
    // An action filter names an action only; its parameters need not be there.
    for (const auto& entry : matching(target, table, key)) {
        Entity entity;
        auto& message = *entity.mutable_table_entry();
        message = to_message(target.map, table, entry);
        // Direct resources are read only on request (specification, "Reading direct resources").
        if (!filter.has_counter_data()) message.clear_counter_data();
        if (!filter.has_meter_config()) message.clear_meter_config();
        emit(std::move(entity));
    }
}

void read_direct_counters(Target target, const p4::v1::TableEntry& filter, const Emit& emit) {
    for_tables(target, filter.table_id(), [&](const PipelineMap::TableRef& table) {
        if (!table.has_counter) {
            if (filter.table_id() != 0)
                invalid("table '" + table.info->preamble().name() + "' has no direct counter");
            return;
        }
        for (const auto& entry : matching(target, table, filter)) {
            Entity entity;
            auto& message = *entity.mutable_direct_counter_entry();
            *message.mutable_table_entry() = to_message(target.map, table, entry);
            message.mutable_table_entry()->clear_counter_data();
            message.mutable_table_entry()->clear_meter_config();
            to_message(entry.counter.value_or(CounterData{}), *message.mutable_data());
            emit(std::move(entity));
        }
    });
}

void read_direct_meters(Target target, const p4::v1::TableEntry& filter, const Emit& emit) {
    for_tables(target, filter.table_id(), [&](const PipelineMap::TableRef& table) {
        if (!table.has_meter) {
            if (filter.table_id() != 0)
                invalid("table '" + table.info->preamble().name() + "' has no direct meter");
            return;
        }
        for (const auto& entry : matching(target, table, filter)) {
            Entity entity;
            auto& message = *entity.mutable_direct_meter_entry();
            *message.mutable_table_entry() = to_message(target.map, table, entry);
            message.mutable_table_entry()->clear_counter_data();
            message.mutable_table_entry()->clear_meter_config();
            if (entry.meter) to_message(*entry.meter, *message.mutable_config());
            emit(std::move(entity));
        }
    });
}

// Calls f(index) for the cell of the message, or for all cells.
template <class Message, class F>
void for_cells(const Message& message, std::uint32_t size, const F& f) {
    if (!message.has_index()) {
        for (std::uint32_t i = 0; i < size; ++i) f(i);
        return;
    }
    const std::int64_t index = message.index().index();
    if (index < 0) invalid("index " + std::to_string(index) + " is negative");
    constexpr std::int64_t most = std::numeric_limits<std::uint32_t>::max();
    f(static_cast<std::uint32_t>(std::min(index, most)));
}

void read_arrays(Target target, const Entity& filter, const Emit& emit) {
    if (filter.has_counter_entry()) {
        const auto& in = filter.counter_entry();
        if (in.counter_id() != 0) (void)target.map.counter(in.counter_id());
        for_names(target.map.counters(), in.counter_id(), [&](std::uint32_t id, const std::string& name) {
            for_cells(in, target.map.size_of(name), [&](std::uint32_t index) {
                Entity entity;
                auto& out = *entity.mutable_counter_entry();
                out.set_counter_id(id);
                out.mutable_index()->set_index(index);
                to_message(target.pipeline.counter(name, index), *out.mutable_data());
                emit(std::move(entity));
            });
        });
    } else if (filter.has_meter_entry()) {
        const auto& in = filter.meter_entry();
        if (in.meter_id() != 0) (void)target.map.meter(in.meter_id());
        for_names(target.map.meters(), in.meter_id(), [&](std::uint32_t id, const std::string& name) {
            for_cells(in, target.map.size_of(name), [&](std::uint32_t index) {
                Entity entity;
                auto& out = *entity.mutable_meter_entry();
                out.set_meter_id(id);
                out.mutable_index()->set_index(index);
                if (const auto config = target.pipeline.meter(name, index))
                    to_message(*config, *out.mutable_config());
                emit(std::move(entity));
            });
        });
    } else {
        const auto& in = filter.register_entry();
        if (in.register_id() != 0) (void)target.map.register_array(in.register_id());
        for_names(target.map.registers(), in.register_id(), [&](std::uint32_t id, const std::string& name) {
            for_cells(in, target.map.size_of(name), [&](std::uint32_t index) {
                Entity entity;
                auto& out = *entity.mutable_register_entry();
                out.set_register_id(id);
                out.mutable_index()->set_index(index);
                out.mutable_data()->set_bitstring(target.pipeline.register_value(name, index));
                emit(std::move(entity));
            });
        });
    }
}

void read_members(Target target, const p4::v1::ActionProfileMember& filter, const Emit& emit) {
    if (filter.action_profile_id() != 0) (void)target.map.profile(filter.action_profile_id());
    for_names(target.map.profiles(), filter.action_profile_id(),
              [&](std::uint32_t id, const std::string& name) {
                  for (const auto& member : target.pipeline.members(name)) {
                      if (filter.member_id() != 0 && filter.member_id() != member.id) continue;
                      Entity entity;
                      auto& out = *entity.mutable_action_profile_member();
                      out.set_action_profile_id(id);
                      out.set_member_id(member.id);
                      *out.mutable_action() = to_message(target.map, member.call);
                      emit(std::move(entity));
                  }
              });
}

void read_groups(Target target, const p4::v1::ActionProfileGroup& filter, const Emit& emit) {
    if (filter.action_profile_id() != 0) (void)target.map.profile(filter.action_profile_id());
    for_names(target.map.profiles(), filter.action_profile_id(),
              [&](std::uint32_t id, const std::string& name) {
                  for (const auto& group : target.pipeline.groups(name)) {
                      if (filter.group_id() != 0 && filter.group_id() != group.id) continue;
                      Entity entity;
                      auto& out = *entity.mutable_action_profile_group();
                      out.set_action_profile_id(id);
                      out.set_group_id(group.id);
                      out.set_max_size(static_cast<std::int32_t>(group.max_size));
                      for (const auto& member : group.members) {
                          auto& slot = *out.add_members();
                          slot.set_member_id(member.member);
                          slot.set_weight(static_cast<std::int32_t>(member.weight));
                          if (member.watch_port) slot.set_watch_port(to_bytes(*member.watch_port));
                      }
                      emit(std::move(entity));
                  }
              });
}

void to_message(const std::vector<Replica>& replicas,
                google::protobuf::RepeatedPtrField<p4::v1::Replica>& messages) {
    for (const auto& replica : replicas) {
        auto& out = *messages.Add();
        out.set_egress_port(replica.port);
        out.set_instance(replica.instance);
    }
}

void read_replication(Target target, const p4::v1::PacketReplicationEngineEntry& filter, const Emit& emit) {
    const bool all = filter.type_case() == p4::v1::PacketReplicationEngineEntry::TYPE_NOT_SET;
    if (all || filter.has_multicast_group_entry()) {
        const auto wanted = filter.multicast_group_entry().multicast_group_id();
        for (const auto& [id, replicas] : target.pipeline.multicast_groups()) {
            if (wanted != 0 && wanted != id) continue;
            Entity entity;
            auto& out = *entity.mutable_packet_replication_engine_entry()->mutable_multicast_group_entry();
            out.set_multicast_group_id(id);
            to_message(replicas, *out.mutable_replicas());
            emit(std::move(entity));
        }
    }
    if (all || filter.has_clone_session_entry()) {
        const auto wanted = filter.clone_session_entry().session_id();
        for (const auto& [id, session] : target.pipeline.clone_sessions()) {
            if (wanted != 0 && wanted != id) continue;
            Entity entity;
            auto& out = *entity.mutable_packet_replication_engine_entry()->mutable_clone_session_entry();
            out.set_session_id(id);
            out.set_packet_length_bytes(static_cast<std::int32_t>(session.packet_length));
            to_message(session.replicas, *out.mutable_replicas());
            emit(std::move(entity));
        }
    }
}

void read_value_sets(Target target, std::uint32_t id, const Emit& emit) {
    if (id != 0) (void)target.map.value_set(id);
    for (const auto& value_set : target.map.p4info().value_sets()) {
        if (id != 0 && value_set.preamble().id() != id) continue;
        Entity entity;
        auto& out = *entity.mutable_value_set_entry();
        out.set_value_set_id(value_set.preamble().id());
        for (const auto& values : target.pipeline.value_set(value_set.preamble().name())) {
            auto& member = *out.add_members();
            for (int i = 0; i < value_set.match_size() && i < static_cast<int>(values.size()); ++i) {
                auto& match = *member.add_match();
                match.set_field_id(value_set.match(i).id());
                match.mutable_exact()->set_value(values[static_cast<std::size_t>(i)]);
            }
        }
        emit(std::move(entity));
    }
}

void read_digests(Target target, std::uint32_t id, const Emit& emit) {
    if (id != 0) (void)target.map.digest(id);
    for (const auto& [own_id, config] : target.digests) {
        if (id != 0 && own_id != id) continue;
        Entity entity;
        entity.mutable_digest_entry()->set_digest_id(own_id);
        *entity.mutable_digest_entry()->mutable_config() = config;
        emit(std::move(entity));
    }
}

}  // namespace

void read(Target target, const Entity& filter, const Emit& emit) {
    switch (filter.entity_case()) {
        case Entity::kTableEntry: {
            const auto& in = filter.table_entry();
            if (in.table_id() == 0 && (in.match_size() > 0 || in.has_action() || in.priority() != 0))
                invalid("a read of all tables takes no other filter");
            for_tables(target, in.table_id(),
                       [&](const PipelineMap::TableRef& table) { read_table(target, table, in, emit); });
            return;
        }
        case Entity::kActionProfileMember:
            return read_members(target, filter.action_profile_member(), emit);
        case Entity::kActionProfileGroup:
            return read_groups(target, filter.action_profile_group(), emit);
        case Entity::kCounterEntry:
        case Entity::kMeterEntry:
        case Entity::kRegisterEntry:
            return read_arrays(target, filter, emit);
        case Entity::kDirectCounterEntry:
            return read_direct_counters(target, filter.direct_counter_entry().table_entry(), emit);
        case Entity::kDirectMeterEntry:
            return read_direct_meters(target, filter.direct_meter_entry().table_entry(), emit);
        case Entity::kPacketReplicationEngineEntry:
            return read_replication(target, filter.packet_replication_engine_entry(), emit);
        case Entity::kValueSetEntry:
            return read_value_sets(target, filter.value_set_entry().value_set_id(), emit);
        case Entity::kDigestEntry:
            return read_digests(target, filter.digest_entry().digest_id(), emit);
        case Entity::kExternEntry:
            throw Refusal(google::rpc::UNIMPLEMENTED, "this switch has no externs of its own");
        default:
            invalid("an entity of the read has no kind");
    }
}

}  // namespace weft::p4switch
