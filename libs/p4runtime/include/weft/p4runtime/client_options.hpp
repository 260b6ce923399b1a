// How a client connects, and its limits.
#pragma once

#include <weft/p4runtime/mastership.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <optional>
#include <string>

namespace weft::p4runtime {

class ClientOptions {
public:
    using Duration = std::chrono::nanoseconds;

    // target: "host:port", "[::1]:9559" or "unix:/path".
    explicit ClientOptions(std::string target_, std::uint64_t device_id_ = 1)
        : target(std::move(target_)), device_id(device_id_) {}

    // Without one, ElectionId::now() at connect. {0, 0} asks for nothing: the client stays backup while any
    // other client has a higher ID.
    ClientOptions&& with_election_id(ElectionId id) && {
        election_id = id;
        return std::move(*this);
    }
    // Sends no election ID at all: reads only, never primary.
    ClientOptions&& read_only() && {
        never_primary = true;
        return std::move(*this);
    }
    // Access of a role instead of full access.
    ClientOptions&& with_role(std::string name) && {
        role = std::move(name);
        return std::move(*this);
    }
    // connect() succeeds as backup too, instead of throwing NotPrimaryError.
    ClientOptions&& allow_backup() && {
        backup_allowed = true;
        return std::move(*this);
    }
    // Limit of each request; TimeoutError after it.
    ClientOptions&& with_request_timeout(Duration limit) && {
        request_timeout = limit;
        return std::move(*this);
    }
    ClientOptions&& with_connect_timeout(Duration limit) && {
        connect_timeout = limit;
        return std::move(*this);
    }
    // How many packets, digest lists and notifications wait for their readers, each; what comes on top is
    // dropped and counted.
    ClientOptions&& with_queue_capacity(std::size_t items) && {
        queue_capacity = items;
        return std::move(*this);
    }
    // Digest lists are acknowledged by hand, with acknowledge().
    ClientOptions&& with_manual_digest_ack() && {
        acknowledge_digests = false;
        return std::move(*this);
    }
    // Told about exceptions that leave a packet handler; the handler goes on with the next packet.
    ClientOptions&& on_handler_error(std::function<void(std::exception_ptr)> report) && {
        handler_error = std::move(report);
        return std::move(*this);
    }

    std::string target;
    std::uint64_t device_id = 1;
    std::optional<ElectionId> election_id;
    bool never_primary = false;
    bool backup_allowed = false;
    std::string role;
    Duration connect_timeout = std::chrono::seconds(10);
    Duration request_timeout = std::chrono::seconds(5);
    std::size_t queue_capacity = 4096;
    bool acknowledge_digests = true;
    std::function<void(std::exception_ptr)> handler_error;
};

}  // namespace weft::p4runtime
