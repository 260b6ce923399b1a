// Documents that are refused, and how the refusal names the place.
#include "fixture.hpp"
#include "program_file.hpp"

namespace weft::p4switch {
namespace {

using namespace test;

std::string path_of_error(const std::string& json) {
    try {
        static_cast<void>(Program::load(json));
    } catch (const ProgramError& error) {
        return error.path();
    }
    return "(accepted)";
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
    const std::size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return text.replace(at, from.size(), to);
}

std::string small() {
    SmallProgram program;
    program.key = {{"a", "exact"}};
    return program.json();
}

TEST(ProgramErrors, text_that_is_not_json) {
    EXPECT_THROW(static_cast<void>(Program::load("")), ProgramError);
    EXPECT_THROW(static_cast<void>(Program::load("{")), ProgramError);
    EXPECT_THROW(static_cast<void>(Program::load("[]")), ProgramError);
    EXPECT_THROW(static_cast<void>(Program::load("{}")), ProgramError);
    EXPECT_THROW(static_cast<void>(Program::load(std::string(100000, '['))), ProgramError);
    EXPECT_THROW(static_cast<void>(Program::load("{\"a\":\"\xff\"}")), ProgramError);
}

TEST(ProgramErrors, the_path_leads_to_the_value) {
    EXPECT_EQ(path_of_error(small()), "(accepted)");
    EXPECT_EQ(path_of_error(replaced(small(), R"("mark_to_drop")", R"("explode")")),
              "/actions/1/primitives/0");
    EXPECT_EQ(path_of_error(replaced(small(), R"("target":["h","a"])", R"("target":["h","zz"])")),
              "/pipelines/0/tables/0/key/0/target");
    EXPECT_EQ(path_of_error(replaced(small(), R"("init_table":"t")", R"("init_table":"nope")")),
              "/pipelines/0/init_table");
    EXPECT_EQ(path_of_error(replaced(small(), R"(["d",32,false])", R"(["d",31,false])")), "/header_types/2");
    EXPECT_EQ(path_of_error(replaced(small(), R"(["d",32,false])", R"(["d",-1,false])")),
              "/header_types/2/fields/3/1");
    EXPECT_EQ(path_of_error(replaced(small(), R"("action_ids":[0,1])", R"("action_ids":[0,7])")),
              "/pipelines/0/tables/0/action_ids/1");
    EXPECT_EQ(path_of_error(replaced(small(), R"("out":null,)", "")), "/pipelines/0/tables/0/next_tables");
    EXPECT_EQ(path_of_error(replaced(small(), R"("value":0})", R"("value":1})")),
              "/actions/0/primitives/0/parameters/1/value");
}

TEST(ProgramErrors, features_that_are_not_there_are_named) {
    SmallProgram program;
    program.key = {{"a", "exact"}};
    program.top_more = R"(,"calculations":[{"name":"c","id":0,"algo":"xmodem","input":[]}])";
    try {
        static_cast<void>(Program::load(program.json()));
        FAIL() << "the algorithm does not exist";
    } catch (const ProgramError& error) {
        EXPECT_EQ(error.path(), "/calculations/0/algo");
        EXPECT_NE(std::string(error.what()).find("xmodem"), std::string::npos);
    }
    program.top_more = R"(,"extern_instances":[{"name":"x","id":0,"type":"y","attribute_values":[]}])";
    EXPECT_EQ(path_of_error(program.json()), "/extern_instances");
    program.top_more = R"(,"__meta__":{"version":[3,0]})";
    EXPECT_EQ(path_of_error(program.json()), "/__meta__/version");
}

TEST(ProgramErrors, arrays_beyond_all_memory_are_refused) {
    SmallProgram program;
    program.key = {{"a", "exact"}};
    program.top_more = R"(,"register_arrays":[{"name":"r","id":0,"size":16777216,"bitwidth":4096}])";
    EXPECT_EQ(path_of_error(program.json()), "/register_arrays/0");
    program.top_more = R"(,"register_arrays":[{"name":"r","id":0,"size":4294967296,"bitwidth":8}])";
    EXPECT_EQ(path_of_error(program.json()), "/register_arrays/0/size");
}

TEST(ProgramErrors, fixed_entries_must_fit_the_table) {
    SmallProgram program;
    program.key = {{"a", "exact"}};
    const std::string entry =
        R"({"match_key":[{"match_type":"exact","key":"KEY"}],"action_entry":{"action_id":0,"action_data":["0x3"]}})";
    program.table_more = R"(,"entries":[)" + replaced(entry, "KEY", "0x100") + "]";
    EXPECT_EQ(path_of_error(program.json()), "/pipelines/0/tables/0/entries/0/match_key/0/key");
    program.table_more =
        R"(,"entries":[)" + replaced(entry, "KEY", "0x10") + "," + replaced(entry, "KEY", "0x10") + "]";
    EXPECT_EQ(path_of_error(program.json()), "/pipelines");
}

TEST(ProgramErrors, a_real_program_cut_anywhere_is_refused) {
    const std::string text = program_text("fabric");
    for (std::size_t length = 0; length + 2 < text.size(); length += 997)
        EXPECT_THROW(static_cast<void>(Program::load(std::string_view(text).substr(0, length))),
                     ProgramError);
}

TEST(ProgramErrors, a_pipeline_that_runs_in_circles_drops_and_counts) {
    SmallProgram program;
    program.key = {{"a", "exact"}};
    program.next_tables = R"("out":"t","drop":"t")";
    Switch target = program.start();
    EXPECT_TRUE(run(target, 1, small_frame(1)).empty());
    EXPECT_EQ(target.statistics().limited, 1U);
}

TEST(ProgramErrors, an_action_that_never_ends_drops_and_counts) {
    SmallProgram program;
    program.key = {{"a", "exact"}};
    program.out_more = R"(,{"op":"_jump","parameters":[{"type":"hexstr","value":"0x0"}]})";
    Switch target = program.start();
    target.insert("t", to_port({exact("h.a", bytes({1}))}, 1));
    EXPECT_TRUE(run(target, 1, small_frame(1)).empty());
    EXPECT_EQ(target.statistics().limited, 1U);
}

TEST(ProgramInfo, describes_what_can_be_controlled) {
    const Program program = load_program("l3_router");
    const auto tables = program.tables();
    ASSERT_EQ(tables.size(), 2U);
    EXPECT_EQ(tables[0].name, "MyIngress.ipv4_lpm");
    EXPECT_EQ(tables[0].key.front().width, 32U);
    EXPECT_EQ(tables[0].key.front().kind, MatchKind::lpm);
    EXPECT_TRUE(tables[0].direct_counter);
    EXPECT_FALSE(tables[0].has_priority);
    EXPECT_EQ(tables[0].actions.size(), 3U);
    EXPECT_EQ(program.counters().size(), 2U);
}

}  // namespace
}  // namespace weft::p4switch
