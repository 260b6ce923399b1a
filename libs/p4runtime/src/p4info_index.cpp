// From the P4Info message to plain values, checking what a hostile or damaged file may contain.
#include "p4info_index.hpp"

#include <weft/p4runtime/error.hpp>

#include <p4/config/v1/p4info.pb.h>

namespace weft::p4runtime {

namespace {

namespace config = p4::config::v1;

// The widest bit<W> that p4c accepts for BMv2 is 2048; this only keeps masks of a hostile file small.
constexpr std::int32_t max_bitwidth = 65536;

// Types of a register or digest: named types may nest and repeat, which could blow up exponentially.
constexpr int max_type_depth = 16;
constexpr int max_type_nodes = 10000;

using EnumeratorList = std::vector<std::pair<std::string, std::string>>;

class Builder {
public:
    Builder(const config::P4Info& message, P4InfoIndex& index) : message_(message), index_(index) {}

    void build() {
        for (const auto& [name, spec] : message_.type_info().serializable_enums()) {
            auto list = std::make_shared<EnumeratorList>();
            for (const auto& member : spec.members()) list->emplace_back(member.name(), member.value());
            enumerators_.emplace(name, std::move(list));
        }
        build_actions();
        build_tables();
        build_resources();
        build_channels();
        connect();
    }

private:
    template <class Info>
    static Info object(const config::Preamble& preamble) {
        Info info;
        info.id = preamble.id();
        info.name = preamble.name();
        info.alias = preamble.alias();
        info.annotations.assign(preamble.annotations().begin(), preamble.annotations().end());
        info.description = preamble.doc().brief();
        return info;
    }

    template <class Info>
    static void add(ObjectTable<Info>& table, Info info, const char* kind) {
        const std::string name = info.name;
        const std::uint32_t id = info.id;
        if (!table.add(std::move(info)))
            throw P4InfoError(std::string(kind) + " '" + name + "' (ID " + std::to_string(id) +
                              "): its ID is 0, or its ID or name is used twice");
    }

    FieldType field_type(const std::string& field, std::int32_t bitwidth,
                         const std::string& type_name) const {
        if (bitwidth < 0 || bitwidth > max_bitwidth)
            throw P4InfoError("field '" + field + "' has a width of " + std::to_string(bitwidth) +
                              " bits; 0 to " + std::to_string(max_bitwidth) + " is possible");
        FieldType type(static_cast<std::uint32_t>(bitwidth));
        type.type_name = type_name;
        if (type_name.empty()) return type;
        const auto& new_types = message_.type_info().new_types();
        if (const auto at = new_types.find(type_name);
            at != new_types.end() && at->second.has_translated_type()) {
            const auto& translated = at->second.translated_type();
            type.is_string = translated.has_sdn_string();
            if (translated.sdn_type_case() == config::P4NewTypeTranslation::kSdnBitwidth && bitwidth == 0)
                return field_type(field, translated.sdn_bitwidth(), "");
        }
        if (const auto at = enumerators_.find(type_name); at != enumerators_.end())
            type.enumerators = at->second;
        return type;
    }

    template <class Message>
    FieldInfo field(const Message& message) const {
        FieldInfo info;
        info.id = message.id();
        info.name = message.name();
        info.type = field_type(message.name(), message.bitwidth(), message.type_name().name());
        return info;
    }

    FieldInfo match_field(const config::MatchField& message) const {
        FieldInfo info = field(message);
        info.description = message.doc().brief();
        if (message.match_case() == config::MatchField::kOtherMatchType) {
            info.match_type = MatchType::other;
            return info;
        }
        switch (message.match_type()) {
            case config::MatchField::EXACT:
                info.match_type = MatchType::exact;
                break;
            case config::MatchField::LPM:
                info.match_type = MatchType::lpm;
                break;
            case config::MatchField::TERNARY:
                info.match_type = MatchType::ternary;
                break;
            case config::MatchField::RANGE:
                info.match_type = MatchType::range;
                break;
            case config::MatchField::OPTIONAL:
                info.match_type = MatchType::optional;
                break;
            default:
                break;
        }
        return info;
    }

    static void check_fields(const std::vector<FieldInfo>& fields, const std::string& owner) {
        for (std::size_t i = 0; i < fields.size(); ++i) {
            if (fields[i].id == 0) throw P4InfoError("a field of '" + owner + "' has the ID 0");
            for (std::size_t j = 0; j < i; ++j)
                if (fields[i].id == fields[j].id || fields[i].name == fields[j].name)
                    throw P4InfoError("field '" + fields[i].name + "' of '" + owner +
                                      "': its ID or name is used twice");
        }
    }

    void build_actions() {
        for (const auto& action : message_.actions()) {
            auto info = object<ActionInfo>(action.preamble());
            for (const auto& param : action.params()) {
                info.params.push_back(field(param));
                info.params.back().description = param.doc().brief();
            }
            check_fields(info.params, info.name);
            add(index_.actions, std::move(info), "action");
        }
    }

    void build_tables() {
        for (const auto& table : message_.tables()) {
            auto info = object<TableInfo>(table.preamble());
            for (const auto& message : table.match_fields()) {
                info.match_fields.push_back(match_field(message));
                const MatchType type = info.match_fields.back().match_type;
                info.needs_priority = info.needs_priority || type == MatchType::ternary ||
                                      type == MatchType::range || type == MatchType::optional;
            }
            check_fields(info.match_fields, info.name);
            for (const auto& ref : table.action_refs()) {
                if (!index_.actions.find(ref.id()))
                    throw P4InfoError("table '" + info.name + "' refers to action " +
                                      std::to_string(ref.id()) + ", which does not exist");
                info.actions.push_back(ActionRef{ref.id(), ref.scope() >= 0 && ref.scope() <= 3
                                                               ? static_cast<ActionScope>(ref.scope())
                                                               : ActionScope::table_and_default});
            }
            info.const_default_action_id = table.const_default_action_id();
            info.action_profile_id = table.implementation_id();
            info.size = table.size();
            info.supports_idle_timeout = table.idle_timeout_behavior() == config::Table::NOTIFY_CONTROL;
            info.is_const = table.is_const_table();
            info.has_initial_entries = table.has_initial_entries();
            add(index_.tables, std::move(info), "table");
        }
    }

    template <class Info, class Message>
    static Info counter_or_meter(const Message& message) {
        auto info = object<Info>(message.preamble());
        const int unit = message.spec().unit();
        using Unit = decltype(info.unit);
        if (unit >= 0 && unit <= 3) info.unit = static_cast<Unit>(unit);
        if constexpr (requires { message.size(); }) info.size = message.size();
        if constexpr (requires { message.direct_table_id(); }) info.table_id = message.direct_table_id();
        if constexpr (requires { info.type; }) {
            const int type = message.spec().type();
            if (type >= 0 && type <= 2) info.type = static_cast<MeterType>(type);
        }
        return info;
    }

    void build_resources() {
        for (const auto& profile : message_.action_profiles()) {
            auto info = object<ActionProfileInfo>(profile.preamble());
            info.table_ids.assign(profile.table_ids().begin(), profile.table_ids().end());
            info.with_selector = profile.with_selector();
            info.size = profile.size();
            info.max_group_size = profile.max_group_size();
            add(index_.action_profiles, std::move(info), "action profile");
        }
        for (const auto& counter : message_.counters())
            add(index_.counters, counter_or_meter<CounterInfo>(counter), "counter");
        for (const auto& counter : message_.direct_counters())
            add(index_.direct_counters, counter_or_meter<CounterInfo>(counter), "direct counter");
        for (const auto& meter : message_.meters())
            add(index_.meters, counter_or_meter<MeterInfo>(meter), "meter");
        for (const auto& meter : message_.direct_meters())
            add(index_.direct_meters, counter_or_meter<MeterInfo>(meter), "direct meter");
        for (const auto& message : message_.registers()) {
            auto info = object<RegisterInfo>(message.preamble());
            info.type = data_type(message.type_spec(), info.name);
            info.size = message.size();
            add(index_.registers, std::move(info), "register");
        }
    }

    void build_channels() {
        for (const auto& digest : message_.digests()) {
            auto info = object<DigestInfo>(digest.preamble());
            info.type = data_type(digest.type_spec(), info.name);
            add(index_.digests, std::move(info), "digest");
        }
        for (const auto& value_set : message_.value_sets()) {
            auto info = object<ValueSetInfo>(value_set.preamble());
            for (const auto& message : value_set.match()) info.match_fields.push_back(match_field(message));
            check_fields(info.match_fields, info.name);
            info.size = value_set.size();
            add(index_.value_sets, std::move(info), "value set");
        }
        for (const auto& header : message_.controller_packet_metadata()) {
            auto info = object<PacketHeaderInfo>(header.preamble());
            for (const auto& message : header.metadata()) info.fields.push_back(field(message));
            check_fields(info.fields, info.name);
            add(index_.packet_headers, std::move(info), "controller header");
        }
    }

    void connect() {
        for (auto& table : index_.tables.objects()) {
            if (table.action_profile_id != 0 && !index_.action_profiles.find(table.action_profile_id))
                throw P4InfoError("table '" + table.name + "' refers to action profile " +
                                  std::to_string(table.action_profile_id) + ", which does not exist");
            for (const auto& counter : index_.direct_counters.objects())
                if (counter.table_id == table.id) table.direct_counter_id = counter.id;
            for (const auto& meter : index_.direct_meters.objects())
                if (meter.table_id == table.id) table.direct_meter_id = meter.id;
        }
    }

    DataType data_type(const config::P4DataTypeSpec& spec, const std::string& owner) {
        int nodes = 0;
        return data_type(spec, owner, 0, nodes);
    }

    DataType data_type(const config::P4DataTypeSpec& spec, const std::string& owner, int depth, int& nodes) {
        if (depth > max_type_depth || ++nodes > max_type_nodes)
            throw P4InfoError("the type of '" + owner + "' is nested too deeply, or contains itself");
        using Spec = config::P4DataTypeSpec;
        const auto& types = message_.type_info();
        DataType type;
        switch (spec.type_spec_case()) {
            case Spec::kBitstring:
                return bit_string(spec.bitstring(), owner);
            case Spec::kBool:
                type.kind = DataType::Kind::boolean;
                return type;
            case Spec::kTuple:
                type.kind = DataType::Kind::tuple;
                for (const auto& member : spec.tuple().members()) {
                    type.members.push_back(data_type(member, owner, depth + 1, nodes));
                    type.member_names.emplace_back();
                }
                return type;
            case Spec::kStruct: {
                type.name = spec.struct_().name();
                const auto at = types.structs().find(type.name);
                if (at == types.structs().end()) return type;
                type.kind = DataType::Kind::structure;
                for (const auto& member : at->second.members()) {
                    type.members.push_back(data_type(member.type_spec(), owner, depth + 1, nodes));
                    type.member_names.push_back(member.name());
                }
                return type;
            }
            case Spec::kHeader:
                return header(spec.header().name(), owner, nodes);
            case Spec::kHeaderStack:
                type.kind = DataType::Kind::header_stack;
                type.size = spec.header_stack().size();
                type.members.push_back(header(spec.header_stack().header().name(), owner, nodes));
                return type;
            case Spec::kEnum:
                type.kind = DataType::Kind::enumeration;
                type.name = spec.enum_().name();
                return type;
            case Spec::kError:
                type.kind = DataType::Kind::error;
                return type;
            case Spec::kSerializableEnum: {
                const auto at = types.serializable_enums().find(spec.serializable_enum().name());
                if (at == types.serializable_enums().end()) return type;
                type.kind = DataType::Kind::bitstring;
                type.name = at->first;
                type.field = field_type(owner, at->second.underlying_type().bitwidth(), at->first);
                return type;
            }
            case Spec::kNewType: {
                const auto at = types.new_types().find(spec.new_type().name());
                if (at == types.new_types().end()) return type;
                if (at->second.has_original_type())
                    return data_type(at->second.original_type(), owner, depth + 1, nodes);
                type.kind = DataType::Kind::bitstring;
                type.name = at->first;
                type.field = field_type(owner, 0, at->first);
                return type;
            }
            default:
                return type;
        }
    }

    DataType bit_string(const config::P4BitstringLikeTypeSpec& spec, const std::string& owner) {
        DataType type;
        type.kind = spec.has_varbit() ? DataType::Kind::varbit : DataType::Kind::bitstring;
        const std::int32_t width = spec.has_bit()    ? spec.bit().bitwidth()
                                   : spec.has_int_() ? spec.int_().bitwidth()
                                                     : spec.varbit().max_bitwidth();
        type.field = field_type(owner, width, "");
        return type;
    }

    DataType header(const std::string& name, const std::string& owner, int& nodes) {
        DataType type;
        type.name = name;
        const auto at = message_.type_info().headers().find(name);
        if (at == message_.type_info().headers().end()) return type;
        type.kind = DataType::Kind::header;
        for (const auto& member : at->second.members()) {
            if (++nodes > max_type_nodes) throw P4InfoError("the type of '" + owner + "' is too large");
            type.members.push_back(bit_string(member.type_spec(), owner));
            type.member_names.push_back(member.name());
        }
        return type;
    }

    const config::P4Info& message_;
    P4InfoIndex& index_;
    std::unordered_map<std::string, std::shared_ptr<const EnumeratorList>> enumerators_;
};

}  // namespace

P4InfoIndex::P4InfoIndex(const p4::config::v1::P4Info& message) {
    program_name = message.pkg_info().name();
    architecture = message.pkg_info().arch();
    message.SerializeToString(&binary);
    Builder(message, *this).build();
}

}  // namespace weft::p4runtime
