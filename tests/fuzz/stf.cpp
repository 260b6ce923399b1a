// Any text as an STF script: it is a script or StfError, and a script runs to its end on a small program.
#include <weft/p4switch/stf.hpp>

#include <cstddef>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace weft::p4switch;
    static const std::vector<Program> programs = [] {
        std::vector<Program> list;
        for (const char* name : {"acl_firewall", "fabric", "value_set"}) {
            std::ifstream file(std::string(WEFT_P4_FOLDER) + "/" + name + "/" + name + ".json",
                               std::ios::binary);
            list.push_back(Program::load(std::string(std::istreambuf_iterator<char>(file), {})));
        }
        return list;
    }();
    std::optional<StfScript> script;
    try {
        script = StfScript::parse({reinterpret_cast<const char*>(data), size});
    } catch (const StfError&) {
        return 0;
    }
    SwitchOptions options;
    options.max_copies = 16;
    for (const Program& program : programs) static_cast<void>(StfRunner(program, options).run(*script));
    return 0;
}
