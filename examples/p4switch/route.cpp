// A P4 program without ports: load it, give it a route, show it a packet.
#include <weft/p4switch/switch.hpp>

#include <cstdint>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <vector>

using namespace std::chrono_literals;
using namespace std::string_literals;
using namespace weft::p4switch;

struct Printer final : PacketSink {
    void transmit(std::uint32_t port, std::span<const std::uint8_t> bytes) override {
        std::cout << "port " << port << ": " << bytes.size() << " bytes, ttl " << int(bytes[22]) << "\n";
    }
};

// An Ethernet frame with an IPv4 header and nothing in it: from 10.9.9.9 to 10.1.2.3, TTL 64.
std::vector<std::uint8_t> packet_to_10_1_2_3() {
    std::vector<std::uint8_t> frame = {2,  0, 0, 0, 0, 1,  2,   0, 0, 0,  0, 2, 8, 0,  0x45, 0, 0,
                                       20, 0, 0, 0, 0, 64, 253, 0, 0, 10, 9, 9, 9, 10, 1,    2, 3};
    std::uint32_t sum = 0;
    for (std::size_t i = 14; i < 34; i += 2) sum += std::uint32_t(frame[i]) << 8 | frame[i + 1];
    sum = ~((sum & 0xffff) + (sum >> 16));
    frame[24] = std::uint8_t(sum >> 8);
    frame[25] = std::uint8_t(sum);
    return frame;
}

int main() {
    std::ifstream file(WEFT_P4_FOLDER "/l3_router/l3_router.json");
    const std::string json((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    const auto frame = packet_to_10_1_2_3();
    Printer sink;

    Switch router(Program::load(json));
    TableEntry route;
    route.match = {lpm("hdr.ipv4.dstAddr", "\x0a\x00\x00\x00"s, 8)};
    route.action = ActionCall{"MyIngress.set_egress_port", {{"port", to_bytes(2)}}};
    router.insert("MyIngress.ipv4_lpm", route);
    router.process(1, frame, 0ns, sink);  // sink.transmit(2, the frame with a lower TTL)
}
