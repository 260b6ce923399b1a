// Every kind of entity, written and read back through the client, and what the switch refuses.
#include "service_fixture.hpp"

#include <weft/core/gather.hpp>

namespace weft::p4switch_test {
namespace {

using namespace p4runtime;

const char* const to_net10 =
    "02000000aa01 020000000001 0800 45000028000000004011ad16c0a800010a020304 04d2003500140000 "
    "48656c6c6f2c20776f726c64";

TEST(TableEntries, are_inserted_listed_modified_and_deleted) {
    run([]() -> Task<void> {
        Session session;
        Client& client = session.client;
        co_await session.start("l3_router");
        co_await client.insert_table_entry("MyIngress.ipv4_lpm", Match("hdr.ipv4.dstAddr", "10.0.0.0/8"),
                                           "MyIngress.set_egress_port", Params("port", 2));
        auto stream = client.list_table_entries("MyIngress.ipv4_lpm");
        auto entry = co_await stream.next();
        EXPECT_TRUE(entry.has_value());
        if (!entry) co_return;
        EXPECT_EQ(entry->to_string(),
                  "MyIngress.ipv4_lpm hdr.ipv4.dstAddr=10.0.0.0/8 -> MyIngress.set_egress_port(port=2)");
        auto end = co_await stream.next();
        EXPECT_FALSE(end.has_value());

        session.rig.receive(1, to_net10);
        EXPECT_EQ(session.rig.ports[2].packets.size(), 1U);
        co_await client.modify_table_entry("ipv4_lpm", Match("dstAddr", "10.0.0.0/8"), "set_egress_port",
                                           Params("port", 3));
        session.rig.receive(1, to_net10);
        EXPECT_EQ(session.rig.ports[3].packets.size(), 1U);
        co_await client.delete_table_entry("ipv4_lpm", Match("dstAddr", "10.0.0.0/8"));
        session.rig.receive(1, to_net10);
        EXPECT_EQ(session.rig.ports[2].packets.size() + session.rig.ports[3].packets.size(), 2U);
    });
}

TEST(TableEntries, what_exists_or_does_not_is_a_typed_error) {
    run([]() -> Task<void> {
        Session session;
        Client& client = session.client;
        co_await session.start("l3_router");
        const auto route = TableEntry("ipv4_lpm").match("dstAddr", "10.0.0.0/8").action("drop");
        co_await client.insert_table_entry(route);
        const bool duplicate = co_await throws<DuplicateEntryError>(client.insert_table_entry(route));
        EXPECT_TRUE(duplicate);
        const auto other = TableEntry("ipv4_lpm").match("dstAddr", "11.0.0.0/8").action("drop");
        const bool modify = co_await throws<EntryNotFoundError>(client.modify_table_entry(other));
        EXPECT_TRUE(modify);
        const bool remove = co_await throws<EntryNotFoundError>(client.delete_table_entry(other));
        EXPECT_TRUE(remove);
    });
}

TEST(TableEntries, a_batch_reports_each_update) {
    run([]() -> Task<void> {
        Session session;
        Client& client = session.client;
        co_await session.start("l3_router");
        std::vector<Update> updates;
        // The statuses travel in trailers, of which a gRPC channel takes 16 KiB.
        const std::uint32_t count = Rig::over_grpc ? 100 : 1000;
        const std::uint32_t distinct = count / 10 * 7;
        for (std::uint32_t i = 0; i < count; ++i) {
            const auto prefix = lpm(0x0a000000U + (i % distinct << 8), 24);
            updates.push_back(Update::insert(TableEntry("ipv4_lpm").match("dstAddr", prefix).action("drop")));
        }
        std::vector<UpdateStatus> statuses;
        try {
            co_await client.write(std::move(updates));
        } catch (const BatchError& error) {
            statuses = error.statuses();
        }
        EXPECT_EQ(statuses.size(), count);
        for (std::size_t i = 0; i < statuses.size(); ++i)
            EXPECT_EQ(statuses[i].code, i < distinct ? Code::ok : Code::already_exists) << i;
        const std::size_t cleared = co_await client.clear_table("ipv4_lpm");
        EXPECT_EQ(cleared, distinct);
    });
}

TEST(TableEntries, large_tables_are_read_in_parts) {
    run([]() -> Task<void> {
        Session session;
        Client& client = session.client;
        co_await session.start("l3_router");
        std::vector<Update> updates;
        for (std::uint32_t i = 0; i < 3000; ++i)
            updates.push_back(Update::insert(
                TableEntry("ipv4_lpm").match("dstAddr", lpm(0x0a000000U + (i << 8), 24)).action("drop")));
        co_await client.write(std::move(updates));
        auto stream = client.list_table_entries("ipv4_lpm");
        const auto entries = co_await stream.all();
        EXPECT_EQ(entries.size(), 3000U);
        const std::size_t cleared = co_await client.clear_table("ipv4_lpm");
        EXPECT_EQ(cleared, 3000U);
    });
}

TEST(TableEntries, priorities_and_masks_survive) {
    run([]() -> Task<void> {
        Session session;
        Client& client = session.client;
        co_await session.start("fabric");
        const auto rule = TableEntry("MyIngress.acl")
                              .match("hdr.ipv4.srcAddr", "10.1.0.0/16")
                              .match("hdr.ipv4.protocol", 6)
                              .match("meta.dstPort", ternary(0x50, 0xfff0))
                              .priority(7)
                              .action("MyIngress.deny")
                              .metadata("rule 7");
        co_await client.insert_table_entry(rule);
        auto stream = client.list_table_entries("acl");
        const auto entries = co_await stream.all();
        EXPECT_EQ(entries.size(), 1U);
        if (entries.empty()) co_return;
        EXPECT_EQ(entries[0], rule) << entries[0].to_string();
        auto one = client.list_table_entries(TableEntry(rule).counter(CounterData{}));
        const auto counted = co_await one.all();
        EXPECT_EQ(counted.size(), 1U);
        if (counted.empty()) co_return;
        EXPECT_EQ(counted[0].counter(), (CounterData{0, 0}));
    });
}

TEST(TableEntries, constant_tables_and_defaults_stay_as_they_are) {
    run([]() -> Task<void> {
        Session session;
        Client& client = session.client;
        co_await session.start("fabric");
        const auto entry =
            TableEntry("punt").match("etherType", 0x9999).action("send_to_cpu", Params("reason", 1));
        Code code = Code::ok;
        try {
            co_await client.insert_table_entry(entry);
        } catch (const p4runtime::Error& error) {
            code = error.code();
        }
        EXPECT_EQ(code, Code::permission_denied);
        code = Code::ok;
        try {
            co_await client.set_default_action("acl", "deny");
        } catch (const p4runtime::Error& error) {
            code = error.code();
        }
        EXPECT_EQ(code, Code::permission_denied);
        auto stream = client.list_table_entries("punt");
        const auto entries = co_await stream.all();
        EXPECT_FALSE(entries.empty());
        for (const auto& own : entries) EXPECT_TRUE(own.is_const);
        const std::size_t cleared = co_await client.clear_table("punt");
        EXPECT_EQ(cleared, 0U);
    });
}

TEST(TableEntries, default_actions_change_and_go_back) {
    run([]() -> Task<void> {
        Session session;
        Client& client = session.client;
        co_await session.start("l3_router");
        auto before = co_await client.get_default_action("ipv4_lpm");
        EXPECT_EQ(before.action_call()->name(), "MyIngress.drop");
        co_await client.set_default_action("ipv4_lpm", "set_egress_port", Params("port", 4));
        session.rig.receive(1, to_net10);
        EXPECT_EQ(session.rig.ports[4].packets.size(), 1U);
        auto changed = co_await client.get_default_action("ipv4_lpm");
        EXPECT_EQ(changed.action_call()->param("port"), 4);
        co_await client.reset_default_action("ipv4_lpm");
        auto after = co_await client.get_default_action("ipv4_lpm");
        EXPECT_EQ(after.action_call()->name(), "MyIngress.drop");
    });
}

TEST(Counters, count_packets_by_cell_and_by_entry) {
    run([]() -> Task<void> {
        Session session;
        Client& client = session.client;
        co_await session.start("l3_router");
        const auto route = TableEntry("ipv4_lpm").match("dstAddr", "10.0.0.0/8");
        co_await client.insert_table_entry(TableEntry(route).action("set_egress_port").param("port", 2));
        for (int i = 0; i < 3; ++i) session.rig.receive(1, to_net10);
        const CounterData in = co_await client.read_counter("ingress_port_counter", 1);
        EXPECT_EQ(in, (CounterData{3 * 54, 3}));
        const CounterData direct = co_await client.read_direct_counter(route);
        EXPECT_EQ(direct.packet_count, 3);
        const auto all = co_await client.read_counter("ingress_port_counter");
        EXPECT_EQ(all.size(), 512U);
        const CounterData hundred{100, 1};
        co_await client.write_counter("ingress_port_counter", 9, hundred);
        co_await client.reset_counter("ingress_port_counter");
        const CounterData nine = co_await client.read_counter("ingress_port_counter", 9);
        EXPECT_EQ(nine, CounterData{});
        Code code = Code::ok;
        try {
            (void)co_await client.read_counter("ingress_port_counter", 512);
        } catch (const p4runtime::Error& error) {
            code = error.code();
        }
        EXPECT_EQ(code, Code::out_of_range);
        const bool unknown = co_await throws<NoSuchCounterError>(client.read_counter("nope", 1));
        EXPECT_TRUE(unknown);
        const CounterData five_six{5, 6};
        co_await client.modify(DirectCounterEntry(route, five_six));
        const CounterData set = co_await client.read_direct_counter(route);
        EXPECT_EQ(set, five_six);
    });
}

TEST(ActionProfiles, members_groups_and_one_shots) {
    run([]() -> Task<void> {
        Session session;
        Client& client = session.client;
        co_await session.start("fabric");
        const auto hop = [](int port) {
            return ActionCall("MyIngress.set_nexthop")
                .param("port", port)
                .param("srcAddr", "02:00:00:00:aa:01")
                .param("dstAddr", "02:00:00:00:00:02");
        };
        co_await client.insert(ActionProfileMember("MyIngress.nexthops", 1, hop(1)));
        co_await client.insert(ActionProfileMember("MyIngress.nexthops", 2, hop(2)));
        const auto group = ActionProfileGroup("MyIngress.nexthops", 9, 4).member(1).member(2, 2);
        co_await client.insert(group);
        auto groups = co_await client.list(ActionProfileGroup()).all();
        EXPECT_EQ(groups.size(), 1U);
        if (groups.empty()) co_return;
        EXPECT_EQ(groups[0], group);
        auto members = co_await client.list(ActionProfileMember("nexthops", 2)).all();
        EXPECT_EQ(members.size(), 1U);
        if (members.empty()) co_return;
        EXPECT_EQ(members[0].action.param("port"), 2);

        co_await client.insert_table_entry(
            TableEntry("ipv4_route").match("hdr.ipv4.dstAddr", "10.0.0.0/8").group(9));
        Code code = Code::ok;
        try {
            co_await client.remove(ActionProfileGroup("nexthops", 9));
        } catch (const p4runtime::Error& error) {
            code = error.code();
        }
        EXPECT_EQ(code, Code::failed_precondition) << "an entry refers to it";
        co_await client.delete_table_entry("ipv4_route", Match("hdr.ipv4.dstAddr", "10.0.0.0/8"));
        co_await client.remove(ActionProfileGroup("nexthops", 9));
        co_await client.modify(ActionProfileMember("nexthops", 1, hop(3)));
        co_await client.remove(ActionProfileMember("nexthops", 1));
        co_await client.remove(ActionProfileMember("nexthops", 2));

        const auto spread = TableEntry("MyIngress.ipv4_route")
                                .match("hdr.ipv4.dstAddr", "10.0.0.0/8")
                                .one_shot(ActionSet().add(hop(1), 2).add(hop(2)));
        co_await client.insert_table_entry(spread);
        auto stream = client.list_table_entries("ipv4_route");
        const auto entries = co_await stream.all();
        EXPECT_EQ(entries.size(), 1U);
        if (!entries.empty()) {
            EXPECT_EQ(entries[0], spread) << entries[0].to_string();
        }
    });
}

TEST(Replication, groups_and_sessions_are_kept_as_written) {
    run([]() -> Task<void> {
        Session session;
        Client& client = session.client;
        co_await session.start("mirror");
        const auto group = MulticastGroup(5).replica(1).replica(2, 7);
        co_await client.add_multicast_group(group);
        auto groups = co_await client.list_multicast_groups();
        EXPECT_EQ(groups.size(), 1U);
        if (!groups.empty()) {
            EXPECT_EQ(groups[0], group);
        }
        co_await client.modify_multicast_group(MulticastGroup(5).replica(3));
        co_await client.delete_multicast_group(5);
        const bool gone = co_await throws<EntryNotFoundError>(client.delete_multicast_group(5));
        EXPECT_TRUE(gone);
        auto clone = CloneSession(100).replica(4);
        clone.packet_length_bytes = 60;
        co_await client.add_clone_session(clone);
        auto sessions = co_await client.list(CloneSession()).all();
        EXPECT_EQ(sessions.size(), 1U);
        if (!sessions.empty()) {
            EXPECT_EQ(sessions[0], clone);
        }
        co_await client.delete_clone_session(100);
    });
}

TEST(Meters, are_configured_and_reset) {
    run([]() -> Task<void> {
        Session session;
        Client& client = session.client;
        co_await session.start("qos");
        const MeterConfig rates{100, 10, 200, 20, 0};
        co_await client.modify(MeterEntry("tenant_meter", 5, rates));
        auto set = co_await client.list(MeterEntry("tenant_meter", 5)).all();
        EXPECT_EQ(set.size(), 1U);
        if (!set.empty()) {
            EXPECT_EQ(set[0].config, rates);
        }
        co_await client.modify(MeterEntry("tenant_meter", 5));
        auto reset = co_await client.list(MeterEntry("tenant_meter", 5)).all();
        EXPECT_EQ(reset.size(), 1U);
        if (!reset.empty()) {
            EXPECT_FALSE(reset[0].config.has_value());
        }
    });
}

TEST(Registers, are_written_and_read) {
    run([]() -> Task<void> {
        Session session;
        Client& client = session.client;
        co_await session.start("telemetry");
        co_await client.write_register("switch_id", 0, 0x01020304);
        const Data value = co_await client.read_register("switch_id", 0);
        EXPECT_EQ(value.to_uint64(), 0x01020304U);
        const auto cells = co_await client.read_register("switch_id");
        EXPECT_EQ(cells.size(), static_cast<std::size_t>(client.p4info().register_array("switch_id").size));
    });
}

TEST(ValueSets, are_replaced_as_a_whole) {
    run([]() -> Task<void> {
        Session session;
        Client& client = session.client;
        co_await session.start("value_set");
        const std::string field = client.p4info().value_set("tpids").match_fields[0].name;
        const auto wanted =
            ValueSetEntry("MyParser.tpids").add(Match(field, 0x88a8)).add(Match(field, 0x9100));
        co_await client.modify(wanted);
        auto sets = co_await client.list(ValueSetEntry("tpids")).all();
        EXPECT_EQ(sets.size(), 1U);
        if (!sets.empty()) {
            EXPECT_EQ(sets[0], wanted);
        }
    });
}

TEST(Writes, of_many_clients_of_one_loop_run_at_once) {
    run([]() -> Task<void> {
        Session first, second, third;
        co_await gather(first.start("l3_router"), second.start("l3_router"), third.start("l3_router"));
        std::vector<Task<void>> writes;
        for (int i = 0; i < 3; ++i)
            for (Session* session : {&first, &second, &third})
                writes.push_back(session->client.insert_table_entry(
                    TableEntry("ipv4_lpm").match("dstAddr", lpm(i << 24, 8)).action("drop")));
        co_await gather(std::move(writes));
        for (Session* session : {&first, &second, &third})
            EXPECT_EQ(session->rig.device.pipeline()->entry_count("MyIngress.ipv4_lpm"), 3U);
    });
}

TEST(Writes, an_atomic_batch_is_refused_before_anything_is_done) {
    run([]() -> Task<void> {
        Session session;
        co_await session.start("l3_router");
        std::vector<Update> updates;
        updates.push_back(
            Update::insert(TableEntry("ipv4_lpm").match("dstAddr", "10.0.0.0/8").action("drop")));
        Code code = Code::ok;
        try {
            co_await session.client.write(std::move(updates), Atomicity::dataplane_atomic);
        } catch (const p4runtime::Error& error) {
            code = error.code();
        }
        EXPECT_EQ(code, Code::unimplemented);
        EXPECT_EQ(session.rig.device.pipeline()->entry_count("MyIngress.ipv4_lpm"), 0U);
    });
}

// What a client of somebody else may send.
RequestStatus raw_write(ServiceCore& core, const p4::v1::Entity& entity, p4::v1::Update::Type type) {
    p4::v1::WriteRequest request;
    request.set_device_id(1);
    request.mutable_election_id()->set_high(1);
    auto& update = *request.add_updates();
    update.set_type(type);
    *update.mutable_entity() = entity;
    return core.write(request);
}

TEST(Writes, of_nonsense_are_refused_and_never_break_the_switch) {
    run([]() -> Task<void> {
        Session session;
        co_await session.start("l3_router");
        ServiceCore& core = *session.rig.service.core();
        const auto& table = session.client.p4info().table("ipv4_lpm");
        const auto expect_refused = [&](const p4::v1::Entity& entity) {
            for (const auto type : {p4::v1::Update::UNSPECIFIED, p4::v1::Update::INSERT,
                                    p4::v1::Update::MODIFY, p4::v1::Update::DELETE})
                EXPECT_FALSE(raw_write(core, entity, type).ok()) << entity.ShortDebugString();
        };
        p4::v1::Entity entity;
        expect_refused(entity);
        entity.mutable_table_entry();
        expect_refused(entity);
        entity.mutable_table_entry()->set_table_id(table.id);
        auto& match = *entity.mutable_table_entry()->add_match();
        match.set_field_id(77);
        expect_refused(entity);
        match.set_field_id(1);
        expect_refused(entity);
        match.mutable_lpm()->set_value("");
        match.mutable_lpm()->set_prefix_len(8);
        expect_refused(entity);
        match.mutable_lpm()->set_value(std::string("\x0a\0\0\0", 4));
        match.mutable_lpm()->set_prefix_len(33);
        expect_refused(entity);
        match.mutable_lpm()->set_prefix_len(-1);
        expect_refused(entity);
        match.mutable_lpm()->set_value(std::string("\x0a\1\1\1", 4));
        match.mutable_lpm()->set_prefix_len(8);
        expect_refused(entity);
        match.mutable_lpm()->set_value(std::string("\1\x0a\0\0\0", 5));
        expect_refused(entity);
        match.mutable_exact()->set_value("\1");
        expect_refused(entity);
        entity.Clear();
        entity.mutable_register_entry()->set_register_id(5);
        expect_refused(entity);
        entity.mutable_counter_entry()->set_counter_id(session.client.p4info().counters()[0].id);
        entity.mutable_counter_entry()->mutable_index()->set_index(-1);
        expect_refused(entity);
        entity.mutable_counter_entry()->mutable_index()->set_index(std::int64_t{1} << 40);
        expect_refused(entity);
        entity.mutable_packet_replication_engine_entry();
        expect_refused(entity);
        entity.mutable_packet_replication_engine_entry()
            ->mutable_multicast_group_entry()
            ->add_replicas()
            ->set_port("way too long a port");
        expect_refused(entity);
        entity.mutable_extern_entry();
        expect_refused(entity);
        EXPECT_EQ(session.rig.device.pipeline()->entry_count("MyIngress.ipv4_lpm"), 0U);
    });
}

}  // namespace
}  // namespace weft::p4switch_test
