// Pipelines: the five actions, what is given back, what is refused.
#include "service_fixture.hpp"

namespace weft::p4switch_test {
namespace {

using namespace p4runtime;

TEST(PipelineConfigTest, what_was_set_is_given_back_with_its_cookie) {
    run([]() -> Task<void> {
        Session session;
        Client& client = session.client;
        co_await client.connect();
        auto none = co_await client.get_pipeline_config();
        EXPECT_FALSE(none.has_value());
        PipelineConfig config = config_of("l3_router");
        config.cookie = 42;
        const std::string p4info = config.p4info.binary();
        const std::string json = config.device_config;
        co_await client.set_pipeline_config(std::move(config));
        auto back = co_await client.get_pipeline_config();
        EXPECT_TRUE(back.has_value());
        if (!back) co_return;
        EXPECT_EQ(back->p4info.tables().size(), 2U);
        EXPECT_EQ(back->p4info.binary(), p4info);
        EXPECT_EQ(back->device_config, json);
        auto cookie = co_await client.get_pipeline_cookie();
        EXPECT_EQ(cookie, 42U);
        const std::string version = co_await client.capabilities();
        EXPECT_EQ(version, "1.4.1");
    });
}

TEST(PipelineConfigTest, verify_changes_nothing) {
    run([]() -> Task<void> {
        Session session;
        co_await session.client.connect();
        co_await session.client.set_pipeline_config(config_of("l3_router"), PipelineAction::verify);
        EXPECT_EQ(session.rig.device.pipeline(), nullptr);
        EXPECT_TRUE(session.client.p4info().tables().empty());
        auto config = co_await session.client.get_pipeline_config();
        EXPECT_FALSE(config.has_value());
    });
}

TEST(PipelineConfigTest, a_saved_pipeline_takes_writes_and_runs_when_it_is_committed) {
    run([]() -> Task<void> {
        Session session;
        Client& client = session.client;
        co_await client.connect();
        co_await client.set_pipeline_config(config_of("l3_router"), PipelineAction::verify_and_save);
        EXPECT_EQ(session.rig.device.pipeline(), nullptr);
        co_await client.insert_table_entry("ipv4_lpm", Match("dstAddr", "10.0.0.0/8"), "drop");
        co_await client.commit_pipeline();
        EXPECT_NE(session.rig.device.pipeline(), nullptr);
        auto stream = client.list_table_entries("ipv4_lpm");
        const auto entries = co_await stream.all();
        EXPECT_EQ(entries.size(), 1U) << "the write was for the saved pipeline";
        const bool nothing_saved = co_await throws<PipelineError>(client.commit_pipeline());
        EXPECT_TRUE(nothing_saved);
    });
}

TEST(PipelineConfigTest, a_commit_starts_with_empty_tables) {
    run([]() -> Task<void> {
        Session session;
        co_await session.start("l3_router");
        co_await session.client.insert_table_entry("ipv4_lpm", Match("dstAddr", "10.0.0.0/8"), "drop");
        co_await session.client.set_pipeline_config(config_of("l3_router"));
        auto stream = session.client.list_table_entries();
        const auto entries = co_await stream.all();
        EXPECT_TRUE(entries.empty());
    });
}

TEST(PipelineConfigTest, a_config_that_does_not_work_is_refused_with_its_reason) {
    run([]() -> Task<void> {
        Session session;
        Client& client = session.client;
        co_await session.start("l3_router");
        PipelineConfig broken(config_of("l3_router").p4info, "{ not json");
        const bool no_json = co_await throws<PipelineError>(client.set_pipeline_config(std::move(broken)));
        EXPECT_TRUE(no_json);
        PipelineConfig mixed(config_of("fabric").p4info, config_of("l3_router").device_config);
        const bool misfit = co_await throws<PipelineError>(client.set_pipeline_config(std::move(mixed)));
        EXPECT_TRUE(misfit);
        const bool reconcile = co_await throws<PipelineError>(
            client.set_pipeline_config(config_of("l3_router"), PipelineAction::reconcile_and_commit));
        EXPECT_TRUE(reconcile);
        EXPECT_NE(session.rig.device.pipeline(), nullptr) << "the old pipeline runs on";
        EXPECT_EQ(client.p4info().tables().size(), 2U);
    });
}

TEST(PipelineConfigTest, requests_before_the_first_pipeline_say_so) {
    run([]() -> Task<void> {
        Session session;
        co_await session.client.connect();
        session.client.use_p4info(config_of("l3_router").p4info);
        const bool write = co_await throws<PipelineError>(
            session.client.insert_table_entry("ipv4_lpm", Match("dstAddr", "10.0.0.0/8"), "drop"));
        EXPECT_TRUE(write);
        auto stream = session.client.list_table_entries();
        const bool read = co_await throws<PipelineError>(stream.all());
        EXPECT_TRUE(read);
    });
}

TEST(PipelineConfigTest, every_program_of_the_repository_installs) {
    run([]() -> Task<void> {
        Session session;
        co_await session.client.connect();
        for (const char* program :
             {"acl_firewall", "ecmp", "fabric", "flow_cache", "l2_learning", "l3_router", "mirror",
              "packet_io", "port_swap", "qos", "telemetry", "tunnel", "value_set"}) {
            std::string failure;
            try {
                co_await session.client.set_pipeline_config(config_of(program));
                std::vector<Entity> filters;
                filters.emplace_back(TableEntry());
                filters.emplace_back(CounterEntry());
                filters.emplace_back(MeterEntry());
                filters.emplace_back(ActionProfileMember());
                filters.emplace_back(ActionProfileGroup());
                filters.emplace_back(MulticastGroup());
                filters.emplace_back(CloneSession());
                filters.emplace_back(ValueSetEntry());
                filters.emplace_back(DirectCounterEntry());
                filters.emplace_back(DirectMeterEntry());
                filters.emplace_back(RegisterEntry());
                filters.emplace_back(DigestEntry());
                auto stream = session.client.read(std::move(filters));
                (void)co_await stream.all();
            } catch (const std::exception& error) {
                failure = error.what();
            }
            EXPECT_EQ(failure, "") << program;
        }
    });
}

TEST(PipelineConfigTest, a_switch_may_start_with_a_program) {
    run([]() -> Task<void> {
        Rig rig;
        const PipelineConfig config = config_of("port_swap");
        rig.service.install(config.p4info.text(), config.device_config);
        EXPECT_NE(rig.device.pipeline(), nullptr);
        Client client = rig.client(ElectionId{1, 0});
        co_await client.connect();
        EXPECT_EQ(client.p4info().binary(), config.p4info.binary());
        EXPECT_THROW(rig.service.install("tables {", config.device_config), weft::Error);
        EXPECT_THROW(rig.service.install(config.p4info.text(), "[]"), weft::Error);
    });
}

}  // namespace
}  // namespace weft::p4switch_test
