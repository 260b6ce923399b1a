// The main job as a whole program: a P4 fabric built, programmed, checked, and nothing left behind.
#include "weft_program.hpp"

#include <weft/core.hpp>
#include <weft/netlink/route_socket.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <random>
#include <set>
#include <string>
#include <vector>

#include <unistd.h>

namespace weft {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

namespace fs = std::filesystem;

std::vector<std::pair<std::string, std::string>> lost_pairs(const std::string& output) {
    std::vector<std::pair<std::string, std::string>> lost;
    const std::string mark = "lost: ";
    for (std::size_t at = output.find(mark); at != std::string::npos; at = output.find(mark, at + 1)) {
        const std::string line = output.substr(at + mark.size(), output.find('\n', at) - at - mark.size());
        lost.emplace_back(line.substr(0, 2), line.substr(line.size() - 2));
    }
    return lost;
}

bool same_leaf(const std::string& a, const std::string& b) {
    const auto leaf = [](const std::string& host) { return host == "h1" || host == "h2" ? 1 : 2; };
    return leaf(a) == leaf(b);
}

// Everything that a lab could leave in sight: names of namespaces, and interfaces of ours.
std::set<std::string> visible_objects() {
    std::set<std::string> seen;
    for (const std::string& name : netlink::list_namespaces()) seen.insert("namespace " + name);
    Loop loop;
    auto list = []() -> Task<std::vector<netlink::Link>> {
        auto kernel = netlink::RouteSocket::open();
        co_return co_await kernel.links().list();
    };
    for (const netlink::Link& link : loop.run(list())) seen.insert("link " + link.name);
    return seen;
}

TEST(LabRun, every_pair_of_the_fabric_answers) {
    const auto before = visible_objects();
    const ProcessResult result = run_weft({"lab", "run", fabric_topology});
    EXPECT_TRUE(result.ok()) << result.status.to_string() << "\n" << result.out << result.err;
    EXPECT_THAT(result.out, HasSubstr("12 of 12 pairs answered"));
    EXPECT_THAT(result.out, HasSubstr("installed 10 routes on 4 switches, all at once"));
    EXPECT_THAT(result.out, HasSubstr("took everything down"));
    EXPECT_EQ(result.err, "");
    EXPECT_EQ(visible_objects(), before);
}

// Each flow takes one of two spines, so a link that is down costs some pairs and never all.
class FailedLink : public ::testing::TestWithParam<const char*> {};

TEST_P(FailedLink, loses_some_pairs_between_leaves_and_none_within) {
    const ProcessResult result =
        run_weft({"lab", "run", fabric_topology, "--ping-timeout", "0.3", "--fail-link", GetParam()});
    EXPECT_EQ(result.status.code, 1) << result.out << result.err;
    const auto lost = lost_pairs(result.out);
    EXPECT_GT(lost.size(), 0u) << result.out;
    EXPECT_LT(lost.size(), 8u) << "eight ordered pairs cross the spines\n" << result.out;
    for (const auto& [from, to] : lost)
        EXPECT_FALSE(same_leaf(from, to)) << from << " -> " << to << "\n" << result.out;
    EXPECT_THAT(result.out, HasSubstr("(down)"));
    EXPECT_THAT(result.out, HasSubstr(std::to_string(12 - lost.size()) + " of 12 pairs answered"));
}

INSTANTIATE_TEST_SUITE_P(LabRun, FailedLink,
                         ::testing::Values("leaf1-spine1", "leaf1-spine2", "spine1-leaf2", "leaf2-spine2"),
                         [](const auto& test) {
                             std::string name = test.param;
                             std::replace(name.begin(), name.end(), '-', '_');
                             return name;
                         });

TEST(LabRun, a_failed_host_link_loses_that_host_alone) {
    const ProcessResult result =
        run_weft({"lab", "run", fabric_topology, "--ping-timeout", "0.3", "--fail-link", "h2-leaf1"});
    EXPECT_EQ(result.status.code, 1) << result.out << result.err;
    const auto lost = lost_pairs(result.out);
    EXPECT_EQ(lost.size(), 6u) << result.out;
    for (const auto& [from, to] : lost) EXPECT_TRUE(from == "h2" || to == "h2") << from << " -> " << to;
}

TEST(LabRun, writes_a_picture) {
    const fs::path file = fs::temp_directory_path() / ("weft-picture-" + std::to_string(::getpid()) + ".svg");
    const ProcessResult result = run_weft({"lab", "run", fabric_topology, "--svg", file.string()});
    EXPECT_TRUE(result.ok()) << result.err;
    std::ifstream in(file);
    const std::string svg((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
    fs::remove(file);
    EXPECT_THAT(svg, ::testing::StartsWith("<svg"));
    EXPECT_THAT(svg, HasSubstr("spine2"));
}

// Reads the child's output until `text` has come.
Task<std::string> read_until(Process& process, std::string text) {
    std::string seen;
    std::vector<std::byte> buffer(4096);
    while (seen.find(text) == std::string::npos) {
        const std::size_t n = co_await process.out()->read_some(buffer);
        if (n == 0) throw Error("the program ended; its output was:\n" + seen);
        seen.append(reinterpret_cast<const char*>(buffer.data()), n);
    }
    co_return seen;
}

TEST(LabRun, a_running_lab_has_one_thread) {
    auto body = []() -> Task<void> {
        Process process(weft_command({"lab", "run", fabric_topology, "--stay"}));
        co_await timeout(30s, read_until(process, "stays until Ctrl-C"));
        std::size_t threads = 0;
        for (const auto& entry : fs::directory_iterator("/proc/" + std::to_string(process.pid()) + "/task")) {
            (void)entry;
            ++threads;
        }
        EXPECT_EQ(threads, 1u);
        process.signal(SIGINT);
        const ExitStatus status = co_await timeout(10s, process.wait());
        EXPECT_TRUE(status.ok()) << status.to_string();
    };
    Loop loop;
    loop.run(body());
}

TEST(LabRun, ctrl_c_at_any_moment_leaves_nothing) {
    const auto before = visible_objects();
    std::random_device device;
    const unsigned seed = device();
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    auto body = [&](Duration delay) -> Task<void> {
        Process process(weft_command({"lab", "run", fabric_topology, "--stay"}));
        co_await sleep(delay);
        process.signal(SIGINT);
        const ExitStatus status = co_await timeout(10s, process.wait());
        // 130: interrupted on the way. 0: it had got to the end. Killed by SIGINT: before it took signals
        // over.
        EXPECT_TRUE(status.code == 130 || status.ok() || status.signal == SIGINT) << status.to_string();
    };
    for (int moment = 0; moment < 10; ++moment) {
        Loop loop;
        loop.run(body(std::chrono::microseconds(random() % 300'000)));
        EXPECT_EQ(visible_objects(), before) << "moment " << moment;
    }
}

// A folder of its own that any user may read: the source tree need not be readable for others.
class ForeignUser : public ::testing::Test {
protected:
    void SetUp() override {
        if (::geteuid() != 0) GTEST_SKIP() << "this test gives up root, and we are not root";
        std::string name = (fs::temp_directory_path() / "weft-user-XXXXXX").string();
        ASSERT_NE(::mkdtemp(name.data()), nullptr);
        folder = name;
        fs::copy(WEFT_PROGRAM, folder / "weft");
        fs::create_directories(folder / "examples/fabric");
        fs::create_directories(folder / "p4");
        fs::copy(fabric_topology, folder / "examples/fabric/topology.json");
        fs::copy(WEFT_SOURCE_FOLDER "/p4/fabric", folder / "p4/fabric");
        fs::permissions(folder, fs::perms(0755));
    }
    void TearDown() override {
        if (!folder.empty()) fs::remove_all(folder);
    }
    std::string program() const { return (folder / "weft").string(); }
    std::string topology() const { return (folder / "examples/fabric/topology.json").string(); }

    fs::path folder;
};

TEST_F(ForeignUser, an_ordinary_user_runs_it_in_a_user_namespace) {
    const ProcessResult result = run_command(
        {"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", program(), "lab", "run", topology()});
    EXPECT_TRUE(result.ok()) << result.status.to_string() << "\n" << result.out << result.err;
    EXPECT_THAT(result.out, HasSubstr("12 of 12 pairs answered"));
}

TEST_F(ForeignUser, where_nothing_is_allowed_it_says_so_in_one_line) {
    const ProcessResult result =
        run_command({"unshare", "--user", "--map-root-user", "sh", "-c",
                     "echo 0 > /proc/sys/user/max_user_namespaces && exec setpriv --bounding-set=-all "
                     "--inh-caps=-all " +
                         program() + " lab run " + topology()});
    EXPECT_EQ(result.status.code, 2) << result.out << result.err;
    EXPECT_EQ(result.out, "");
    EXPECT_THAT(result.err, HasSubstr("needs root or user namespaces"));
    EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
}

}  // namespace
}  // namespace weft
