// Several NATS servers that are one cluster, and the files for TLS.
#pragma once

#include "nats_process.hpp"

#include <weft/core.hpp>
#include <weft/testing/test_authority.hpp>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace weft::mesh {

// Servers that know each other.
// `first_more`: what else the first is told.
inline Task<std::vector<std::unique_ptr<NatsProcess>>> start_cluster(
    std::size_t count, std::vector<std::string> first_more = std::vector<std::string>()) {
    std::vector<std::unique_ptr<NatsProcess>> servers;
    const std::string first = "nats://127.0.0.1:" + std::to_string(NatsProcess::free_port());
    for (std::size_t i = 0; i < count; ++i) {
        std::vector<std::string> more;
        if (i == 0) more = first_more;
        more.insert(more.end(), {"--cluster_name", "lab", "--cluster"});
        more.push_back(i == 0 ? first : "nats://127.0.0.1:" + std::to_string(NatsProcess::free_port()));
        if (i != 0) {
            more.emplace_back("--routes");
            more.push_back(first);
        }
        auto server = co_await NatsProcess::start(std::move(more));
        servers.push_back(std::move(server));
    }
    // Until what is said to the first is heard at all.
    NatsTalker talker = co_await NatsTalker::connect(servers[0]->port);
    for (const auto& server : servers) {
        NatsTalker other = co_await NatsTalker::connect(server->port);
        co_await other.say("SUB ready 1\r\n");
        std::string heard;
        while (heard.find("here") == std::string::npos) {
            co_await talker.publish("ready", "here");
            co_await other.say("PING\r\n");
            heard = co_await other.hear("PONG");
        }
    }
    co_return servers;
}

// A folder with a CA's certificate and a server's.
class NatsTlsFiles {
public:
    NatsTlsFiles() {
        std::string name = "/tmp/weft-nats-tls-XXXXXX";
        if (!::mkdtemp(name.data())) throw_errno("make a folder");
        folder_ = name;
        const auto issued = authority.issue({"127.0.0.1"});
        write("chain.pem", issued.chain);
        write("key.pem", issued.key);
        write("ca.pem", authority.pem());
    }
    ~NatsTlsFiles() {
        std::error_code ignored;
        std::filesystem::remove_all(folder_, ignored);
    }
    [[nodiscard]] std::vector<std::string> arguments(bool verify) const {
        std::vector<std::string> out = {verify ? "--tlsverify" : "--tls", "--tlscert", path("chain.pem"),
                                        "--tlskey", path("key.pem")};
        if (verify) out.insert(out.end(), {"--tlscacert", path("ca.pem")});
        return out;
    }
    [[nodiscard]] TlsContext client() const {
        return TlsContext::client().without_system_cas().ca_pem(authority.pem());
    }
    // Of "ca.pem", "chain.pem" and "key.pem".
    [[nodiscard]] std::string path(const std::string& name) const { return (folder_ / name).string(); }
    weft::testing::TestAuthority authority;

private:
    void write(const std::string& name, const std::string& text) const {
        std::ofstream out(folder_ / name);
        out << text;
    }
    std::filesystem::path folder_;
};

}  // namespace weft::mesh
