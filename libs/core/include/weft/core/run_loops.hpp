// run() with several loops: one a core, each on a thread of its own, sharing nothing.
#pragma once

#include <weft/core/run_options.hpp>
#include <weft/core/task.hpp>

#include <functional>

namespace weft {

// Calls `main(index)` on each loop's thread, index 0 being the calling one, and runs what it gives there as
// run() does. Returns when all have ended: 0, or 128 + the number of the signal that cancelled them. When one
// fails, the others are cancelled and awaited, and the first failure is thrown. `main` itself is called from
// several threads at once.
//
// Loops share no connection, no lock and no queue: listen on each with ListenOptions().reuse_port(true), and
// send work to another one with Loop::post().
int run(std::function<Task<void>(unsigned index)> main, RunOptions options);

}  // namespace weft
