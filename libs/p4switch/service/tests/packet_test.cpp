// Packets to and from the controller, digests, idle timeouts.
#include "packet_header.hpp"
#include "service_fixture.hpp"

#include <weft/core/timeout.hpp>

namespace weft::p4switch_test {
namespace {

using namespace p4runtime;

const char* const arp =
    "ffffffffffff 020000000001 0806 0001080006040001 020000000001 0a000001 000000000000 0a000002";

Task<void> punt_arp(Client& client) {
    co_await client.insert_table_entry(TableEntry("punt")
                                           .match("hdr.ethernet.etherType", 0x0806)
                                           .priority(10)
                                           .action("send_to_cpu")
                                           .param("reason", 127));
}

TEST(PacketIo, a_punted_packet_arrives_with_its_metadata) {
    run([]() -> Task<void> {
        Session session;
        co_await session.start("packet_io");
        co_await punt_arp(session.client);
        session.rig.receive(1, arp);
        auto packet = co_await timeout(std::chrono::seconds(5), session.client.next_packet());
        EXPECT_TRUE(packet.has_value());
        if (!packet) co_return;
        EXPECT_EQ(packet->payload, payload(arp));
        EXPECT_EQ(*packet->metadata.find("ingress_port"), 1);
        EXPECT_EQ(*packet->metadata.find("reason"), 127);
    });
}

TEST(PacketIo, a_packet_out_leaves_by_the_port_that_it_names) {
    run([]() -> Task<void> {
        Session session;
        co_await session.start("packet_io");
        co_await session.client.send_packet_out(payload(arp), PacketMetadata("egress_port", 3));
        co_await settle(session.client);
        EXPECT_EQ(session.rig.ports[3].packets.size(), 1U);
        if (session.rig.ports[3].packets.empty()) co_return;
        EXPECT_EQ(session.rig.ports[3].packets[0], bytes(arp));
        const bool unknown = co_await throws<NoSuchFieldError>(
            session.client.send_packet_out(payload(arp), PacketMetadata("egres_port", 3)));
        EXPECT_TRUE(unknown);
    });
}

TEST(PacketIo, a_backup_gets_no_packets_and_a_stream_error_for_sending_one) {
    run([]() -> Task<void> {
        Session session;
        co_await session.start("packet_io");
        co_await punt_arp(session.client);
        Client backup = session.rig.client(ElectionId{});
        co_await backup.connect();
        co_await backup.send_packet_out(payload(arp), PacketMetadata("egress_port", 3));
        auto error = co_await timeout(std::chrono::seconds(5), backup.next_stream_error());
        EXPECT_TRUE(error.has_value());
        if (error) {
            EXPECT_EQ(error->code, Code::permission_denied);
        }
        EXPECT_TRUE(session.rig.ports[3].packets.empty());
        session.rig.receive(1, arp);
        auto packet = co_await timeout(std::chrono::seconds(5), session.client.next_packet());
        EXPECT_TRUE(packet.has_value());
        const bool nothing =
            co_await throws<TimeoutError>(timeout(std::chrono::milliseconds(1), backup.next_packet()));
        EXPECT_TRUE(nothing);
    });
}

TEST(PacketIo, handlers_run_in_order_and_survive_their_exceptions) {
    run([]() -> Task<void> {
        Rig rig;
        int errors = 0;
        Client client = rig.client(
            rig.options().with_election_id(ElectionId{1, 0}).on_handler_error([&errors](std::exception_ptr) {
                ++errors;
            }));
        co_await client.connect();
        co_await client.set_pipeline_config(config_of("packet_io"));
        co_await punt_arp(client);
        std::vector<std::uint64_t> ports;
        Event done;
        Client::PacketHandler handler = [&](PacketIn packet) -> Task<void> {
            ports.push_back(packet.metadata.find("ingress_port")->to_uint64());
            co_await yield();
            if (ports.size() == 3) done.set();
            if (ports.size() == 1) throw std::runtime_error("handler");
        };
        const std::uint64_t id = client.on_packet_in(handler);
        for (const std::uint32_t port : {1U, 2U, 3U}) rig.receive(port, arp);
        co_await done.wait();
        EXPECT_EQ(ports, (std::vector<std::uint64_t>{1, 2, 3}));
        EXPECT_EQ(errors, 1);
        client.remove_packet_handler(id);
        rig.receive(4, arp);
        auto packet = co_await timeout(std::chrono::seconds(5), client.next_packet());
        EXPECT_EQ(ports.size(), 3U);
        EXPECT_TRUE(packet.has_value());
    });
}

TEST(PacketIo, expect_packet_in_sees_only_what_comes_after_it) {
    run([]() -> Task<void> {
        Session session;
        co_await session.start("packet_io");
        co_await punt_arp(session.client);
        session.rig.receive(1, arp);
        co_await settle(session.client);
        auto expected = spawn(session.client.expect_packet_in());
        co_await yield();
        session.rig.receive(2, arp);
        const PacketIn packet = co_await std::move(expected);
        EXPECT_EQ(*packet.metadata.find("ingress_port"), 2);
        const bool nothing =
            co_await throws<TimeoutError>(session.client.expect_packet_in(std::chrono::milliseconds(1)));
        EXPECT_TRUE(nothing);
    });
}

TEST(PacketIo, a_full_queue_drops_and_counts) {
    run([]() -> Task<void> {
        Rig rig;
        Client client = rig.client(rig.options().with_election_id(ElectionId{1, 0}).with_queue_capacity(4));
        co_await client.connect();
        co_await client.set_pipeline_config(config_of("packet_io"));
        co_await punt_arp(client);
        for (int i = 0; i < 10; ++i) rig.receive(1, arp);
        co_await settle(client);
        EXPECT_EQ(client.dropped(), 6U);
        auto packet = co_await client.next_packet();
        EXPECT_TRUE(packet.has_value());
        EXPECT_TRUE(client.is_connected());
    });
}

TEST(PacketHeader, survives_short_packets_and_odd_widths) {
    p4::config::v1::ControllerPacketMetadata header;
    for (const int width : {9, 3, 20}) {
        auto& field = *header.add_metadata();
        field.set_id(static_cast<std::uint32_t>(header.metadata_size()));
        field.set_bitwidth(width);
    }
    p4::v1::PacketOut out;
    const char* const values[] = {"\1\xff", "\5", "\x0a\xbc\xde"};
    for (int i = 0; i < 3; ++i) {
        auto& metadata = *out.add_metadata();
        metadata.set_metadata_id(static_cast<std::uint32_t>(i + 1));
        metadata.set_value(values[i]);
    }
    out.set_payload("xy");
    const auto packet = p4switch::pack(&header, out);
    EXPECT_EQ(packet, bytes("ffdabcde7879"));
    const auto in = p4switch::unpack(&header, packet);
    EXPECT_EQ(in.payload(), "xy");
    for (int i = 0; i < 3; ++i) EXPECT_EQ(in.metadata(i).value(), values[i]);
    const auto cut = p4switch::unpack(&header, std::span(packet).first(3));
    EXPECT_EQ(cut.metadata_size(), 0);
    EXPECT_EQ(cut.payload().size(), 3U);
    out.mutable_metadata(1)->set_value("\x08");
    EXPECT_THROW((void)p4switch::pack(&header, out), p4switch::Refusal);
    out.mutable_metadata(1)->set_value("");
    EXPECT_THROW((void)p4switch::pack(&header, out), p4switch::Refusal);
    out.mutable_metadata()->RemoveLast();
    EXPECT_THROW((void)p4switch::pack(&header, out), p4switch::Refusal);
}

TEST(Digests, arrive_in_lists_once_until_they_are_acknowledged) {
    run([]() -> Task<void> {
        Rig rig;
        Client client = rig.client(rig.options().with_election_id(ElectionId{1, 0}).with_manual_digest_ack());
        co_await client.connect();
        co_await client.set_pipeline_config(config_of("l2_learning"));
        const char* const frame = "020000000002 020000000001 0800 48656c6c6f2c20776f726c64";
        rig.receive(1, frame);  // the digest is off
        co_await client.insert(
            DigestEntry("mac_learn_t").timing(std::chrono::milliseconds(0), 1, std::chrono::hours(1)));
        rig.receive(1, frame);
        rig.receive(1, frame);
        auto list = co_await timeout(std::chrono::seconds(5), client.next_digest());
        EXPECT_TRUE(list.has_value());
        if (!list) co_return;
        EXPECT_EQ(list->messages.size(), 1U);
        EXPECT_EQ(list->messages[0].to_string(), "{srcAddr=02:00:00:00:00:01, ingress_port=1}");
        const bool repeated =
            co_await throws<TimeoutError>(timeout(std::chrono::milliseconds(1), client.next_digest()));
        EXPECT_TRUE(repeated);
        co_await client.acknowledge(*list);
        co_await settle(client);
        rig.receive(1, frame);
        auto again = co_await timeout(std::chrono::seconds(5), client.next_digest());
        EXPECT_TRUE(again.has_value());
        auto entries = co_await client.list(DigestEntry("mac_learn_t")).all();
        EXPECT_EQ(entries.size(), 1U);
        co_await client.remove(DigestEntry("mac_learn_t"));
    });
}

TEST(Digests, wait_for_their_list_to_fill_or_for_their_time) {
    Loop loop(test_clock);
    const auto body = []() -> Task<void> {
        Session session;
        Client& client = session.client;
        co_await session.start("l2_learning");
        co_await client.insert(
            DigestEntry("mac_learn_t").timing(std::chrono::milliseconds(50), 2, std::chrono::seconds(1)));
        const std::string prefix = "0200000000ff 02000000000";
        for (const char* source : {"1", "2", "3"})
            session.rig.receive(1, prefix + source + " 0800 48656c6c6f");
        auto full = co_await client.next_digest();
        EXPECT_EQ(full->messages.size(), 2U);
        const TimePoint before = Loop::current().now();
        auto late = co_await client.next_digest();
        EXPECT_EQ(late->messages.size(), 1U);
        EXPECT_GE(Loop::current().now() - before, std::chrono::milliseconds(40));
    };
    loop.run(body());
}

TEST(IdleTimeouts, are_notified) {
    Loop loop(test_clock);
    const auto body = []() -> Task<void> {
        Session session;
        Client& client = session.client;
        co_await session.start("l2_learning");
        co_await client.insert_table_entry(TableEntry("smac")
                                               .match("hdr.ethernet.srcAddr", "02:00:00:00:00:01")
                                               .action("station_at")
                                               .param("port", 1)
                                               .idle_timeout(std::chrono::seconds(2)));
        auto notification = co_await timeout(std::chrono::seconds(10), client.next_idle_timeout());
        EXPECT_TRUE(notification.has_value());
        if (!notification) co_return;
        EXPECT_EQ(notification->entries.size(), 1U);
        EXPECT_EQ(notification->entries[0].match("hdr.ethernet.srcAddr"), MatchValue("02:00:00:00:00:01"));
        EXPECT_GE(notification->timestamp, std::chrono::seconds(2));
    };
    loop.run(body());
}

}  // namespace
}  // namespace weft::p4switch_test
