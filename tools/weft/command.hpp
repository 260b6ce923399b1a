// What the subcommands of the weft program have in common.
#pragma once

#include <CLI/CLI.hpp>

namespace weft::tool {

// Exit statuses beyond 0. CLI11's own for a wrong command line is 2 here, too.
inline constexpr int failed = 1;      // it ran, and the answer is no: pairs lost, a packet not as expected
inline constexpr int cannot_run = 2;  // a wrong command line, a file that is not there, no privilege

// Each adds one subcommand to `app`; the status of what was chosen goes to `status`.
void add_lab_command(CLI::App& app, int& status);
void add_mesh_command(CLI::App& app, int& status);
void add_ping_command(CLI::App& app, int& status);
void add_switch_command(CLI::App& app, int& status);

}  // namespace weft::tool
