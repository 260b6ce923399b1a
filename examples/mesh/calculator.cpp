// A service that offers a callback, and a client that calls it: both ends in one program.
#include <weft/core.hpp>
#include <weft/mesh.hpp>

#include <iostream>

using namespace std::chrono_literals;
namespace mesh = weft::mesh;

int multiply(int a, int b) { return a * b; }

weft::Task<void> call(std::uint16_t port) {
    mesh::Client client(mesh::Options("calc-caller").port(port));
    auto conn = co_await client.connect();
    const int product = co_await conn.rpc(5s).call<int>("multiply", 6, 7);
    std::cout << "6 * 7 = " << product << "\n";
    co_await client.stop();
}

weft::Task<void> main_task() {
    mesh::Service service(mesh::Options("calc-service").port(0));
    service.callback("multiply", multiply);
    service.start();
    co_await call(service.port());
    co_await service.stop();
}

int main() { return weft::run(main_task()); }
