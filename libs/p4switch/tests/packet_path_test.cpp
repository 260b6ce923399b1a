// The path of a packet: parser errors, copies, limits. Checks what the packet tests of p4/ do not reach.
#include "fixture.hpp"
#include "program_file.hpp"

namespace weft::p4switch {
namespace {

using namespace test;

const std::string egress_spec = R"({"type":"field","value":["standard_metadata","egress_spec"]})";

TEST(Parser, short_packets_go_on_with_an_error_and_are_counted) {
    SmallProgram program;
    program.key = {{"$valid$", "exact"}};
    Switch target = program.start();
    target.insert("t", to_port({exact("h.$valid$", bytes({0}))}, 2));
    const Frame full = small_frame(1);
    for (std::size_t length = 0; length < 23; ++length) {
        const Frame cut(full.begin(), full.begin() + static_cast<std::ptrdiff_t>(length));
        const auto out = run(target, 1, cut);
        ASSERT_EQ(out.size(), 1U) << length;
        EXPECT_EQ(out.front().second, cut);  // nothing was extracted, so all of it is payload
    }
    EXPECT_EQ(target.statistics().parser_errors, 23U);
    EXPECT_TRUE(run(target, 1, full).empty());
    EXPECT_EQ(target.statistics().parser_errors, 23U);
}

TEST(Parser, a_loop_that_consumes_nothing_times_out) {
    SmallProgram program;
    program.key = {{"a", "exact"}};
    std::string json = program.json();
    const std::string end = R"("mask":null,"next_state":null}]}]}])";
    json.replace(json.find(end), end.size(),
                 R"("mask":null,"next_state":"spin"}]},{"name":"spin","id":1,"parser_ops":[],
        "transition_key":[],"transitions":[{"type":"default","value":null,"mask":null,"next_state":"spin"}]}]}])");
    Switch target(Program::load(json));
    run(target, 1, small_frame(1));
    EXPECT_EQ(target.statistics().parser_errors, 1U);
}

TEST(Parser, lookahead_beyond_the_end_is_an_error) {
    SmallProgram program;
    program.key = {{"a", "exact"}};
    program.parser_ops = R"(,{"op":"set","parameters":[{"type":"field","value":["scalars","s16"]},
        {"type":"lookahead","value":[4,16]}]})";
    Switch target = program.start();
    Frame frame = small_frame(1);  // one byte of payload
    run(target, 1, frame);
    EXPECT_EQ(target.statistics().parser_errors, 1U);
    frame.resize(frame.size() + 2);
    run(target, 1, frame);
    EXPECT_EQ(target.statistics().parser_errors, 1U);
}

TEST(Replication, multicast_copies_carry_their_instance_and_an_unknown_group_drops) {
    SmallProgram program;
    program.key = {{"a", "exact"}};
    program.out_more =
        R"(,{"op":"assign","parameters":[{"type":"field","value":["standard_metadata","mcast_grp"]},
        {"type":"runtime_data","value":0}]})";
    // Egress writes egress_rid into the packet.
    program.egress =
        R"("init_table":"stamp","tables":[{"name":"stamp","id":7,"key":[],"match_type":"exact","type":"simple",
        "max_size":1,"action_ids":[2],"actions":["stamp"],"base_default_next":null,"next_tables":{"stamp":null},
        "default_entry":{"action_id":2,"action_const":true,"action_data":[],"action_entry_const":true}}],"conditionals":[])";
    std::string json = program.json();
    const std::string actions = R"("actions":[)";
    json.insert(json.find(actions) + actions.size(),
                R"({"name":"stamp","id":2,"runtime_data":[],"primitives":[
        {"op":"assign","parameters":[{"type":"field","value":["h","d"]},
         {"type":"field","value":["standard_metadata","egress_rid"]}]},
        {"op":"assign","parameters":[{"type":"field","value":["h","a"]},
         {"type":"field","value":["standard_metadata","instance_type"]}]}]},)");
    Switch target(Program::load(json));
    target.insert("t", to_port({exact("h.a", bytes({1}))}, 3));
    EXPECT_TRUE(run(target, 1, small_frame(1)).empty());
    EXPECT_EQ(target.statistics().dropped, 1U);
    target.insert_multicast_group(3, {{8, 0x11}, {9, 0x22}});
    EXPECT_THROW(target.insert_multicast_group(3, {}), DuplicateError);
    EXPECT_THROW(target.insert_multicast_group(4, {{1, 1}, {1, 1}}), InvalidError);
    EXPECT_THROW(target.insert_multicast_group(0, {}), InvalidError);
    const auto out = run(target, 1, small_frame(1));
    ASSERT_EQ(out.size(), 2U);
    EXPECT_EQ(out[0].first, 8U);
    EXPECT_EQ(out[0].second[6], 0x11);
    EXPECT_EQ(out[0].second[0], 5);  // instance_type of a multicast copy
    EXPECT_EQ(out[1].first, 9U);
    EXPECT_EQ(out[1].second[6], 0x22);
    target.remove_multicast_group(3);
    EXPECT_THROW(target.remove_multicast_group(3), NotFoundError);
}

TEST(Replication, clones_are_cut_to_the_length_of_their_session) {
    SmallProgram program;
    program.key = {{"a", "exact"}};
    program.out_more = R"(,{"op":"clone_ingress_pkt_to_egress","parameters":[{"type":"hexstr","value":"0x7"},
        {"type":"hexstr","value":"0x0"}]})";
    Switch target = program.start();
    target.insert("t", to_port({exact("h.a", bytes({1}))}, 2));
    EXPECT_EQ(run(target, 1, small_frame(1)).size(), 1U);  // no session, no clone
    CloneSession session;
    session.replicas = {{5, 0}};
    session.packet_length = 10;
    target.insert_clone_session(7, session);
    const auto out = run(target, 1, small_frame(1));
    ASSERT_EQ(out.size(), 2U);
    EXPECT_EQ(out[0].first, 5U);
    EXPECT_EQ(out[0].second.size(), 10U);
    EXPECT_EQ(out[1].second.size(), 24U);
}

TEST(Replication, a_packet_that_recirculates_for_ever_meets_the_limit) {
    SmallProgram program;
    program.key = {{"a", "exact"}};
    program.out_more = R"(,{"op":"recirculate","parameters":[{"type":"hexstr","value":"0x1"}]})";
    SwitchOptions options;
    options.max_copies = 10;
    Switch target(Program::load(program.json()), options);
    target.insert("t", to_port({exact("h.a", bytes({1}))}, 2));
    EXPECT_TRUE(run(target, 1, small_frame(1)).empty());
    EXPECT_EQ(target.statistics().limited, 1U);
}

TEST(Replication, a_priority_without_a_queue_drops) {
    SmallProgram program;
    program.key = {{"a", "exact"}};
    program.out_more =
        R"(,{"op":"assign","parameters":[{"type":"field","value":["standard_metadata","priority"]},
        {"type":"hexstr","value":"0x3"}]})";
    for (std::uint32_t queues : {1U, 4U}) {
        SwitchOptions options;
        options.priority_queues = queues;
        Switch target(Program::load(program.json()), options);
        target.insert("t", to_port({exact("h.a", bytes({1}))}, 2));
        EXPECT_EQ(run(target, 1, small_frame(1)).size(), queues == 4 ? 1U : 0U);
    }
}

TEST(Primitives, a_failed_assertion_drops_and_counts) {
    SmallProgram program;
    program.key = {{"a", "exact"}};
    program.out_more = R"(,{"op":"assert","parameters":[{"type":"field","value":["h","d"]}]})";
    Switch target = program.start();
    target.insert("t", to_port({exact("h.a", bytes({1}))}, 2));
    EXPECT_TRUE(run(target, 1, small_frame(1, 0, 0)).empty());
    EXPECT_EQ(target.statistics().failed_assertions, 1U);
    EXPECT_EQ(run(target, 1, small_frame(1, 0, 1)).size(), 1U);
}

TEST(Primitives, log_messages_reach_the_callback) {
    SmallProgram program;
    program.key = {{"a", "exact"}};
    program.out_more = R"(,{"op":"log_msg","parameters":[{"type":"string","value":"d={} \\{x\\} e={}"},
        {"type":"parameters_vector","value":[{"type":"field","value":["h","d"]},{"type":"field","value":["h","e"]}]}]})";
    Switch target = program.start();
    target.insert("t", to_port({exact("h.a", bytes({1}))}, 2));
    std::string seen;
    target.on_log([&](const std::string& text) { seen = text; });
    Frame frame = small_frame(1, 0, 4000000000U);
    frame[7] = 0x80;  // the top bit of 128
    run(target, 1, frame);
    EXPECT_EQ(seen, "d=4000000000 {x} e=170141183460469231731687303715884105728");
}

TEST(Checksum, a_wrong_ipv4_checksum_drops_in_the_router_and_a_right_one_is_updated) {
    Switch target(load_program("l3_router"));
    TableEntry route;
    route.match = {lpm("hdr.ipv4.dstAddr", bytes({172, 16, 10, 0}), 24)};
    route.action = ActionCall{"MyIngress.set_nexthop",
                              {{"port", bytes({2})}, {"srcAddr", bytes({2})}, {"dstAddr", bytes({3})}}};
    target.insert("MyIngress.ipv4_lpm", route);
    // RFC 1071's example header: checksum b1e6.
    Frame frame = test::frame("020000000002 020000000001 0800 4500003c1c4640004006b1e6ac100a63ac100a0c");
    const auto out = run(target, 1, frame);
    ASSERT_EQ(out.size(), 1U);
    EXPECT_EQ(out[0].second[22], 0x3f);  // the hop count went down by 1, so the checksum up by 0x100
    EXPECT_EQ(out[0].second[24], 0xb2);
    EXPECT_EQ(out[0].second[25], 0xe6);
    frame[25] ^= 1;
    EXPECT_TRUE(run(target, 1, frame).empty());
}

TEST(Arrays, counters_meters_and_registers_check_names_and_indexes) {
    Switch target(load_program("flow_cache"));
    target.set_register("MyIngress.calculator.accumulator", 0, std::string(16, '\x7f'));
    EXPECT_EQ(target.register_value("MyIngress.calculator.accumulator", 0), std::string(16, '\x7f'));
    EXPECT_THROW(target.set_register("MyIngress.calculator.accumulator", 1, bytes({1})), OutOfRangeError);
    EXPECT_THROW(target.set_register("MyIngress.row0.cells", 0, bytes({1, 0, 0, 0, 0})), InvalidError);
    EXPECT_THROW(static_cast<void>(target.register_value("MyIngress.row9.cells", 0)), UnknownNameError);
    Switch qos(load_program("qos"));
    MeterConfig config{100, 10, 200, 20};
    qos.set_meter("MyIngress.tenant_meter", 5, config);
    EXPECT_EQ(qos.meter("MyIngress.tenant_meter", 5), config);
    qos.set_meter("MyIngress.tenant_meter", 5, std::nullopt);
    EXPECT_FALSE(qos.meter("MyIngress.tenant_meter", 5).has_value());
    EXPECT_THROW(qos.set_meter("MyIngress.tenant_meter", 256, config), OutOfRangeError);
    EXPECT_THROW(qos.set_meter("MyIngress.tenant_meter", 5, MeterConfig{300, 1, 200, 1}), InvalidError);
}

TEST(ValueSets, replace_all_members_and_read_back) {
    Switch target(load_program("value_set"));
    target.set_value_set("MyParser.tpids", {{bytes({0x81, 0})}, {bytes({0x91, 0})}});
    EXPECT_EQ(target.value_set("MyParser.tpids").size(), 2U);
    EXPECT_EQ(target.value_set("MyParser.tpids")[1].front(), bytes({0x91, 0}));
    EXPECT_THROW(target.set_value_set("MyParser.tpids", {{bytes({1, 0, 0})}}), InvalidError);
    EXPECT_THROW(
        target.set_value_set("MyParser.tpids", std::vector<std::vector<std::string>>(5, {bytes({1})})),
        FullError);
    target.set_value_set("MyParser.tpids", {});
    EXPECT_TRUE(target.value_set("MyParser.tpids").empty());
}

}  // namespace
}  // namespace weft::p4switch
