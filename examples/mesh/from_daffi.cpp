// The examples of daffi's page about its asynchronous interface, in C++: a router, a worker and a caller.
#include <weft/core.hpp>
#include <weft/mesh.hpp>

#include <iostream>

using namespace std::chrono_literals;
namespace mesh = weft::mesh;

int multiply(int a, int b) { return a * b; }

weft::Task<mesh::Value> db_query(int user_id) {
    co_await weft::sleep(1ms);  // the database's round trip
    co_return mesh::Dict{{"user_id", user_id}, {"name", "Alice"}};
}

weft::Task<void> call_styles(mesh::ClientConnection conn) {
    co_await conn.wait_for_members(30s, "calc-worker");
    int product = co_await conn.rpc(5s).call<int>("multiply", 6, 7);
    int by_name = co_await conn.rpc(5s).with("a", 6).with("b", 7).call<int>("multiply");
    auto everyone = co_await conn.cast(5s).call<int>("multiply", 6, 7);
    conn.rpc_nowait().call("multiply", 6, 7);
    conn.cast_nowait().call("multiply", 6, 7);
    auto pinned =
        co_await conn.rpc(5s).receiver("calc-worker").serde(mesh::Serde::msgpack).call("db_query", 7);
    std::cout << product << " " << by_name << " " << everyone.at("calc-worker").value() << " "
              << pinned.at("name").as<std::string>() << "\n";
}

weft::Task<void> many_at_once(mesh::ClientConnection conn) {
    std::vector<weft::Task<mesh::Value>> calls;
    for (int i = 0; i < 100; ++i) calls.push_back(conn.rpc(10s).call("db_query", i));
    auto users = co_await weft::gather(std::move(calls));
    std::cout << users.size() << " users\n";
}

weft::Task<void> failures(mesh::ClientConnection conn) {
    try {
        co_await conn.rpc(5s).call<int>("multiply", "six", 7);
    } catch (const mesh::RemoteError& error) {
        std::cout << error.type() << " on " << error.peer() << "\n";
    }
}

weft::Task<void> main_task() {
    mesh::Router router(mesh::Options("calc-router").host("127.0.0.1").port(0));
    router.on_member_added([](const std::string& name) { std::cout << name << " joined\n"; });
    router.start();

    mesh::Client worker(mesh::Options("calc-worker").port(router.port()).workers(50));
    worker.callback("multiply", multiply, "a", "b");
    worker.callback("db_query", db_query);
    co_await worker.connect();

    mesh::Client client(mesh::Options("calc-caller").port(router.port()));
    auto conn = co_await client.connect();
    co_await call_styles(conn);
    co_await many_at_once(conn);
    co_await failures(conn);

    co_await client.stop();
    co_await worker.stop();
    co_await router.stop();
}

int main() { return weft::run(main_task()); }
