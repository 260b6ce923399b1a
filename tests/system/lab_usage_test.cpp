// The weft program's command line: help that helps, mistakes that are named.
#include "weft_program.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>

namespace weft {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(WeftProgram, help_names_every_subcommand) {
    const ProcessResult result = run_weft({"--help"});
    EXPECT_TRUE(result.ok());
    EXPECT_THAT(result.out, AllOf(HasSubstr("lab"), HasSubstr("ping"), HasSubstr("switch")));
    for (const char* command : {"lab", "ping", "switch"})
        EXPECT_TRUE(run_weft({command, "--help"}).ok()) << command;
}

TEST(WeftProgram, a_wrong_command_line_exits_2) {
    EXPECT_EQ(run_weft({}).status.code, 2);
    EXPECT_EQ(run_weft({"lab", "dance"}).status.code, 2);
    EXPECT_EQ(run_weft({"lab", "run"}).status.code, 2);
}

TEST(WeftProgram, a_missing_topology_is_named) {
    const ProcessResult result = run_weft({"lab", "run", "no/such.json"});
    EXPECT_EQ(result.status.code, 2);
    EXPECT_THAT(result.err, HasSubstr("no/such.json: No such file or directory"));
}

TEST(WeftProgram, an_unknown_link_is_named_before_anything_is_built) {
    const ProcessResult result = run_weft({"lab", "run", fabric_topology, "--fail-link", "leaf1-h9"});
    EXPECT_EQ(result.status.code, 2);
    EXPECT_EQ(result.out, "");
    EXPECT_THAT(result.err, HasSubstr("leaf1-h9"));
}

TEST(WeftProgram, check_reports_every_problem_of_a_topology) {
    std::string name = (std::filesystem::temp_directory_path() / "weft-topology-XXXXXX").string();
    const int fd = ::mkstemp(name.data());
    ASSERT_GE(fd, 0);
    std::ofstream(name)
        << R"({"hosts": {"h1": {"ip": "10.0.0.1/24"}, "h2": {"ip": "10.0.0.1/24", "gateway": "x"}}})";
    const ProcessResult result = run_weft({"lab", "check", name});
    std::filesystem::remove(name);
    EXPECT_EQ(result.status.code, 1);
    EXPECT_THAT(result.out, AllOf(HasSubstr("both have 10.0.0.1"), HasSubstr("gateway 'x'")));
    EXPECT_TRUE(run_weft({"lab", "check", fabric_topology}).ok());
}

TEST(WeftProgram, packet_tests_run_without_privileges) {
    const std::string p4 = WEFT_SOURCE_FOLDER "/p4/l3_router/l3_router";
    const ProcessResult result = run_weft({"switch", "test", p4 + ".json", p4 + ".stf"});
    EXPECT_TRUE(result.ok()) << result.out << result.err;
    EXPECT_THAT(result.out, HasSubstr("passed"));
    const ProcessResult wrong =
        run_weft({"switch", "test", WEFT_SOURCE_FOLDER "/p4/port_swap/port_swap.json", p4 + ".stf"});
    EXPECT_EQ(wrong.status.code, 1) << "another program's packet test must fail";
}

TEST(WeftProgram, ping_answers_from_the_loopback) {
    const ProcessResult result = run_weft({"ping", "-c", "1", "127.0.0.1"});
    EXPECT_TRUE(result.ok()) << result.out << result.err;
    EXPECT_THAT(result.out, HasSubstr("127.0.0.1"));
}

TEST(WeftProgram, a_log_level_that_is_none_is_refused) {
    const ProcessResult result = run_weft({"--log-level", "loud", "switch", "--help"});
    EXPECT_EQ(result.status.code, 2);
    EXPECT_THAT(result.err, HasSubstr("loud"));
    EXPECT_TRUE(run_weft({"--log-level", "debug", "ping", "-c", "1", "127.0.0.1"}).ok());
}

TEST(WeftProgram, sigusr1_shows_the_tasks_and_the_program_goes_on) {
    const auto args = weft_command({"ping", "-c", "2", "-i", "100", "127.0.0.1"});
    const auto scenario = [&]() -> Task<void> {
        Process ping(args, ProcessOptions().stdio(Stdio::null, Stdio::pipe, Stdio::pipe));
        std::string out;
        std::string err;
        // Each piece as it comes: the first answer, then the tasks.
        const auto read_until = [](Stream& from, std::string& to, std::string text) -> Task<void> {
            std::string piece(1000, ' ');
            while (to.find(text) == std::string::npos) {
                const std::size_t n = co_await from.read_some(std::as_writable_bytes(std::span(piece)));
                if (n == 0) throw Error("the program ended after: " + to);
                to.append(piece, 0, n);
            }
        };
        co_await read_until(*ping.out(), out, "127.0.0.1");
        ping.signal(SIGUSR1);
        co_await read_until(*ping.err(), err, "waits");
        EXPECT_THAT(err, HasSubstr("main: waits"));
        EXPECT_THAT(err, HasSubstr("ping.cpp:"));
        ping.signal(SIGINT);
        const ExitStatus status = co_await ping.wait();
        EXPECT_EQ(status.code, 128 + SIGINT) << status.to_string();
    };
    Loop loop;
    loop.run(timeout(std::chrono::seconds(20), scenario()));
}

}  // namespace
}  // namespace weft
