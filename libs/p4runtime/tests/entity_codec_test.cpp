// Entities to messages and back, with the P4Info of real programs and, for rarer kinds, one written here.
#include "entity_codec.hpp"

#include <weft/p4runtime/error.hpp>

#include <gtest/gtest.h>

#include <string>

namespace weft::p4runtime {
namespace {

P4Info program(const std::string& name) {
    return P4Info::load(std::string(WEFT_P4_DIR) + "/" + name + "/" + name + ".p4info.txtpb");
}

const char* const rare_kinds = R"(
    tables { preamble { id: 1 name: "I.t" }
             match_fields { id: 1 name: "a" bitwidth: 8 match_type: OPTIONAL }
             match_fields { id: 2 name: "b" bitwidth: 8 match_type: RANGE }
             action_refs { id: 5 } idle_timeout_behavior: NOTIFY_CONTROL }
    actions { preamble { id: 5 name: "I.go" } }
    meters { preamble { id: 10 name: "I.m" } spec { unit: BYTES } size: 8 }
    direct_meters { preamble { id: 11 name: "I.dm" } spec { unit: PACKETS } direct_table_id: 1 }
    registers { preamble { id: 12 name: "I.r" } type_spec { bitstring { bit { bitwidth: 32 } } } size: 4 }
    registers { preamble { id: 14 name: "I.pair" } type_spec { tuple {
        members { bitstring { bit { bitwidth: 8 } } } members { bool {} } } } size: 4 }
    value_sets { preamble { id: 13 name: "vs" } match { id: 1 name: "v" bitwidth: 16 match_type: EXACT } size: 4 }
    digests { preamble { id: 20 name: "learn_t" } type_spec { struct { name: "learn_t" } } }
    type_info { structs { key: "learn_t" value {
        members { name: "src" type_spec { bitstring { bit { bitwidth: 48 } } } }
        members { name: "port" type_spec { bitstring { bit { bitwidth: 9 } } } } } } })";

Entity round_trip(const P4Info& info, const Entity& entity, Purpose purpose = Purpose::insert) {
    p4::v1::Entity message;
    encode(info, entity, purpose, message);
    p4::v1::Entity copy;
    EXPECT_TRUE(copy.ParseFromString(message.SerializeAsString()));
    return decode(info, copy);
}

template <class T>
void expect_round_trip(const P4Info& info, const T& entity, Purpose purpose = Purpose::modify) {
    const Entity back = round_trip(info, entity, purpose);
    ASSERT_TRUE(std::holds_alternative<T>(back));
    EXPECT_EQ(std::get<T>(back), entity);
}

TEST(TableEntryCodec, a_route_has_the_wire_form_of_the_specification) {
    const P4Info info = program("l3_router");
    const auto entry =
        TableEntry("ipv4_lpm")
            .match("hdr.ipv4.dstAddr", "10.0.1.9/24")
            .action("set_nexthop",
                    {{"port", 2}, {"srcAddr", "00:00:00:00:00:01"}, {"dstAddr", "00:00:00:00:01:02"}});
    p4::v1::TableEntry message;
    encode(info, entry, Purpose::insert, message);
    EXPECT_EQ(message.table_id(), 37375156U);
    ASSERT_EQ(message.match_size(), 1);
    EXPECT_EQ(message.match(0).field_id(), 1U);
    EXPECT_EQ(message.match(0).lpm().value(), std::string("\x0a\0\1\0", 4));
    EXPECT_EQ(message.match(0).lpm().prefix_len(), 24);
    const auto& action = message.action().action();
    EXPECT_EQ(action.action_id(), 24857844U);
    ASSERT_EQ(action.params_size(), 3);
    EXPECT_EQ(action.params(0).value(), "\2");
    EXPECT_EQ(action.params(2).value(), "\1\2");
    EXPECT_EQ(message.priority(), 0);
}

TEST(TableEntryCodec, an_entry_reads_back_equal_with_full_names) {
    const P4Info info = program("l3_router");
    const auto entry = TableEntry("MyIngress.ipv4_lpm")
                           .match("hdr.ipv4.dstAddr", "10.0.1.0/24")
                           .action("MyIngress.set_egress_port")
                           .param("port", 2)
                           .metadata("cookie")
                           .counter(CounterData{120, 2});
    const auto back = std::get<TableEntry>(round_trip(info, entry));
    EXPECT_EQ(back, entry);
    EXPECT_EQ(back.match("hdr.ipv4.dstAddr").prefix_length(), 24U);
    EXPECT_EQ(back.action_call()->param("port"), 2);
    EXPECT_EQ(back.to_string(),
              "MyIngress.ipv4_lpm hdr.ipv4.dstAddr=10.0.1.0/24 -> MyIngress.set_egress_port(port=2) "
              "[2 packets, 120 bytes]");
}

TEST(TableEntryCodec, open_fields_are_left_out) {
    const P4Info info = program("fabric");
    const auto entry = TableEntry("acl")
                           .match("standard_metadata.ingress_port", ternary(0, 0))
                           .match("hdr.ipv4.protocol", 6)
                           .priority(10)
                           .action("deny");
    p4::v1::TableEntry message;
    encode(info, entry, Purpose::insert, message);
    ASSERT_EQ(message.match_size(), 1);
    EXPECT_EQ(message.match(0).field_id(), 4U);
    EXPECT_EQ(message.match(0).ternary().mask(), "\xff");
}

TEST(TableEntryCodec, priority_follows_the_key) {
    const P4Info fabric = program("fabric");
    const P4Info router = program("l3_router");
    p4::v1::TableEntry message;
    EXPECT_THROW(encode(fabric, TableEntry("acl").action("deny"), Purpose::insert, message), EncodingError);
    EXPECT_THROW(encode(router, TableEntry("ipv4_lpm").priority(1).action("drop"), Purpose::insert, message),
                 EncodingError);
    const P4Info optional = P4Info::from_text(rare_kinds);
    EXPECT_THROW(encode(optional, TableEntry("t").match("a", 1).action("go"), Purpose::insert, message),
                 EncodingError);
    EXPECT_NO_THROW(
        encode(optional, TableEntry("t").match("a", 1).priority(1).action("go"), Purpose::insert, message));
}

TEST(TableEntryCodec, mistakes_are_found_before_anything_is_sent) {
    const P4Info info = program("fabric");
    const auto attempt = [&](const TableEntry& entry, Purpose purpose = Purpose::insert) {
        p4::v1::TableEntry message;
        encode(info, entry, purpose, message);
    };
    EXPECT_THROW(attempt(TableEntry("acls").action("deny")), NoSuchTableError);
    EXPECT_THROW(attempt(TableEntry("acl").priority(1).action("denny")), NoSuchActionError);
    EXPECT_THROW(attempt(TableEntry("acl").priority(1).match("nope", 1).action("deny")), NoSuchFieldError);
    EXPECT_THROW(attempt(TableEntry("acl").priority(1).action("set_nexthop")), NoSuchActionError)
        << "an action that the table does not use";
    EXPECT_THROW(attempt(TableEntry("acl").priority(1)), EncodingError) << "no action";
    EXPECT_THROW(attempt(TableEntry("punt").action("NoAction")), EncodingError) << "exact field missing";
    EXPECT_THROW(attempt(TableEntry()), EncodingError);
    EXPECT_THROW(attempt(TableEntry("punt").match("etherType", 1).action("send_to_cpu")), EncodingError)
        << "parameter missing";
    EXPECT_THROW(
        attempt(TableEntry("punt").match("etherType", 1).action("send_to_cpu", Params("reason", 128))),
        EncodingError);
    EXPECT_THROW(attempt(TableEntry("punt").match("etherType", 1).match("hdr.ethernet.etherType", 2)),
                 EncodingError)
        << "the same field by two names";
    EXPECT_THROW(attempt(TableEntry("ipv4_route").match("dstAddr", "10.0.0.0/8").action("NoAction")),
                 NoSuchActionError)
        << "NoAction is for the default entry only";
    EXPECT_THROW(TableEntry("acl").param("port", 1), UsageError);
}

TEST(TableEntryCodec, default_entry_has_no_key) {
    const P4Info info = program("l3_router");
    const auto entry = TableEntry("MyIngress.ipv4_lpm").default_action().action("MyIngress.drop");
    expect_round_trip(info, entry);
    p4::v1::TableEntry message;
    EXPECT_THROW(encode(info, TableEntry(entry).match("dstAddr", "10.0.0.0/8"), Purpose::modify, message),
                 EncodingError);
}

TEST(TableEntryCodec, a_removal_needs_only_the_key) {
    const P4Info info = program("l3_router");
    p4::v1::TableEntry message;
    encode(info, TableEntry("ipv4_lpm").match("dstAddr", "10.0.0.0/8").action("drop"), Purpose::remove,
           message);
    EXPECT_FALSE(message.has_action());
    EXPECT_EQ(message.match_size(), 1);
}

TEST(TableEntryCodec, a_read_takes_wildcards) {
    const P4Info info = program("l3_router");
    p4::v1::TableEntry message;
    encode(info, TableEntry(), Purpose::read, message);
    EXPECT_EQ(message.ByteSizeLong(), 0U);
    encode(info, TableEntry("ipv4_lpm").counter(CounterData{}), Purpose::read, message);
    EXPECT_TRUE(message.has_counter_data());
    EXPECT_EQ(message.match_size(), 0);
}

TEST(TableEntryCodec, selector_entries_refer_to_members_groups_or_sets) {
    const P4Info info = program("fabric");
    const auto route = TableEntry("MyIngress.ipv4_route").match("hdr.ipv4.dstAddr", "10.0.0.0/8");
    expect_round_trip(info, TableEntry(route).member(3), Purpose::insert);
    expect_round_trip(info, TableEntry(route).group(4), Purpose::insert);
    const auto hop = [](int port) {
        return ActionCall("MyIngress.set_nexthop")
            .param("port", port)
            .param("srcAddr", "00:00:00:00:00:01")
            .param("dstAddr", "00:00:00:00:00:02");
    };
    expect_round_trip(info, TableEntry(route).one_shot(ActionSet().add(hop(1), 2).add(hop(2), 1, Bytes{2})),
                      Purpose::insert);
}

TEST(TableEntryCodec, idle_timeout_and_ranges_survive) {
    const P4Info info = P4Info::from_text(rare_kinds);
    auto entry = TableEntry("I.t")
                     .match("b", range(1, 9))
                     .priority(4)
                     .action("I.go")
                     .idle_timeout(std::chrono::seconds(2));
    expect_round_trip(info, entry, Purpose::insert);
}

TEST(TableEntryCodec, answers_of_a_confused_switch_are_errors) {
    const P4Info info = program("l3_router");
    p4::v1::TableEntry message;
    message.set_table_id(1);
    EXPECT_THROW((void)decode(info, message), NoSuchTableError);
    message.set_table_id(37375156);
    message.add_match()->set_field_id(1);
    EXPECT_THROW((void)decode(info, message), EncodingError) << "a match without a type";
    message.mutable_match(0)->mutable_lpm()->set_prefix_len(-5);
    EXPECT_THROW((void)decode(info, message), EncodingError);
    message.mutable_match(0)->mutable_lpm()->set_prefix_len(8);
    EXPECT_THROW((void)decode(info, message), EncodingError) << "an empty value";
    message.clear_match();
    message.mutable_action()->mutable_action()->set_action_id(99);
    EXPECT_THROW((void)decode(info, message), NoSuchActionError);
    EXPECT_THROW((void)decode(info, p4::v1::Entity()), EncodingError);
    p4::v1::Entity replication;
    replication.mutable_packet_replication_engine_entry();
    EXPECT_THROW((void)decode(info, replication), EncodingError);
}

TEST(EntityCodec, every_other_kind_survives_the_round_trip) {
    const P4Info fabric = program("fabric");
    const P4Info rare = P4Info::from_text(rare_kinds);
    expect_round_trip(fabric, ActionProfileMember("MyIngress.nexthops", 7, ActionCall("MyIngress.drop")));
    expect_round_trip(fabric,
                      ActionProfileGroup("MyIngress.nexthops", 1, 8).member(7, 2).member(8, 1, Bytes{3}));
    expect_round_trip(fabric, CounterEntry("MyIngress.ingress_port_counter", 3).set(CounterData{100, 2}));
    expect_round_trip(fabric, CounterEntry("MyIngress.ingress_port_counter"));
    expect_round_trip(
        fabric, DirectCounterEntry(TableEntry("MyIngress.ipv4_route").match("hdr.ipv4.dstAddr", "10.0.0.0/8"),
                                   CounterData{1, 2}));
    expect_round_trip(rare, MeterEntry("I.m", 1, MeterConfig{1, 2, 3, 4, 5}));
    expect_round_trip(rare, MeterEntry("I.m", 1));
    expect_round_trip(
        rare, DirectMeterEntry(TableEntry("I.t").match("a", 1).priority(2), MeterConfig{1, 2, 3, 4, 0}));
    expect_round_trip(fabric, MulticastGroup(1).replica(1).replica(2, 7));
    auto session = CloneSession(100).replica(510);
    session.packet_length_bytes = 64;
    session.class_of_service = 2;
    expect_round_trip(fabric, session);
    expect_round_trip(rare, ValueSetEntry("vs").add(Match("v", 0x88a8)).add(Match("v", 0x9100)));
    expect_round_trip(
        rare, DigestEntry("learn_t").timing(std::chrono::milliseconds(5), 10, std::chrono::seconds(1)));
    expect_round_trip(rare, ExternEntry(0x81, 1, "type.example/x", "abc"));
}

TEST(EntityCodec, registers_are_typed) {
    const P4Info info = P4Info::from_text(rare_kinds);
    auto back =
        std::get<RegisterEntry>(round_trip(info, RegisterEntry("I.r", 2, 0x01020304), Purpose::modify));
    EXPECT_EQ(back.index, 2);
    EXPECT_EQ(back.data.to_uint64(), 0x01020304U);
    back = std::get<RegisterEntry>(round_trip(
        info, RegisterEntry("pair", 0, Data::composite().member("", 9).member("", true)), Purpose::modify));
    ASSERT_EQ(back.data.members().size(), 2U);
    EXPECT_EQ(back.data.to_string(), "{9, true}");
    p4::v1::Entity message;
    EXPECT_THROW(encode(info, RegisterEntry("I.r", 0, std::uint64_t{1} << 32), Purpose::modify, message),
                 EncodingError);
    EXPECT_THROW(encode(info, RegisterEntry("pair", 0, 1), Purpose::modify, message), EncodingError);
    EXPECT_THROW(encode(info, RegisterEntry("I.r", -1, 1), Purpose::modify, message), EncodingError);
}

TEST(EntityCodec, digests_name_their_members) {
    const P4Info info = P4Info::from_text(rare_kinds);
    p4::v1::DigestList message;
    message.set_digest_id(20);
    message.set_list_id(3);
    auto* members = message.add_data()->mutable_struct_();
    members->add_members()->set_bitstring("\1");
    members->add_members()->set_bitstring("\7");
    const DigestList list = decode(info, message);
    EXPECT_EQ(list.digest, "learn_t");
    ASSERT_EQ(list.messages.size(), 1U);
    EXPECT_EQ(list.messages[0]["port"].to_uint64(), 7U);
    EXPECT_EQ(list.messages[0].to_string(), "{src=00:00:00:00:00:01, port=7}");
    EXPECT_THROW((void)list.messages[0]["nope"], NoSuchFieldError);
    members->add_members();
    EXPECT_THROW((void)decode(info, message), EncodingError);
    message.mutable_data(0)->set_bool_(true);
    EXPECT_THROW((void)decode(info, message), EncodingError);
}

TEST(PacketCodec, packet_out_fills_missing_fields_with_zero) {
    const P4Info info = program("packet_io");
    p4::v1::PacketOut message;
    encode(info, PacketOut(Bytes{1, 2, 3}).set("egress_port", 4), message);
    EXPECT_EQ(message.payload(), "\1\2\3");
    ASSERT_EQ(message.metadata_size(), 3);
    EXPECT_EQ(message.metadata(0).value(), "\4");
    EXPECT_EQ(message.metadata(1).value(), std::string(1, '\0'));
    EXPECT_THROW(encode(info, PacketOut(Bytes{}).set("egres_port", 4), message), NoSuchFieldError);
    EXPECT_THROW(encode(info, PacketOut(Bytes{}).set("egress_port", 512), message), EncodingError);
}

TEST(PacketCodec, programs_without_controller_header_send_bare_packets) {
    const P4Info info = program("l3_router");
    p4::v1::PacketOut message;
    encode(info, PacketOut(Bytes{9}), message);
    EXPECT_EQ(message.metadata_size(), 0);
    EXPECT_THROW(encode(info, PacketOut(Bytes{9}).set("egress_port", 1), message), NoSuchPacketHeaderError);
}

TEST(PacketCodec, packet_in_names_its_metadata) {
    const P4Info info = program("packet_io");
    p4::v1::PacketIn message;
    message.set_payload("abc");
    auto* port = message.add_metadata();
    port->set_metadata_id(1);
    port->set_value("\3");
    const PacketIn packet = decode(info, message);
    EXPECT_EQ(packet.payload, (Bytes{'a', 'b', 'c'}));
    EXPECT_EQ(*packet.metadata.find("ingress_port"), 3);
    port->set_metadata_id(9);
    EXPECT_THROW((void)decode(info, message), NoSuchFieldError);
}

TEST(UpdateCodec, the_kind_of_change_decides_what_is_needed) {
    const P4Info info = program("l3_router");
    const auto entry = TableEntry("ipv4_lpm").match("dstAddr", "10.0.0.0/8");
    p4::v1::Update message;
    EXPECT_THROW(encode(info, Update::insert(entry), message), EncodingError);
    encode(info, Update::modify(entry), message);
    EXPECT_EQ(message.type(), p4::v1::Update::MODIFY);
    message.Clear();
    encode(info, Update::remove(entry), message);
    EXPECT_EQ(message.type(), p4::v1::Update::DELETE);
}

}  // namespace
}  // namespace weft::p4runtime
