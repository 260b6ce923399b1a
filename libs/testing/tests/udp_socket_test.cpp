#include <weft/core.hpp>
#include <weft/core/udp_socket.hpp>
#include <weft/testing/co_test.hpp>

#include <array>
#include <string>
#include <vector>

namespace weft::testing {
namespace {

using namespace std::chrono_literals;

std::span<const std::byte> bytes_of(const std::string& text) { return std::as_bytes(std::span(text)); }

CO_TEST(UdpSocket, a_datagram_arrives_with_its_senders_address) {
    UdpSocket server(SocketAddress::loopback(0));
    UdpSocket client(SocketAddress::loopback(0));
    co_await client.send_to("ping", server.local_address());
    std::array<std::byte, 100> buffer;
    const Datagram request = co_await server.receive_from(buffer);
    EXPECT_EQ(request.text(), "ping");
    EXPECT_EQ(request.from, client.local_address());
    EXPECT_FALSE(request.truncated);
    co_await server.send_to("pong", request.from);
    const Datagram answer = co_await client.receive_from(buffer);
    EXPECT_EQ(answer.text(), "pong");
}

CO_TEST(UdpSocket, an_empty_datagram_and_a_too_long_one_are_datagrams) {
    UdpSocket server(SocketAddress::ip("::1", 0));
    UdpSocket client(SocketAddress::ip("::1", 0));
    co_await client.send_to("", server.local_address());
    co_await client.send_to("123456789", server.local_address());
    std::array<std::byte, 4> buffer;
    const Datagram empty = co_await server.receive_from(buffer);
    EXPECT_EQ(empty.bytes.size(), 0u);
    EXPECT_FALSE(empty.truncated);
    const Datagram cut = co_await server.receive_from(buffer);
    EXPECT_EQ(cut.text(), "1234");
    EXPECT_TRUE(cut.truncated);
}

CO_TEST(UdpSocket, a_connected_socket_hears_its_peer_only) {
    UdpSocket server(SocketAddress::loopback(0));
    auto client = UdpSocket::connected(server.local_address());
    EXPECT_TRUE(client.local_address().is_loopback());
    UdpSocket stranger(SocketAddress::loopback(0));
    co_await stranger.send_to("not for you", client.local_address());
    co_await client.send("hello");
    std::array<std::byte, 100> buffer;
    const Datagram request = co_await server.receive_from(buffer);
    co_await server.send_to("hi", request.from);
    const Datagram answer = co_await client.receive_from(buffer);
    EXPECT_EQ(answer.text(), "hi");
}

CO_TEST(UdpSocket, that_nobody_listens_is_told_to_a_connected_socket) {
    SocketAddress dead;
    {
        UdpSocket gone(SocketAddress::loopback(0));
        dead = gone.local_address();
    }
    auto client = UdpSocket::connected(dead);
    co_await client.send("anyone?");
    std::array<std::byte, 10> buffer;
    std::error_code code;
    try {
        co_await client.receive_from(buffer);
    } catch (const SystemError& e) {
        code = e.code();
    }
    EXPECT_EQ(code, std::errc::connection_refused);
}

CO_TEST(UdpSocket, batches_keep_order_sizes_and_senders) {
    UdpSocket server(SocketAddress::loopback(0), UdpOptions().receive_buffer(1 << 20));
    UdpSocket client(SocketAddress::loopback(0));
    std::vector<std::string> texts;
    for (int i = 0; i < 150; ++i)
        texts.push_back(std::to_string(i) + std::string(static_cast<std::size_t>(i), 'x'));
    std::vector<OutgoingDatagram> datagrams;
    for (const std::string& text : texts) datagrams.push_back({bytes_of(text), server.local_address()});
    co_await client.send_batch(datagrams);

    DatagramBatch batch(64, 100);
    std::size_t got = 0;
    while (got < texts.size()) {
        const std::size_t n = co_await server.receive_batch(batch);
        EXPECT_EQ(n, batch.size());
        EXPECT_GT(n, 0u);
        for (std::size_t i = 0; i < n; ++i, ++got) {
            EXPECT_EQ(batch[i].text(), texts[got].substr(0, 100));
            EXPECT_EQ(batch[i].truncated, texts[got].size() > 100);
            EXPECT_EQ(batch[i].from, client.local_address());
        }
    }
    EXPECT_EQ(server.try_receive_batch(batch), 0u);
}

CO_TEST(UdpSocket, a_batch_stops_at_the_datagram_that_cannot_be_sent) {
    UdpSocket server(SocketAddress::loopback(0));
    UdpSocket client(SocketAddress::loopback(0));
    const std::string small = "small";
    const std::string huge(70'000, 'x');
    std::vector<OutgoingDatagram> datagrams{{bytes_of(small), server.local_address()},
                                            {bytes_of(huge), server.local_address()},
                                            {bytes_of(small), server.local_address()}};
    std::error_code code;
    try {
        co_await client.send_batch(datagrams);
    } catch (const SystemError& e) {
        code = e.code();
    }
    EXPECT_EQ(code, std::errc::message_size);
    DatagramBatch batch;
    const std::size_t n = co_await server.receive_batch(batch);
    EXPECT_EQ(n, 1u);
}

CO_TEST(UdpSocket, a_group_reaches_its_members) {
    const auto group = SocketAddress::ip("239.255.77.3", 0);
    UdpSocket member(SocketAddress::ip("0.0.0.0", 0));
    member.join_group(group, "lo");
    UdpSocket sender(SocketAddress::loopback(0));
    sender.set_multicast("lo");
    co_await sender.send_to("all", group.with_port(member.port()));
    std::array<std::byte, 10> buffer;
    const Datagram got = co_await timeout(5s, member.receive_from(buffer));
    EXPECT_EQ(got.text(), "all");

    member.leave_group(group, "lo");
    EXPECT_THROW(member.leave_group(group, "lo"), SystemError);
    EXPECT_THROW(member.join_group(SocketAddress::ip("ff02::1", 0), "lo"), UsageError);
    EXPECT_THROW(member.join_group(group, "no-such-link"), SystemError);
}

CO_TEST(UdpSocket, close_wakes_who_waits_and_a_cancelled_receive_takes_nothing) {
    UdpSocket server(SocketAddress::loopback(0));
    UdpSocket client(SocketAddress::loopback(0));
    std::array<std::byte, 10> buffer;
    auto waiting = spawn(server.receive_from(buffer));
    co_await sleep(1ms);
    waiting.cancel();
    bool cancelled = false;
    try {
        co_await waiting;
    } catch (const Cancelled&) {
        cancelled = true;
    }
    EXPECT_TRUE(cancelled);
    co_await client.send_to("kept", server.local_address());
    const Datagram kept = co_await server.receive_from(buffer);
    EXPECT_EQ(kept.text(), "kept");

    auto last = spawn(server.receive_from(buffer));
    co_await sleep(1ms);
    server.close();
    bool closed = false;
    try {
        co_await last;
    } catch (const ClosedError&) {
        closed = true;
    }
    EXPECT_TRUE(closed);
}

CO_TEST(UdpSocket, a_port_is_shared_only_when_asked) {
    UdpSocket first(SocketAddress::loopback(0), UdpOptions().reuse_port(true));
    UdpSocket second(first.local_address(), UdpOptions().reuse_port(true));
    EXPECT_EQ(first.port(), second.port());
    std::string text;
    try {
        UdpSocket third(first.local_address());
    } catch (const SystemError& e) {
        text = e.what();
    }
    EXPECT_NE(text.find("another process has it"), std::string::npos) << text;
    EXPECT_THROW(UdpSocket(SocketAddress::unix_abstract("x")), UsageError);
    co_return;
}

}  // namespace
}  // namespace weft::testing
