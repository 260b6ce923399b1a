// weft mesh, as a user runs it: against a router of its own and nodes of this test.
#include "weft_program.hpp"

#include <weft/core.hpp>
#include <weft/mesh.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace weft {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;

// `weft mesh router` with a worker.
class MeshCommand : public ::testing::Test {
protected:
    Task<std::uint16_t> start_router() {
        router_.emplace(weft_command({"mesh", "router", "--at", "127.0.0.1:0", "--name", "hub", "--quiet"}),
                        ProcessOptions().stdio(Stdio::null, Stdio::pipe, Stdio::inherit));
        std::string line;
        std::byte room[256];
        while (line.find('\n') == std::string::npos) {
            const std::size_t n = co_await router_->out()->read_some(room);
            if (n == 0) throw Error("the router ended: " + line);
            line.append(reinterpret_cast<const char*>(room), n);
        }
        EXPECT_THAT(line, HasSubstr("hub listens at 127.0.0.1:"));
        co_return static_cast<std::uint16_t>(std::stoi(line.substr(line.rfind(':') + 1)));
    }

    // Runs `weft mesh …` beside the nodes of this loop.
    static Task<ProcessResult> weft_mesh(std::vector<std::string> arguments, std::uint16_t port) {
        arguments.insert(arguments.begin(), "mesh");
        arguments.push_back("--at");
        arguments.push_back("127.0.0.1:" + std::to_string(port));
        return timeout(60s, run_process(weft_command(std::move(arguments))));
    }

    template <class... Words>
    static std::vector<std::string> words(Words... w) {
        std::vector<std::string> out;
        (out.emplace_back(w), ...);
        return out;
    }

    Task<void> scenario();
    std::optional<Process> router_;
};

Task<void> MeshCommand::scenario() {
    const std::uint16_t port = co_await start_router();
    mesh::Client worker(mesh::Options("worker").port(port));
    worker.callback(
        "multiply", [](int a, int b) { return a * b; }, "a", "b");
    worker.callback("echo", [](mesh::Value v) { return v; });
    worker.callback("boom", [] { throw mesh::RemoteError("ValueError", "no such thing"); });
    co_await worker.connect();
    mesh::Client other(mesh::Options("other").port(port));
    other.callback("echo", [](mesh::Value v) { return v; });
    co_await other.connect();

    auto arguments = words("members");
    ProcessResult result = co_await weft_mesh(arguments, port);
    EXPECT_EQ(result.status.code, 0) << result.err;
    EXPECT_THAT(result.out,
                AllOf(HasSubstr("worker"), HasSubstr("other"), HasSubstr("weft"), HasSubstr("127.0.0.1")));

    arguments = words("methods", "worker");
    result = co_await weft_mesh(arguments, port);
    EXPECT_EQ(result.out, "worker\n  multiply(a, b)\n  echo()\n  boom()\n") << result.err;

    arguments = words("call", "multiply", "6", "7");
    result = co_await weft_mesh(arguments, port);
    EXPECT_EQ(result.out, "42\n") << result.err;
    arguments = words("call", "multiply", "6", "-k", "b=8", "--serde", "pickle");
    result = co_await weft_mesh(arguments, port);
    EXPECT_EQ(result.out, "48\n") << result.err;
    arguments = words("call", "echo", R"({"a": [1, null, "x"]})", "-r", "other");
    result = co_await weft_mesh(arguments, port);
    EXPECT_EQ(result.out, "{\"a\": [1, null, \"x\"]}\n") << result.err;
    arguments = words("call", "echo", "1", "-r", "nobody");
    result = co_await weft_mesh(arguments, port);
    EXPECT_EQ(result.status.code, 1);
    EXPECT_THAT(result.err, HasSubstr("there is no member 'nobody'"));
    arguments = words("call", "echo", "plain text");
    result = co_await weft_mesh(arguments, port);
    EXPECT_EQ(result.out, "\"plain text\"\n") << result.err;

    arguments = words("call", "boom");
    result = co_await weft_mesh(arguments, port);
    EXPECT_EQ(result.status.code, 1);
    EXPECT_EQ(result.out, "");
    EXPECT_THAT(result.err, HasSubstr("ValueError: no such thing"));
    arguments = words("call", "nothing");
    result = co_await weft_mesh(arguments, port);
    EXPECT_EQ(result.status.code, 1);
    EXPECT_THAT(result.err, HasSubstr("no member offers it"));

    arguments = words("cast", "echo", "5");
    result = co_await weft_mesh(arguments, port);
    EXPECT_EQ(result.out, "other  5\nworker  5\n") << result.err;

    arguments = words("top", "-n", "1", "-i", "0.1");
    result = co_await weft_mesh(arguments, port);
    EXPECT_EQ(result.status.code, 0) << result.err;
    EXPECT_THAT(result.out, AllOf(HasSubstr("CALLS/S"), HasSubstr("worker"), HasSubstr("\nhub ")));

    arguments = words("top", "-n", "1", "-i", "0.1", "--methods");
    result = co_await weft_mesh(arguments, port);
    EXPECT_EQ(result.status.code, 0) << result.err;
    EXPECT_THAT(result.out, AllOf(HasSubstr("METHOD"), ContainsRegex("\nhub +multiply .* 2\n"),
                                  ContainsRegex("\nworker +multiply .* 2\n")));
    router_->signal(2);
}

TEST_F(MeshCommand, shows_and_calls_what_a_mesh_offers) {
    Loop loop;
    loop.run(timeout(120s, scenario()));
    router_.reset();
}

TEST_F(MeshCommand, says_what_is_wrong) {
    ProcessResult result = run_weft({"mesh", "members", "--at", "127.0.0.1:1"});
    EXPECT_EQ(result.status.code, 2);
    EXPECT_THAT(result.err, HasSubstr("127.0.0.1:1"));
    result = run_weft({"mesh", "members", "--at", "nonsense"});
    EXPECT_EQ(result.status.code, 2);
    EXPECT_THAT(result.err, HasSubstr("HOST:PORT"));
    EXPECT_EQ(run_weft({"mesh"}).status.code, 2);
    result = run_weft({"mesh", "--help"});
    EXPECT_EQ(result.status.code, 0);
    EXPECT_THAT(result.out,
                AllOf(HasSubstr("members"), HasSubstr("cast"), HasSubstr("weft mesh call multiply 6 7")));
}

}  // namespace
}  // namespace weft
