// weft mesh at NATS servers (nats-server, Debian) in a router's place.
#include "nats_cluster.hpp"
#include "weft_program.hpp"

#include <weft/core.hpp>
#include <weft/mesh.hpp>
#include <weft/testing/co_test.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

namespace weft {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;

// Runs `weft mesh …` beside the nodes of this loop.
Task<ProcessResult> weft_mesh(std::string at, std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "mesh");
    arguments.insert(arguments.end(), {"--at", std::move(at)});
    return timeout(60s, run_process(weft_command(std::move(arguments))));
}

template <class... Words>
std::vector<std::string> words(Words... w) {
    std::vector<std::string> out;
    (out.emplace_back(w), ...);
    return out;
}

mesh::Callbacks calculator() {
    mesh::Callbacks out;
    out.add(
        "multiply", [](int a, int b) { return a * b; }, "a", "b");
    out.add("echo", [](mesh::Value v) { return v; });
    return out;
}

TEST(MeshCommandAtNats, shows_and_calls_what_is_there) {
    auto body = []() -> Task<void> {
        auto server = co_await mesh::NatsProcess::start();
        const std::string at = server->url();
        mesh::Service worker(mesh::Options("worker").host(at), calculator());
        worker.callback("boom", [] { throw mesh::RemoteError("ValueError", "no such thing"); });
        worker.start();
        mesh::Client other(mesh::Options("other").host(at));
        other.callback("echo", [](mesh::Value v) { return v; });
        auto conn = co_await other.connect();
        co_await conn.wait_for_members(10s, "worker");

        auto arguments = words("members");
        ProcessResult result = co_await weft_mesh(at, arguments);
        EXPECT_EQ(result.status.code, 0) << result.err;
        EXPECT_THAT(result.out,
                    AllOf(HasSubstr("\nother         1  weft "), HasSubstr("\nworker        3  weft ")));

        arguments = words("methods", "worker");
        result = co_await weft_mesh(at, arguments);
        EXPECT_EQ(result.out, "worker\n  multiply(a, b)\n  echo()\n  boom()\n") << result.err;
        arguments = words("methods", "nobody");
        result = co_await weft_mesh(at, arguments);
        EXPECT_EQ(result.status.code, 1);
        EXPECT_THAT(result.err, HasSubstr("'nobody' offers anything at " + at));

        arguments = words("call", "multiply", "6", "7");
        result = co_await weft_mesh(at, arguments);
        EXPECT_EQ(result.out, "42\n") << result.err;
        arguments = words("call", "multiply", "6", "-k", "b=8", "--serde", "msgpack");
        result = co_await weft_mesh(at, arguments);
        EXPECT_EQ(result.out, "48\n") << result.err;
        arguments = words("call", "echo", R"({"a": [1, null, "x"]})", "-r", "other");
        result = co_await weft_mesh(at, arguments);
        EXPECT_EQ(result.out, "{\"a\": [1, null, \"x\"]}\n") << result.err;
        arguments = words("call", "boom");
        result = co_await weft_mesh(at, arguments);
        EXPECT_EQ(result.status.code, 1);
        EXPECT_THAT(result.err, HasSubstr("ValueError: no such thing"));
        arguments = words("call", "nothing");
        result = co_await weft_mesh(at, arguments);
        EXPECT_EQ(result.status.code, 1);
        EXPECT_THAT(result.err, HasSubstr("call nothing: no member offers it"));
        arguments = words("call", "echo", "1", "-r", "nobody");
        result = co_await weft_mesh(at, arguments);
        EXPECT_EQ(result.status.code, 1);
        EXPECT_THAT(result.err, HasSubstr("there is no member 'nobody'"));

        arguments = words("cast", "echo", "5");
        result = co_await weft_mesh(at, arguments);
        EXPECT_EQ(result.out, "other  5\nworker  5\n") << result.err;
        arguments = words("cast", "nothing");
        result = co_await weft_mesh(at, arguments);
        EXPECT_EQ(result.status.code, 1);
        EXPECT_THAT(result.err, HasSubstr("cast nothing: no member offers it"));

        arguments = words("top", "-n", "1", "-i", "0.1");
        result = co_await weft_mesh(at, arguments);
        EXPECT_EQ(result.status.code, 0) << result.err;
        EXPECT_THAT(result.out, AllOf(HasSubstr("CALLS/S"), HasSubstr("worker"), HasSubstr("other")));

        // Another mesh at the same server has nobody in it.
        arguments = words("members");
        result = co_await weft_mesh(at + "/lab", arguments);
        EXPECT_THAT(result.out, MatchesRegex("NAME[^\n]*\n")) << result.err;
        co_await worker.stop();
    };
    weft::testing::run(body(), 100s);
}

// "call echo '{"a": 1}'" as a shell takes it apart.
std::vector<std::string> split(const std::string& line) {
    std::vector<std::string> out(1);
    bool quoted = false;
    for (const char c : line) {
        if (c == '\'') {
            quoted = !quoted;
        } else if (c == ' ' && !quoted) {
            out.emplace_back();
        } else {
            out.back() += c;
        }
    }
    return out;
}

TEST(MeshCommandAtNats, prints_what_the_guide_shows) {
    std::ifstream in(WEFT_SOURCE_FOLDER "/docs/guide/mesh.md");
    const std::string guide((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
    const std::size_t begin = guide.find("```console\n$ export WEFT_MESH_AT=nats://");
    ASSERT_NE(begin, std::string::npos);
    std::istringstream block(guide.substr(begin, guide.find("\n```\n", begin) + 1 - begin));
    auto body = [&]() -> Task<void> {
        auto server = co_await mesh::NatsProcess::start();
        mesh::Client first(mesh::Options("worker-1").host(server->url()));
        first.callback(
            "multiply", [](int a, int b) { return a * b; }, "a", "b");
        auto echo = [](mesh::Value v) { return v; };
        first.callback("echo", echo, "value");
        co_await first.connect();
        mesh::Client second(mesh::Options("worker-2").host(server->url()));
        second.callback("echo", echo, "value");
        auto conn = co_await second.connect();
        std::string line;
        std::getline(block, line);  // ```console
        std::getline(block, line);  // export
        std::getline(block, line);
        int commands = 0;
        while (line.starts_with("$ weft mesh ")) {
            const std::string command = line.substr(12);
            std::string shown;
            while (std::getline(block, line) && !line.starts_with("$")) shown += line + "\n";
            const ProcessResult result = co_await weft_mesh(server->url(), split(command));
            EXPECT_EQ(result.out + result.err, shown) << command;
            ++commands;
        }
        EXPECT_EQ(commands, 6);
    };
    weft::testing::run(body(), 60s);
}

TEST(MeshCommandAtNats, finds_a_server_of_a_list_and_speaks_tls) {
    auto body = []() -> Task<void> {
        const mesh::NatsTlsFiles files;
        auto server = co_await mesh::NatsProcess::start(files.arguments(true));
        const auto mine = files.authority.issue({"node.example"});
        TlsContext context = files.client().identity(TlsIdentity::from_pem(mine.chain, mine.key));
        mesh::Service worker(mesh::Options("worker").host(server->url()).tls(std::move(context)),
                             calculator());
        worker.start();
        const std::string nobody = "127.0.0.1:" + std::to_string(mesh::NatsProcess::free_port());
        const std::string at = "tls://" + nobody + "," + server->place();
        auto arguments = words("call", "multiply", "6", "7", "--ca", files.path("ca.pem"), "--cert",
                               files.path("chain.pem"), "--key", files.path("key.pem"));
        ProcessResult result;
        do {  // the worker comes when it comes
            result = co_await weft_mesh(at, arguments);
        } while (result.status.code == 1);
        EXPECT_EQ(result.out, "42\n") << result.err;
        arguments = words("members", "--ca", files.path("ca.pem"));
        result = co_await weft_mesh("tls://" + server->place(), arguments);
        EXPECT_EQ(result.status.code, 2);
        EXPECT_THAT(result.err, HasSubstr("certificate"));
        co_await worker.stop();
    };
    weft::testing::run(body(), 60s);
}

TEST(MeshCommandAtNats, works_across_the_servers_of_a_cluster) {
    auto body = []() -> Task<void> {
        auto servers = co_await mesh::start_cluster(2);
        mesh::Client one(mesh::Options("one").host(servers[0]->url()), calculator());
        co_await one.connect();
        mesh::Client two(mesh::Options("two").host(servers[1]->url()), calculator());
        auto conn = co_await two.connect();
        co_await conn.wait_for_members(10s, "one");
        const std::string at = "nats://" + servers[1]->place() + "," + servers[0]->place();
        auto arguments = words("cast", "multiply", "2", "3");
        const ProcessResult result = co_await weft_mesh(at, arguments);
        EXPECT_EQ(result.out, "one  6\ntwo  6\n") << result.err;
    };
    weft::testing::run(body(), 60s);
}

TEST(MeshCommandAtNats, says_what_is_wrong) {
    const std::string nobody = "127.0.0.1:" + std::to_string(mesh::NatsProcess::free_port());
    const std::string nobody_else = "127.0.0.1:" + std::to_string(mesh::NatsProcess::free_port());
    for (const char* command : {"members", "methods", "top"}) {
        const ProcessResult result = run_weft({"mesh", command, "--at", "nats://" + nobody});
        EXPECT_EQ(result.status.code, 2);
        EXPECT_THAT(result.err, AllOf(HasSubstr(nobody), HasSubstr("nothing listens there")));
    }
    ProcessResult result =
        run_weft({"mesh", "call", "f", "--at", "nats://ada:s3cret@" + nobody + "," + nobody_else});
    EXPECT_EQ(result.status.code, 2);
    EXPECT_THAT(result.err, AllOf(HasSubstr("none of 2 servers"), HasSubstr(nobody), HasSubstr(nobody_else),
                                  ::testing::Not(HasSubstr("s3cret"))));
    result = run_weft({"mesh", "members", "--at", "nats://"});
    EXPECT_EQ(result.status.code, 2);
    EXPECT_THAT(result.err, HasSubstr("no NATS address"));
    result = run_weft({"mesh", "members", "--at", "nats://" + nobody, "--token", "x"});
    EXPECT_EQ(result.status.code, 2);
    EXPECT_THAT(result.err, HasSubstr("nats://token@host"));
    result = run_weft({"mesh", "router", "--at", "nats://" + nobody});
    EXPECT_EQ(result.status.code, 2);
    EXPECT_THAT(result.err, HasSubstr("needs no Router"));
    // Something listens there, and says nothing.
    Listener silent(SocketAddress::loopback(0));
    result = run_weft(
        {"mesh", "members", "--timeout", "0.2", "--at", "nats://127.0.0.1:" + std::to_string(silent.port())});
    EXPECT_EQ(result.status.code, 2);
    EXPECT_THAT(result.err, HasSubstr("no NATS server answered"));
}

}  // namespace
}  // namespace weft
