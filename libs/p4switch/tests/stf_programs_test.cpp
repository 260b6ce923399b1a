// Every packet test beside a program in p4/ passes on this switch.
#include "program_file.hpp"

#include <weft/p4switch/stf.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

namespace weft::p4switch {
namespace {

std::vector<std::string> scripts() {
    std::vector<std::string> found;
    for (const auto& item : std::filesystem::recursive_directory_iterator(WEFT_P4_FOLDER))
        if (item.path().extension() == ".stf") found.push_back(item.path().filename().string());
    std::sort(found.begin(), found.end());
    return found;
}

class StfPrograms : public testing::TestWithParam<std::string> {};

TEST_P(StfPrograms, passes) {
    const std::string program = GetParam().substr(0, GetParam().find('.'));
    StfRunner runner(test::load_program(program));
    const StfScript script =
        StfScript::parse(test::read_file(std::string(WEFT_P4_FOLDER) + "/" + program + "/" + GetParam()));
    ASSERT_FALSE(script.commands.empty());
    for (const std::string& failure : runner.run(script)) ADD_FAILURE() << failure;
}

INSTANTIATE_TEST_SUITE_P(p4, StfPrograms, testing::ValuesIn(scripts()), [](const auto& at) {
    std::string name = at.param.substr(0, at.param.rfind('.'));
    std::replace(name.begin(), name.end(), '.', '_');
    return name;
});

}  // namespace
}  // namespace weft::p4switch
