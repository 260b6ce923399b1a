// gRPC-Web against clients that browsers use: Google's and Connect's on node (HTTP/1.1), and Google's in a
// page of Chromium, which asks for permission (CORS) before each call.
#include "../peer_process.hpp"
#include "../peer_service.hpp"

#include <weft/core/process.hpp>
#include <weft/testing/co_test.hpp>

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

namespace interop {
namespace {

using namespace std::chrono_literals;
using weft::Task;
using weft::grpc::Server;
using weft::grpc::ServerOptions;

std::string lines(std::initializer_list<const char*> all) {
    std::string out;
    for (const char* line : all) out += std::string(line) + '\n';
    return out;
}

// The metadata: code, trailing and initial.
const std::string unary_cases = lines({"unary: häl\xf0\x9f\x98\x88", "large: 1048576 1048576", "empty: 0",
                                       "metadata: 0 AAEC first", "error: 9 näh: 100 %"});
const std::string stream_cases =
    lines({"concurrent: true", "stream: 100 last 99", "stream error: 3 then 15 broken"});
const std::string cancel_case = "cancel: 1\n";

std::string peers_folder() {
    const char* folder = std::getenv("WEFT_PEERS");
    return std::string(folder ? folder : PEERS) + "/js/node_modules";
}

struct WebServer {
    explicit WebServer(std::string origin) : server(ServerOptions().grpc_web(std::move(origin))) {
        service.details.clear();  // which Connect's client would parse
        server.add_service(service);
        port = server.add_insecure_port("127.0.0.1:0");
    }
    PeerService service;
    Server server;
    int port = 0;
};

Task<std::string> run_node(std::string kind) {
    WebServer web("*");
    co_await web.server.start();
    std::vector<std::string> command{"/usr/bin/env",
                                     "NODE_PATH=" + peers_folder(),
                                     NODE,
                                     WEB_FOLDER "/web_client.js",
                                     kind,
                                     std::to_string(web.port),
                                     PEER_DESCRIPTORS};
    PeerProcess node(std::move(command));
    const auto outcome = co_await weft::timeout(60s, node.wait());
    EXPECT_EQ(outcome.first, 0) << outcome.second;
    co_await web.server.stop();
    co_return outcome.second;
}

TEST(GrpcWebInterop, googles_client_calls_in_text_and_streams) {
    const std::string seen = weft::testing::run(run_node("grpc-web-text"), 90s);
    EXPECT_EQ(seen, unary_cases +
                        "missing: 12 method /interop.Peer/Missing is not implemented\ndeadline: 4\n" +
                        stream_cases + "done\n");
}

TEST(GrpcWebInterop, googles_client_calls_in_binary) {
    const std::string seen = weft::testing::run(run_node("grpc-web-binary"), 90s);
    EXPECT_EQ(seen, unary_cases +
                        "missing: 12 method /interop.Peer/Missing is not implemented\ndeadline: 4\n" +
                        "concurrent: true\ndone\n");
}

TEST(GrpcWebInterop, connects_client_calls_and_streams) {
    const std::string seen = weft::testing::run(run_node("connect-web"), 90s);
    EXPECT_EQ(seen, unary_cases +
                        "missing: 12 method /interop.Peer/Missing is not implemented\ndeadline: 4\n" +
                        stream_cases + cancel_case + "done\n");
}

// The page tells what it saw by a call.
TEST(GrpcWebInterop, a_page_of_chromium_calls_across_origins) {
    auto body = []() -> Task<void> {
        WebServer web("null");  // the origin of pages from files
        std::string report;
        weft::Event reported;
        web.service.on_report = [&](std::string text) {
            report = std::move(text);
            reported.set();
        };
        co_await web.server.start();
        std::string profile = (std::filesystem::temp_directory_path() / "weft-chromium-XXXXXX").string();
        EXPECT_NE(::mkdtemp(profile.data()), nullptr);
        const std::string page =
            "file://" WEB_FOLDER "/page.html#" + std::to_string(web.port) + "," + peers_folder();
        const std::vector<std::string> command = {CHROMIUM,
                                                  "--headless=new",
                                                  "--no-sandbox",
                                                  "--disable-gpu",
                                                  "--disable-dev-shm-usage",
                                                  "--no-first-run",
                                                  "--disable-background-networking",
                                                  "--remote-debugging-port=0",
                                                  "--user-data-dir=" + profile,
                                                  page};
        {
            weft::Process chromium(command, weft::ProcessOptions().stdio(weft::Stdio::null, weft::Stdio::null,
                                                                         weft::Stdio::null));
            auto wait = [&]() -> Task<void> { co_await reported.wait(); };
            co_await weft::timeout(60s, wait());
            chromium.signal(15);
            co_await chromium.wait();
        }
        std::filesystem::remove_all(profile);
        const std::string missing =
            "missing: 12 method /interop.Peer/Missing is not implemented\ndeadline: 4\n";
        EXPECT_EQ(report, unary_cases + missing + stream_cases + cancel_case + "\n" + unary_cases + missing +
                              "concurrent: true");
        co_await web.server.stop();
    };
    weft::testing::run(body(), 90s);
}

}  // namespace
}  // namespace interop
