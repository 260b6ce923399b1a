#include "engine.hpp"
#include "loader.hpp"

#include <weft/p4switch/error.hpp>
#include <weft/p4switch/program.hpp>

namespace weft::p4switch {

Program Program::load(std::string_view json) {
    const JsonDocument document(json);
    auto compiled = std::make_shared<Compiled>();
    Loader(document.root(), *compiled).run();
    Program program(std::move(compiled));
    // The fixed entries go in by the control interface, which has checks of its own.
    try {
        const Engine trial(program.compiled_, SwitchOptions());
    } catch (const ControlError& error) {
        throw ProgramError("/pipelines", std::string("fixed entries: ") + error.what());
    }
    return program;
}

std::vector<TableInfo> Program::tables() const {
    std::vector<TableInfo> list;
    std::vector<bool> inlined(compiled_->tables.size(), true);
    for (const Node& node : compiled_->nodes)
        if (node.kind == Node::Kind::table) inlined[node.index] = false;
    for (std::size_t i = 0; i < compiled_->tables.size(); ++i) {
        const TableDef& table = compiled_->tables[i];
        if (inlined[i]) continue;
        TableInfo info;
        info.name = table.name;
        for (const KeyPart& part : table.key) info.key.push_back({part.name, part.kind, part.width});
        for (const TableAction& item : table.actions) {
            const Action& action = compiled_->actions[item.action];
            ActionInfo described{action.name, {}};
            for (const Param& param : action.params)
                described.parameters.push_back({param.name, param.width});
            info.actions.push_back(std::move(described));
        }
        info.max_size = table.max_size;
        if (table.profile != none) info.action_profile = compiled_->profiles[table.profile].name;
        if (table.meter != none) info.direct_meter = compiled_->meters[table.meter].name;
        info.direct_counter = table.counters;
        info.idle_timeout = table.timeout;
        info.constant_entries = table.constant_entries;
        info.constant_default_action = table.default_action_constant;
        info.has_priority = table.kind == TableKind::ternary;
        list.push_back(std::move(info));
    }
    return list;
}

std::vector<ArrayInfo> Program::counters() const {
    std::vector<ArrayInfo> list;
    for (const CounterDef& array : compiled_->counters) list.push_back({array.name, array.size, 0});
    return list;
}

std::vector<ArrayInfo> Program::meters() const {
    std::vector<ArrayInfo> list;
    for (const MeterDef& array : compiled_->meters)
        if (!array.direct) list.push_back({array.name, array.size, 0});
    return list;
}

std::vector<ArrayInfo> Program::registers() const {
    std::vector<ArrayInfo> list;
    for (const RegisterDef& array : compiled_->registers)
        list.push_back({array.name, array.size, array.width});
    return list;
}

std::vector<ProfileInfo> Program::action_profiles() const {
    std::vector<ProfileInfo> list;
    for (const ProfileDef& profile : compiled_->profiles)
        list.push_back({profile.name, profile.max_size, profile.selector});
    return list;
}

std::vector<DigestInfo> Program::digests() const {
    std::vector<DigestInfo> list;
    for (const DigestDef& digest : compiled_->digests) {
        DigestInfo info{digest.name, {}};
        for (std::size_t i = 0; i < digest.fields.size(); ++i)
            info.fields.push_back({digest.names[i], compiled_->layout.fields[digest.fields[i]].width});
        list.push_back(std::move(info));
    }
    return list;
}

std::vector<ValueSetInfo> Program::value_sets() const {
    std::vector<ValueSetInfo> list;
    for (const ValueSetDef& set : compiled_->value_sets) {
        ValueSetInfo info{set.name, set.widths, set.max_size};
        if (info.widths.empty()) info.widths = {set.bits};
        list.push_back(std::move(info));
    }
    return list;
}

}  // namespace weft::p4switch
