// MemberEvent: who came and who went.
#pragma once

#include <functional>
#include <string>
#include <utility>

namespace weft::mesh {

struct MemberEvent {
    // evicted: it did not go by itself. Its server gave it up, since it did not read, or another node took
    // its name. Who hears it: servers, and weft's nodes of a weft router; daffi's only know that it left.
    // With a client's own name: another node has the name, and the client does not come back; or, once it is
    // back, why its server had given up the connection before.
    enum class Kind { joined, left, evicted };
    MemberEvent(Kind k, std::string n, std::string r = std::string())
        : kind(k), name(std::move(n)), reason(std::move(r)) {}
    Kind kind;
    std::string name;
    std::string reason;  // why it left, where that is known
};

// Called on the loop, one event at a time; must not throw and must not destroy the node.
using MemberHandler = std::function<void(const MemberEvent&)>;

}  // namespace weft::mesh
