// Every entity kind but table entries, to messages and back.
#include "entity_codec.hpp"

#include <weft/p4runtime/error.hpp>
#include <weft/p4runtime/value_codec.hpp>

#include <algorithm>

namespace weft::p4runtime {

namespace {

[[noreturn]] void fail(const std::string& field, const std::string& what) {
    throw EncodingError(field, what);
}

void require_name(const std::string& name, Purpose purpose, const char* kind) {
    if (name.empty() && purpose != Purpose::read)
        fail(kind, std::string("the name of the ") + kind + " is missing");
}

template <class Message>
void encode_index(const std::optional<std::int64_t>& index, const std::string& name, Message& message) {
    if (!index) return;
    if (*index < 0) fail(name, "index " + std::to_string(*index) + " of '" + name + "' is negative");
    message.mutable_index()->set_index(*index);
}

template <class Message>
std::optional<std::int64_t> decode_index(const Message& message) {
    if (!message.has_index()) return std::nullopt;
    return message.index().index();
}

void encode_replica(const Replica& replica, p4::v1::Replica& message) {
    // The older, numeric field: every server understands it, `port` came with 1.4.
    message.set_egress_port(replica.port);
    message.set_instance(replica.instance);
}

Replica decode(const p4::v1::Replica& message) {
    if (message.port_kind_case() != p4::v1::Replica::kPort)
        return Replica(message.egress_port(), message.instance());
    const Value port = decode_port(message.port());
    return Replica(static_cast<std::uint32_t>(port.to_uint64()), message.instance());
}

// One overload for each alternative of Entity.
class Encoder {
public:
    Encoder(const P4Info& info, Purpose purpose, p4::v1::Entity& message)
        : info_(info), purpose_(purpose), message_(message) {}

    void operator()(const TableEntry& entry) const {
        encode(info_, entry, purpose_, *message_.mutable_table_entry());
    }

    void operator()(const ActionProfileMember& member) const {
        auto& out = *message_.mutable_action_profile_member();
        require_name(member.profile, purpose_, "action profile");
        if (!member.profile.empty()) out.set_action_profile_id(info_.action_profile(member.profile).id);
        out.set_member_id(member.member_id);
        if (purpose_ == Purpose::insert || purpose_ == Purpose::modify)
            encode(info_, member.action, *out.mutable_action());
    }

    void operator()(const ActionProfileGroup& group) const {
        auto& out = *message_.mutable_action_profile_group();
        require_name(group.profile, purpose_, "action profile");
        if (!group.profile.empty()) out.set_action_profile_id(info_.action_profile(group.profile).id);
        out.set_group_id(group.group_id);
        out.set_max_size(group.max_size);
        for (const auto& member : group.members) {
            auto& slot = *out.add_members();
            slot.set_member_id(member.member_id);
            slot.set_weight(member.weight);
            if (member.watch_port) slot.set_watch_port(encode_port(*member.watch_port));
        }
    }

    void operator()(const CounterEntry& entry) const {
        auto& out = *message_.mutable_counter_entry();
        require_name(entry.counter, purpose_, "counter");
        if (!entry.counter.empty()) out.set_counter_id(info_.counter(entry.counter).id);
        encode_index(entry.index, entry.counter, out);
        if (purpose_ != Purpose::read) encode(entry.data, *out.mutable_data());
    }

    void operator()(const DirectCounterEntry& entry) const {
        auto& out = *message_.mutable_direct_counter_entry();
        encode_key(entry.entry, *out.mutable_table_entry());
        if (purpose_ != Purpose::read) encode(entry.data, *out.mutable_data());
    }

    void operator()(const MeterEntry& entry) const {
        auto& out = *message_.mutable_meter_entry();
        require_name(entry.meter, purpose_, "meter");
        if (!entry.meter.empty()) out.set_meter_id(info_.meter(entry.meter).id);
        encode_index(entry.index, entry.meter, out);
        if (entry.config) encode(*entry.config, *out.mutable_config());
        if (entry.counter && purpose_ == Purpose::read) out.mutable_counter_data();
    }

    void operator()(const DirectMeterEntry& entry) const {
        auto& out = *message_.mutable_direct_meter_entry();
        encode_key(entry.entry, *out.mutable_table_entry());
        if (entry.config) encode(*entry.config, *out.mutable_config());
        if (entry.counter && purpose_ == Purpose::read) out.mutable_counter_data();
    }

    void operator()(const MulticastGroup& group) const {
        auto& out = *message_.mutable_packet_replication_engine_entry()->mutable_multicast_group_entry();
        if (group.group_id == 0 && purpose_ != Purpose::read)
            fail("multicast_group_id", "a multicast group needs an ID above 0");
        out.set_multicast_group_id(group.group_id);
        out.set_metadata(group.metadata);
        for (const auto& replica : group.replicas) encode_replica(replica, *out.add_replicas());
    }

    void operator()(const CloneSession& session) const {
        auto& out = *message_.mutable_packet_replication_engine_entry()->mutable_clone_session_entry();
        if (session.session_id == 0 && purpose_ != Purpose::read)
            fail("session_id", "a clone session needs an ID above 0");
        out.set_session_id(session.session_id);
        out.set_class_of_service(session.class_of_service);
        out.set_packet_length_bytes(session.packet_length_bytes);
        for (const auto& replica : session.replicas) encode_replica(replica, *out.add_replicas());
    }

    void operator()(const ValueSetEntry& entry) const {
        auto& out = *message_.mutable_value_set_entry();
        require_name(entry.value_set, purpose_, "value set");
        if (entry.value_set.empty()) return;
        const ValueSetInfo& value_set = info_.value_set(entry.value_set);
        out.set_value_set_id(value_set.id);
        for (const auto& member : entry.members) {
            auto& fields = *out.add_members();
            for (const auto& [name, value] : member) {
                bool open = false;
                encode(info_.match_field(value_set, name), value, *fields.add_match(), open);
                if (open) fields.mutable_match()->RemoveLast();
            }
        }
    }

    void operator()(const RegisterEntry& entry) const {
        auto& out = *message_.mutable_register_entry();
        require_name(entry.register_name, purpose_, "register");
        if (entry.register_name.empty()) return;
        const RegisterInfo& array = info_.register_array(entry.register_name);
        out.set_register_id(array.id);
        encode_index(entry.index, array.name, out);
        if (purpose_ != Purpose::read) encode(array.name, array.type, entry.data, *out.mutable_data());
    }

    void operator()(const DigestEntry& entry) const {
        auto& out = *message_.mutable_digest_entry();
        require_name(entry.digest, purpose_, "digest");
        if (!entry.digest.empty()) out.set_digest_id(info_.digest(entry.digest).id);
        if (purpose_ == Purpose::read || purpose_ == Purpose::remove) return;
        out.mutable_config()->set_max_timeout_ns(entry.max_timeout.count());
        out.mutable_config()->set_max_list_size(entry.max_list_size);
        out.mutable_config()->set_ack_timeout_ns(entry.ack_timeout.count());
    }

    void operator()(const ExternEntry& entry) const {
        auto& out = *message_.mutable_extern_entry();
        out.set_extern_type_id(entry.extern_type_id);
        out.set_extern_id(entry.extern_id);
        out.mutable_entry()->set_type_url(entry.type_url);
        out.mutable_entry()->set_value(entry.message);
    }

private:
    // Inside a direct resource the entry is a key: no action, and no data of its own.
    void encode_key(const TableEntry& entry, p4::v1::TableEntry& out) const {
        encode(info_, entry, purpose_ == Purpose::read ? Purpose::read : Purpose::remove, out);
    }

    // The functions of the header, which the overloads of this class would hide.
    template <class... Args>
    static void encode(Args&&... args) {
        p4runtime::encode(std::forward<Args>(args)...);
    }

    const P4Info& info_;
    Purpose purpose_;
    p4::v1::Entity& message_;
};

Entity decode_replication(const p4::v1::PacketReplicationEngineEntry& message) {
    using Message = p4::v1::PacketReplicationEngineEntry;
    switch (message.type_case()) {
        case Message::kMulticastGroupEntry: {
            const auto& in = message.multicast_group_entry();
            MulticastGroup group(in.multicast_group_id());
            for (const auto& replica : in.replicas()) group.replicas.push_back(decode(replica));
            group.metadata = in.metadata();
            return group;
        }
        case Message::kCloneSessionEntry: {
            const auto& in = message.clone_session_entry();
            CloneSession session(in.session_id());
            for (const auto& replica : in.replicas()) session.replicas.push_back(decode(replica));
            session.class_of_service = in.class_of_service();
            session.packet_length_bytes = in.packet_length_bytes();
            return session;
        }
        default:
            fail("entity", "the switch sent a replication entry that is neither group nor clone session");
    }
}

Entity decode_group(const P4Info& info, const p4::v1::ActionProfileGroup& in) {
    ActionProfileGroup group(info.action_profile(in.action_profile_id()).name, in.group_id(), in.max_size());
    for (const auto& member : in.members()) {
        std::optional<Value> port;
        if (member.has_watch_port()) port = decode_port(member.watch_port());
        group.member(member.member_id(), member.weight(), std::move(port));
    }
    return group;
}

Entity decode_value_set(const P4Info& info, const p4::v1::ValueSetEntry& in) {
    const ValueSetInfo& value_set = info.value_set(in.value_set_id());
    ValueSetEntry entry(value_set.name);
    for (const auto& member : in.members()) {
        Match fields;
        for (const auto& match : member.match()) {
            const FieldInfo& field = info.match_field(value_set, match.field_id());
            fields.set(field.name, decode(field, match));
        }
        entry.add(std::move(fields));
    }
    return entry;
}

}  // namespace

void encode(const P4Info& info, const Entity& entity, Purpose purpose, p4::v1::Entity& message) {
    std::visit(Encoder(info, purpose, message), entity);
}

void encode(const P4Info& info, const Update& update, p4::v1::Update& message) {
    message.set_type(static_cast<p4::v1::Update::Type>(update.type));
    const Purpose purpose = update.type == UpdateType::insert   ? Purpose::insert
                            : update.type == UpdateType::modify ? Purpose::modify
                                                                : Purpose::remove;
    encode(info, update.entity, purpose, *message.mutable_entity());
}

Entity decode(const P4Info& info, const p4::v1::Entity& message) {
    switch (message.entity_case()) {
        case p4::v1::Entity::kTableEntry:
            return decode(info, message.table_entry());
        case p4::v1::Entity::kActionProfileMember: {
            const auto& in = message.action_profile_member();
            return ActionProfileMember(info.action_profile(in.action_profile_id()).name, in.member_id(),
                                       decode(info, in.action()));
        }
        case p4::v1::Entity::kActionProfileGroup:
            return decode_group(info, message.action_profile_group());
        case p4::v1::Entity::kCounterEntry: {
            const auto& in = message.counter_entry();
            CounterEntry entry(info.counter(in.counter_id()).name, decode_index(in));
            entry.data = decode(in.data());
            return entry;
        }
        case p4::v1::Entity::kDirectCounterEntry: {
            const auto& in = message.direct_counter_entry();
            return DirectCounterEntry(decode(info, in.table_entry()), decode(in.data()));
        }
        case p4::v1::Entity::kMeterEntry: {
            const auto& in = message.meter_entry();
            MeterEntry entry(info.meter(in.meter_id()).name, decode_index(in));
            if (in.has_config()) entry.config = decode(in.config());
            if (in.has_counter_data()) entry.counter = decode(in.counter_data());
            return entry;
        }
        case p4::v1::Entity::kDirectMeterEntry: {
            const auto& in = message.direct_meter_entry();
            DirectMeterEntry entry(decode(info, in.table_entry()));
            if (in.has_config()) entry.config = decode(in.config());
            if (in.has_counter_data()) entry.counter = decode(in.counter_data());
            return entry;
        }
        case p4::v1::Entity::kPacketReplicationEngineEntry:
            return decode_replication(message.packet_replication_engine_entry());
        case p4::v1::Entity::kValueSetEntry:
            return decode_value_set(info, message.value_set_entry());
        case p4::v1::Entity::kRegisterEntry: {
            const auto& in = message.register_entry();
            const RegisterInfo& array = info.register_array(in.register_id());
            return RegisterEntry(array.name, decode_index(in), decode(array.name, array.type, in.data()));
        }
        case p4::v1::Entity::kDigestEntry: {
            const auto& in = message.digest_entry();
            DigestEntry entry(info.digest(in.digest_id()).name);
            entry.max_timeout = std::chrono::nanoseconds(in.config().max_timeout_ns());
            entry.max_list_size = in.config().max_list_size();
            entry.ack_timeout = std::chrono::nanoseconds(in.config().ack_timeout_ns());
            return entry;
        }
        case p4::v1::Entity::kExternEntry: {
            const auto& in = message.extern_entry();
            return ExternEntry(in.extern_type_id(), in.extern_id(), in.entry().type_url(),
                               in.entry().value());
        }
        default:
            fail("entity", "the switch sent an entity of a kind that this client does not know");
    }
}

void encode(const P4Info& info, const PacketOut& packet, p4::v1::PacketOut& message) {
    message.set_payload(packet.payload.data(), packet.payload.size());
    if (packet.metadata.empty() && info.packet_headers().empty()) return;
    const bool declared =
        std::any_of(info.packet_headers().begin(), info.packet_headers().end(),
                    [](const PacketHeaderInfo& header) { return header.name == "packet_out"; });
    if (packet.metadata.empty() && !declared) return;
    const PacketHeaderInfo& header = info.packet_header("packet_out");
    for (const auto& [name, value] : packet.metadata) (void)info.packet_field(header, name);
    // The specification wants every declared field exactly once.
    for (const auto& field : header.fields) {
        const Value* given = nullptr;
        for (const auto& [name, value] : packet.metadata)
            if (&info.packet_field(header, name) == &field) given = &value;
        auto& out = *message.add_metadata();
        out.set_metadata_id(field.id);
        if (given)
            out.set_value(encode_value(field.name, field.type, *given));
        else
            out.set_value(std::string(1, '\0'));
    }
}

PacketIn decode(const P4Info& info, const p4::v1::PacketIn& message) {
    PacketIn packet;
    packet.payload.assign(message.payload().begin(), message.payload().end());
    if (message.metadata_size() == 0) return packet;
    const PacketHeaderInfo& header = info.packet_header("packet_in");
    for (const auto& in : message.metadata()) {
        const FieldInfo& field = info.packet_field(header, in.metadata_id());
        packet.metadata.set(field.name, decode_value(field.name, field.type, in.value()));
    }
    return packet;
}

DigestList decode(const P4Info& info, const p4::v1::DigestList& message) {
    const DigestInfo& digest = info.digest(message.digest_id());
    DigestList list;
    list.digest = digest.name;
    list.list_id = message.list_id();
    list.timestamp = std::chrono::nanoseconds(message.timestamp());
    for (const auto& data : message.data()) list.messages.push_back(decode(digest.name, digest.type, data));
    return list;
}

}  // namespace weft::p4runtime
