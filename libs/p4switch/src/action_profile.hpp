// Action profiles and selectors: members, groups of members, and the choice of a member for a packet.
#pragma once

#include "compiled.hpp"

#include <weft/p4switch/entry.hpp>

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <vector>

namespace weft::p4switch {

// An action with its arguments, ready to run.
struct BoundAction {
    std::uint32_t action = none;
    std::vector<std::uint64_t> data;
};

// Throws InvalidError when an argument is missing, unknown, repeated or too wide.
[[nodiscard]] std::vector<std::uint64_t> bind_arguments(const Action& action, const ActionCall& call);
[[nodiscard]] ActionCall unbind_arguments(const Action& action, const std::vector<std::uint64_t>& data);

using PortSet = std::set<std::uint32_t>;

// Weighted actions in a fixed order, with those left out whose port is down.
class WeightedChoice {
public:
    struct Item {
        const BoundAction* action = nullptr;
        std::uint32_t weight = 1;
        std::optional<std::uint32_t> watch_port;
    };

    void assign(std::vector<Item> items, const PortSet& down);
    void refresh(const PortSet& down);
    // nullptr when nothing can be chosen.
    [[nodiscard]] const BoundAction* choose(std::uint64_t hash) const {
        return active_.empty() ? nullptr : active_[hash % active_.size()];
    }

private:
    std::vector<Item> items_;
    std::vector<const BoundAction*> active_;
};

struct ProfileMember {
    std::uint32_t id = 0;
    std::uint32_t handle = 0;
    std::uint32_t users = 0;  // entries and groups
    BoundAction bound;
};

struct ProfileGroup {
    Group spec;
    std::uint32_t users = 0;  // entries
    WeightedChoice choice;
};

class ActionProfile {
public:
    ActionProfile(const Compiled& program, const ProfileDef& definition, const PortSet& down)
        : program_(program), definition_(definition), down_(down) {}

    void insert_member(const Member& member);
    void modify_member(const Member& member);
    void remove_member(std::uint32_t id);
    [[nodiscard]] std::vector<Member> members() const;

    void insert_group(const Group& group);
    void modify_group(const Group& group);
    void remove_group(std::uint32_t id);
    [[nodiscard]] std::vector<Group> groups() const;

    [[nodiscard]] ProfileMember& member(std::uint32_t id);
    [[nodiscard]] ProfileGroup& group(std::uint32_t id);
    [[nodiscard]] BoundAction bind(const ActionCall& call) const;
    [[nodiscard]] const ProfileDef& definition() const { return definition_; }
    void ports_changed();

private:
    void check_group(const Group& group);
    void use_members(const Group& group, int by);
    void rebuild(ProfileGroup& group);

    const Compiled& program_;
    const ProfileDef& definition_;
    const PortSet& down_;
    std::map<std::uint32_t, std::unique_ptr<ProfileMember>> members_;
    std::map<std::uint32_t, std::unique_ptr<ProfileGroup>> groups_;
    std::set<std::uint32_t> handles_;
};

}  // namespace weft::p4switch
