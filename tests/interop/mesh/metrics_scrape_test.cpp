// A router's and a service's counters, read by Prometheus' own parser (Python's prometheus_client).
#include <weft/core.hpp>
#include <weft/mesh.hpp>
#include <weft/mesh/serde.hpp>
#include <weft/testing/co_test.hpp>
#include <weft/testing/error_of.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace weft::mesh {
namespace {

using namespace std::chrono_literals;
using weft::testing::error_of;

// Signs that the text format writes differently, and some that look as if they belonged to it.
const std::string odd_node = R"(hub "1" \n {x=y} é)";
const std::string odd_method = R"(twice "2" \ # HELP }  1)";

// What scrape.py finds at the port: JSON.
Task<std::string> scrape(std::uint16_t port, std::vector<std::string> wanted) {
    std::vector<std::string> command = {WEFT_PEERS_PYTHON, WEFT_MESH_SCRAPE, std::to_string(port)};
    if (!wanted.empty()) {
        std::string list;
        for (const std::string& one : wanted) list += (list.empty() ? "[" : ",") + one;
        command.push_back(list + "]");
    }
    const ProcessResult result = co_await run_process(command);
    EXPECT_TRUE(result.ok()) << result.status.to_string() << "\n" << result.err;
    co_return result.out;
}

std::string json(const std::string& text) {
    Buffer out;
    encode_value(Serde::json, Value(text), out);
    return std::string(out.text());
}

// ["name", {"node": …, "method": …}]
std::string sample(const std::string& name, const std::string& node) {
    return "[\"weft_mesh_" + name + "\",{\"node\":" + json(node) + "}]";
}
std::string sample(const std::string& name, const std::string& node, const std::string& method) {
    return "[\"weft_mesh_" + name + "\",{\"node\":" + json(node) + ",\"method\":" + json(method) + "}]";
}

Task<void> read_a_service() {
    Service service(Options(odd_node).metrics(true).workers(1).queue_limit(1, 1 << 20));
    service.callback(odd_method, [](int n) { return 2 * n; });
    service.callback("fail", []() -> int { throw RemoteError("ValueError", "no"); });
    Event begun;
    service.callback("nap", [&]() -> Task<void> {
        begun.set();
        co_await sleep(20ms);
    });
    service.start();
    const std::string empty = co_await scrape(service.port(), std::vector<std::string>());
    EXPECT_EQ(empty, R"(["weft_mesh_bytes", "weft_mesh_dropped", "weft_mesh_evicted", "weft_mesh_frames", )"
                     R"("weft_mesh_members", "weft_mesh_unroutable"])"
                     "\n");
    Client client(Options("caller").port(service.port()));
    auto conn = co_await client.connect();
    for (int i = 0; i < 3; ++i) co_await conn.rpc(5s).call<int>(odd_method, 1);
    co_await error_of<RemoteError>(conn.rpc(5s).call<int>("fail"));
    auto first = spawn(conn.rpc(5s).call<void>("nap"), "nap");
    co_await begun.wait();
    std::vector<Task<void>> naps;  // one waits, two have no room
    for (int i = 0; i < 3; ++i) naps.push_back(conn.rpc(5s).call<void>("nap"));
    co_await gather_settled(std::move(naps));
    co_await std::move(first);
    std::vector<std::string> wanted = {
        sample("members", odd_node),
        sample("calls_total", odd_node, odd_method),
        sample("errors_total", odd_node, odd_method),
        sample("calls_total", odd_node, "fail"),
        sample("errors_total", odd_node, "fail"),
        sample("calls_total", odd_node, "nap"),
        sample("errors_total", odd_node, "nap"),
        sample("busy_total", odd_node, "nap"),
        sample("calls_total", odd_node, "never called"),
    };
    const std::string told = co_await scrape(service.port(), std::move(wanted));
    EXPECT_EQ(told, "[1, 3, 0, 1, 1, 4, 2, 2, null]\n");
    wanted.assign(1, sample("seconds_total", odd_node, "nap"));
    const std::string time = co_await scrape(service.port(), std::move(wanted));
    const double seconds = std::stod(time.substr(1));
    EXPECT_GE(seconds, 0.035);
    EXPECT_LT(seconds, 10);
}

TEST(Prometheus, reads_a_services_counters) { weft::testing::run(read_a_service(), 60s); }

Task<void> read_a_router() {
    Router router(Options(odd_node).metrics(true));
    router.start();
    Client worker(Options("worker").port(router.port()));
    worker.callback(odd_method, [](int n) { return 2 * n; });
    worker.callback("fail", []() -> int { throw RemoteError("ValueError", "no"); });
    co_await worker.connect();
    Client client(Options("caller").port(router.port()));
    auto conn = co_await client.connect();
    co_await conn.wait_for_method("fail", 5s);
    for (int i = 0; i < 3; ++i) co_await conn.rpc(5s).call<int>(odd_method, 1);
    for (int i = 0; i < 2; ++i) co_await error_of<RemoteError>(conn.rpc(5s).call<int>("fail"));
    std::vector<std::string> wanted = {
        sample("members", odd_node),
        sample("calls_total", odd_node, odd_method),
        sample("errors_total", odd_node, odd_method),
        sample("busy_total", odd_node, odd_method),
        sample("calls_total", odd_node, "fail"),
        sample("errors_total", odd_node, "fail"),
        sample("unroutable_total", odd_node),
        sample("evicted_total", odd_node),
    };
    const std::string told = co_await scrape(router.port(), std::move(wanted));
    EXPECT_EQ(told, "[2, 3, 0, 0, 2, 2, 0, 0]\n");
}

TEST(Prometheus, reads_a_routers_counters) { weft::testing::run(read_a_router(), 60s); }

}  // namespace
}  // namespace weft::mesh
