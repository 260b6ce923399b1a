// MemberEvent: who came and who went.
#pragma once

#include <functional>
#include <string>
#include <utility>

namespace weft::mesh {

struct MemberEvent {
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
