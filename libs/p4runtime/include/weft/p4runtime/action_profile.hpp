// Members and groups of action profiles and selectors: shared actions that table entries refer to by number.
#pragma once

#include <weft/p4runtime/action.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace weft::p4runtime {

class ActionProfileMember {
public:
    ActionProfileMember() = default;
    ActionProfileMember(std::string profile_, std::uint32_t member_id_, ActionCall action_ = ActionCall())
        : profile(std::move(profile_)), member_id(member_id_), action(std::move(action_)) {}

    std::string profile;
    std::uint32_t member_id = 0;  // 0 in a read: all
    ActionCall action;

    friend bool operator==(const ActionProfileMember&, const ActionProfileMember&) = default;
};

class ActionProfileGroup {
public:
    class Member {
    public:
        Member() = default;
        explicit Member(std::uint32_t member_id_, std::int32_t weight_ = 1,
                        std::optional<Value> watch_port_ = std::nullopt)
            : member_id(member_id_), weight(weight_), watch_port(std::move(watch_port_)) {}

        std::uint32_t member_id = 0;
        std::int32_t weight = 1;
        std::optional<Value> watch_port;  // taken only while this port is up

        friend bool operator==(const Member&, const Member&) = default;
    };

    ActionProfileGroup() = default;
    ActionProfileGroup(std::string profile_, std::uint32_t group_id_, std::int32_t max_size_ = 0)
        : profile(std::move(profile_)), group_id(group_id_), max_size(max_size_) {}

    ActionProfileGroup& member(std::uint32_t member_id, std::int32_t weight = 1,
                               std::optional<Value> watch_port = std::nullopt) & {
        members.emplace_back(member_id, weight, std::move(watch_port));
        return *this;
    }
    ActionProfileGroup&& member(std::uint32_t member_id, std::int32_t weight = 1,
                                std::optional<Value> watch_port = std::nullopt) && {
        return std::move(member(member_id, weight, std::move(watch_port)));
    }

    std::string profile;
    std::uint32_t group_id = 0;  // 0 in a read: all
    std::vector<Member> members;
    std::int32_t max_size = 0;  // fixed at insert; 0: the profile's max_group_size

    friend bool operator==(const ActionProfileGroup&, const ActionProfileGroup&) = default;
};

}  // namespace weft::p4runtime
