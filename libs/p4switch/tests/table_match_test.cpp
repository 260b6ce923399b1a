// Which entry of a table wins, and what the control interface refuses.
#include "fixture.hpp"

namespace weft::p4switch {
namespace {

using namespace test;

TEST(TableMatch, exact_key_selects_its_entry_and_a_miss_takes_the_default) {
    SmallProgram program;
    program.key = {{"a", "exact"}, {"b", "exact"}};
    Switch target = program.start();
    target.insert("t", to_port({exact("h.a", bytes({1})), exact("h.b", bytes({1, 0x23}))}, 5));
    EXPECT_EQ(port_of(target, small_frame(1, 0x123)), 5U);
    EXPECT_EQ(port_of(target, small_frame(1, 0x122)), 0U);
    target.set_default_action("t", {"out", {{"port", bytes({9})}}});
    EXPECT_EQ(port_of(target, small_frame(1, 0x122)), 9U);
    target.reset_default_action("t");
    EXPECT_EQ(port_of(target, small_frame(1, 0x122)), 0U);
}

TEST(TableMatch, exact_key_of_128_bits) {
    SmallProgram program;
    program.key = {{"e", "exact"}};
    Switch target = program.start();
    std::string address(16, '\0');
    address.front() = '\x20';
    address.back() = '\1';
    target.insert("t", to_port({exact("h.e", address)}, 3));
    Frame hit = small_frame(0);
    hit[7] = 0x20;
    hit[22] = 1;
    EXPECT_EQ(port_of(target, hit), 3U);
    hit[22] = 0;
    EXPECT_EQ(port_of(target, hit), 0U);
}

TEST(TableMatch, longest_prefix_wins_whatever_the_order_of_insertion) {
    SmallProgram program;
    program.key = {{"d", "lpm"}};
    Switch target = program.start();
    target.insert("t", to_port({lpm("h.d", bytes({10, 1, 0, 0}), 16)}, 2));
    target.insert("t", to_port({}, 4));  // the empty prefix
    target.insert("t", to_port({lpm("h.d", bytes({10, 1, 1, 1}), 32)}, 3));
    target.insert("t", to_port({lpm("h.d", bytes({10, 0, 0, 0}), 8)}, 1));
    EXPECT_EQ(port_of(target, small_frame(0, 0, 0x0a010101)), 3U);
    EXPECT_EQ(port_of(target, small_frame(0, 0, 0x0a010102)), 2U);
    EXPECT_EQ(port_of(target, small_frame(0, 0, 0x0aff0000)), 1U);
    EXPECT_EQ(port_of(target, small_frame(0, 0, 0x0b000000)), 4U);
    target.remove("t", to_port({lpm("h.d", bytes({10, 1, 0, 0}), 16)}, 0));
    EXPECT_EQ(port_of(target, small_frame(0, 0, 0x0a010102)), 1U);
}

TEST(TableMatch, prefix_counts_from_the_top_bit_of_a_field_that_is_not_whole_bytes) {
    SmallProgram program;
    program.key = {{"b", "lpm"}};
    Switch target = program.start();
    target.insert("t", to_port({lpm("h.b", bytes({0xa, 0xb0}), 8)}, 7));
    EXPECT_EQ(port_of(target, small_frame(0, 0xabf)), 7U);
    EXPECT_EQ(port_of(target, small_frame(0, 0xacf)), 0U);
}

TEST(TableMatch, host_bits_of_a_prefix_do_not_matter_but_are_read_back) {
    SmallProgram program;
    program.key = {{"d", "lpm"}};
    Switch target = program.start();
    const TableEntry entry = to_port({lpm("h.d", bytes({10, 1, 2, 3}), 8)}, 2);
    target.insert("t", entry);
    EXPECT_EQ(port_of(target, small_frame(0, 0, 0x0a000000)), 2U);
    EXPECT_EQ(target.entries("t").front().match, entry.match);
    EXPECT_THROW(target.insert("t", to_port({lpm("h.d", bytes({10, 9, 9, 9}), 8)}, 2)), DuplicateError);
}

TEST(TableMatch, larger_priority_wins_among_overlapping_ternary_entries) {
    SmallProgram program;
    program.key = {{"a", "ternary"}, {"d", "ternary"}};
    Switch target = program.start();
    target.insert("t", to_port({ternary("h.a", bytes({0x10}), bytes({0xf0}))}, 1, 10));
    target.insert("t", to_port({ternary("h.a", bytes({0x12}), bytes({0xff}))}, 2, 5));
    target.insert("t", to_port({}, 3, 1));
    EXPECT_EQ(port_of(target, small_frame(0x12)), 1U);
    EXPECT_EQ(port_of(target, small_frame(0x22)), 3U);
    target.insert("t", to_port({optional("h.a", bytes({0x12}))}, 4, 20));
    EXPECT_EQ(port_of(target, small_frame(0x12)), 4U);
}

TEST(TableMatch, equal_priorities_go_to_the_entry_inserted_first) {
    SmallProgram program;
    program.key = {{"a", "ternary"}};
    Switch target = program.start();
    target.insert("t", to_port({ternary("h.a", bytes({0}), bytes({0x01}))}, 1, 7));
    target.insert("t", to_port({ternary("h.a", bytes({0}), bytes({0x02}))}, 2, 7));
    EXPECT_EQ(port_of(target, small_frame(0)), 1U);
}

TEST(TableMatch, a_large_ternary_table_agrees_with_a_scan) {
    SmallProgram program;
    program.key = {{"a", "ternary"}, {"b", "ternary"}, {"d", "ternary"}};
    program.max_size = "1000";
    Switch target = program.start();
    struct Rule {
        std::uint32_t value, mask;
        std::int32_t priority;
        std::uint32_t port;
    };
    const std::uint32_t masks[] = {0xffffff00, 0xffff0000, 0xffffffff, 0x000000ff};
    std::vector<Rule> rules;
    std::uint32_t state = 1;
    const auto next = [&] { return state = state * 1664525 + 1013904223; };
    const auto entry = [](const Rule& rule) {
        return to_port({ternary("h.d", to_bytes(rule.value & rule.mask), to_bytes(rule.mask))}, rule.port,
                       rule.priority);
    };
    for (std::uint32_t i = 0; i < 400; ++i) {
        const std::uint32_t value =
            (next() >> 8 & 3) << 24 | (next() >> 8 & 3) << 16 | (next() >> 8 & 3) << 8 | (next() >> 8 & 7);
        rules.push_back({value, masks[next() >> 8 & 3], static_cast<std::int32_t>(i + 1), 1 + i});
        target.insert("t", entry(rules.back()));
    }
    for (int round = 0; round < 3; ++round) {
        for (int i = 0; i < 500; ++i) {
            const std::uint32_t d = (next() >> 8 & 3) << 24 | (next() >> 8 & 3) << 16 |
                                    (next() >> 8 & 3) << 8 | (next() >> 8 & 7);
            std::uint32_t expected = 0;
            std::int32_t best = 0;
            for (const Rule& rule : rules)
                if ((d & rule.mask) == (rule.value & rule.mask) && rule.priority > best) {
                    best = rule.priority;
                    expected = rule.port;
                }
            ASSERT_EQ(port_of(target, small_frame(0, 0, d)), expected) << std::hex << d;
        }
        for (int i = 0; i < 50; ++i) {
            target.remove("t", entry(rules.back()));
            rules.pop_back();
        }
    }
}

TEST(TableMatch, range_includes_both_ends) {
    SmallProgram program;
    program.key = {{"b", "range"}, {"a", "exact"}};
    Switch target = program.start();
    target.insert(
        "t",
        to_port({range("h.b", bytes({0x00, 0xff}), bytes({0x1, 0x01})), exact("h.a", bytes({0}))}, 6, 1));
    EXPECT_EQ(port_of(target, small_frame(0, 0x0fe)), 0U);
    EXPECT_EQ(port_of(target, small_frame(0, 0x0ff)), 6U);
    EXPECT_EQ(port_of(target, small_frame(0, 0x101)), 6U);
    EXPECT_EQ(port_of(target, small_frame(0, 0x102)), 0U);
    EXPECT_EQ(port_of(target, small_frame(1, 0x100)), 0U);
    EXPECT_THROW(
        target.insert("t", to_port({range("h.b", bytes({2}), bytes({1})), exact("h.a", bytes({0}))}, 6, 1)),
        InvalidError);
}

TEST(TableMatch, a_field_of_an_invalid_header_counts_as_zero) {
    SmallProgram program;
    program.key = {{"a", "exact"}, {"$valid$", "exact"}};
    Switch target = program.start();
    target.insert("t", to_port({exact("h.a", bytes({0})), exact("h.$valid$", bytes({0}))}, 8));
    EXPECT_EQ(port_of(target, Frame{1, 2, 3}), 8U);  // too short for h
    EXPECT_EQ(port_of(target, small_frame(0)), 0U);
}

TEST(TableControl, duplicate_is_the_same_key_with_the_same_priority) {
    SmallProgram program;
    program.key = {{"a", "ternary"}};
    Switch target = program.start();
    const std::vector<MatchField> match = {ternary("h.a", bytes({1}), bytes({1}))};
    target.insert("t", to_port(match, 1, 1));
    EXPECT_THROW(target.insert("t", to_port(match, 2, 1)), DuplicateError);
    target.insert("t", to_port(match, 2, 2));
    EXPECT_EQ(target.entry_count("t"), 2U);
}

TEST(TableControl, a_full_table_refuses_until_an_entry_goes) {
    SmallProgram program;
    program.key = {{"a", "exact"}};
    program.max_size = "2";
    Switch target = program.start();
    target.insert("t", to_port({exact("h.a", bytes({1}))}, 1));
    target.insert("t", to_port({exact("h.a", bytes({2}))}, 1));
    EXPECT_THROW(target.insert("t", to_port({exact("h.a", bytes({3}))}, 1)), FullError);
    target.remove("t", to_port({exact("h.a", bytes({1}))}, 0));
    target.insert("t", to_port({exact("h.a", bytes({3}))}, 4));
    EXPECT_EQ(port_of(target, small_frame(3)), 4U);
    EXPECT_EQ(port_of(target, small_frame(1)), 0U);
}

TEST(TableControl, modify_keeps_the_counter_and_replaces_the_action) {
    SmallProgram program;
    program.key = {{"a", "exact"}};
    Switch target = program.start();
    const std::vector<MatchField> match = {exact("h.a", bytes({1}))};
    target.insert("t", to_port(match, 1));
    EXPECT_EQ(port_of(target, small_frame(1)), 1U);
    target.modify("t", to_port(match, 2));
    EXPECT_EQ(port_of(target, small_frame(1)), 2U);
    const TableEntry read = target.entry("t", to_port(match, 0));
    EXPECT_EQ(read.counter, (CounterData{2, 48}));
    EXPECT_EQ(std::get<ActionCall>(read.action).arguments.front().value, bytes({2}));
    EXPECT_THROW(target.modify("t", to_port({exact("h.a", bytes({9}))}, 2)), NotFoundError);
    EXPECT_THROW(target.remove("t", to_port({exact("h.a", bytes({9}))}, 2)), NotFoundError);
}

TEST(TableControl, wrong_keys_and_actions_are_refused) {
    SmallProgram program;
    program.key = {{"a", "exact"}, {"b", "exact"}};
    Switch target = program.start();
    const MatchField a = exact("h.a", bytes({1})), b = exact("h.b", bytes({1}));
    EXPECT_THROW(target.insert("t", to_port({a}, 1)), InvalidError);
    EXPECT_THROW(target.insert("t", to_port({a, a, b}, 1)), InvalidError);
    EXPECT_THROW(target.insert("t", to_port({a, exact("h.b", bytes({0x10, 0}))}, 1)),
                 InvalidError);  // 13 bits
    EXPECT_THROW(target.insert("t", to_port({a, exact("h.b", "")}, 1)), InvalidError);
    EXPECT_THROW(target.insert("t", to_port({a, ternary("h.b", bytes({1}), bytes({1}))}, 1)), InvalidError);
    EXPECT_THROW(target.insert("t", to_port({a, b}, 1, 3)), InvalidError);  // a priority without need
    EXPECT_THROW(target.insert("t", to_port({a, b}, 512)), InvalidError);   // the port has 9 bits
    TableEntry entry = to_port({a, b}, 1);
    entry.action = ActionCall{"out", {}};
    EXPECT_THROW(target.insert("t", entry), InvalidError);
    entry.action = ActionCall{"ouch", {}};
    EXPECT_THROW(target.insert("t", entry), InvalidError);
    entry.action = std::monostate();
    EXPECT_THROW(target.insert("t", entry), InvalidError);
    EXPECT_EQ(target.entry_count("t"), 0U);
    target.insert("t", to_port({a, exact("h.b", bytes({0, 0, 1}))}, 1));  // leading zeros are fine
}

TEST(TableControl, unknown_names_come_with_a_suggestion) {
    SmallProgram program;
    program.key = {{"a", "exact"}};
    Switch target = program.start();
    try {
        target.insert("t", to_port({exact("a", bytes({1}))}, 1));
        FAIL() << "the field is called h.a";
    } catch (const UnknownNameError& error) {
        EXPECT_EQ(error.suggestion(), "h.a");
    }
    EXPECT_THROW(static_cast<void>(target.entries("nothing")), UnknownNameError);
}

TEST(TableControl, fixed_entries_match_and_cannot_be_changed) {
    SmallProgram program;
    program.key = {{"a", "ternary"}};
    program.table_more = R"(,"entries":[
      {"match_key":[{"match_type":"ternary","key":"0x10","mask":"0xf0"}],
       "action_entry":{"action_id":0,"action_data":["0x3"]},"priority":1},
      {"match_key":[{"match_type":"ternary","key":"0x12","mask":"0xff"}],
       "action_entry":{"action_id":0,"action_data":["0x4"]},"priority":2}])";
    Switch target = program.start();
    EXPECT_EQ(port_of(target, small_frame(0x12)), 3U);  // the smaller number wins in the JSON
    EXPECT_EQ(target.entry_count("t"), 2U);
    const std::vector<MatchField> match = {ternary("h.a", bytes({1}), bytes({1}))};
    EXPECT_THROW(target.insert("t", to_port(match, 1, 1)), ConstantError);
    EXPECT_THROW(target.remove("t", target.entries("t").front()), ConstantError);
    EXPECT_THROW(target.modify("t", target.entries("t").front()), ConstantError);
    target.set_default_action("t", {"out", {{"port", bytes({9})}}});
    EXPECT_EQ(port_of(target, small_frame(0x55)), 9U);
}

TEST(TableControl, a_thousand_entries_come_and_go) {
    SmallProgram program;
    program.key = {{"d", "exact"}};
    program.max_size = "2000";
    Switch target = program.start();
    const auto key = [](std::uint32_t i) {
        return std::vector<MatchField>{exact("h.d", to_bytes(i * 2654435761U))};
    };
    for (std::uint32_t i = 0; i < 1000; ++i) target.insert("t", to_port(key(i), 1 + i % 500));
    for (std::uint32_t i = 0; i < 1000; i += 2) target.remove("t", to_port(key(i), 0));
    for (std::uint32_t i = 0; i < 1000; ++i)
        ASSERT_EQ(port_of(target, small_frame(0, 0, i * 2654435761U)), i % 2 == 0 ? 0U : 1 + i % 500) << i;
    EXPECT_EQ(target.entries("t").size(), 500U);
}

TEST(IdleTimeout, an_entry_without_hits_is_reported_every_second_sweep) {
    using std::chrono::seconds;
    SmallProgram program;
    program.key = {{"a", "exact"}};
    Switch target = program.start();
    TableEntry entry = to_port({exact("h.a", bytes({1}))}, 1);
    entry.idle_timeout = seconds(2);
    target.set_time(seconds(10));
    target.insert("t", entry);
    EXPECT_TRUE(target.sweep_idle(seconds(11)).empty());
    ASSERT_EQ(target.sweep_idle(seconds(12)).size(), 1U);
    EXPECT_TRUE(target.sweep_idle(seconds(13)).empty());
    EXPECT_EQ(target.sweep_idle(seconds(14)).size(), 1U);
    run(target, 1, small_frame(1), seconds(15));
    EXPECT_TRUE(target.sweep_idle(seconds(16)).empty());
    EXPECT_EQ(target.entry("t", entry).last_hit, seconds(15));
    EXPECT_EQ(target.sweep_idle(seconds(17)).front().table, "t");
}

}  // namespace
}  // namespace weft::p4switch
