// Starting a child with posix_spawn: descriptors, signals, group, environment.
#pragma once

#include <string>
#include <vector>

#include <sys/types.h>

namespace weft::detail {

struct ChildSpec {
    const std::vector<std::string>& args;
    const std::vector<std::string>& environment;  // NAME=value
    const std::string& directory;                 // empty: the parent's
    int stdio[3];                                 // descriptors above 2, or -1 to inherit
};

// Gives the pid; throws SystemError.
[[nodiscard]] pid_t spawn_child(const ChildSpec& spec);

// The arguments as one would type them.
[[nodiscard]] std::string command_text(const std::vector<std::string>& args);

}  // namespace weft::detail
