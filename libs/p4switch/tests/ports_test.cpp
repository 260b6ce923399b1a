// Ports: links by memory, interfaces of the kernel, and a device that forwards between them.
#include <weft/core/error.hpp>
#include <weft/core/loop.hpp>
#include <weft/core/sleep.hpp>
#include <weft/core/timeout.hpp>
#include <weft/netlink/route_socket.hpp>
#include <weft/p4switch/link.hpp>
#include <weft/p4switch/packet_port.hpp>
#include <weft/p4switch/switch_device.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <unistd.h>

namespace weft::p4switch {
namespace {

using namespace std::chrono_literals;
using netlink::LinkSpec;
using netlink::Namespace;
using netlink::RouteSocket;

using Packet = std::vector<std::byte>;

Packet packet_of(std::size_t size, unsigned char fill) { return Packet(size, std::byte{fill}); }

struct Recorder final : PacketReceiver {
    void receive(std::uint32_t port, std::span<const std::byte> packet) noexcept override {
        packets.emplace_back(port, Packet(packet.begin(), packet.end()));
    }
    std::vector<std::pair<std::uint32_t, Packet>> packets;
};

template <class Condition>
Task<void> until(Condition condition) {
    while (!condition()) co_await sleep(1ms);
}

TEST(Link, delivers_in_order_on_the_other_side) {
    Recorder a;
    Recorder b;
    auto body = [&]() -> Task<void> {
        Link link(a, 1, b, 7);
        link.a().transmit(packet_of(60, 1));
        link.a().transmit(packet_of(61, 2));
        link.b().transmit(packet_of(62, 3));
        EXPECT_TRUE(b.packets.empty()) << "a packet crosses at the end of the turn, not inside transmit()";
        co_await sleep(1ms);
        EXPECT_THAT(b.packets,
                    ::testing::ElementsAre(std::pair(7u, packet_of(60, 1)), std::pair(7u, packet_of(61, 2))));
        EXPECT_THAT(a.packets, ::testing::ElementsAre(std::pair(1u, packet_of(62, 3))));
        EXPECT_EQ(link.a().statistics().tx_packets, 2u);
        EXPECT_EQ(link.a().statistics().rx_bytes, 62u);
    };
    Loop loop;
    loop.run(body());
}

TEST(Link, drops_and_counts_when_full_or_down) {
    Recorder a;
    Recorder b;
    auto body = [&]() -> Task<void> {
        Link link(a, 1, b, 1, 2);
        for (int i = 0; i < 5; ++i) link.a().transmit(packet_of(60, 0));
        EXPECT_EQ(link.a().statistics().tx_dropped, 3u);
        link.set_up(false);
        co_await sleep(1ms);
        EXPECT_TRUE(b.packets.empty()) << "what is on its way is lost";
        link.a().transmit(packet_of(60, 0));
        EXPECT_EQ(link.a().statistics().tx_dropped, 6u);
        link.set_up(true);
        link.a().transmit(packet_of(60, 9));
        co_await sleep(1ms);
        EXPECT_EQ(b.packets.size(), 1u);
    };
    Loop loop;
    loop.run(body());
}

// Two ends of a veth pair in a namespace of their own; a port on one, and a port as its tester on the other.
struct Wire {
    Namespace home = Namespace::create();
    std::unique_ptr<PacketPort> left;
    std::unique_ptr<PacketPort> right;
};

Task<void> make_wire(Wire& wire, PacketReceiver& at_left, PacketReceiver& at_right) {
    netlink::write_sysctl(wire.home, "net/ipv6/conf/default/disable_ipv6", "1");
    auto kernel = RouteSocket::open(wire.home);
    co_await kernel.links().create(LinkSpec::veth("left", "right").up().peer_up());
    for (const char* name : {"left", "right"}) {
        const std::string interface(name);
        const netlink::Link link = co_await kernel.links().get(interface);
        co_await kernel.links().wait_running(link.index);
    }
    netlink::in_namespace(wire.home, [&] {
        wire.left = std::make_unique<PacketPort>("left", at_left, 1);
        wire.right = std::make_unique<PacketPort>("right", at_right, 2);
    });
}

class PacketPorts : public ::testing::Test {
protected:
    static void SetUpTestSuite() {
        if (::geteuid() != 0) netlink::enter_own_user_namespace();
    }
};

TEST_F(PacketPorts, carry_frames_both_ways_and_count_them) {
    Recorder left;
    Recorder right;
    auto body = [&]() -> Task<void> {
        Wire wire;
        co_await make_wire(wire, left, right);
        Packet frame = packet_of(100, 0x5a);
        for (int i = 0; i < 500; ++i) wire.left->transmit(frame);
        wire.right->transmit(frame);
        co_await timeout(5s, until([&] { return right.packets.size() == 500 && left.packets.size() == 1; }));
        EXPECT_EQ(right.packets.back(), std::pair(2u, frame));
        EXPECT_EQ(wire.left->statistics().tx_packets, 500u);
        EXPECT_EQ(wire.left->statistics().tx_bytes, 50'000u);
        EXPECT_EQ(wire.right->statistics().rx_packets, 500u);
        EXPECT_EQ(wire.left->statistics().tx_dropped, 0u);
    };
    Loop loop;
    loop.run(body());
}

TEST_F(PacketPorts, put_vlan_tags_back_that_the_kernel_took_off) {
    Recorder left;
    Recorder right;
    auto body = [&]() -> Task<void> {
        Wire wire;
        co_await make_wire(wire, left, right);
        // One tag, and two: 802.1ad outside, 802.1Q inside.
        Packet tagged = packet_of(64, 1);
        const unsigned char one[] = {0x81, 0x00, 0x20, 0x07, 0x08, 0x00};
        std::transform(std::begin(one), std::end(one), tagged.begin() + 12,
                       [](unsigned char c) { return std::byte{c}; });
        Packet twice = packet_of(68, 2);
        const unsigned char two[] = {0x88, 0xa8, 0x00, 0x64, 0x81, 0x00, 0x00, 0x65, 0x08, 0x00};
        std::transform(std::begin(two), std::end(two), twice.begin() + 12,
                       [](unsigned char c) { return std::byte{c}; });
        wire.left->transmit(tagged);
        wire.left->transmit(twice);
        co_await timeout(5s, until([&] { return right.packets.size() == 2; }));
        EXPECT_EQ(right.packets[0].second, tagged);
        EXPECT_EQ(right.packets[1].second, twice);
    };
    Loop loop;
    loop.run(body());
}

TEST_F(PacketPorts, drop_and_count_while_the_interface_is_down) {
    Recorder left;
    Recorder right;
    auto body = [&]() -> Task<void> {
        Wire wire;
        co_await make_wire(wire, left, right);
        auto kernel = RouteSocket::open(wire.home);
        const netlink::Link link = co_await kernel.links().get("left");
        co_await kernel.links().set_state(link.index, netlink::LinkState::down);
        wire.left->transmit(packet_of(60, 1));
        co_await timeout(5s, until([&] { return wire.left->statistics().tx_dropped == 1; }));
        co_await kernel.links().set_state(link.index, netlink::LinkState::up);
        co_await kernel.links().wait_running(link.index);
        wire.left->transmit(packet_of(60, 2));
        co_await timeout(5s, until([&] { return right.packets.size() == 1; }));
        EXPECT_EQ(right.packets[0].second, packet_of(60, 2));
    };
    Loop loop;
    loop.run(body());
}

TEST_F(PacketPorts, an_interface_that_is_not_there_is_named) {
    Recorder receiver;
    auto body = [&]() -> Task<void> {
        try {
            const PacketPort port("nowhere0", receiver, 1);
            ADD_FAILURE() << "no error";
        } catch (const SystemError& e) {
            EXPECT_THAT(e.what(), ::testing::HasSubstr("nowhere0"));
            EXPECT_EQ(e.code(), std::errc::no_such_device);
        }
        co_return;
    };
    Loop loop;
    loop.run(body());
}

TEST_F(PacketPorts, a_device_forwards_between_interfaces) {
    std::ifstream file(WEFT_P4_FOLDER "/port_swap/port_swap.json");
    const std::string json((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    Recorder at_one;
    Recorder at_two;
    auto body = [&]() -> Task<void> {
        SwitchDevice device;
        Wire one;
        Wire two;
        co_await make_wire(one, at_one, device);
        co_await make_wire(two, device, at_two);
        // make_wire numbers the left ends 1 and the right ends 2: the device has the right of one, the left
        // of two.
        device.attach(2, *one.right);
        device.attach(1, *two.left);
        EXPECT_THROW(device.attach(1, *two.left), UsageError);

        one.left->transmit(packet_of(60, 1));
        co_await timeout(5s, until([&] { return device.lost() == 1; }));
        device.install(std::make_unique<Switch>(Program::load(json)));
        one.left->transmit(packet_of(60, 2));
        two.right->transmit(packet_of(70, 3));
        co_await timeout(5s, until([&] { return at_two.packets.size() == 1 && at_one.packets.size() == 1; }));
        EXPECT_EQ(at_two.packets[0].second, packet_of(60, 2));
        EXPECT_EQ(at_one.packets[0].second, packet_of(70, 3));

        device.detach(1);
        one.left->transmit(packet_of(60, 4));
        co_await timeout(5s, until([&] { return device.lost() == 2; }));
    };
    Loop loop;
    loop.run(body());
}

}  // namespace
}  // namespace weft::p4switch
