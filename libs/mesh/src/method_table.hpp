// MethodTable: what a router counts of the methods that it forwards. Bounded, whatever names come.
#pragma once

#include "registry.hpp"

#include <weft/mesh/stats.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string_view>
#include <vector>

namespace weft::mesh {

// A method is counted on its own from its first call on, for as long as a member offers it and after that
// until its place is needed; what it had counted then goes to `others`, so that the sum of all never falls.
// When every place belongs to a method that is offered, further methods are counted there, too.
class MethodTable {
public:
    // Places are numbers, good while their users have not let go.
    using Index = std::uint32_t;
    static constexpr Index none = 0;    // counts what nobody sees: calls of the nodes' own functions
    static constexpr Index others = 1;  // the methods beyond `most`, as ""
    static constexpr std::size_t most = 4096;

    // The method's place for one user more: a member that offers it, or a call on its way.
    [[nodiscard]] Index use(std::string_view name);
    void use(Index index) noexcept { ++places_[index].users; }
    void release(Index index) noexcept;
    // Whether a method that is counted with the others might get a place of its own.
    [[nodiscard]] bool room() const noexcept { return names_.size() < most || !idle_.empty(); }
    // `none` when the method has no place; no user more.
    [[nodiscard]] Index find(std::string_view name) const noexcept {
        const auto it = names_.find(name);
        return it == names_.end() ? none : it->second;
    }
    [[nodiscard]] MethodStats& at(Index index) noexcept { return places_[index].stats; }

    void add_stats(NodeStats& stats) const;

private:
    struct Place {
        MethodStats stats;
        const std::string* name = nullptr;  // in names_
        std::uint32_t users = 0;
        bool idle = false;  // it stands in idle_
    };
    Index free_place();

    std::vector<Place> places_ = std::vector<Place>(2);
    detail::NameMap<Index> names_;
    // Places that were let go by their last user, the longest ago first; some may have users again.
    std::deque<Index> idle_;
};

}  // namespace weft::mesh
