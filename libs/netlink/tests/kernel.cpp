#include "kernel.hpp"

#include <gtest/gtest.h>

#include <cstdio>
#include <filesystem>

#include <sys/wait.h>
#include <unistd.h>

namespace weft::netlink {

namespace {

// Without root, the tests run in a user namespace in which they are root.
class Rights : public ::testing::Environment {
public:
    void SetUp() override {
        if (::geteuid() != 0) enter_own_user_namespace();
    }
};
[[maybe_unused]] const auto* const rights = ::testing::AddGlobalTestEnvironment(new Rights);

}  // namespace

std::string ip(const Namespace& where, const std::string& arguments) {
    const std::string command = "ip " + arguments + " 2>&1";
    std::FILE* pipe = in_namespace(where, [&] { return ::popen(command.c_str(), "r"); });
    if (!pipe) {
        ADD_FAILURE() << "cannot run " << command;
        return {};
    }
    std::string output;
    char part[4096];
    while (const std::size_t size = std::fread(part, 1, sizeof part, pipe)) output.append(part, size);
    const int status = ::pclose(pipe);
    EXPECT_EQ(WEXITSTATUS(status), 0) << command << ": " << output;
    return output;
}

nlohmann::json ip_json(const Namespace& where, const std::string& arguments) {
    const std::string output = ip(where, "-json " + arguments);
    if (output.empty()) return nlohmann::json::array();
    auto parsed = nlohmann::json::parse(output, nullptr, /* allow_exceptions= */ false);
    EXPECT_FALSE(parsed.is_discarded()) << output;
    return parsed.is_discarded() ? nlohmann::json::array() : parsed;
}

std::size_t open_descriptors() {
    std::size_t count = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) ++count;
    return count;
}

}  // namespace weft::netlink
