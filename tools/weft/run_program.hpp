// How the program runs its tasks: what the runtime reports goes to spdlog, and SIGUSR1 shows what it is
// doing.
#pragma once

#include <weft/core/task.hpp>

#include <CLI/CLI.hpp>

namespace weft::tool {

// Adds --log-level, also WEFT_LOG_LEVEL in the environment.
void add_log_option(CLI::App& app);

// weft::run() with the log on stderr: errors that nobody took, coroutines that were never awaited and, at
// level debug, tasks that keep the loop busy for 100 ms. SIGUSR1 writes dump_tasks() to stderr. Returns as
// weft::run() does.
int run_program(Task<void> main);

}  // namespace weft::tool
