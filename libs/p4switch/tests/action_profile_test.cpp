// Members, groups, one-shot sets and watch ports on the programs that use them.
#include "fixture.hpp"
#include "program_file.hpp"

#include <map>

namespace weft::p4switch {
namespace {

using namespace test;

const char* const profile = "MyIngress.nexthops";

ActionCall hop(std::uint64_t port) {
    return {"MyIngress.set_nexthop",
            {{"port", to_bytes(port)}, {"srcAddr", to_bytes(0xaa)}, {"dstAddr", to_bytes(port)}}};
}

class Selector : public testing::Test {
protected:
    Selector() : target(load_program("fabric")) {
        for (std::uint32_t id : {1U, 2U, 3U}) target.insert_member(profile, {id, hop(id)});
    }
    void route(EntryAction action) {
        TableEntry entry;
        entry.match = {lpm("hdr.ipv4.dstAddr", bytes({10, 0, 0, 0}), 8)};
        entry.action = std::move(action);
        target.insert("MyIngress.ipv4_route", entry);
    }
    // Port → packets, over 64 flows.
    std::map<std::uint32_t, int> spread() {
        std::map<std::uint32_t, int> ports;
        for (int i = 0; i < 64; ++i) {
            Frame frame =
                test::frame("020000000002 020000000001 0800 4500001c00000000401163d00a0000010a000002");
            const Frame udp = {0x10, static_cast<std::uint8_t>(i), 0, 53, 0, 8, 0, 0};
            std::uint32_t sum = 0;
            frame[24] = frame[25] = 0;
            for (std::size_t at = 14; at < 34; at += 2)
                sum += static_cast<std::uint32_t>(frame[at] << 8 | frame[at + 1]);
            while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
            frame[24] = static_cast<std::uint8_t>(~sum >> 8);
            frame[25] = static_cast<std::uint8_t>(~sum);
            frame.insert(frame.end(), udp.begin(), udp.end());
            for (const auto& [port, out] : run(target, 1, frame)) ++ports[port];
        }
        return ports;
    }
    Switch target;
};

TEST_F(Selector, a_group_spreads_flows_over_its_members) {
    target.insert_group(profile, {7, 0, {{1, 1, {}}, {2, 1, {}}}});
    route(GroupRef{7});
    const auto ports = spread();
    EXPECT_EQ(ports.size(), 2U);
    EXPECT_EQ(ports.at(1) + ports.at(2), 64);
    EXPECT_GT(ports.at(1), 10);
    EXPECT_GT(ports.at(2), 10);
    target.modify_group(profile, {7, 0, {{3, 1, {}}}});
    EXPECT_EQ(spread(), (std::map<std::uint32_t, int>{{3, 64}}));
    target.modify_member(profile, {3, hop(9)});
    EXPECT_EQ(spread(), (std::map<std::uint32_t, int>{{9, 64}}));
}

TEST_F(Selector, a_member_whose_port_is_down_is_not_chosen) {
    target.insert_group(profile, {7, 0, {{1, 1, 1}, {2, 1, 2}}});
    route(GroupRef{7});
    target.set_port_up(1, false);
    EXPECT_EQ(spread(), (std::map<std::uint32_t, int>{{2, 64}}));
    target.set_port_up(2, false);
    EXPECT_TRUE(spread().empty());
    target.set_port_up(1, true);
    target.set_port_up(2, true);
    EXPECT_EQ(spread().size(), 2U);
}

TEST_F(Selector, a_one_shot_set_has_weights_and_is_read_back_as_written) {
    OneShot set;
    set.actions = {{hop(4), 3, {}}, {hop(5), 1, 5}};
    route(set);
    const auto ports = spread();
    EXPECT_GT(ports.at(4), ports.at(5));
    EXPECT_EQ(std::get<OneShot>(target.entries("MyIngress.ipv4_route").front().action), set);
    target.set_port_up(5, false);
    EXPECT_EQ(spread(), (std::map<std::uint32_t, int>{{4, 64}}));
}

TEST_F(Selector, what_is_in_use_cannot_be_removed) {
    target.insert_group(profile, {7, 0, {{1, 1, {}}}});
    route(GroupRef{7});
    EXPECT_THROW(target.remove_member(profile, 1), InUseError);
    EXPECT_THROW(target.remove_group(profile, 7), InUseError);
    target.remove("MyIngress.ipv4_route", target.entries("MyIngress.ipv4_route").front());
    target.remove_group(profile, 7);
    target.remove_member(profile, 1);
    EXPECT_EQ(target.members(profile).size(), 2U);
    EXPECT_TRUE(target.groups(profile).empty());
}

TEST_F(Selector, wrong_members_and_groups_are_refused) {
    EXPECT_THROW(target.insert_member(profile, {1, hop(1)}), DuplicateError);
    EXPECT_THROW(target.modify_member(profile, {99, hop(1)}), NotFoundError);
    EXPECT_THROW(target.insert_member(profile, {9, {"MyIngress.permit", {}}}), InvalidError);
    EXPECT_THROW(target.insert_group(profile, {7, 0, {{99, 1, {}}}}), NotFoundError);
    EXPECT_THROW(target.insert_group(profile, {7, 0, {{1, 0, {}}}}), InvalidError);
    EXPECT_THROW(target.insert_group(profile, {7, 0, {{1, 1, {}}, {1, 1, {}}}}), InvalidError);
    EXPECT_THROW(target.insert_group(profile, {7, 2, {{1, 3, {}}}}), FullError);
    EXPECT_THROW(route(GroupRef{8}), NotFoundError);
    EXPECT_THROW(route(MemberRef{8}), NotFoundError);
    EXPECT_THROW(route(hop(1)), InvalidError);
    EXPECT_THROW(route(OneShot{}), InvalidError);
    EXPECT_TRUE(target.entries("MyIngress.ipv4_route").empty());
    for (std::uint32_t id : {1U, 2U, 3U}) target.remove_member(profile, id);  // a refusal left no use behind
}

}  // namespace
}  // namespace weft::p4switch
