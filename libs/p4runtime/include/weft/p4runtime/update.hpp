// One change of a write: what to do, and to which entity.
#pragma once

#include <weft/p4runtime/action_profile.hpp>
#include <weft/p4runtime/counter.hpp>
#include <weft/p4runtime/digest.hpp>
#include <weft/p4runtime/meter.hpp>
#include <weft/p4runtime/register.hpp>
#include <weft/p4runtime/replication.hpp>
#include <weft/p4runtime/table_entry.hpp>
#include <weft/p4runtime/value_set.hpp>

#include <cstdint>
#include <string>
#include <variant>

namespace weft::p4runtime {

// An entity of an architecture's own extern, as an opaque message.
class ExternEntry {
public:
    ExternEntry() = default;
    ExternEntry(std::uint32_t extern_type_id_, std::uint32_t extern_id_, std::string type_url_,
                std::string message_)
        : extern_type_id(extern_type_id_),
          extern_id(extern_id_),
          type_url(std::move(type_url_)),
          message(std::move(message_)) {}

    std::uint32_t extern_type_id = 0;
    std::uint32_t extern_id = 0;
    std::string type_url;
    std::string message;

    friend bool operator==(const ExternEntry&, const ExternEntry&) = default;
};

using Entity = std::variant<TableEntry, ActionProfileMember, ActionProfileGroup, CounterEntry,
                            DirectCounterEntry, MeterEntry, DirectMeterEntry, MulticastGroup, CloneSession,
                            ValueSetEntry, RegisterEntry, DigestEntry, ExternEntry>;

enum class UpdateType : std::uint8_t { insert = 1, modify = 2, remove = 3 };

class Update {
public:
    Update(UpdateType type_, Entity entity_) : type(type_), entity(std::move(entity_)) {}

    [[nodiscard]] static Update insert(Entity entity) {
        return Update(UpdateType::insert, std::move(entity));
    }
    [[nodiscard]] static Update modify(Entity entity) {
        return Update(UpdateType::modify, std::move(entity));
    }
    [[nodiscard]] static Update remove(Entity entity) {
        return Update(UpdateType::remove, std::move(entity));
    }

    UpdateType type;
    Entity entity;

    friend bool operator==(const Update&, const Update&) = default;
};

}  // namespace weft::p4runtime
