// The packet replication engine: multicast groups and clone sessions.
#pragma once

#include <weft/p4runtime/value.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace weft::p4runtime {

// One copy. (port, instance) is unique within its group; instance becomes the packet's replication ID.
class Replica {
public:
    Replica() = default;
    explicit Replica(std::uint32_t port_, std::uint32_t instance_ = 1) : port(port_), instance(instance_) {}

    std::uint32_t port = 0;
    std::uint32_t instance = 1;

    friend bool operator==(const Replica&, const Replica&) = default;
};

class MulticastGroup {
public:
    MulticastGroup() = default;
    explicit MulticastGroup(std::uint32_t group_id_, std::vector<Replica> replicas_ = std::vector<Replica>())
        : group_id(group_id_), replicas(std::move(replicas_)) {}

    MulticastGroup& replica(std::uint32_t port, std::uint32_t instance = 1) & {
        replicas.emplace_back(port, instance);
        return *this;
    }
    MulticastGroup&& replica(std::uint32_t port, std::uint32_t instance = 1) && {
        return std::move(replica(port, instance));
    }

    std::uint32_t group_id = 0;  // above 0; 0 in a read: all
    std::vector<Replica> replicas;
    std::string metadata;

    friend bool operator==(const MulticastGroup&, const MulticastGroup&) = default;
};

class CloneSession {
public:
    CloneSession() = default;
    explicit CloneSession(std::uint32_t session_id_, std::vector<Replica> replicas_ = std::vector<Replica>())
        : session_id(session_id_), replicas(std::move(replicas_)) {}

    CloneSession& replica(std::uint32_t port, std::uint32_t instance = 1) & {
        replicas.emplace_back(port, instance);
        return *this;
    }
    CloneSession&& replica(std::uint32_t port, std::uint32_t instance = 1) && {
        return std::move(replica(port, instance));
    }

    std::uint32_t session_id = 0;  // above 0; 0 in a read: all
    std::vector<Replica> replicas;
    std::uint32_t class_of_service = 0;
    std::int32_t packet_length_bytes = 0;  // copies are cut to this length; 0: whole packets

    friend bool operator==(const CloneSession&, const CloneSession&) = default;
};

}  // namespace weft::p4runtime
