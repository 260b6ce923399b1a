// A real browser in the mesh: Chromium, headless, by WebSocket.
#include <weft/core.hpp>
#include <weft/mesh.hpp>
#include <weft/testing/co_test.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

namespace weft::mesh {
namespace {

using namespace std::chrono_literals;

// The page calls what the worker offers, and tells what it saw by calling "report".
TEST(Browser, calls_and_is_told_through_a_router) {
    auto body = []() -> Task<void> {
        Router router(Options("router"));
        router.start();
        std::string report;
        Event reported;
        Client worker(Options("worker").port(router.port()));
        worker.callback(
            "multiply", [](int a, int b) { return a * b; }, "a", "b");
        worker.callback("echo", [](Value v) { return v; });
        worker.callback("boom", [] { throw RemoteError("ValueError", "no such thing"); });
        worker.callback("report", [&](std::string text) {
            report = std::move(text);
            reported.set();
        });
        co_await worker.connect();
        std::string profile = (std::filesystem::temp_directory_path() / "weft-chromium-XXXXXX").string();
        EXPECT_NE(::mkdtemp(profile.data()), nullptr);
        const std::string page = "file://" WEFT_MESH_PAGE "#" + std::to_string(router.port());
        const std::vector<std::string> command = {WEFT_CHROMIUM,
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
            Process chromium(command, ProcessOptions().stdio(Stdio::null, Stdio::null, Stdio::null));
            auto wait = [&]() -> Task<void> { co_await reported.wait(); };
            co_await timeout(60s, wait());
            chromium.signal(15);
            co_await chromium.wait();
        }
        std::filesystem::remove_all(profile);
        EXPECT_EQ(report,
                  "members worker; 42; 48; {\"a\":[1,null,\"häl\"]}; 200000; ValueError: no such thing; "
                  "ReceiverNotFound; joined late");
    };
    weft::testing::run(body(), 90s);
}

}  // namespace
}  // namespace weft::mesh
