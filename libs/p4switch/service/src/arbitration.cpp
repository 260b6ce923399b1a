// The rules of client arbitration (P4Runtime specification, "Client arbitration and controller replication").
#include "arbitration.hpp"

namespace weft::p4switch {

namespace {

std::optional<Arbitration::Id> id_of(const p4::v1::MasterArbitrationUpdate& message) {
    if (!message.has_election_id()) return std::nullopt;
    return Arbitration::Id{message.election_id().high(), message.election_id().low()};
}

}  // namespace

Arbitration::Notice Arbitration::notice(StreamId stream, const std::string& role_name) const {
    const Role& role = roles_.at(role_name);
    Notice result{stream, {}};
    auto& update = result.update;
    update.set_device_id(device_id_);
    if (!role_name.empty()) update.mutable_role()->set_name(role_name);
    if (role.highest) {
        update.mutable_election_id()->set_high(role.highest->first);
        update.mutable_election_id()->set_low(role.highest->second);
    }
    auto& status = *update.mutable_status();
    if (role.primary == stream) {
        status.set_code(google::rpc::OK);
    } else if (role.primary) {
        status.set_code(google::rpc::ALREADY_EXISTS);
        status.set_message("another client is primary");
    } else {
        status.set_code(google::rpc::NOT_FOUND);
        status.set_message("there is no primary");
    }
    return result;
}

std::vector<Arbitration::Notice> Arbitration::notify_role(const std::string& role_name) const {
    std::vector<Notice> notices;
    const auto primary = roles_.at(role_name).primary;
    for (const auto& [stream, client] : clients_)
        if (client.role == role_name && stream != primary) notices.push_back(notice(stream, role_name));
    // The new primary comes last: by then nobody else believes to be it.
    if (primary) notices.push_back(notice(*primary, role_name));
    return notices;
}

std::vector<Arbitration::Notice> Arbitration::update(StreamId stream,
                                                     const p4::v1::MasterArbitrationUpdate& message) {
    const std::string& role_name = message.role().name();
    const std::optional<Id> id = id_of(message);
    const auto known = clients_.find(stream);
    if (known == clients_.end()) {
        if (message.device_id() != device_id_)
            throw Refusal(google::rpc::NOT_FOUND, "there is no device " +
                                                      std::to_string(message.device_id()) + "; this is " +
                                                      std::to_string(device_id_));
        if (clients_.size() >= max_streams_)
            throw Refusal(google::rpc::RESOURCE_EXHAUSTED,
                          "all " + std::to_string(max_streams_) + " streams of this device are in use");
    } else if (message.device_id() != device_id_ || known->second.role != role_name) {
        throw Refusal(google::rpc::FAILED_PRECONDITION, "device and role of a stream cannot be changed");
    }
    if (message.role().has_config())
        throw Refusal(google::rpc::INVALID_ARGUMENT, "this switch has no role configurations");
    for (const auto& [other, client] : clients_)
        if (other != stream && client.role == role_name && id && client.id == id)
            throw Refusal(google::rpc::INVALID_ARGUMENT, "another client uses this election ID");

    clients_[stream] = Client{role_name, id};
    Role& role = roles_[role_name];
    const auto before = role.primary;
    if (id && (!role.highest || *id >= *role.highest)) {
        role.highest = id;
        role.primary = stream;
    } else if (role.primary == stream) {
        role.primary.reset();
    }
    if (role.primary != before) return notify_role(role_name);
    return {notice(stream, role_name)};
}

std::vector<Arbitration::Notice> Arbitration::remove(StreamId stream) {
    const auto known = clients_.find(stream);
    if (known == clients_.end()) return {};
    const std::string role_name = known->second.role;
    clients_.erase(known);
    Role& role = roles_.at(role_name);
    if (role.primary != stream) return {};
    role.primary.reset();
    return notify_role(role_name);
}

bool Arbitration::is_primary(const std::string& role_name, const std::optional<Id>& id) const {
    const auto role = roles_.find(role_name);
    if (role == roles_.end() || !role->second.primary || !id) return false;
    return clients_.at(*role->second.primary).id == id;
}

bool Arbitration::is_primary(StreamId stream) const {
    const auto client = clients_.find(stream);
    return client != clients_.end() && roles_.at(client->second.role).primary == stream;
}

std::vector<Arbitration::StreamId> Arbitration::primaries() const {
    std::vector<StreamId> result;
    for (const auto& [name, role] : roles_)
        if (role.primary) result.push_back(*role.primary);
    return result;
}

}  // namespace weft::p4switch
