// Runs the weft program as a user would.
#pragma once

#include <weft/core/loop.hpp>
#include <weft/core/process.hpp>
#include <weft/core/timeout.hpp>

#include <chrono>
#include <string>
#include <utility>
#include <vector>

namespace weft {

inline const std::string fabric_topology = WEFT_SOURCE_FOLDER "/examples/fabric/topology.json";

inline std::vector<std::string> weft_command(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), WEFT_PROGRAM);
    return arguments;
}

inline ProcessResult run_command(std::vector<std::string> command) {
    Loop loop;
    return loop.run(timeout(std::chrono::seconds(60), run_process(std::move(command))));
}

inline ProcessResult run_weft(std::vector<std::string> arguments) {
    return run_command(weft_command(std::move(arguments)));
}

}  // namespace weft
