// cancel_and_join(): the end of a task that an object owns, as its close() needs it.
#pragma once

#include <weft/core/spawn.hpp>
#include <weft/core/task.hpp>

namespace weft {

// Cancels the task and waits until it has ended. Its Cancelled is swallowed, any other exception of it is
// thrown. A cancellation of the caller is thrown too, after the task has ended. An empty handle is done.
// The handle must stay where it is until then.
template <class T>
Task<void> cancel_and_join(TaskHandle<T>& handle) {
    if (!handle) co_return;
    detail::TaskControl& caller = detail::current_task();
    // A wait for a task passes the caller's cancellation on to it, so the counts tell whose it was.
    const unsigned requests = caller.cancel_requests();
    const bool due = caller.cancel_due();
    handle.cancel();
    try {
        co_await handle;
    } catch (const Cancelled&) {
        if (due || caller.cancel_requests() > requests) throw;
    }
}

}  // namespace weft
