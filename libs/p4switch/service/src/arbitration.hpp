// Who may write: the rules of client arbitration, without any I/O.
//
// State is kept per role. The highest election ID ever seen decides; it survives its client, so that nobody
// is primary until an ID at least as high arrives.
#pragma once

#include "request_status.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <p4/v1/p4runtime.pb.h>

namespace weft::p4switch {

class Arbitration {
public:
    using Id = std::pair<std::uint64_t, std::uint64_t>;  // high, low
    using StreamId = std::uint64_t;
    struct Notice {
        StreamId stream;
        p4::v1::MasterArbitrationUpdate update;
    };

    Arbitration(std::uint64_t device_id, std::size_t max_streams)
        : device_id_(device_id), max_streams_(max_streams) {}

    // A stream's arbitration message; gives the notices to send, in order. Throws Refusal, with which the
    // stream must end.
    std::vector<Notice> update(StreamId stream, const p4::v1::MasterArbitrationUpdate& message);

    // The stream has ended. Unknown streams are ignored.
    std::vector<Notice> remove(StreamId stream);

    // May a write with this role and election ID be carried out now?
    [[nodiscard]] bool is_primary(const std::string& role, const std::optional<Id>& id) const;
    [[nodiscard]] bool is_primary(StreamId stream) const;
    [[nodiscard]] bool knows(StreamId stream) const { return clients_.contains(stream); }

    // The primaries of all roles.
    [[nodiscard]] std::vector<StreamId> primaries() const;
    [[nodiscard]] std::size_t size() const noexcept { return clients_.size(); }

private:
    struct Client {
        std::string role;
        std::optional<Id> id;
    };
    struct Role {
        std::optional<Id> highest;
        std::optional<StreamId> primary;
    };

    [[nodiscard]] Notice notice(StreamId stream, const std::string& role) const;
    [[nodiscard]] std::vector<Notice> notify_role(const std::string& role) const;

    std::uint64_t device_id_;
    std::size_t max_streams_;
    std::map<StreamId, Client> clients_;
    std::map<std::string, Role> roles_;
};

}  // namespace weft::p4switch
