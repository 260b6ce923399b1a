// A network, running: built, programmed, checked and taken down, several at a time and again and again.
#include <weft/core/gather.hpp>
#include <weft/core/loop.hpp>
#include <weft/core/spawn.hpp>
#include <weft/lab/controller.hpp>
#include <weft/lab/error.hpp>
#include <weft/lab/network.hpp>
#include <weft/lab/ping_matrix.hpp>
#include <weft/lab/topology_file.hpp>
#include <weft/p4runtime/client.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <string>

namespace weft::lab {
namespace {

using namespace std::chrono_literals;

Topology fabric() { return load_topology(WEFT_SOURCE_FOLDER "/examples/fabric/topology.json"); }

std::size_t open_descriptors() {
    std::size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
        (void)entry;
        ++count;
    }
    return count;
}

class LabNetwork : public ::testing::Test {
protected:
    static void SetUpTestSuite() { prepare_privileges(); }
};

Task<void> build_and_check(Topology plan) {
    auto network = co_await Network::start(std::move(plan));
    auto controller = co_await Controller::connect(*network);
    co_await controller->push_pipelines();
    co_await controller->install(controller->plan_routes());
    const PingMatrix matrix = co_await ping_all(*network, 1s);
    EXPECT_EQ(matrix.answered(), matrix.pairs.size());
    co_await controller->close();
    co_await network->stop();
}

TEST_F(LabNetwork, every_host_reaches_every_host) {
    Loop loop;
    loop.run(build_and_check(fabric()));
}

TEST_F(LabNetwork, two_with_the_same_names_run_side_by_side) {
    Loop loop;
    auto both = []() -> Task<void> { co_await gather(build_and_check(fabric()), build_and_check(fabric())); };
    loop.run(both());
}

TEST_F(LabNetwork, leaves_no_descriptor_behind) {
    const auto run_once = [] {
        Loop loop;
        loop.run(build_and_check(fabric()));
    };
    run_once();
    const std::size_t before = open_descriptors();
    for (int i = 0; i < 5; ++i) run_once();
    EXPECT_EQ(open_descriptors(), before);
}

TEST_F(LabNetwork, cancelling_the_start_takes_down_what_was_built) {
    const std::size_t before = open_descriptors();
    for (int turns = 0; turns < 40; turns += 3) {
        Loop loop;
        auto start_and_cancel = [turns]() -> Task<void> {
            auto starting = spawn(Network::start(fabric()));
            for (int i = 0; i < turns && !starting.done(); ++i) co_await yield();
            starting.cancel();
            try {
                co_await starting;
            } catch (const Cancelled&) {
            }
        };
        loop.run(start_and_cancel());
    }
    EXPECT_EQ(open_descriptors(), before);
}

TEST_F(LabNetwork, a_link_goes_down_and_comes_up_again) {
    auto body = []() -> Task<void> {
        auto network = co_await Network::start(fabric());
        auto controller = co_await Controller::connect(*network);
        co_await controller->push_pipelines();
        co_await controller->install(controller->plan_routes());
        const std::size_t uplink = *network->topology().find_link("leaf1", "spine1");
        const std::size_t access = *network->topology().find_link("h3", "leaf2");

        co_await network->set_link_up(uplink, false);
        const PingMatrix broken = co_await ping_all(*network, 200ms);
        EXPECT_LT(broken.answered(), broken.pairs.size());
        EXPECT_TRUE(broken.find("h1", "h2")->rtt) << "the pair needs no spine";
        co_await network->set_link_up(uplink, true);
        co_await network->set_link_up(access, false);
        const PingMatrix without_h3 = co_await ping_all(*network, 200ms);
        EXPECT_EQ(without_h3.answered(), 6u);
        EXPECT_THAT(network->links_down(), ::testing::ElementsAre(access));
        co_await controller->close();
        co_await network->stop();
    };
    Loop loop;
    loop.run(body());
}

TEST_F(LabNetwork, the_switches_count_what_they_forward) {
    auto body = []() -> Task<void> {
        auto network = co_await Network::start(fabric());
        auto controller = co_await Controller::connect(*network);
        co_await controller->push_pipelines();
        co_await controller->install(controller->plan_routes());
        co_await ping_all(*network, 1s);
        const auto counters = co_await controller->read_port_counters();
        EXPECT_EQ(counters.size(), 4u);
        for (const SwitchCounters& of_switch : counters) {
            for (const PortCounters& port : of_switch.ports) {
                // Each host asks three others and answers three; what enters a fabric leaves it.
                if (of_switch.switch_name.starts_with("leaf") && port.port <= 2) {
                    EXPECT_EQ(port.ingress.packet_count, 6) << of_switch.switch_name << ":" << port.port;
                    EXPECT_EQ(port.egress.packet_count, 6) << of_switch.switch_name << ":" << port.port;
                }
            }
        }
        co_await controller->close();
        co_await network->stop();
    };
    Loop loop;
    loop.run(body());
}

TEST_F(LabNetwork, a_program_that_is_not_there_is_named_before_anything_is_built) {
    Topology plan("empty");
    plan.add_program({"ghost", "no/such.json", "no/such.txtpb"});
    Loop loop;
    try {
        loop.run(Network::start(std::move(plan)));
        FAIL() << "no error";
    } catch (const TopologyError& e) {
        EXPECT_THAT(e.what(), ::testing::HasSubstr("no/such.json"));
    }
}

}  // namespace
}  // namespace weft::lab
