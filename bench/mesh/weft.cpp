// weft's part of bench/mesh: weft service | weft router | weft worker PORT [NAME] | weft client PORT CASE
// SECONDS.
#include "mesh_case.hpp"

#include <weft/core.hpp>
#include <weft/mesh.hpp>

#include <fstream>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
using namespace weft;
using namespace weft::mesh;

Callbacks echo() {
    Callbacks callbacks;
    callbacks.add("echo", [](Value x) { return x; });
    return callbacks;
}

Task<void> serve() {
    Service service(Options("svc").workers(10), echo());
    service.start();
    bench::tell_port(service.port());
    co_await service.join();
}

Task<void> route() {
    Router router(Options("router"));
    router.start();
    bench::tell_port(router.port());
    co_await router.join();
}

Task<void> work(std::uint16_t port, std::string name) {
    Client client(Options(name).port(port).workers(200), echo());
    co_await client.connect();
    bench::Case::tell("ready");
    co_await client.join();
}

Value order() {
    std::ifstream file(WEFT_BENCH_ORDER);
    const std::string text((std::istreambuf_iterator<char>(file)), {});
    return decode_value(Serde::json, std::as_bytes(std::span(text)));
}

Value question(const bench::Case& one, Serde serde) {
    if (one.large()) return Bytes(one.bytes());
    if (one.callers()) return Dict{{"x", 42}, {"msg", "hello"}};
    if (one.cast()) return 42;
    if (serde == Serde::opaque) return std::string(one.bytes(), 'o');
    return order();
}

Serde serde_of(const bench::Case& one) {
    const std::string& name = one.name();
    if (name.ends_with("json")) return Serde::json;
    if (name.ends_with("msgpack")) return Serde::msgpack;
    return name.ends_with("opaque") || one.flight() || one.large() ? Serde::opaque : Serde::pickle;
}

Task<void> call_on(ClientConnection conn, bench::Case& one, Serde serde) {
    Value data = question(one, serde);
    for (;;) {
        const auto began = bench::Clock::now();
        if (one.large()) {
            // The answer is the next question: a large message is moved, not copied.
            data = co_await conn.rpc(30s).serde(serde).call("echo", std::move(data));
            if (data.size() != one.bytes()) std::abort();
        } else {
            co_await conn.rpc(30s).serde(serde).call("echo", data);
        }
        if (one.over() || !one.count(began)) co_return;
    }
}

Task<void> cast_on(ClientConnection conn, bench::Case& one) {
    const Value data = question(one, Serde::pickle);
    for (;;) {
        const auto began = bench::Clock::now();
        auto cast = conn.cast(30s);
        const auto answers = co_await std::move(cast).call("echo", data);
        if (answers.size() != bench::Case::cast_workers) std::abort();
        if (one.over() || !one.count(began)) co_return;
    }
}

Task<void> run_case(std::uint16_t port, bench::Case& one) {
    const int connections = one.callers() ? bench::Case::in_flight
                            : one.cast()  ? bench::Case::cast_callers
                                          : 1;
    std::vector<Client> clients;
    std::vector<ClientConnection> conns;
    for (int i = 0; i < connections; ++i) {
        clients.emplace_back(Options("caller-" + std::to_string(i)).port(port));
        auto conn = co_await clients.back().connect();
        co_await conn.wait_for_method("echo", 10s);
        conns.push_back(std::move(conn));
    }
    std::vector<Task<void>> tasks;
    if (one.cast()) {
        for (const auto& conn : conns) tasks.push_back(cast_on(conn, one));
    } else {
        const Serde serde = serde_of(one);
        const int count = one.flight() ? bench::Case::in_flight : connections;
        for (int i = 0; i < count; ++i)
            tasks.push_back(call_on(conns[static_cast<std::size_t>(i % connections)], one, serde));
    }
    co_await gather(std::move(tasks));
}

}  // namespace

int main(int argc, char** argv) {
    const std::string role = argc > 1 ? argv[1] : "";
    if (role == "service") return weft::run(serve());
    if (role == "router") return weft::run(route());
    const auto port = static_cast<std::uint16_t>(argc > 2 ? std::atoi(argv[2]) : 0);
    if (role == "worker") return weft::run(work(port, argc > 3 ? argv[3] : "worker"));
    if (argc != 5) return 2;
    bench::Case one(argv[3], std::atof(argv[4]));
    const int status = weft::run(run_case(port, one));
    bench::Case::wait_for_end_of_input();
    return status;
}
