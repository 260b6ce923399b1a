// Packets per second of the p4switch pipeline on one core, without ports: l3_router and fabric.
//
// Prints one line for each program: name, packets/s, nanoseconds per packet. The programs are read from the
// p4/ folder (argument 1, default the folder of the build).
#include <weft/p4switch/switch.hpp>

#include <chrono>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace {

using namespace weft::p4switch;
using Frame = std::vector<std::uint8_t>;

Program load(const std::string& folder, const std::string& name) {
    std::ifstream file(folder + "/" + name + "/" + name + ".json", std::ios::binary);
    return Program::load(std::string(std::istreambuf_iterator<char>(file), {}));
}

class Counter : public PacketSink {
public:
    std::uint64_t packets = 0, bytes = 0;
    void transmit(std::uint32_t, std::span<const std::uint8_t> frame) override {
        ++packets;
        bytes += frame.size();
    }
};

// Ethernet, IPv4 and UDP with 64 bytes of payload; the checksum of the IPv4 header is right.
Frame ipv4_frame(std::uint32_t destination, std::uint16_t source_port) {
    Frame frame = {2, 0, 0, 0, 0xaa, 1, 2, 0, 0, 0, 0, 1, 8, 0};
    const Frame ip = {0x45,
                      0,
                      0,
                      92,
                      0,
                      0,
                      0,
                      0,
                      64,
                      17,
                      0,
                      0,
                      10,
                      0,
                      1,
                      1,
                      static_cast<std::uint8_t>(destination >> 24),
                      static_cast<std::uint8_t>(destination >> 16),
                      static_cast<std::uint8_t>(destination >> 8),
                      static_cast<std::uint8_t>(destination)};
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i < ip.size(); i += 2) sum += static_cast<std::uint32_t>(ip[i] << 8 | ip[i + 1]);
    while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
    frame.insert(frame.end(), ip.begin(), ip.end());
    frame[24] = static_cast<std::uint8_t>(~sum >> 8);
    frame[25] = static_cast<std::uint8_t>(~sum);
    const Frame udp = {static_cast<std::uint8_t>(source_port >> 8),
                       static_cast<std::uint8_t>(source_port),
                       0,
                       53,
                       0,
                       72,
                       0,
                       0};
    frame.insert(frame.end(), udp.begin(), udp.end());
    frame.resize(frame.size() + 64, 0x5a);
    return frame;
}

std::string bytes_of(std::uint32_t number) {
    return {static_cast<char>(number >> 24), static_cast<char>(number >> 16), static_cast<char>(number >> 8),
            static_cast<char>(number)};
}

ActionCall nexthop(const char* action, std::uint32_t port) {
    return {action,
            {{"port", to_bytes(port)},
             {"srcAddr", to_bytes(0x02000000aa01)},
             {"dstAddr", to_bytes(0x020000000001 + port)}}};
}

void measure(const char* name, Switch& target, const std::vector<Frame>& frames) {
    Counter sink;
    using Clock = std::chrono::steady_clock;
    const auto run = [&](std::uint64_t rounds) {
        const auto start = Clock::now();
        for (std::uint64_t i = 0; i < rounds; ++i)
            for (const Frame& frame : frames) target.process(1, frame, Clock::now() - start, sink);
        return std::chrono::duration<double>(Clock::now() - start).count();
    };
    run(200);
    sink.packets = 0;
    double seconds = 0;
    std::uint64_t sent = 0;
    while (seconds < 1.0) {
        seconds += run(100);
        sent += 100 * frames.size();
    }
    std::printf("%-10s %12.0f packets/s %8.1f ns/packet %6.1f%% forwarded\n", name,
                static_cast<double>(sent) / seconds, seconds * 1e9 / static_cast<double>(sent),
                100.0 * static_cast<double>(sink.packets) / static_cast<double>(sent));
}

}  // namespace

int main(int argc, char** argv) {
    const std::string folder = argc > 1 ? argv[1] : WEFT_P4_FOLDER;
    std::vector<Frame> frames;
    for (std::uint32_t i = 0; i < 256; ++i)
        frames.push_back(ipv4_frame(0x0a000000 | (i % 64) << 8 | i, static_cast<std::uint16_t>(10000 + i)));
    try {
        Switch router(load(folder, "l3_router"));
        // Prefixes of four lengths, as a small routing table has.
        for (std::uint32_t i = 0; i < 64; ++i) {
            TableEntry entry;
            entry.match = {lpm("hdr.ipv4.dstAddr", bytes_of(0x0a000000 | i << 8), i % 3 == 0 ? 24 : 26)};
            entry.action = nexthop("MyIngress.set_nexthop", 1 + i % 4);
            router.insert("MyIngress.ipv4_lpm", entry);
        }
        TableEntry rest;
        rest.match = {lpm("hdr.ipv4.dstAddr", bytes_of(0x0a000000), 8)};
        rest.action = nexthop("MyIngress.set_nexthop", 2);
        router.insert("MyIngress.ipv4_lpm", rest);
        measure("l3_router", router, frames);

        Switch fabric(load(folder, "fabric"));
        for (std::uint32_t i = 1; i <= 4; ++i)
            fabric.insert_member("MyIngress.nexthops", {i, nexthop("MyIngress.set_nexthop", i)});
        fabric.insert_group("MyIngress.nexthops", {1, 0, {{3, 1, {}}, {4, 1, {}}}});
        TableEntry leaves;
        leaves.match = {lpm("hdr.ipv4.dstAddr", bytes_of(0x0a000000), 16)};
        leaves.action = GroupRef{1};
        fabric.insert("MyIngress.ipv4_route", leaves);
        for (std::int32_t i = 0; i < 8; ++i) {
            TableEntry deny;
            deny.match = {ternary("hdr.ipv4.srcAddr",
                                  bytes_of(0xc0a80000U | static_cast<std::uint32_t>(i) << 8),
                                  bytes_of(0xffffff00))};
            deny.priority = 10 + i;
            deny.action = ActionCall{"MyIngress.deny", {}};
            fabric.insert("MyIngress.acl", deny);
        }
        measure("fabric", fabric, frames);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "p4switch_pipeline: %s\n", error.what());
        return 1;
    }
    return 0;
}
