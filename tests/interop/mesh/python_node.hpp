// daffi's nodes (peer.py) as children.
#pragma once

#include <weft/core.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace weft::mesh {

inline constexpr Duration python_is_slow = std::chrono::seconds(90);

// daffi's servers cannot say which port the kernel chose: it is asked here, and freed for them.
inline std::uint16_t free_port() { return Listener(SocketAddress::loopback(0)).port(); }

inline std::vector<std::string> peer_command(const std::string& role, std::uint16_t port,
                                             const std::string& name, const std::string& arg = "") {
    std::vector<std::string> args = {WEFT_PEERS_PYTHON, WEFT_MESH_PEER, role, std::to_string(port), name};
    if (!arg.empty()) args.push_back(arg);
    return args;
}

// A Python node that serves, from its "ready" until it dies with this object.
class PythonNode {
public:
    static Task<std::unique_ptr<PythonNode>> start(std::string role, std::uint16_t port, std::string name) {
        auto node = std::make_unique<PythonNode>(peer_command(role, port, name));
        std::string said;
        std::byte room[1024];
        while (said.find("ready") == std::string::npos) {
            const std::size_t n = co_await node->process_.out()->read_some(room);
            if (n == 0) throw Error(role + " ended before it was ready: " + said);
            said.append(reinterpret_cast<const char*>(room), n);
        }
        co_return node;
    }
    explicit PythonNode(const std::vector<std::string>& command)
        : process_(command, ProcessOptions().stdio(Stdio::null, Stdio::pipe, Stdio::inherit)) {}
    void kill() { process_.signal(9); }

private:
    Process process_;
};

inline Task<void> expect_caller_ok(std::string role, std::uint16_t port, std::string workers) {
    const auto command = peer_command(role, port, "py-" + role, workers);
    const ProcessResult result = co_await run_process(command);
    EXPECT_TRUE(result.ok()) << result.status.to_string() << "\n" << result.out << "\n" << result.err;
    EXPECT_THAT(result.out, ::testing::HasSubstr("ok"));
}

}  // namespace weft::mesh
