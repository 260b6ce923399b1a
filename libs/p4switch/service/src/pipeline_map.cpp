// From P4Info IDs to the switch's names.
#include "pipeline_map.hpp"

#include <weft/p4switch/error.hpp>

#include <algorithm>

namespace weft::p4switch {

namespace config = p4::config::v1;

std::string canonical(const std::string& bytes, const std::string& field) {
    if (bytes.empty()) throw Refusal(google::rpc::INVALID_ARGUMENT, "value of " + field + " is empty");
    const auto first = bytes.find_first_not_of('\0');
    return first == std::string::npos ? std::string(1, '\0') : bytes.substr(first);
}

namespace {

[[noreturn]] void misfit(const std::string& what) {
    throw Refusal(google::rpc::INVALID_ARGUMENT, "P4Info and device config do not fit: " + what);
}

template <class Infos>
const typename Infos::value_type* named(const Infos& infos, const std::string& name) {
    const auto at = std::find_if(infos.begin(), infos.end(), [&](const auto& i) { return i.name == name; });
    return at == infos.end() ? nullptr : &*at;
}

}  // namespace

PipelineMap::PipelineMap(const config::P4Info& p4info, const Program& program) : p4info_(p4info) {
    for (const auto& action : p4info_.actions()) {
        actions_.emplace(action.preamble().id(), &action);
        actions_by_name_.emplace(action.preamble().name(), &action);
    }
    const auto tables = program.tables();
    for (const auto& table : p4info_.tables()) {
        const std::string& table_name = table.preamble().name();
        const TableInfo* own = named(tables, table_name);
        if (!own) misfit("there is no table '" + table_name + "' in the device config");
        TableRef ref{&table, own->has_priority, own->direct_counter, !own->direct_meter.empty(),
                     own->idle_timeout};
        if (own->key.size() != static_cast<std::size_t>(table.match_fields_size()))
            misfit("table '" + table_name + "' has another number of match fields");
        for (const auto& field : table.match_fields())
            if (!named(own->key, field.name()))
                misfit("table '" + table_name + "' has no match field '" + field.name() + "'");
        for (const auto& action : table.action_refs())
            if (!actions_.contains(action.id()))
                misfit("table '" + table_name + "' refers to action " + std::to_string(action.id()) +
                       ", which the P4Info does not have");
        tables_.emplace(table.preamble().id(), ref);
        table_ids_.emplace(table_name, table.preamble().id());
    }
    const auto add = [&](const auto& infos, const auto& own, auto& names, const char* kind) {
        for (const auto& info : infos) {
            const auto* found = named(own, info.preamble().name());
            if (!found) misfit(std::string("there is no ") + kind + " '" + info.preamble().name() + "'");
            names.emplace(info.preamble().id(), info.preamble().name());
            if constexpr (requires { found->size; }) array_sizes_[found->name] = found->size;
        }
    };
    add(p4info_.action_profiles(), program.action_profiles(), profiles_, "action profile");
    add(p4info_.counters(), program.counters(), counters_, "counter");
    add(p4info_.meters(), program.meters(), meters_, "meter");
    add(p4info_.registers(), program.registers(), registers_, "register");
}

const std::string& PipelineMap::name(const std::map<std::uint32_t, std::string>& names, std::uint32_t id,
                                     const char* kind) {
    const auto at = names.find(id);
    if (at == names.end())
        throw Refusal(google::rpc::NOT_FOUND,
                      std::string("there is no ") + kind + " with ID " + std::to_string(id));
    return at->second;
}

const PipelineMap::TableRef& PipelineMap::table(std::uint32_t id) const {
    const auto at = tables_.find(id);
    if (at == tables_.end())
        throw Refusal(google::rpc::NOT_FOUND, "there is no table with ID " + std::to_string(id));
    return at->second;
}

const config::MatchField& PipelineMap::field(const config::Table& table, std::uint32_t id) const {
    for (const auto& field : table.match_fields())
        if (field.id() == id) return field;
    throw Refusal(google::rpc::INVALID_ARGUMENT,
                  "table '" + table.preamble().name() + "' has no match field with ID " + std::to_string(id));
}

const config::Action& PipelineMap::action(std::uint32_t id) const {
    const auto at = actions_.find(id);
    if (at == actions_.end())
        throw Refusal(google::rpc::INVALID_ARGUMENT, "there is no action with ID " + std::to_string(id));
    return *at->second;
}

const config::Action& PipelineMap::action(const std::string& action_name) const {
    const auto at = actions_by_name_.find(action_name);
    if (at == actions_by_name_.end())
        throw Refusal(google::rpc::INTERNAL, "the P4Info has no action '" + action_name + "'");
    return *at->second;
}

const config::ValueSet& PipelineMap::value_set(std::uint32_t id) const {
    for (const auto& value_set : p4info_.value_sets())
        if (value_set.preamble().id() == id) return value_set;
    throw Refusal(google::rpc::NOT_FOUND, "there is no value set with ID " + std::to_string(id));
}

const config::Digest& PipelineMap::digest(std::uint32_t id) const {
    for (const auto& digest : p4info_.digests())
        if (digest.preamble().id() == id) return digest;
    throw Refusal(google::rpc::NOT_FOUND, "there is no digest with ID " + std::to_string(id));
}

std::uint32_t PipelineMap::digest_id(const std::string& digest_name) const {
    for (const auto& digest : p4info_.digests())
        if (digest.preamble().name() == digest_name) return digest.preamble().id();
    return 0;
}

std::uint32_t PipelineMap::table_id(const std::string& table_name) const { return table_ids_.at(table_name); }

std::uint32_t PipelineMap::size_of(const std::string& array) const {
    const auto at = array_sizes_.find(array);
    return at == array_sizes_.end() ? 0 : at->second;
}

const config::ControllerPacketMetadata* PipelineMap::header(const std::string& header_name) const {
    for (const auto& header : p4info_.controller_packet_metadata())
        if (header.preamble().name() == header_name) return &header;
    return nullptr;
}

void PipelineMap::check_scope(const config::Table& table, std::uint32_t action_id, bool as_default) const {
    for (const auto& ref : table.action_refs()) {
        if (ref.id() != action_id) continue;
        const bool allowed = as_default ? ref.scope() != config::ActionRef::TABLE_ONLY
                                        : ref.scope() != config::ActionRef::DEFAULT_ONLY;
        if (allowed) return;
        throw Refusal(
            google::rpc::PERMISSION_DENIED,
            "action " + std::to_string(action_id) + " of table '" + table.preamble().name() +
                (as_default ? "' cannot be its default action" : "' is for its default entry only"));
    }
    throw Refusal(google::rpc::INVALID_ARGUMENT, "table '" + table.preamble().name() +
                                                     "' has no action with ID " + std::to_string(action_id));
}

Pipeline build_pipeline(const p4::v1::ForwardingPipelineConfig& message) {
    Pipeline pipeline;
    pipeline.config = message;
    try {
        Program program = Program::load(message.p4_device_config());
        pipeline.map = std::make_shared<PipelineMap>(message.p4info(), program);
        pipeline.saved = std::make_unique<Switch>(std::move(program));
    } catch (const weft::Error& error) {
        throw Refusal(google::rpc::INVALID_ARGUMENT, std::string("device config refused: ") + error.what());
    }
    return pipeline;
}

}  // namespace weft::p4switch
