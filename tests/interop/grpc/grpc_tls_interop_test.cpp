// TLS, mutual TLS, call credentials and local credentials between weft and the two C-core peers, both ways.
#include "peer.weft.hpp"
#include "peer_process.hpp"

#include <weft/core.hpp>
#include <weft/grpc/credentials.hpp>
#include <weft/grpc/server.hpp>
#include <weft/testing/test_authority.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

namespace interop {
namespace {

using namespace std::chrono_literals;
using weft::Task;
using weft::TlsContext;
using weft::TlsIdentity;
using weft::testing::TestAuthority;

// The files that both sides use.
class Files {
public:
    Files() {
        static std::atomic<int> number = 0;
        folder_ = std::filesystem::temp_directory_path() /
                  ("weft-grpc-tls-" + std::to_string(::getpid()) + "-" + std::to_string(++number));
        std::filesystem::create_directory(folder_);
        issue_server(authority);
        const auto client = authority.issue({"controller.test"});
        write("client.pem", client.chain);
        write("client.key", client.key);
    }
    ~Files() { std::filesystem::remove_all(folder_); }

    void issue_server(const TestAuthority& by) {
        const auto made = by.issue({"sw1.test"});
        write("ca.pem", by.pem());
        write("server.pem", made.chain);
        write("server.key", made.key);
    }
    [[nodiscard]] std::string path(const std::string& name) const { return folder_ / name; }
    [[nodiscard]] std::string folder() const { return folder_; }

    TestAuthority authority;

private:
    void write(const std::string& name, const std::string& text) {
        std::ofstream(path(name + ".new")) << text;
        std::filesystem::rename(path(name + ".new"), path(name));
    }
    std::filesystem::path folder_;
};

std::vector<std::string> peer_command(const std::string& peer, std::vector<std::string> arguments) {
    std::vector<std::string> command;
    if (peer == "grpcxx") {
        command = {GRPCXX_TLS_PEER};
    } else {
        const char* venv = std::getenv("WEFT_PEERS_VENV");
        command = {std::string(venv ? venv : PEERS_VENV) + "/bin/python", PYTHON_TLS_PEER, PEER_PROTO_FOLDER};
    }
    command.insert(command.end(), arguments.begin(), arguments.end());
    return command;
}

class PeerService final : public Peer::Service {
public:
    Task<PeerReply> Unary(weft::grpc::ServerContext& context, PeerRequest) override {
        const auto& metadata = context.invocation_metadata();
        std::string seen = std::string(metadata.get("authorization").value_or("-")) + " " +
                           std::string(metadata.get("x-call").value_or("-"));
        for (const std::string& name : context.peer_identities()) seen += " " + name;
        PeerReply reply;
        reply.set_text(seen);
        co_return reply;
    }
};

class Stamp final : public weft::grpc::CallCredentials {
public:
    Task<weft::grpc::Metadata> metadata(std::string, std::string method) override {
        weft::grpc::Metadata made;
        made.add("x-call", method);
        co_return made;
    }
};

std::string expected(const std::string& name) {
    if (name == "mutual") return "- - controller.test";
    return name == "tls" ? "- -" : "Bearer t Unary";
}

Task<void> our_client(std::string peer, std::string name) {
    Files files;
    std::vector<std::string> arguments{"server", files.folder(), name};
    PeerProcess server(peer_command(peer, std::move(arguments)));
    const std::string target = co_await server.read_line();
    weft::grpc::AccessTokenCredentials token("t");
    Stamp stamp;
    weft::grpc::ChannelOptions options;
    if (name != "local") std::move(options).ssl_target_name_override("sw1.test");
    if (name == "local" || name == "credentials") std::move(options).call_credentials(token);
    auto tls = TlsContext::client().without_system_cas().ca_file(files.path("ca.pem")).alpn("h2");
    if (name == "mutual")
        std::move(tls).identity(TlsIdentity::from_files(files.path("client.pem"), files.path("client.key")));
    auto channel = name == "local" ? weft::grpc::insecure_channel(target, std::move(options))
                                   : weft::grpc::secure_channel(target, tls, std::move(options));
    Peer::Stub stub(channel);
    weft::grpc::CallOptions per_call;
    std::move(per_call).timeout(20s);
    if (name == "local" || name == "credentials") std::move(per_call).credentials(stamp);
    const PeerReply reply = co_await stub.Unary(PeerRequest(), std::move(per_call));
    // An identity of the peer's own for local connections.
    EXPECT_TRUE(reply.text().starts_with(expected(name))) << reply.text();
    if (name != "local") {
        EXPECT_EQ(reply.text(), expected(name));
    }
    co_await channel.close();
}

Task<void> their_client(std::string peer, std::string name, std::string folder, std::string target) {
    std::vector<std::string> arguments{"client", folder, name, target};
    PeerProcess client(peer_command(peer, std::move(arguments)));
    const auto result = co_await client.wait();
    EXPECT_EQ(result.first, 0) << result.second;
}

Task<void> our_server(std::string peer, std::string name) {
    Files files;
    PeerService service;
    weft::grpc::IdentityFiles renewal(files.path("server.pem"), files.path("server.key"));
    weft::grpc::Server server;
    server.add_service(service);
    std::string target = "unix:" + files.path("weft.sock");
    if (name == "local") {
        server.add_insecure_port(target);
    } else {
        auto tls =
            TlsContext::server(TlsIdentity::from_files(files.path("server.pem"), files.path("server.key")))
                .alpn("h2");
        if (name == "mutual")
            std::move(tls)
                .ca_file(files.path("ca.pem"))
                .client_certificates(weft::TlsClientCertificate::required);
        target = "127.0.0.1:" + std::to_string(server.add_secure_port("127.0.0.1:0", tls, renewal));
    }
    co_await server.start();
    co_await their_client(peer, name, files.folder(), target);
    if (name == "tls") {
        // A certificate of another CA, and clients that trust only that one.
        const TestAuthority other("another CA");
        files.issue_server(other);
        co_await their_client(peer, name, files.folder(), target);
        EXPECT_EQ(renewal.renewals(), 1U) << renewal.last_error();
    }
    co_await server.stop();
}

void run(Task<void> task) {
    weft::Loop loop;
    loop.run(weft::timeout(60s, std::move(task)));
}

class GrpcTlsInterop : public ::testing::TestWithParam<std::tuple<std::string, std::string>> {};

TEST_P(GrpcTlsInterop, our_client_with_their_server) {
    run(our_client(std::get<0>(GetParam()), std::get<1>(GetParam())));
}

TEST_P(GrpcTlsInterop, their_client_with_our_server) {
    run(our_server(std::get<0>(GetParam()), std::get<1>(GetParam())));
}

INSTANTIATE_TEST_SUITE_P(Peers, GrpcTlsInterop,
                         ::testing::Combine(::testing::Values("grpcxx", "python"),
                                            ::testing::Values("tls", "mutual", "credentials", "local")),
                         [](const auto& of) { return std::get<0>(of.param) + "_" + std::get<1>(of.param); });

}  // namespace
}  // namespace interop
