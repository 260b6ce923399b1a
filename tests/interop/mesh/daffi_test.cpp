// weft's nodes and daffi's in one mesh, in every arrangement.
#include "python_node.hpp"

#include <weft/core.hpp>
#include <weft/mesh.hpp>
#include <weft/testing/co_test.hpp>
#include <weft/testing/test_authority.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include <unistd.h>

namespace weft::mesh {
namespace {

using namespace std::chrono_literals;

// What peer.py's callers call.
struct Methods {
    Callbacks of(std::string name) {
        Callbacks callbacks;
        callbacks.add(
            "multiply", [](int a, int b) { return a * b; }, "a", "b");
        callbacks.add("echo", [](Value x) { return x; });
        callbacks.add("slow_echo", [](std::string text) -> Task<std::string> {
            co_await sleep(1ms);
            co_return text;
        });
        callbacks.add("boom", [] { throw std::invalid_argument("no such thing"); });
        callbacks.add("never", []() -> Task<void> { co_await sleep(1h); });
        callbacks.add("who", [name] { return name; });
        callbacks.add("collect", [this](std::string text) { collected += text; });
        callbacks.add("collected", [this] { return std::exchange(collected, std::string()); });
        return callbacks;
    }
    std::string collected;
};

TEST(PythonCaller, of_a_weft_service) {
    auto body = []() -> Task<void> {
        Methods methods;
        Service service(Options("weft-svc").workers(300), methods.of("weft-svc"));
        service.start();
        co_await expect_caller_ok("caller", service.port(), "weft-svc");
        co_await expect_caller_ok("async_caller", service.port(), "weft-svc");
    };
    weft::testing::run(body(), python_is_slow);
}

TEST(PythonCaller, of_weft_workers_through_a_weft_router) {
    auto body = []() -> Task<void> {
        Router router(Options("router"));
        router.start();
        Methods methods[2];
        Client one(Options("w1").port(router.port()).workers(300), methods[0].of("w1"));
        Client two(Options("w2").port(router.port()).workers(300), methods[1].of("w2"));
        co_await one.connect();
        co_await two.connect();
        co_await expect_caller_ok("caller", router.port(), "w1,w2");
        co_await expect_caller_ok("async_caller", router.port(), "w1,w2");
    };
    weft::testing::run(body(), python_is_slow);
}

TEST(PythonCaller, of_a_weft_worker_through_a_python_router) {
    auto body = []() -> Task<void> {
        const std::uint16_t port = free_port();
        auto router = co_await PythonNode::start("router", port, "py-router");
        Methods methods;
        Client worker(Options("w1").port(port).workers(300), methods.of("w1"));
        co_await worker.connect();
        co_await expect_caller_ok("caller", port, "w1");
    };
    weft::testing::run(body(), python_is_slow);
}

Value record() {
    return Dict{{"id", 7},         {"name", "Müller"},
                {"price", 2.5},    {"tags", List{"a", "b"}},
                {"none", nullptr}, {"nested", Dict{{"list", List{1, List{2}}}}}};
}

// Everything that a weft client does with Python workers.
Task<void> use_python_workers(ClientConnection conn, std::vector<std::string> workers) {
    co_await conn.wait_for_members(workers, 20s);
    for (const Serde serde : {Serde::pickle, Serde::json, Serde::msgpack}) {
        const int sum = co_await conn.rpc(10s).serde(serde).call<int>("py_add", 40, 2);
        EXPECT_EQ(sum, 42);
        const int named = co_await conn.rpc(10s).serde(serde).with("b", 3).call<int>("py_add", 40);
        EXPECT_EQ(named, 43);
        const Value echoed = co_await conn.rpc(10s).serde(serde).call("py_echo", record());
        EXPECT_EQ(echoed, record()) << echoed.to_string();
        std::string failure;
        try {
            co_await conn.rpc(10s).serde(serde).call<void>("py_boom");
        } catch (const RemoteError& error) {
            failure = error.module() + "." + error.type() + ": " + error.text();
        }
        EXPECT_EQ(failure, "builtins.ValueError: boom");
        const auto everyone = co_await conn.cast(10s).serde(serde).call<std::string>("py_who");
        EXPECT_EQ(everyone.size(), workers.size());
        for (const auto& [name, result] : everyone) EXPECT_EQ(result.value(), name);
        conn.rpc_nowait().serde(serde).call("py_add", 1, 1);
        EXPECT_EQ(conn.cast_nowait().serde(serde).call("py_add", 1, 1), workers.size());
    }
    const Value set = Set{1, 2};
    const Value same = co_await conn.rpc(10s).call("py_echo", set);
    EXPECT_EQ(same, set);
    const Bytes bytes(100'000, std::byte{9});
    const Bytes back = co_await conn.rpc(10s).serde(Serde::opaque).call<Bytes>("py_echo", bytes);
    EXPECT_EQ(back, bytes);
    const Value text = co_await conn.rpc(10s).serde(Serde::opaque).call("py_echo", "häl");
    EXPECT_EQ(text, Value("häl"));
    for (const std::string& worker : workers) {
        const std::string who = co_await conn.rpc(10s).receiver(worker).call<std::string>("py_who");
        EXPECT_EQ(who, worker);
    }
    std::string late;
    try {
        co_await conn.rpc(100ms).call<std::string>("py_slow", 0.4);
    } catch (const CallTimeout& error) {
        late = error.what();
    }
    EXPECT_THAT(late, ::testing::HasSubstr("no answer to py_slow within 100 ms"));
    std::vector<Task<int>> many;
    for (int i = 0; i < 200; ++i) many.push_back(conn.rpc(20s).call<int>("py_add", i, i));
    const auto sums = co_await gather(std::move(many));
    for (int i = 0; i < 200; ++i) EXPECT_EQ(sums[static_cast<std::size_t>(i)], 2 * i);
    const std::vector<std::string> chunks = {"a", "b", "c"};
    const std::size_t streamed = co_await conn.stream().call("py_echo", chunks);
    EXPECT_EQ(streamed, 3u);
}

TEST(WeftCaller, of_a_python_service) {
    auto body = []() -> Task<void> {
        const std::uint16_t port = free_port();
        auto service = co_await PythonNode::start("service", port, "py-svc");
        Client client(Options("weft-caller").port(port));
        auto conn = co_await client.connect();
        const std::vector<std::string> workers = {"py-svc"};
        co_await use_python_workers(conn, workers);
        service->kill();
        std::string failure;
        try {
            co_await conn.rpc(5s).call<int>("py_add", 1, 1);
        } catch (const Disconnected& error) {
            failure = error.what();
        }
        EXPECT_FALSE(failure.empty());
    };
    weft::testing::run(body(), python_is_slow);
}

TEST(WeftCaller, of_python_workers_through_a_weft_router) {
    auto body = []() -> Task<void> {
        Router router(Options("router"));
        router.start();
        auto one = co_await PythonNode::start("async_worker", router.port(), "p1");
        auto two = co_await PythonNode::start("worker", router.port(), "p2");
        Client client(Options("weft-caller").port(router.port()));
        auto conn = co_await client.connect();
        const std::vector<std::string> workers = {"p1", "p2"};
        co_await use_python_workers(conn, workers);
        // A worker that is killed in the middle of a call.
        auto call = spawn(conn.rpc(30s).receiver("p2").call<std::string>("py_slow", 20), "call");
        co_await conn.rpc(10s).receiver("p2").call<std::string>("py_who");
        two->kill();
        std::string failure;
        try {
            co_await call;
        } catch (const Disconnected& error) {
            failure = error.what();
        }
        EXPECT_THAT(failure, ::testing::HasSubstr("left before it answered"));
        const std::string who = co_await conn.rpc(10s).call<std::string>("py_who");
        EXPECT_EQ(who, "p1");
    };
    weft::testing::run(body(), python_is_slow);
}

TEST(WeftCaller, of_python_and_weft_workers_through_a_python_router) {
    auto body = []() -> Task<void> {
        const std::uint16_t port = free_port();
        auto router = co_await PythonNode::start("router", port, "py-router");
        auto worker = co_await PythonNode::start("worker", port, "p1");
        Client weft_worker(Options("w1").port(port));
        weft_worker.callback("multiply", [](int a, int b) { return a * b; });
        co_await weft_worker.connect();
        Client client(Options("weft-caller").port(port));
        auto conn = co_await client.connect();
        const std::vector<std::string> workers = {"p1"};
        co_await use_python_workers(conn, workers);
        co_await conn.wait_for_method("multiply", 10s);
        const int product = co_await conn.rpc(10s).call<int>("multiply", 6, 7);
        EXPECT_EQ(product, 42);
        // Announced while connected: daffi's router evicts a connection that shakes hands twice, so the
        // worker connects anew.
        weft_worker.callback("later", [] { return 1; });
        co_await conn.wait_for_method("later", 10s);
        const int later = co_await conn.rpc(10s).call<int>("later");
        EXPECT_EQ(later, 1);
    };
    weft::testing::run(body(), python_is_slow);
}

// Certificates in files for Python, which finds them by its environment.
class TlsFolder {
public:
    TlsFolder() : path_("/tmp/weft-mesh-tls-" + std::to_string(::getpid())) {
        std::filesystem::create_directory(path_);
        write("cert.pem", issued_.chain);
        write("key.pem", issued_.key);
        write("ca.pem", authority_.pem());
        ::setenv("MESH_TLS", path_.c_str(), 1);
    }
    TlsFolder(const TlsFolder&) = delete;
    TlsFolder& operator=(const TlsFolder&) = delete;
    ~TlsFolder() {
        ::unsetenv("MESH_TLS");
        std::filesystem::remove_all(path_);
    }
    [[nodiscard]] TlsContext server() const {
        return TlsContext::server(TlsIdentity::from_pem(issued_.chain, issued_.key));
    }
    [[nodiscard]] TlsContext client() const {
        return TlsContext::client().without_system_cas().ca_pem(authority_.pem());
    }

private:
    void write(const std::string& name, const std::string& text) const {
        std::ofstream(path_ + "/" + name) << text;
    }
    std::string path_;
    weft::testing::TestAuthority authority_;
    weft::testing::TestCertificate issued_ = authority_.issue({"127.0.0.1", "localhost"});
};

TEST(PythonCaller, of_a_weft_worker_through_a_weft_router_over_tls) {
    auto body = []() -> Task<void> {
        TlsFolder tls;
        Router router(Options("router").tls(tls.server()));
        router.start();
        Methods methods;
        Client worker(Options("w1").port(router.port()).workers(300).tls(tls.client()), methods.of("w1"));
        co_await worker.connect();
        co_await expect_caller_ok("caller", router.port(), "w1");
        co_await expect_caller_ok("async_caller", router.port(), "w1");
    };
    weft::testing::run(body(), python_is_slow);
}

TEST(WeftCaller, of_a_python_service_over_tls) {
    auto body = []() -> Task<void> {
        TlsFolder tls;
        const std::uint16_t port = free_port();
        auto service = co_await PythonNode::start("service", port, "py-svc");
        Client client(Options("weft-caller").port(port).tls(tls.client()));
        auto conn = co_await client.connect();
        const std::vector<std::string> workers = {"py-svc"};
        co_await use_python_workers(conn, workers);
    };
    weft::testing::run(body(), python_is_slow);
}

}  // namespace
}  // namespace weft::mesh
