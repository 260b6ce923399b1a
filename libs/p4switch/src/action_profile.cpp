#include "action_profile.hpp"

#include "key_value.hpp"
#include "names.hpp"

#include <weft/p4switch/error.hpp>

#include <algorithm>

namespace weft::p4switch {
namespace {

constexpr std::uint32_t max_weight = 1U << 16;

}  // namespace

std::vector<std::uint64_t> bind_arguments(const Action& action, const ActionCall& call) {
    if (call.arguments.size() != action.params.size())
        throw InvalidError("action " + action.name + " takes " + std::to_string(action.params.size()) +
                           " arguments, not " + std::to_string(call.arguments.size()));
    std::vector<std::uint64_t> data(action.limbs);
    for (const Param& param : action.params) {
        const auto found =
            std::find_if(call.arguments.begin(), call.arguments.end(),
                         [&](const Argument& argument) { return argument.name == param.name; });
        if (found == call.arguments.end())
            throw InvalidError("action " + action.name + ": argument \"" + param.name + "\" is missing");
        const WideInt value = checked_value(found->value, param.width, "argument " + param.name);
        for (std::uint32_t limb = 0; limb < (param.width + 63) / 64; ++limb)
            data[param.limb + limb] = value.limb(limb);
    }
    return data;
}

ActionCall unbind_arguments(const Action& action, const std::vector<std::uint64_t>& data) {
    ActionCall call;
    call.action = action.name;
    for (const Param& param : action.params) {
        const std::uint32_t limbs = (param.width + 63) / 64;
        const WideInt value = limbs == 0 ? WideInt() : WideInt::from_limbs(&data[param.limb], limbs);
        call.arguments.push_back({param.name, canonical_bytes(value, param.width)});
    }
    return call;
}

void WeightedChoice::assign(std::vector<Item> items, const PortSet& down) {
    items_ = std::move(items);
    refresh(down);
}

void WeightedChoice::refresh(const PortSet& down) {
    active_.clear();
    for (const Item& item : items_)
        if (!item.watch_port || !down.contains(*item.watch_port))
            active_.insert(active_.end(), item.weight, item.action);
}

BoundAction ActionProfile::bind(const ActionCall& call) const {
    std::vector<std::string> known;
    for (std::uint32_t index : definition_.actions) {
        const Action& action = program_.actions[index];
        if (action.name == call.action) return {index, bind_arguments(action, call)};
        known.push_back(action.name);
    }
    const std::string near = nearest_name(call.action, known);
    throw InvalidError("action profile " + definition_.name + " has no action \"" + call.action + "\"" +
                       (near.empty() ? "" : "; did you mean \"" + near + "\"?"));
}

ProfileMember& ActionProfile::member(std::uint32_t id) {
    const auto found = members_.find(id);
    if (found == members_.end())
        throw NotFoundError("action profile " + definition_.name + " has no member " + std::to_string(id));
    return *found->second;
}

ProfileGroup& ActionProfile::group(std::uint32_t id) {
    const auto found = groups_.find(id);
    if (found == groups_.end())
        throw NotFoundError("action profile " + definition_.name + " has no group " + std::to_string(id));
    return *found->second;
}

void ActionProfile::insert_member(const Member& member) {
    if (members_.contains(member.id))
        throw DuplicateError("action profile " + definition_.name + " has a member " +
                             std::to_string(member.id) + " already");
    if (definition_.max_size != 0 && members_.size() >= definition_.max_size)
        throw FullError("action profile " + definition_.name + " holds " +
                        std::to_string(definition_.max_size) + " members");
    auto state = std::make_unique<ProfileMember>();
    state->id = member.id;
    state->bound = bind(member.call);
    // BMv2 hands out the lowest free handle, and groups are ordered by it.
    while (handles_.contains(state->handle)) ++state->handle;
    handles_.insert(state->handle);
    members_.emplace(member.id, std::move(state));
}

void ActionProfile::modify_member(const Member& change) { member(change.id).bound = bind(change.call); }

void ActionProfile::remove_member(std::uint32_t id) {
    const ProfileMember& state = member(id);
    if (state.users != 0)
        throw InUseError("member " + std::to_string(id) + " of " + definition_.name + " is in use");
    handles_.erase(state.handle);
    members_.erase(id);
}

std::vector<Member> ActionProfile::members() const {
    std::vector<Member> list;
    for (const auto& [id, state] : members_)
        list.push_back({id, unbind_arguments(program_.actions[state->bound.action], state->bound.data)});
    return list;
}

void ActionProfile::check_group(const Group& group) {
    if (!definition_.selector)
        throw InvalidError("action profile " + definition_.name + " has no selector, so no groups");
    std::uint64_t total = 0;
    std::set<std::uint32_t> seen;
    for (const GroupMember& item : group.members) {
        static_cast<void>(member(item.member));
        if (item.weight == 0 || item.weight > max_weight)
            throw InvalidError("group " + std::to_string(group.id) + ": weights are from 1 to 65536");
        if (!seen.insert(item.member).second)
            throw InvalidError("group " + std::to_string(group.id) + ": member " +
                               std::to_string(item.member) + " is listed twice");
        total += item.weight;
    }
    const std::uint32_t most = group.max_size != 0 ? group.max_size : max_weight;
    if (total > most)
        throw FullError("group " + std::to_string(group.id) + " has a total weight of " +
                        std::to_string(total) + ", more than " + std::to_string(most));
}

void ActionProfile::use_members(const Group& group, int by) {
    for (const GroupMember& item : group.members) member(item.member).users += static_cast<unsigned>(by);
}

void ActionProfile::rebuild(ProfileGroup& group) {
    std::vector<std::pair<std::uint32_t, WeightedChoice::Item>> items;
    for (const GroupMember& item : group.spec.members) {
        const ProfileMember& state = member(item.member);
        items.push_back({state.handle, {&state.bound, item.weight, item.watch_port}});
    }
    std::sort(items.begin(), items.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    std::vector<WeightedChoice::Item> ordered;
    for (const auto& [handle, item] : items) ordered.push_back(item);
    group.choice.assign(std::move(ordered), down_);
}

void ActionProfile::insert_group(const Group& group) {
    if (groups_.contains(group.id))
        throw DuplicateError("action profile " + definition_.name + " has a group " +
                             std::to_string(group.id) + " already");
    check_group(group);
    auto state = std::make_unique<ProfileGroup>();
    state->spec = group;
    use_members(group, 1);
    rebuild(*state);
    groups_.emplace(group.id, std::move(state));
}

void ActionProfile::modify_group(const Group& change) {
    ProfileGroup& state = group(change.id);
    check_group(change);
    use_members(state.spec, -1);
    state.spec = change;
    use_members(change, 1);
    rebuild(state);
}

void ActionProfile::remove_group(std::uint32_t id) {
    const ProfileGroup& state = group(id);
    if (state.users != 0)
        throw InUseError("group " + std::to_string(id) + " of " + definition_.name + " is in use");
    use_members(state.spec, -1);
    groups_.erase(id);
}

std::vector<Group> ActionProfile::groups() const {
    std::vector<Group> list;
    for (const auto& [id, state] : groups_) list.push_back(state->spec);
    return list;
}

void ActionProfile::ports_changed() {
    for (const auto& [id, state] : groups_) state->choice.refresh(down_);
}

}  // namespace weft::p4switch
