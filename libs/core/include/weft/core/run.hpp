// run(): a program's whole asynchronous part, on a loop of its own.
#pragma once

#include <weft/core/error.hpp>
#include <weft/core/loop.hpp>
#include <weft/core/run_options.hpp>
#include <weft/core/signals.hpp>
#include <weft/core/spawn.hpp>
#include <weft/core/task.hpp>

#include <type_traits>
#include <utility>

namespace weft {

namespace detail {

// Cancels `target` whenever SIGINT or SIGTERM arrives; `interrupted` receives the signal's number.
Task<void> cancel_on_signal(Signals signals, TaskControl& target, int* interrupted);
[[nodiscard]] Signals interrupt_signals();

template <class T>
Task<T> run_interruptible(Task<T> main, int* interrupted) {
    auto watcher = spawn(cancel_on_signal(interrupt_signals(), current_task(), interrupted), "signals");
    co_return co_await std::move(main);
}

}  // namespace detail

// Exit status of a program that a signal ended: 128 + its number, as a shell counts.
[[nodiscard]] constexpr int exit_status_of_signal(int signal) noexcept { return 128 + signal; }

// Runs `main` on a new loop on this thread, and gives its value. When it ends, tasks that are left are
// cancelled and awaited. Ctrl-C (SIGINT) and SIGTERM cancel `main`; it may clean up, and may await while it
// does.
//
// For a Task<void>, returns a program's exit status: 0, or 128 + the signal's number after a signal, so that
// `int main() { return weft::run(main_task()); }` is a whole program. For any other T a signal ends in
// Cancelled. Exceptions of `main` come out of run().
template <class T>
auto run(Task<T> main, RunOptions options = RunOptions()) {
    if (options.loops() != 1)
        throw UsageError(
            "run() with one task and several loops; give it a function that makes each one's task");
    Loop loop;
    options.apply_to(loop);
    int interrupted = 0;
    if constexpr (std::is_void_v<T>) {
        try {
            loop.run(detail::run_interruptible(std::move(main), &interrupted));
        } catch (const Cancelled&) {
            if (interrupted == 0) throw;
        }
        return interrupted == 0 ? 0 : exit_status_of_signal(interrupted);
    } else {
        return loop.run(detail::run_interruptible(std::move(main), &interrupted));
    }
}

}  // namespace weft
