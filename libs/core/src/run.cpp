#include <weft/core/run.hpp>

#include <csignal>

namespace weft::detail {

Signals interrupt_signals() { return Signals{SIGINT, SIGTERM}; }

Task<void> cancel_on_signal(Signals signals, TaskControl& target, int* interrupted) {
    for (;;) {
        const int signal = co_await signals.next();
        *interrupted = signal;
        target.cancel();
    }
}

}  // namespace weft::detail
