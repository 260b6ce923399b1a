#include "method_table.hpp"

namespace weft::mesh {

MethodTable::Index MethodTable::use(std::string_view name) {
    Index index = find(name);
    if (index == none) {
        index = free_place();
        if (index != others) places_[index].name = &names_.emplace(std::string(name), index).first->first;
    }
    use(index);
    return index;
}

MethodTable::Index MethodTable::free_place() {
    if (names_.size() < most) {
        places_.emplace_back();
        return static_cast<Index>(places_.size() - 1);
    }
    while (!idle_.empty()) {
        const Index index = idle_.front();
        idle_.pop_front();
        Place& place = places_[index];
        place.idle = false;
        if (place.users != 0) continue;
        places_[others].stats += place.stats;
        names_.erase(names_.find(*place.name));
        place = Place();
        return index;
    }
    return others;
}

void MethodTable::release(Index index) noexcept {
    Place& place = places_[index];
    if (--place.users != 0 || place.idle || !place.name) return;
    try {
        idle_.push_back(index);
        place.idle = true;
    } catch (...) {  // no memory: the next time that it is let go
    }
}

void MethodTable::add_stats(NodeStats& stats) const {
    for (const auto& [name, index] : names_) stats.methods.emplace(name, places_[index].stats);
    if (places_[others].stats.calls != 0) stats.methods.emplace("", places_[others].stats);
}

}  // namespace weft::mesh
