// Loading of real and of damaged P4Info files, and the lookups.
#include <weft/p4runtime/error.hpp>
#include <weft/p4runtime/p4info.hpp>

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include <unistd.h>

namespace weft::p4runtime {
namespace {

P4Info program(const std::string& name) {
    return P4Info::load(std::string(WEFT_P4_DIR) + "/" + name + "/" + name + ".p4info.txtpb");
}

TEST(P4Info, finds_a_table_by_full_name_alias_suffix_and_id) {
    const P4Info info = program("l3_router");
    const TableInfo& table = info.table("MyIngress.ipv4_lpm");
    EXPECT_EQ(table.id, 37375156U);
    EXPECT_EQ(table.size, 4096);
    EXPECT_EQ(&info.table("ipv4_lpm"), &table);
    EXPECT_EQ(&info.table(37375156U), &table);
    EXPECT_FALSE(table.needs_priority);
    EXPECT_EQ(table.direct_counter_id, 321049771U);
    EXPECT_EQ(table.actions.size(), 3U);
}

TEST(P4Info, knows_fields_with_width_and_match_type) {
    const P4Info info = program("fabric");
    const TableInfo& acl = info.table("acl");
    EXPECT_TRUE(acl.needs_priority);
    EXPECT_EQ(acl.const_default_action_id, info.action("permit").id);
    const FieldInfo& address = info.match_field(acl, "hdr.ipv4.srcAddr");
    EXPECT_EQ(address.type.bitwidth, 32U);
    EXPECT_EQ(address.match_type, MatchType::ternary);
    EXPECT_EQ(&info.match_field(acl, "ipv4.srcAddr"), &address);
    EXPECT_EQ(&info.match_field(acl, 2U), &address);
    const ActionInfo& nexthop = info.action("set_nexthop");
    EXPECT_EQ(info.param(nexthop, "srcAddr").type.bitwidth, 48U);
    EXPECT_EQ(info.param(nexthop, 1U).name, "port");
}

TEST(P4Info, lists_every_kind_of_the_fabric_program) {
    const P4Info info = program("fabric");
    EXPECT_EQ(info.program_name(), "fabric");
    EXPECT_EQ(info.architecture(), "v1model");
    EXPECT_EQ(info.tables().size(), 3U);
    EXPECT_EQ(info.actions().size(), 7U);
    EXPECT_EQ(info.counters().size(), 2U);
    EXPECT_EQ(info.counter("egress_port_counter").size, 512);
    EXPECT_EQ(info.direct_counter("route_counter").table_id, info.table("ipv4_route").id);
    const ActionProfileInfo& profile = info.action_profile("nexthops");
    EXPECT_TRUE(profile.with_selector);
    EXPECT_EQ(profile.max_group_size, 32);
    EXPECT_EQ(info.table("ipv4_route").action_profile_id, profile.id);
    EXPECT_TRUE(info.table("punt").is_const);
    EXPECT_EQ(info.table("ipv4_route").actions[2].scope, ActionScope::default_only);
}

TEST(P4Info, describes_the_controller_headers) {
    const P4Info info = program("packet_io");
    const PacketHeaderInfo& out = info.packet_header("packet_out");
    ASSERT_EQ(out.fields.size(), 3U);
    EXPECT_EQ(info.packet_field(out, "submit_to_ingress").type.bitwidth, 1U);
    EXPECT_EQ(info.packet_field(info.packet_header("packet_in"), 2U).name, "reason");
}

TEST(P4Info, a_wrong_name_is_answered_with_close_ones) {
    const P4Info info = program("l3_router");
    try {
        (void)info.table("MyIngress.ipv4_lmp");
        FAIL();
    } catch (const NoSuchTableError& error) {
        EXPECT_EQ(error.name(), "MyIngress.ipv4_lmp");
        ASSERT_FALSE(error.suggestions().empty());
        EXPECT_EQ(error.suggestions()[0], "MyIngress.ipv4_lpm");
        EXPECT_NE(std::string(error.what()).find("did you mean 'MyIngress.ipv4_lpm'"), std::string::npos)
            << error.what();
    }
    try {
        (void)info.action("set_nexthob");
        FAIL();
    } catch (const NoSuchActionError& error) {
        EXPECT_EQ(error.suggestions()[0], "MyIngress.set_nexthop");
    }
    try {
        (void)info.match_field(info.table("ipv4_lpm"), "hdr.ipv4.dst_addr");
        FAIL();
    } catch (const NoSuchFieldError& error) {
        EXPECT_EQ(error.suggestions()[0], "hdr.ipv4.dstAddr");
    }
}

TEST(P4Info, a_name_that_is_far_from_all_gets_no_suggestion) {
    try {
        (void)program("l3_router").table("zzzzzzzzzz");
        FAIL();
    } catch (const NoSuchTableError& error) {
        EXPECT_TRUE(error.suggestions().empty());
        EXPECT_EQ(std::string(error.what()), "table 'zzzzzzzzzz' does not exist");
    }
}

TEST(P4Info, every_kind_has_its_own_error) {
    const P4Info info = program("port_swap");
    EXPECT_THROW((void)info.table(1U), NoSuchTableError);
    EXPECT_THROW((void)info.action("nope"), NoSuchActionError);
    EXPECT_THROW((void)info.counter("nope"), NoSuchCounterError);
    EXPECT_THROW((void)info.direct_counter("nope"), NoSuchCounterError);
    EXPECT_THROW((void)info.meter("nope"), NoSuchMeterError);
    EXPECT_THROW((void)info.direct_meter(5U), NoSuchMeterError);
    EXPECT_THROW((void)info.register_array("nope"), NoSuchRegisterError);
    EXPECT_THROW((void)info.action_profile("nope"), NoSuchActionProfileError);
    EXPECT_THROW((void)info.digest("nope"), NoSuchDigestError);
    EXPECT_THROW((void)info.value_set("nope"), NoSuchValueSetError);
    EXPECT_THROW((void)info.packet_header("nope"), NoSuchPacketHeaderError);
}

TEST(P4Info, an_ending_that_fits_two_objects_is_ambiguous) {
    const P4Info info = P4Info::from_text(R"(
        tables { preamble { id: 1 name: "Ingress.a.t" alias: "a.t" } }
        tables { preamble { id: 2 name: "Egress.a.t" } }
        tables { preamble { id: 3 name: "Egress.u" } })");
    EXPECT_EQ(info.table("u").id, 3U);
    EXPECT_EQ(info.table("a.t").id, 1U) << "an alias wins over the ends of other names";
    try {
        (void)info.table("t");
        FAIL();
    } catch (const NoSuchTableError& error) {
        EXPECT_EQ(error.suggestions(), (std::vector<std::string>{"Ingress.a.t", "Egress.a.t"}));
        EXPECT_NE(std::string(error.what()).find("ambiguous"), std::string::npos);
    }
}

TEST(P4Info, binary_and_text_hold_the_same) {
    const P4Info text = program("fabric");
    const P4Info binary = P4Info::from_binary(text.binary());
    EXPECT_EQ(binary.binary(), text.binary());
    EXPECT_EQ(P4Info::from_text(binary.text()).binary(), text.binary());

    const auto path =
        std::filesystem::temp_directory_path() / ("weft-p4info-" + std::to_string(::getpid()) + ".bin");
    std::ofstream(path, std::ios::binary) << text.binary();
    const P4Info loaded = P4Info::load(path.string());
    std::filesystem::remove(path);
    EXPECT_EQ(loaded.tables().size(), 3U);
}

TEST(P4Info, damaged_files_are_refused_with_their_place) {
    EXPECT_THROW((void)P4Info::load("/does/not/exist"), P4InfoError);
    EXPECT_THROW((void)P4Info::from_binary("\x0a\xff"), P4InfoError);
    try {
        (void)P4Info::from_text("tables {\n  preamble { id: x }\n}");
        FAIL();
    } catch (const P4InfoError& error) {
        EXPECT_NE(std::string(error.what()).find("line 2"), std::string::npos) << error.what();
    }
}

TEST(P4Info, contradictions_are_refused) {
    const auto refused = [](const char* text) {
        EXPECT_THROW((void)P4Info::from_text(text), P4InfoError) << text;
    };
    refused(R"(tables { preamble { id: 0 name: "t" } })");
    refused(R"(tables { preamble { id: 1 name: "t" } } tables { preamble { id: 1 name: "u" } })");
    refused(R"(tables { preamble { id: 1 name: "t" } } tables { preamble { id: 2 name: "t" } })");
    refused(R"(tables { preamble { id: 1 name: "t" } action_refs { id: 9 } })");
    refused(R"(tables { preamble { id: 1 name: "t" } implementation_id: 9 })");
    refused(R"(actions { preamble { id: 1 name: "a" } params { id: 1 name: "p" bitwidth: -1 } })");
    refused(
        R"(actions { preamble { id: 1 name: "a" } params { id: 1 name: "p" } params { id: 1 name: "q" } })");
}

TEST(P4Info, a_type_that_contains_itself_is_refused) {
    EXPECT_THROW((void)P4Info::from_text(R"(
        registers { preamble { id: 1 name: "r" } type_spec { struct { name: "s" } } size: 1 }
        type_info { structs { key: "s" value { members { name: "m" type_spec { struct { name: "s" } } } } } })"),
                 P4InfoError);
}

TEST(P4Info, types_resolve_translations_and_enums) {
    const P4Info info = P4Info::from_text(R"(
        actions { preamble { id: 1 name: "a" }
                  params { id: 1 name: "port" type_name { name: "port_name_t" } }
                  params { id: 2 name: "reason" bitwidth: 7 type_name { name: "reason_t" } } }
        type_info {
          new_types { key: "port_name_t" value { translated_type { uri: "u" sdn_string {} } } }
          serializable_enums { key: "reason_t" value { underlying_type { bitwidth: 7 }
              members { name: "ACL" value: "\004" } } } })");
    const ActionInfo& action = info.action("a");
    EXPECT_TRUE(info.param(action, "port").type.is_string);
    ASSERT_TRUE(info.param(action, "reason").type.enumerators);
    EXPECT_EQ(info.param(action, "reason").type.enumerators->at(0).first, "ACL");
}

}  // namespace
}  // namespace weft::p4runtime
