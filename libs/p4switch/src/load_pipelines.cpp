// Pipelines: action profiles, tables with their links and fixed entries, conditions; and the loading order.
#include "loader.hpp"

#include <algorithm>

namespace weft::p4switch {
namespace {

constexpr std::uint32_t max_key_bytes = 4096;

MatchKind match_kind(const Json& value) {
    const std::string& name = value.string();
    if (name == "exact" || name == "valid") return MatchKind::exact;
    if (name == "lpm") return MatchKind::lpm;
    if (name == "ternary") return MatchKind::ternary;
    if (name == "range") return MatchKind::range;
    if (name == "optional") return MatchKind::optional;
    value.fail("match kind \"" + name + "\" is not supported");
}

std::string as_string(const std::vector<std::uint8_t>& bytes) {
    return std::string(bytes.begin(), bytes.end());
}

}  // namespace

void Loader::run() {
    if (!root_.is_object()) root_.fail("the document is not an object");
    load_version();
    load_header_types();
    load_headers();
    load_stacks_and_unions();
    load_standard_fields();
    if (!root_.list("extern_instances").empty())
        root_.at("extern_instances").fail("extern instances are not supported");
    load_value_sets();
    load_errors();
    load_calculations();
    load_arrays();
    load_parsers();
    load_deparser();
    load_actions();
    load_pipelines();
    load_checksums();
    load_lists();
}

void Loader::load_profiles(const Json& pipeline) {
    for (const Json* json : pipeline.list("action_profiles")) {
        ProfileDef profile;
        profile.name = json->at("name").string();
        if (const Json* size = json->find("max_size")) profile.max_size = size->number(1U << 24);
        const Json* selector = json->find("selector");
        if (selector != nullptr && !selector->is_null()) {
            profile.selector = true;
            Calculation calculation;
            calculation.name = profile.name;
            calculation.algorithm = algorithm(selector->at("algo"));
            if (calculation.algorithm == HashAlgorithm::round_robin)
                calculation.round_robin = out_.round_robins++;
            load_calc_input(selector->at("input"), calculation);
            profile.calculation = static_cast<std::uint32_t>(out_.calculations.size());
            out_.calculations.push_back(std::move(calculation));
        }
        claim(profile_names_, *json, static_cast<std::uint32_t>(out_.profiles.size()), "action profile");
        out_.profiles.push_back(std::move(profile));
    }
}

void Loader::load_table_key(const Json& json, TableDef& table) {
    std::uint32_t bytes = 0;
    bool has_lpm = false, has_ternary = false;
    for (const Json* item : json.list("key")) {
        KeyPart part;
        part.kind = match_kind(item->at("match_type"));
        const Json& target = item->at("target");
        part.field = target.is_string() ? field_named(target.string(), "$valid$") : field_ref(target);
        if (part.field == none) target.fail("there is no such header");
        const Field& field = out_.layout.fields[part.field];
        if (field.kind == FieldKind::varbit) target.fail("a variable field cannot be a key");
        part.width = field.width;
        part.wide = field.kind == FieldKind::wide;
        part.bytes = (part.width + 7) / 8;
        part.offset = bytes;
        bytes += part.bytes;
        if (bytes > max_key_bytes) item->fail("the key is too long");
        const Json* name = item->find("name");
        part.name = name != nullptr && name->is_string()
                        ? name->string()
                        : out_.layout.headers[field.header].name + "." + field.name;
        for (const KeyPart& other : table.key)
            if (other.name == part.name) item->fail("a second key field is called \"" + part.name + "\"");
        const Json* mask = item->find("mask");
        if (mask != nullptr && !mask->is_null()) part.mask = hex_bytes(*mask, part.bytes);
        if (part.kind == MatchKind::lpm) {
            if (has_lpm) item->fail("a second lpm field in one key");
            has_lpm = true;
        } else if (part.kind != MatchKind::exact) {
            has_ternary = true;
        }
        table.key.push_back(std::move(part));
    }
    table.kind = has_ternary ? TableKind::ternary : has_lpm ? TableKind::lpm : TableKind::exact;
    table.key_words = std::max(1U, (bytes + 7) / 8);
    out_.max_key_words = std::max(out_.max_key_words, table.key_words);
}

void Loader::load_table_default(const Json& json, TableDef& table) {
    const Json* entry = json.find("default_entry");
    if (entry == nullptr || entry->is_null()) return;
    const Json& id = entry->at("action_id");
    const auto found = action_ids_.find(id.integer());
    if (found == action_ids_.end()) id.fail("no action has this id");
    for (std::size_t i = 0; i < table.actions.size(); ++i)
        if (table.actions[i].action == found->second) table.default_slot = static_cast<std::uint32_t>(i);
    if (table.default_slot == none) id.fail("the table does not have this action");
    const Action& action = out_.actions[found->second];
    const auto& data = entry->list("action_data");
    if (data.size() != action.params.size())
        entry->fail("action \"" + action.name + "\" has " + std::to_string(action.params.size()) +
                    " parameters");
    table.default_data.resize(action.limbs);
    for (std::size_t i = 0; i < data.size(); ++i) {
        const WideInt value = hexstr(*data[i]);
        const Param& param = action.params[i];
        for (std::uint32_t limb = 0; limb < (param.width + 63) / 64; ++limb)
            table.default_data[param.limb + limb] = value.low_bits(param.width).limb(limb);
    }
    table.default_action_constant = entry->flag("action_const");
    table.default_entry_constant = entry->flag("action_entry_const");
}

void Loader::load_fixed_entries(const Json& json, TableDef& table) {
    const Json* entries = json.find("entries");
    if (entries == nullptr || entries->is_null()) return;
    table.constant_entries = true;
    for (const Json* item : entries->items()) {
        TableEntry entry;
        const auto& keys = item->list("match_key");
        if (keys.size() != table.key.size()) item->fail("the entry has another number of key fields");
        for (std::size_t i = 0; i < keys.size(); ++i) {
            const Json& key = *keys[i];
            const KeyPart& part = table.key[i];
            const auto bytes = [&](const char* name) {
                const Json& value = key.at(name);
                if (!value.is_string()) return std::string(1, value.boolean() ? '\1' : '\0');
                return as_string(hex_bytes(value, part.bytes));
            };
            switch (part.kind) {
                case MatchKind::exact:
                    entry.match.push_back(exact(part.name, bytes("key")));
                    break;
                case MatchKind::lpm:
                    entry.match.push_back(
                        lpm(part.name, bytes("key"), key.at("prefix_length").number(part.width)));
                    break;
                case MatchKind::range:
                    entry.match.push_back(range(part.name, bytes("start"), bytes("end")));
                    break;
                default:
                    entry.match.push_back(ternary(part.name, bytes("key"), bytes("mask")));
                    break;
            }
        }
        const Json& call = item->at("action_entry");
        const Json& id = call.at("action_id");
        const auto found = action_ids_.find(id.integer());
        if (found == action_ids_.end()) id.fail("no action has this id");
        const Action& action = out_.actions[found->second];
        ActionCall result;
        result.action = action.name;
        const auto& data = call.list("action_data");
        if (data.size() != action.params.size())
            call.fail("another number of parameters than the action has");
        for (std::size_t i = 0; i < data.size(); ++i)
            result.arguments.push_back(
                {action.params[i].name, as_string(hex_bytes(*data[i], (action.params[i].width + 7) / 8))});
        entry.action = std::move(result);
        // In the JSON the smaller number wins, in P4Runtime and here the larger one.
        const Json* priority = item->find("priority");
        const std::uint32_t rank = priority == nullptr ? 1 : priority->number(0x7ffffffe);
        if (table.kind == TableKind::ternary) entry.priority = static_cast<std::int32_t>(0x7fffffff - rank);
        table.fixed.push_back(std::move(entry));
    }
    table.max_size = static_cast<std::uint32_t>(table.fixed.size());
}

void Loader::load_table(const Json& json, TableDef& table) {
    table.name = json.at("name").string();
    const std::string& type = json.at("type").string();
    if (type != "simple" && type != "indirect" && type != "indirect_ws")
        json.at("type").fail("table type \"" + type + "\" is not supported");
    if (const Json* size = json.find("max_size")) table.max_size = size->number(1U << 28);
    table.counters = json.flag("with_counters");
    table.timeout = json.flag("support_timeout");
    const Json* meter = json.find("direct_meters");
    if (meter != nullptr && !meter->is_null()) {
        table.meter = lookup(meter_names_, *meter, "meter");
        if (!out_.meters[table.meter].direct) meter->fail("the meter is not a direct one");
    }
    load_table_key(json, table);
    const auto add_action = [&](const Json& at, std::uint32_t action) {
        for (const TableAction& known : table.actions)
            if (out_.actions[known.action].name == out_.actions[action].name)
                at.fail("two actions of the table are called \"" + out_.actions[action].name + "\"");
        table.actions.push_back({action, none});
    };
    if (const Json* ids = json.find("action_ids")) {
        for (const Json* id : ids->items()) {
            const auto found = action_ids_.find(id->integer());
            if (found == action_ids_.end()) id->fail("no action has this id");
            add_action(*id, found->second);
        }
    } else {
        for (const Json* name : json.list("actions")) {
            const auto found =
                std::find_if(out_.actions.begin(), out_.actions.end(),
                             [&](const Action& action) { return action.name == name->string(); });
            if (found == out_.actions.end()) name->fail("there is no such action");
            add_action(*name, static_cast<std::uint32_t>(found - out_.actions.begin()));
        }
    }
    if (type != "simple") {
        const Json* profile = json.find("action_profile");
        if (profile == nullptr) profile = &json.at("act_prof_name");
        table.profile = lookup(profile_names_, *profile, "action profile");
        for (const TableAction& action : table.actions)
            out_.profiles[table.profile].actions.push_back(action.action);
    } else {
        load_table_default(json, table);
    }
    load_fixed_entries(json, table);
}

std::uint32_t Loader::node_named(const Json& value) const {
    return value.is_null() ? none : lookup(node_names_, value, "table or condition");
}

void Loader::link_table(const Json& json, TableDef& table, Node&) {
    const Json* base = json.find("base_default_next");
    const std::uint32_t fallback = base == nullptr ? none : node_named(*base);
    const Json& next = json.at("next_tables");
    if (const Json* hit = next.find("__HIT__")) {
        table.by_hit = true;
        table.next_hit = node_named(*hit);
        const Json* miss = next.find("__MISS__");
        table.next_miss = miss == nullptr ? fallback : node_named(*miss);
        return;
    }
    table.next_miss = fallback;
    for (TableAction& action : table.actions)
        action.next = node_named(next.at(out_.actions[action.action].name));
}

void Loader::load_pipelines() {
    struct Link {
        const Json* json;
        std::uint32_t node;
    };
    std::vector<Link> links;
    const auto add = [&](const Json& json, Node node) {
        claim(node_names_, json, static_cast<std::uint32_t>(out_.nodes.size()), "table or condition");
        links.push_back({&json, static_cast<std::uint32_t>(out_.nodes.size())});
        out_.nodes.push_back(std::move(node));
    };
    const auto& pipelines = root_.list("pipelines");
    for (const Json* pipeline : pipelines) {
        load_profiles(*pipeline);
        for (const Json* json : pipeline->list("tables")) {
            TableDef table;
            load_table(*json, table);
            Node node;
            node.kind = Node::Kind::table;
            node.index = static_cast<std::uint32_t>(out_.tables.size());
            out_.tables.push_back(std::move(table));
            add(*json, std::move(node));
        }
        for (const Json* json : pipeline->list("conditionals")) {
            Node node;
            node.kind = Node::Kind::condition;
            node.index = condition(json->at("expression"), nullptr);
            add(*json, std::move(node));
        }
        for (const Json* json : pipeline->list("action_calls")) {
            Node node;
            node.kind = Node::Kind::action;
            const auto found = action_ids_.find(json->at("action_id").integer());
            if (found == action_ids_.end()) json->at("action_id").fail("no action has this id");
            if (!out_.actions[found->second].params.empty())
                json->fail("the action of a call has no parameters");
            node.index = found->second;
            add(*json, std::move(node));
        }
    }
    for (const Link& link : links) {
        Node& node = out_.nodes[link.node];
        const auto next = [&](const char* key) {
            const Json* value = link.json->find(key);
            return value == nullptr ? none : node_named(*value);
        };
        if (node.kind == Node::Kind::table) link_table(*link.json, out_.tables[node.index], node);
        if (node.kind == Node::Kind::condition) {
            node.on_true = next("true_next");
            node.on_false = next("false_next");
        }
        if (node.kind == Node::Kind::action) node.on_true = next("next_node");
    }
    for (const char* name : {"ingress", "egress"}) {
        const auto found = std::find_if(pipelines.begin(), pipelines.end(),
                                        [&](const Json* json) { return json->at("name").string() == name; });
        if (found == pipelines.end()) root_.fail(std::string("there is no pipeline called \"") + name + "\"");
        const Json* init = (*found)->find("init_table");
        (std::string_view(name) == "ingress" ? out_.ingress : out_.egress) =
            init == nullptr ? none : node_named(*init);
    }
    inline_constant_actions();
}

// Most tables are statements of the program: no key, one action that cannot change. They need no lookup.
void Loader::inline_constant_actions() {
    for (Node& node : out_.nodes) {
        if (node.kind != Node::Kind::table) continue;
        const TableDef& table = out_.tables[node.index];
        if (!table.key.empty() || table.default_slot == none || !table.default_entry_constant ||
            !table.default_action_constant)
            continue;
        node.kind = Node::Kind::action;
        node.on_true = table.by_hit ? table.next_miss : table.actions[table.default_slot].next;
        node.data = table.default_data;
        node.index = table.actions[table.default_slot].action;
    }
}

}  // namespace weft::p4switch
