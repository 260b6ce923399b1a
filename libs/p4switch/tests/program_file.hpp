// The programs of the repository's p4/ folder, for tests.
#pragma once

#include <weft/p4switch/program.hpp>

#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>

namespace weft::p4switch::test {

inline std::string read_file(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) throw std::runtime_error("cannot read " + path);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

inline std::string program_text(const std::string& name) {
    return read_file(std::string(WEFT_P4_FOLDER) + "/" + name + "/" + name + ".json");
}

inline Program load_program(const std::string& name) { return Program::load(program_text(name)); }

}  // namespace weft::p4switch::test
