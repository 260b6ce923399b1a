// weft switch: look at compiled P4 programs, and run packet tests on them.
#include "command.hpp"
#include "text.hpp"

#include <weft/p4switch/program.hpp>
#include <weft/p4switch/stf.hpp>

#include <iostream>
#include <memory>
#include <string>
#include <vector>

namespace weft::tool {

namespace {

int test_command(const std::string& json, const std::vector<std::string>& scripts) {
    const auto program = p4switch::Program::load(read_file(json));
    int status = 0;
    for (const std::string& file : scripts) {
        p4switch::StfRunner runner(program);
        const auto failures = runner.run(p4switch::StfScript::parse(read_file(file)));
        std::cout << (failures.empty() ? "passed  " : "FAILED  ") << file << "\n";
        for (const std::string& failure : failures) std::cout << "  " << failure << "\n";
        if (!failures.empty()) status = failed;
    }
    return status;
}

const char* name_of(p4switch::MatchKind kind) {
    switch (kind) {
        case p4switch::MatchKind::exact:
            return "exact";
        case p4switch::MatchKind::lpm:
            return "lpm";
        case p4switch::MatchKind::ternary:
            return "ternary";
        case p4switch::MatchKind::range:
            return "range";
        case p4switch::MatchKind::optional:
            return "optional";
    }
    return "?";
}

int show_command(const std::string& json) {
    const auto program = p4switch::Program::load(read_file(json));
    for (const auto& table : program.tables()) {
        std::cout << "table " << table.name << "  size " << table.max_size;
        if (!table.action_profile.empty()) std::cout << "  profile " << table.action_profile;
        if (table.constant_entries) std::cout << "  constant";
        std::cout << "\n";
        for (const auto& key : table.key)
            std::cout << "  key " << key.name << "  " << name_of(key.kind) << "  " << key.width << " bits\n";
        for (const auto& action : table.actions) {
            std::cout << "  action " << action.name << "(";
            for (std::size_t i = 0; i < action.parameters.size(); ++i)
                std::cout << (i ? ", " : "") << action.parameters[i].name << ": "
                          << action.parameters[i].width;
            std::cout << ")\n";
        }
    }
    const auto list = [](const char* kind, const std::vector<p4switch::ArrayInfo>& arrays) {
        for (const auto& array : arrays) std::cout << kind << " " << array.name << "[" << array.size << "]\n";
    };
    list("counter", program.counters());
    list("meter", program.meters());
    list("register", program.registers());
    return 0;
}

}  // namespace

void add_switch_command(CLI::App& app, int& status) {
    auto* command =
        app.add_subcommand("switch", "The P4 software switch: programs compiled to BMv2 JSON (v1model)");
    command->require_subcommand(1);

    auto json = std::make_shared<std::string>();
    auto scripts = std::make_shared<std::vector<std::string>>();
    auto* test = command->add_subcommand(
        "test",
        "Run packet tests (STF) on a program: packets in, tables set, packets expected. No root and no "
        "interface\n"
        "needed. Exit status: 0 all passed, 1 some failed, 2 a file could not be read.");
    test->add_option("program", *json, "BMv2 JSON of the program")->required();
    test->add_option("scripts", *scripts, "Packet tests (.stf)")->required();
    test->callback([json, scripts, &status] { status = test_command(*json, *scripts); });

    auto* show = command->add_subcommand(
        "show", "List a program's tables, keys, actions, counters, meters and registers");
    show->add_option("program", *json, "BMv2 JSON of the program")->required();
    show->callback([json, &status] { status = show_command(*json); });
}

}  // namespace weft::tool
