// A software switch behind P4Runtime, and a controller that programs it: both ends in one program.
#include <weft/core.hpp>
#include <weft/grpc/server.hpp>
#include <weft/p4runtime/client.hpp>
#include <weft/p4switch/service/p4runtime_service.hpp>
#include <weft/p4switch/switch_device.hpp>

#include <iostream>
#include <string>

using weft::Task;
using weft::p4runtime::Client;
using weft::p4runtime::ClientOptions;
using weft::p4runtime::Match;
using weft::p4runtime::Params;
using weft::p4runtime::PipelineConfig;

const std::string program = WEFT_P4_FOLDER "/l3_router/l3_router";

Task<void> control(std::string address) {
    Client client{ClientOptions(address)};
    co_await client.connect();
    co_await client.set_pipeline_config(PipelineConfig::load(program + ".p4info.txtpb", program + ".json"));
    co_await client.insert_table_entry(
        "ipv4_lpm", Match("hdr.ipv4.dstAddr", "10.0.1.0/24"), "set_nexthop",
        Params("port", 2).set("srcAddr", "02:00:00:00:00:01").set("dstAddr", "02:00:00:00:00:02"));

    auto entries = client.list_table_entries("ipv4_lpm");
    for (;;) {
        auto entry = co_await entries.next();
        if (!entry) break;
        std::cout << entry->to_string() << "\n";
    }
    co_await client.close();
}

Task<void> main_task() {
    weft::p4switch::SwitchDevice device;
    weft::p4switch::P4RuntimeService service(device);
    weft::grpc::Server server;
    server.add_service(service.grpc_service());
    const int port = server.add_insecure_port("127.0.0.1:0");
    co_await server.start();

    co_await control("127.0.0.1:" + std::to_string(port));
    co_await server.stop();
}

int main() { return weft::run(main_task()); }
