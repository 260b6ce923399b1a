// The control interface: names to objects of the engine.
#include "engine.hpp"
#include "key_value.hpp"
#include "names.hpp"

#include <weft/p4switch/error.hpp>
#include <weft/p4switch/switch.hpp>

namespace weft::p4switch {
namespace {

template <class List>
std::uint32_t index_of(const List& list, const char* kind, const std::string& name) {
    std::vector<std::string> known;
    for (std::size_t i = 0; i < list.size(); ++i) {
        if (list[i].name == name) return static_cast<std::uint32_t>(i);
        known.push_back(list[i].name);
    }
    throw UnknownNameError(kind, name, nearest_name(name, known));
}

Table& table_named(const Engine& engine, const std::string& name) {
    return *engine.tables[index_of(engine.program->tables, "table", name)];
}

ActionProfile& profile_named(const Engine& engine, const std::string& name) {
    return *engine.profiles[index_of(engine.program->profiles, "action profile", name)];
}

void check_index(const std::string& name, std::size_t index, std::size_t size) {
    if (index >= size)
        throw OutOfRangeError("index " + std::to_string(index) + " of " + name + ", which has " +
                              std::to_string(size) + " cells");
}

void check_replicas(const std::string& what, const std::vector<Replica>& replicas) {
    for (std::size_t i = 0; i < replicas.size(); ++i)
        for (std::size_t j = 0; j < i; ++j)
            if (replicas[i] == replicas[j])
                throw InvalidError(what + ": port " + std::to_string(replicas[i].port) + ", instance " +
                                   std::to_string(replicas[i].instance) + " is listed twice");
}

void check_group_id(std::uint32_t id) {
    if (id == 0 || id > 65535)
        throw InvalidError("multicast group " + std::to_string(id) + ": groups are 1 to 65535");
}

void check_session_id(std::uint32_t id) {
    if (id == 0 || id > 32767)
        throw InvalidError("clone session " + std::to_string(id) + ": sessions are 1 to 32767");
}

template <class Map>
auto& existing(Map& map, std::uint32_t id, const char* kind) {
    const auto found = map.find(id);
    if (found == map.end())
        throw NotFoundError(std::string("there is no ") + kind + " " + std::to_string(id));
    return found->second;
}

template <class Map>
void check_absent(const Map& map, std::uint32_t id, const char* kind) {
    if (map.contains(id))
        throw DuplicateError(std::string(kind) + " " + std::to_string(id) + " exists already");
}

}  // namespace

Switch::Switch(Program program, SwitchOptions options)
    : program_(std::move(program)), engine_(std::make_unique<Engine>(program_.compiled(), options)) {}
Switch::~Switch() = default;
Switch::Switch(Switch&&) noexcept = default;
Switch& Switch::operator=(Switch&&) noexcept = default;

void Switch::process(std::uint32_t port, std::span<const std::uint8_t> bytes, std::chrono::nanoseconds now,
                     PacketSink& sink) {
    engine_->process(port, bytes, now, sink);
}

void Switch::set_time(std::chrono::nanoseconds now) { engine_->now = now; }

Statistics Switch::statistics() const { return engine_->statistics; }

void Switch::insert(const std::string& table, const TableEntry& entry) {
    table_named(*engine_, table).insert(entry, engine_->now);
}

void Switch::modify(const std::string& table, const TableEntry& entry) {
    table_named(*engine_, table).modify(entry, engine_->now);
}

void Switch::remove(const std::string& table, const TableEntry& entry) {
    table_named(*engine_, table).remove(entry);
}

TableEntry Switch::entry(const std::string& table, const TableEntry& key) const {
    return table_named(*engine_, table).read(key);
}

std::vector<TableEntry> Switch::entries(const std::string& table) const {
    return table_named(*engine_, table).read_all();
}

std::size_t Switch::entry_count(const std::string& table) const {
    return table_named(*engine_, table).size();
}

void Switch::set_default_action(const std::string& table, const ActionCall& call) {
    table_named(*engine_, table).set_default(call);
}

void Switch::reset_default_action(const std::string& table) { table_named(*engine_, table).reset_default(); }

std::optional<ActionCall> Switch::default_action(const std::string& table) const {
    return table_named(*engine_, table).default_call();
}

void Switch::set_direct_counter(const std::string& name, const TableEntry& key, CounterData data) {
    Table& table = table_named(*engine_, name);
    if (!table.definition().counters) throw InvalidError("table " + name + " has no direct counter");
    table.entry(key).counter = data;
}

void Switch::set_direct_meter(const std::string& name, const TableEntry& key,
                              std::optional<MeterConfig> config) {
    Table& table = table_named(*engine_, name);
    if (table.definition().meter == none) throw InvalidError("table " + name + " has no direct meter");
    if (config) check_meter(*config);
    MeterCell& cell = table.entry(key).meter;
    if (config)
        cell.configure(*config, engine_->now);
    else
        cell.reset();
}

std::vector<IdleEntry> Switch::sweep_idle(std::chrono::nanoseconds now) {
    engine_->now = now;
    std::vector<IdleEntry> idle;
    for (const auto& table : engine_->tables) table->sweep_idle(now, idle);
    return idle;
}

CounterData Switch::counter(const std::string& name, std::uint32_t index) const {
    const auto& array = engine_->counters[index_of(engine_->program->counters, "counter", name)];
    check_index(name, index, array.size());
    return array[index];
}

void Switch::set_counter(const std::string& name, std::uint32_t index, CounterData data) {
    auto& array = engine_->counters[index_of(engine_->program->counters, "counter", name)];
    check_index(name, index, array.size());
    array[index] = data;
}

std::optional<MeterConfig> Switch::meter(const std::string& name, std::uint32_t index) const {
    const auto& array = engine_->meters[index_of(engine_->program->meters, "meter", name)];
    check_index(name, index, array.size());
    return array[index].config();
}

void Switch::set_meter(const std::string& name, std::uint32_t index, std::optional<MeterConfig> config) {
    auto& array = engine_->meters[index_of(engine_->program->meters, "meter", name)];
    check_index(name, index, array.size());
    if (config) check_meter(*config);
    if (config)
        array[index].configure(*config, engine_->now);
    else
        array[index].reset();
}

std::string Switch::register_value(const std::string& name, std::uint32_t index) const {
    const std::uint32_t at = index_of(engine_->program->registers, "register", name);
    const RegisterArray& array = engine_->registers[at];
    check_index(name, index, array.cells.size() / array.limbs);
    return canonical_bytes(WideInt::from_limbs(&array.cells[std::size_t{index} * array.limbs], array.limbs),
                           engine_->program->registers[at].width);
}

void Switch::set_register(const std::string& name, std::uint32_t index, const std::string& value) {
    const std::uint32_t at = index_of(engine_->program->registers, "register", name);
    RegisterArray& array = engine_->registers[at];
    check_index(name, index, array.cells.size() / array.limbs);
    const WideInt number = checked_value(value, engine_->program->registers[at].width, "register " + name);
    for (std::uint32_t i = 0; i < array.limbs; ++i)
        array.cells[std::size_t{index} * array.limbs + i] = number.limb(i);
}

void Switch::insert_member(const std::string& profile, const Member& member) {
    profile_named(*engine_, profile).insert_member(member);
}

void Switch::modify_member(const std::string& profile, const Member& member) {
    profile_named(*engine_, profile).modify_member(member);
}

void Switch::remove_member(const std::string& profile, std::uint32_t id) {
    profile_named(*engine_, profile).remove_member(id);
}

std::vector<Member> Switch::members(const std::string& profile) const {
    return profile_named(*engine_, profile).members();
}

void Switch::insert_group(const std::string& profile, const Group& group) {
    profile_named(*engine_, profile).insert_group(group);
}

void Switch::modify_group(const std::string& profile, const Group& group) {
    profile_named(*engine_, profile).modify_group(group);
}

void Switch::remove_group(const std::string& profile, std::uint32_t id) {
    profile_named(*engine_, profile).remove_group(id);
}

std::vector<Group> Switch::groups(const std::string& profile) const {
    return profile_named(*engine_, profile).groups();
}

void Switch::set_port_up(std::uint32_t port, bool up) {
    const bool changed = up ? engine_->down_ports.erase(port) != 0 : engine_->down_ports.insert(port).second;
    if (!changed) return;
    for (const auto& profile : engine_->profiles) profile->ports_changed();
    for (const auto& table : engine_->tables) table->ports_changed();
}

void Switch::set_value_set(const std::string& name, const std::vector<std::vector<std::string>>& members) {
    const std::uint32_t at = index_of(engine_->program->value_sets, "value set", name);
    const ValueSetDef& set = engine_->program->value_sets[at];
    const std::vector<std::uint32_t> widths =
        set.widths.empty() ? std::vector<std::uint32_t>{set.bits} : set.widths;
    if (set.max_size != 0 && members.size() > set.max_size)
        throw FullError("value set " + name + " holds " + std::to_string(set.max_size) + " members");
    std::vector<std::vector<std::uint8_t>> packed;
    for (const auto& member : members) {
        if (member.size() != widths.size())
            throw InvalidError("value set " + name + ": a member has " + std::to_string(widths.size()) +
                               " fields");
        std::vector<std::uint8_t> bytes((set.bits + 7) / 8);
        std::size_t bit = 0;
        for (std::size_t i = 0; i < widths.size(); ++i) {
            std::vector<std::uint8_t> field((widths[i] + 7) / 8);
            checked_value(member[i], widths[i], "value set " + name).to_bytes(field.data(), field.size());
            copy_bits(bytes.data(), bit, field.data(), field.size() * 8 - widths[i], widths[i]);
            bit += widths[i];
        }
        packed.push_back(std::move(bytes));
    }
    engine_->value_sets[at] = std::move(packed);
}

std::vector<std::vector<std::string>> Switch::value_set(const std::string& name) const {
    const std::uint32_t at = index_of(engine_->program->value_sets, "value set", name);
    const ValueSetDef& set = engine_->program->value_sets[at];
    const std::vector<std::uint32_t> widths =
        set.widths.empty() ? std::vector<std::uint32_t>{set.bits} : set.widths;
    std::vector<std::vector<std::string>> list;
    for (const auto& packed : engine_->value_sets[at]) {
        std::vector<std::string> member;
        std::size_t bit = 0;
        for (std::uint32_t width : widths) {
            std::vector<std::uint8_t> field((width + 7) / 8);
            copy_bits(field.data(), field.size() * 8 - width, packed.data(), bit, width);
            member.push_back(canonical_bytes(WideInt::from_bytes(field.data(), field.size()), width));
            bit += width;
        }
        list.push_back(std::move(member));
    }
    return list;
}

void Switch::insert_multicast_group(std::uint32_t id, const std::vector<Replica>& replicas) {
    check_group_id(id);
    check_absent(engine_->groups, id, "multicast group");
    check_replicas("multicast group " + std::to_string(id), replicas);
    engine_->groups.emplace(id, replicas);
}

void Switch::modify_multicast_group(std::uint32_t id, const std::vector<Replica>& replicas) {
    auto& group = existing(engine_->groups, id, "multicast group");
    check_replicas("multicast group " + std::to_string(id), replicas);
    group = replicas;
}

void Switch::remove_multicast_group(std::uint32_t id) {
    static_cast<void>(existing(engine_->groups, id, "multicast group"));
    engine_->groups.erase(id);
}

std::vector<std::pair<std::uint32_t, std::vector<Replica>>> Switch::multicast_groups() const {
    return {engine_->groups.begin(), engine_->groups.end()};
}

void Switch::insert_clone_session(std::uint32_t id, const CloneSession& session) {
    check_session_id(id);
    check_absent(engine_->sessions, id, "clone session");
    check_replicas("clone session " + std::to_string(id), session.replicas);
    engine_->sessions.emplace(id, session);
}

void Switch::modify_clone_session(std::uint32_t id, const CloneSession& session) {
    auto& known = existing(engine_->sessions, id, "clone session");
    check_replicas("clone session " + std::to_string(id), session.replicas);
    known = session;
}

void Switch::remove_clone_session(std::uint32_t id) {
    static_cast<void>(existing(engine_->sessions, id, "clone session"));
    engine_->sessions.erase(id);
}

std::vector<std::pair<std::uint32_t, CloneSession>> Switch::clone_sessions() const {
    return {engine_->sessions.begin(), engine_->sessions.end()};
}

void Switch::on_digest(std::function<void(const Digest&)> callback) {
    engine_->on_digest = std::move(callback);
}

void Switch::on_log(std::function<void(const std::string&)> callback) {
    engine_->on_log = std::move(callback);
}

}  // namespace weft::p4switch
