// The STF parser and the runner's own verdicts: a runner that cannot fail proves nothing.
#include "fixture.hpp"
#include "program_file.hpp"

#include <weft/p4switch/stf.hpp>

namespace weft::p4switch {
namespace {

using namespace test;

std::vector<std::string> verdict(const std::string& text) {
    return StfRunner(load_program("port_swap")).run(StfScript::parse(text));
}

unsigned error_line(const std::string& text) {
    try {
        static_cast<void>(StfScript::parse(text));
    } catch (const StfError& error) {
        return error.line();
    }
    return 0;
}

TEST(StfParser, numbers_know_their_digits) {
    const auto script =
        StfScript::parse("add a.b 7 k$0.x:0x0a**/16 l:0b10*1 m:5..0x9 go(p:1, \"q r\":2) = here # why\n");
    ASSERT_EQ(script.commands.size(), 1U);
    const StfCommand& add = script.commands.front();
    EXPECT_EQ(add.priority, 7);
    ASSERT_EQ(add.matches.size(), 3U);
    EXPECT_EQ(add.matches[0].field, "k[0].x");
    EXPECT_EQ(add.matches[0].kind, StfMatch::Kind::prefix);
    EXPECT_EQ(add.matches[0].value.bits, 16U);
    EXPECT_EQ(add.matches[0].value.open, 8U);
    EXPECT_EQ(add.matches[0].value.mask, bytes({0xff, 0}));
    EXPECT_EQ(add.matches[1].value.value, bytes({9}));
    EXPECT_EQ(add.matches[1].value.mask, bytes({13}));
    EXPECT_EQ(add.matches[2].kind, StfMatch::Kind::range);
    EXPECT_EQ(add.arguments[1].name, "q r");
    EXPECT_EQ(add.label, "here");
}

TEST(StfParser, errors_name_the_line) {
    EXPECT_EQ(error_line("wait\n\nexplode 1\n"), 3U);
    EXPECT_EQ(error_line("packet 1 0"), 1U);
    EXPECT_EQ(error_line("packet 1 0g"), 1U);
    EXPECT_EQ(error_line("expect 1 00$ 11"), 1U);
    EXPECT_EQ(error_line("add t k:0x go()"), 1U);
    EXPECT_EQ(error_line("add t k:1 go(a:1"), 1U);
    EXPECT_EQ(error_line("check_counter c(1) flowers == 1"), 1U);
    EXPECT_EQ(error_line("meter_set_rates m 1 0.5:1"), 1U);
    EXPECT_EQ(error_line("packet 99999999999999999999 00"), 1U);
    EXPECT_EQ(error_line("add t 99999999999 go()"), 1U);
    EXPECT_EQ(error_line(""), 0U);
}

TEST(StfRunner, reports_every_kind_of_mismatch) {
    EXPECT_TRUE(verdict("packet 1 0011\nexpect 2 0011$\n").empty());
    EXPECT_TRUE(verdict("packet 1 0011\nexpect 2 0*1\n").empty());
    EXPECT_TRUE(verdict("packet 1 0011\nexpect 2\n").empty());
    EXPECT_EQ(verdict("packet 1 0011\nexpect 2 0012\n").size(), 1U);
    EXPECT_EQ(verdict("packet 1 0011\nexpect 2 00$\n").size(), 1U);
    EXPECT_EQ(verdict("packet 1 0011\nexpect 2 001122\n").size(), 1U);
    EXPECT_EQ(verdict("packet 1 0011\nexpect 3 0011\n").size(), 2U);  // one too many, one missing
    EXPECT_EQ(verdict("packet 1 0011\n").size(), 1U);
    EXPECT_EQ(verdict("expect 2 0011\n").size(), 1U);
    EXPECT_EQ(verdict("packet 1 0011\nno_packet\nexpect 2 0011\n").size(), 2U);
    EXPECT_EQ(verdict("add nothing k:1 go()\n").size(), 1U);
    EXPECT_EQ(verdict("expect_digest d a:1\n").size(), 1U);
    EXPECT_EQ(verdict("check_counter c(0) packets == 1\n").size(), 1U);
}

TEST(StfRunner, counters_and_registers_are_compared) {
    StfRunner runner(load_program("flow_cache"));
    const auto failures =
        runner.run(StfScript::parse("register_write row0.cells 3 7\ncheck_register row0.cells(3) == 7\n"
                                    "check_register row0.cells(3) == 8\n"));
    ASSERT_EQ(failures.size(), 1U);
    EXPECT_NE(failures.front().find("line 3"), std::string::npos);
}

}  // namespace
}  // namespace weft::p4switch
