// Uses every module of an installed weft: a header that is missing, or a library that is not found, fails
// here.
#include <weft/core.hpp>
#include <weft/grpc/server.hpp>
#include <weft/lab/network.hpp>
#include <weft/lab/topology.hpp>
#include <weft/mesh.hpp>
#include <weft/mesh/sync.hpp>
#include <weft/p4runtime/client.hpp>
#include <weft/p4switch/service/p4runtime_service.hpp>
#include <weft/p4switch/switch_device.hpp>
#include <weft/probe.hpp>

#include <iostream>
#include <string>

namespace {

weft::Task<void> control_a_switch() {
    weft::p4switch::SwitchDevice device;
    weft::p4switch::P4RuntimeService service(device);
    weft::grpc::Server server;
    server.add_service(service.grpc_service());
    const int port = server.add_insecure_port("127.0.0.1:0");
    co_await server.start();
    weft::p4runtime::Client client{weft::p4runtime::ClientOptions("127.0.0.1:" + std::to_string(port))};
    co_await client.connect();
    if (!client.is_primary()) throw weft::Error("the only controller is not the primary one");
    co_await client.close();
    co_await server.stop();
}

}  // namespace

int main() {
    if (weft::lab::Topology().problems().empty()) std::cout << "an empty topology has no problems\n";
    weft::mesh::sync::Router router(weft::mesh::Options("router"));
    router.start();
    router.stop();
    return weft::run(control_a_switch());
}
