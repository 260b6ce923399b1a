// The handlers of one node's member events.
#pragma once

#include <weft/mesh/member_event.hpp>

#include <vector>

namespace weft::mesh {

class Events {
public:
    void add(MemberHandler handler) { handlers_.push_back(std::move(handler)); }
    // Nobody is told any more: the node is gone, and what its handlers refer to may be.
    void clear() noexcept { handlers_.clear(); }
    void tell(const MemberEvent& event) const noexcept {
        for (std::size_t i = 0; i < handlers_.size(); ++i) handlers_[i](event);
    }

private:
    std::vector<MemberHandler> handlers_;
};

}  // namespace weft::mesh
