// The immutable content of a P4Info: its objects, with indexes by name and by ID.
#pragma once

#include "name_index.hpp"

#include <weft/p4runtime/schema.hpp>

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

namespace p4::config::v1 {
class P4Info;
}

namespace weft::p4runtime {

// The objects of one kind.
template <class T>
class ObjectTable {
public:
    // False when the ID or the full name is taken, or the ID is 0.
    bool add(T object) {
        const auto position = static_cast<std::uint32_t>(objects_.size());
        if (object.id == 0 || !ids_.try_emplace(object.id, position).second) return false;
        if (!names_.add(object.name, object.alias, position)) return false;
        objects_.push_back(std::move(object));
        return true;
    }

    [[nodiscard]] const T* find(std::uint32_t id) const {
        const auto at = ids_.find(id);
        return at == ids_.end() ? nullptr : &objects_[at->second];
    }
    [[nodiscard]] std::uint32_t position(std::string_view name) const { return names_.find(name); }
    [[nodiscard]] const std::vector<T>& objects() const noexcept { return objects_; }
    [[nodiscard]] std::vector<T>& objects() noexcept { return objects_; }

private:
    std::vector<T> objects_;
    std::unordered_map<std::uint32_t, std::uint32_t> ids_;
    NameIndex names_;
};

class P4InfoIndex {
public:
    P4InfoIndex() = default;

    // Throws P4InfoError when the message contradicts itself.
    explicit P4InfoIndex(const p4::config::v1::P4Info& message);

    std::string program_name;
    std::string architecture;
    std::string binary;
    ObjectTable<TableInfo> tables;
    ObjectTable<ActionInfo> actions;
    ObjectTable<ActionProfileInfo> action_profiles;
    ObjectTable<CounterInfo> counters;
    ObjectTable<CounterInfo> direct_counters;
    ObjectTable<MeterInfo> meters;
    ObjectTable<MeterInfo> direct_meters;
    ObjectTable<RegisterInfo> registers;
    ObjectTable<DigestInfo> digests;
    ObjectTable<ValueSetInfo> value_sets;
    ObjectTable<PacketHeaderInfo> packet_headers;
};

}  // namespace weft::p4runtime
