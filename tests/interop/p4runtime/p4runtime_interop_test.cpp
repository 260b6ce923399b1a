// P4Runtime against the official message classes (PyPI's p4runtime on grpcio), in both directions: what our
// .proto files, codec, client and service say must be what everyone else understands.
#include <weft/core.hpp>
#include <weft/grpc/server.hpp>
#include <weft/p4runtime/client.hpp>
#include <weft/p4switch/service/p4runtime_service.hpp>
#include <weft/p4switch/switch_device.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

namespace weft {
namespace {

using namespace std::chrono_literals;
using p4runtime::ClientOptions;
using p4runtime::Match;
using p4runtime::Params;
using p4runtime::PipelineConfig;

const std::string python = PEERS_VENV "/bin/python";
const std::string router = WEFT_SOURCE_FOLDER "/p4/l3_router/l3_router";
const std::string punter = WEFT_SOURCE_FOLDER "/p4/packet_io/packet_io";

// The published classes were generated for an older protobuf, which only its pure-Python implementation still
// takes.
ProcessOptions python_options() {
    return ProcessOptions().env("PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION", "python");
}

TEST(P4RuntimeInterop, an_official_controller_programs_our_switch) {
    auto body = []() -> Task<void> {
        p4switch::SwitchDevice device;
        p4switch::P4RuntimeService service(device);
        grpc::Server server;
        server.add_service(service.grpc_service());
        const int port = server.add_insecure_port("127.0.0.1:0");
        co_await server.start();
        std::vector<std::string> command = {python, PEER_FOLDER "/python_controller.py",
                                            "127.0.0.1:" + std::to_string(port), router + ".p4info.txtpb",
                                            router + ".json"};
        const ProcessResult result = co_await timeout(60s, run_process(std::move(command), python_options()));
        EXPECT_TRUE(result.ok()) << result.status.to_string() << "\n" << result.out << result.err;
        EXPECT_EQ(result.out, "ok\n");
        co_await server.stop();
    };
    Loop loop;
    loop.run(body());
}

Task<std::string> read_line(Stream& stream) {
    std::string line;
    std::vector<std::byte> byte(1);
    for (;;) {
        const std::size_t n = co_await stream.read_some(byte);
        if (n == 0 || byte[0] == std::byte{'\n'}) co_return line;
        line += static_cast<char>(byte[0]);
    }
}

Task<void> use_official_switch(std::string address) {
    p4runtime::Client client{ClientOptions(address)};
    co_await client.connect();
    EXPECT_TRUE(client.is_primary());
    const std::string version = co_await client.capabilities();
    EXPECT_EQ(version, "1.4.1");
    co_await client.set_pipeline_config(PipelineConfig::load(punter + ".p4info.txtpb", punter + ".json"));

    const p4runtime::Bytes payload = {1, 2, 3, 0, 255};
    p4runtime::PacketOut packet(payload);
    packet.set("egress_port", 3);
    co_await client.send_packet_out(std::move(packet));
    const p4runtime::PacketIn back = co_await client.expect_packet_in(10s);
    EXPECT_EQ(back.payload, payload);

    co_await client.set_pipeline_config(PipelineConfig::load(router + ".p4info.txtpb", router + ".json"));
    const auto config = co_await client.get_pipeline_config();
    EXPECT_TRUE(config && config->p4info.tables().size() == 2);
    Params first("port", 2);
    first.set("srcAddr", "02:00:00:00:00:01").set("dstAddr", "02:00:00:00:00:02");
    co_await client.insert_table_entry("ipv4_lpm", Match("hdr.ipv4.dstAddr", "10.0.1.0/24"), "set_nexthop",
                                       first);
    bool duplicate = false;
    try {
        co_await client.insert_table_entry("ipv4_lpm", Match("hdr.ipv4.dstAddr", "10.0.1.0/24"),
                                           "set_nexthop", first);
    } catch (const p4runtime::DuplicateEntryError&) {
        duplicate = true;
    }
    EXPECT_TRUE(duplicate);

    auto entries = client.list_table_entries("ipv4_lpm");
    const auto all = co_await entries.all();
    EXPECT_EQ(all.size(), 1u);
    if (!all.empty()) {
        EXPECT_EQ(all[0].to_string(),
                  "MyIngress.ipv4_lpm hdr.ipv4.dstAddr=10.0.1.0/24 -> MyIngress.set_nexthop(port=2, "
                  "srcAddr=02:00:00:00:00:01, dstAddr=02:00:00:00:00:02)");
    }
    co_await client.delete_table_entry("ipv4_lpm", Match("hdr.ipv4.dstAddr", "10.0.1.0/24"));
    bool missing = false;
    try {
        co_await client.delete_table_entry("ipv4_lpm", Match("hdr.ipv4.dstAddr", "10.0.1.0/24"));
    } catch (const p4runtime::EntryNotFoundError&) {
        missing = true;
    }
    EXPECT_TRUE(missing);
    co_await client.close();
}

TEST(P4RuntimeInterop, our_controller_programs_an_official_server) {
    auto body = []() -> Task<void> {
        std::vector<std::string> command = {python, PEER_FOLDER "/python_switch.py"};
        Process peer(command, python_options().stdio(Stdio::pipe, Stdio::pipe, Stdio::inherit));
        const std::string port = co_await timeout(30s, read_line(*peer.out()));
        co_await timeout(60s, use_official_switch("127.0.0.1:" + port));
        peer.in()->close();
        const ExitStatus status = co_await timeout(10s, peer.wait());
        EXPECT_TRUE(status.ok()) << status.to_string();
    };
    Loop loop;
    loop.run(body());
}

}  // namespace
}  // namespace weft
