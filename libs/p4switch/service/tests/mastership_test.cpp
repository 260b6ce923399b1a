// Clients that compete for one switch.
#include "service_fixture.hpp"

#include <weft/core/timeout.hpp>

namespace weft::p4switch_test {
namespace {

using namespace p4runtime;

[[maybe_unused]] Task<void> join(TaskHandle<void> handle) { co_await std::move(handle); }

TEST(Mastership, a_second_client_takes_over_and_the_first_is_told) {
    run([]() -> Task<void> {
        Rig rig;
        Client first = rig.client(ElectionId{1, 0});
        Client second = rig.client(ElectionId{2, 0});
        co_await first.connect();
        EXPECT_TRUE(first.is_primary());
        const Mastership before = first.mastership();
        co_await second.connect();
        EXPECT_TRUE(second.is_primary());
        const Mastership after = co_await timeout(std::chrono::seconds(5), first.mastership_change(before));
        EXPECT_EQ(after.state, MastershipState::backup);
        EXPECT_EQ(after.highest, (ElectionId{2, 0}));
        const bool refused =
            co_await throws<NotPrimaryError>(first.set_pipeline_config(config_of("l3_router")));
        EXPECT_TRUE(refused);
        co_await second.set_pipeline_config(config_of("l3_router"));
        first.use_p4info(second.p4info());
        const bool refused_write =
            co_await throws<NotPrimaryError>(first.set_default_action("ipv4_lpm", "drop"));
        EXPECT_TRUE(refused_write);
        co_await first.close();
        co_await second.close();
    });
}

TEST(Mastership, a_lower_id_is_refused_unless_a_backup_is_allowed) {
    run([]() -> Task<void> {
        Rig rig;
        Client first = rig.client(ElectionId{5, 0});
        co_await first.connect();
        Client second = rig.client(ElectionId{4, 0});
        const bool refused = co_await throws<NotPrimaryError>(second.connect());
        EXPECT_TRUE(refused);
        EXPECT_FALSE(second.is_connected());
        Client backup = rig.client(rig.options().with_election_id(ElectionId{4, 0}).allow_backup());
        co_await backup.connect();
        EXPECT_EQ(backup.mastership().state, MastershipState::backup);
    });
}

TEST(Mastership, a_client_with_the_zero_id_reads_and_cannot_write) {
    run([]() -> Task<void> {
        Session session;
        co_await session.start("l3_router");
        co_await session.client.insert_table_entry("ipv4_lpm", Match("dstAddr", "10.0.0.0/8"), "drop");
        Client reader = session.rig.client(ElectionId{});
        co_await reader.connect();
        EXPECT_FALSE(reader.is_primary());
        EXPECT_EQ(reader.p4info().tables().size(), 2U) << "the P4Info is fetched from the switch";
        auto stream = reader.list_table_entries("ipv4_lpm");
        const auto entries = co_await stream.all();
        EXPECT_EQ(entries.size(), 1U);
        const bool refused = co_await throws<NotPrimaryError>(
            reader.insert_table_entry("ipv4_lpm", Match("dstAddr", "11.0.0.0/8"), "drop"));
        EXPECT_TRUE(refused);
    });
}

TEST(Mastership, a_backup_takes_over_when_the_primary_has_left) {
    run([]() -> Task<void> {
        Rig rig;
        Client primary = rig.client(ElectionId{7, 0});
        Client backup = rig.client(rig.options().with_election_id(ElectionId{3, 0}).allow_backup());
        co_await primary.connect();
        co_await backup.connect();
        const Mastership before = backup.mastership();
        co_await primary.close();
        const Mastership after = co_await timeout(std::chrono::seconds(5), backup.mastership_change(before));
        EXPECT_EQ(after.state, MastershipState::no_primary);
        co_await backup.become_primary();
        EXPECT_TRUE(backup.is_primary());
        EXPECT_GT(*backup.election_id(), (ElectionId{7, 0}));
        co_await backup.set_pipeline_config(config_of("l3_router"));
    });
}

TEST(Mastership, read_only_clients_are_never_primary) {
    run([]() -> Task<void> {
        Rig rig;
        Client client = rig.client(rig.options().read_only());
        co_await client.connect();
        EXPECT_EQ(client.mastership().state, MastershipState::no_primary);
        EXPECT_FALSE(client.election_id().has_value());
    });
}

TEST(Mastership, the_same_id_twice_ends_the_second_stream) {
    run([]() -> Task<void> {
        Rig rig;
        Client first = rig.client(ElectionId{1, 1});
        co_await first.connect();
        Client second = rig.client(ElectionId{1, 1});
        const bool refused = co_await throws<ConnectionError>(second.connect());
        EXPECT_TRUE(refused);
        EXPECT_TRUE(first.is_connected());
    });
}

TEST(Mastership, another_device_is_not_found) {
    run([]() -> Task<void> {
        Rig rig;
        Client client = rig.client(rig.options(99));
        const bool refused = co_await throws<ConnectionError>(client.connect());
        EXPECT_TRUE(refused);
    });
}

TEST(Connection, its_end_is_noticed_by_everyone_who_waits) {
    run([]() -> Task<void> {
        auto rig = std::make_unique<Rig>();
        Client client = rig->client(ElectionId{1, 0});
        co_await client.connect();
        auto waiter = spawn(throws<ConnectionError>(client.next_packet()));
        auto change = spawn(throws<ConnectionError>(client.mastership_change(client.mastership())));
        co_await yield();
        rig.reset();
        const bool packet_failed = co_await std::move(waiter);
        const bool change_failed = co_await std::move(change);
        EXPECT_TRUE(packet_failed);
        EXPECT_TRUE(change_failed);
        EXPECT_FALSE(client.is_connected());
        const bool write_failed = co_await throws<ConnectionError>(client.remove(MulticastGroup(1)));
        EXPECT_TRUE(write_failed);
    });
}

TEST(Connection, close_ends_the_packet_stream_and_connect_opens_it_again) {
    run([]() -> Task<void> {
        Rig rig;
        Client client = rig.client(ElectionId{1, 0});
        co_await client.connect();
        auto waiter = spawn(client.next_packet());
        co_await yield();
        co_await client.close();
        co_await client.close();
        const auto packet = co_await std::move(waiter);
        EXPECT_FALSE(packet.has_value());
        EXPECT_FALSE(client.is_connected());
        const bool left = co_await becomes_true([&rig] { return rig.service.statistics().streams == 0; });
        EXPECT_TRUE(left);
        co_await client.connect();
        EXPECT_TRUE(client.is_primary());
    });
}

#ifdef WEFT_TEST_OVER_GRPC
TEST(Connection, close_ends_requests_under_way) {
    run([]() -> Task<void> {
        Session session;
        co_await session.start("l3_router");
        auto write = spawn(throws<OperationCancelledError>(
            session.client.insert_table_entry("ipv4_lpm", Match("dstAddr", "10.0.0.0/8"), "drop")));
        auto cancelled =
            spawn(session.client.insert_table_entry("ipv4_lpm", Match("dstAddr", "11.0.0.0/8"), "drop"));
        co_await yield();
        cancelled.cancel();
        const bool passes = co_await throws<Cancelled>(join(std::move(cancelled)));
        EXPECT_TRUE(passes) << "the caller's own cancellation is no error of the client";
        co_await session.client.close();
        const bool ended = co_await std::move(write);
        EXPECT_TRUE(ended);
    });
}

TEST(Connection, nobody_there_is_a_connection_error) {
    run([]() -> Task<void> {
        Client client(ClientOptions("127.0.0.1:1").with_connect_timeout(std::chrono::milliseconds(50)));
        const bool failed = co_await throws<ConnectionError>(client.connect());
        EXPECT_TRUE(failed);
    });
}
#endif

TEST(Connection, dropping_a_client_leaves_nothing_behind) {
    run([]() -> Task<void> {
        Rig rig;
        for (int i = 1; i <= 100; ++i) {
            Client client = rig.client(ElectionId{static_cast<std::uint64_t>(i), 0});
            co_await client.connect();
            client.on_packet_in([](PacketIn) -> Task<void> { co_return; });
        }
        const bool left = co_await becomes_true([&rig] { return rig.service.statistics().streams == 0; });
        EXPECT_TRUE(left);
        if (!Rig::over_grpc) {
            EXPECT_EQ(Loop::current().task_count(), 1U);
        }
    });
}

}  // namespace
}  // namespace weft::p4switch_test
