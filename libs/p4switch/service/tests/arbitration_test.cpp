// Arbitration: the rules one by one, and a random history against a plain restatement of them.
#include "arbitration.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <random>
#include <string>

namespace weft::p4switch {
namespace {

using Id = Arbitration::Id;

p4::v1::MasterArbitrationUpdate hello(std::optional<Id> id, const std::string& role = "",
                                      std::uint64_t device = 1) {
    p4::v1::MasterArbitrationUpdate message;
    message.set_device_id(device);
    if (!role.empty()) message.mutable_role()->set_name(role);
    if (id) {
        message.mutable_election_id()->set_high(id->first);
        message.mutable_election_id()->set_low(id->second);
    }
    return message;
}

int refused(Arbitration& arbitration, std::uint64_t stream, const p4::v1::MasterArbitrationUpdate& message) {
    try {
        (void)arbitration.update(stream, message);
    } catch (const Refusal& refusal) {
        return refusal.code();
    }
    return google::rpc::OK;
}

TEST(Arbitration, the_highest_id_is_primary_and_the_old_primary_is_told) {
    Arbitration arbitration(1, 8);
    auto notices = arbitration.update(1, hello(Id{0, 5}));
    ASSERT_EQ(notices.size(), 1U);
    EXPECT_EQ(notices[0].update.status().code(), google::rpc::OK);
    notices = arbitration.update(2, hello(Id{1, 0}));
    ASSERT_EQ(notices.size(), 2U);
    EXPECT_EQ(notices[0].stream, 1U);
    EXPECT_EQ(notices[0].update.status().code(), google::rpc::ALREADY_EXISTS);
    EXPECT_EQ(notices[0].update.election_id().high(), 1U);
    EXPECT_EQ(notices[1].stream, 2U) << "the new primary is told last";
    EXPECT_FALSE(arbitration.is_primary("", Id{0, 5}));
    EXPECT_TRUE(arbitration.is_primary("", Id{1, 0}));
}

TEST(Arbitration, nobody_is_primary_after_the_primary_has_left_until_an_id_as_high_comes) {
    Arbitration arbitration(1, 8);
    (void)arbitration.update(1, hello(Id{0, 5}));
    (void)arbitration.update(2, hello(Id{0, 3}));
    const auto notices = arbitration.remove(1);
    ASSERT_EQ(notices.size(), 1U);
    EXPECT_EQ(notices[0].update.status().code(), google::rpc::NOT_FOUND);
    EXPECT_FALSE(arbitration.is_primary(2));
    (void)arbitration.update(2, hello(Id{0, 4}));
    EXPECT_FALSE(arbitration.is_primary(2));
    (void)arbitration.update(2, hello(Id{0, 5}));
    EXPECT_TRUE(arbitration.is_primary(2));
}

TEST(Arbitration, refusals_have_the_codes_of_the_specification) {
    Arbitration arbitration(1, 2);
    EXPECT_EQ(refused(arbitration, 1, hello(Id{0, 1}, "", 9)), google::rpc::NOT_FOUND);
    EXPECT_EQ(refused(arbitration, 1, hello(Id{0, 1})), google::rpc::OK);
    EXPECT_EQ(refused(arbitration, 2, hello(Id{0, 1})), google::rpc::INVALID_ARGUMENT) << "the ID is taken";
    EXPECT_EQ(refused(arbitration, 1, hello(Id{0, 1}, "other")), google::rpc::FAILED_PRECONDITION);
    EXPECT_EQ(refused(arbitration, 2, hello(std::nullopt)), google::rpc::OK);
    EXPECT_EQ(refused(arbitration, 3, hello(std::nullopt)), google::rpc::RESOURCE_EXHAUSTED);
    auto with_config = hello(Id{0, 2});
    with_config.mutable_role()->mutable_config();
    EXPECT_EQ(refused(arbitration, 1, with_config), google::rpc::INVALID_ARGUMENT);
}

TEST(Arbitration, zero_is_an_id_and_no_id_is_none) {
    Arbitration arbitration(1, 8);
    (void)arbitration.update(1, hello(std::nullopt));
    EXPECT_FALSE(arbitration.is_primary(1));
    EXPECT_FALSE(arbitration.is_primary("", std::nullopt));
    (void)arbitration.update(2, hello(Id{0, 0}));
    EXPECT_TRUE(arbitration.is_primary(2));
}

TEST(Arbitration, roles_do_not_know_each_other) {
    Arbitration arbitration(1, 8);
    (void)arbitration.update(1, hello(Id{0, 1}));
    (void)arbitration.update(2, hello(Id{0, 1}, "sdn"));
    EXPECT_TRUE(arbitration.is_primary(1));
    EXPECT_TRUE(arbitration.is_primary(2));
    EXPECT_EQ(arbitration.primaries().size(), 2U);
}

TEST(Arbitration, a_primary_that_lowers_its_id_steps_down) {
    Arbitration arbitration(1, 8);
    (void)arbitration.update(1, hello(Id{0, 9}));
    const auto notices = arbitration.update(1, hello(Id{0, 2}));
    ASSERT_EQ(notices.size(), 1U);
    EXPECT_EQ(notices[0].update.status().code(), google::rpc::NOT_FOUND);
    EXPECT_EQ(notices[0].update.election_id().low(), 9U);
}

TEST(Arbitration, a_random_history_agrees_with_the_rules) {
    std::mt19937 random(77);
    Arbitration arbitration(1, 100);
    struct Peer {
        std::optional<Id> id;
        int last = -1;  // the status of its last notice
    };
    std::map<std::uint64_t, Peer> peers;
    std::optional<Id> highest;
    std::optional<std::uint64_t> primary;
    std::uint64_t next = 1;
    for (int step = 0; step < 20000; ++step) {
        std::vector<Arbitration::Notice> notices;
        const unsigned what = random() % 10;
        if (what < 2 && peers.size() < 6) {
            peers[next++];
        }
        if (peers.empty()) continue;
        auto chosen = peers.begin();
        std::advance(chosen, random() % peers.size());
        const std::uint64_t stream = chosen->first;
        if (what == 9) {
            notices = arbitration.remove(stream);
            peers.erase(chosen);
            if (primary == stream) primary.reset();
        } else {
            std::optional<Id> id;
            if (random() % 8 != 0)
                id = Id{0, (highest ? highest->second : 0) + random() % 5 - (highest ? 2 : 0)};
            if (id && id->second > UINT64_MAX / 2) id->second = 0;
            const bool taken = id && std::any_of(peers.begin(), peers.end(), [&](const auto& peer) {
                                   return peer.first != stream && peer.second.id == id;
                               });
            if (taken) {
                ASSERT_EQ(refused(arbitration, stream, hello(id)), google::rpc::INVALID_ARGUMENT);
                continue;
            }
            notices = arbitration.update(stream, hello(id));
            chosen->second.id = id;
            if (id && (!highest || *id >= *highest)) {
                highest = id;
                primary = stream;
            } else if (primary == stream) {
                primary.reset();
            }
        }
        for (const auto& notice : notices) {
            const int code = notice.update.status().code();
            const int expected = primary == notice.stream ? google::rpc::OK
                                 : primary                ? google::rpc::ALREADY_EXISTS
                                                          : google::rpc::NOT_FOUND;
            ASSERT_EQ(code, expected) << step;
            peers[notice.stream].last = code;
        }
        // Everyone who was ever answered knows the truth without asking again.
        for (const auto& [other, peer] : peers) {
            ASSERT_EQ(arbitration.is_primary(other), primary == other) << step;
            if (peer.last < 0) continue;
            const int truth = primary == other ? google::rpc::OK
                              : primary        ? google::rpc::ALREADY_EXISTS
                                               : google::rpc::NOT_FOUND;
            ASSERT_EQ(peer.last, truth) << step;
        }
    }
}

}  // namespace
}  // namespace weft::p4switch
