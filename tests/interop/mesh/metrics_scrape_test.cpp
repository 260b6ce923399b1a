// A router's and a service's counters, read by an HTTP client that is not weft's.
#include <weft/core.hpp>
#include <weft/mesh.hpp>
#include <weft/testing/co_test.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace weft::mesh {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::HasSubstr;

Task<std::string> scrape(std::uint16_t port) {
    const std::vector<std::string> command = {WEFT_PEERS_PYTHON, WEFT_MESH_SCRAPE, std::to_string(port)};
    const ProcessResult result = co_await run_process(command);
    EXPECT_TRUE(result.ok()) << result.status.to_string() << "\n" << result.err;
    co_return result.out;
}

TEST(PythonScraper, reads_a_routers_and_a_services_counters) {
    auto body = []() -> Task<void> {
        Router router(Options("hub \"1\"").metrics(true));
        router.start();
        const std::string of_router = co_await scrape(router.port());
        EXPECT_THAT(of_router, HasSubstr(R"(weft_mesh_members{node="hub \"1\""} 0)"));
        Service service(Options("calc").metrics(true));
        service.callback("twice", [](int n) { return 2 * n; });
        service.callback("fail", []() -> int { throw RemoteError("ValueError", "no"); });
        service.start();
        Client client(Options("caller").port(service.port()));
        auto conn = co_await client.connect();
        (void)co_await conn.rpc(5s).call<int>("twice", 1);
        (void)co_await conn.cast(5s).call<int>("fail");
        const std::string of_service = co_await scrape(service.port());
        EXPECT_THAT(of_service, AllOf(HasSubstr(R"(weft_mesh_calls_total{node="calc",method="twice"} 1)"),
                                      HasSubstr(R"(weft_mesh_errors_total{node="calc",method="twice"} 0)"),
                                      HasSubstr(R"(weft_mesh_errors_total{node="calc",method="fail"} 1)")));
    };
    weft::testing::run(body(), 60s);
}

}  // namespace
}  // namespace weft::mesh
