// sync_wait(): the result of a task, for code that has no coroutines. The ground of every blocking API.
//
//     std::string page = weft::sync_wait(weft::timeout(5s, fetch("sw1")));
#pragma once

#include <weft/core/loop.hpp>
#include <weft/core/task.hpp>

#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace weft {

// A thread's own loop for blocking calls. A copy is another reference to the same loop, which lives as long
// as its thread or any copy: an object of a blocking API keeps one beside the connection that it hides. Tasks
// that a call leaves behind (a connection's reader) stand still between the calls, and are destroyed with the
// loop. Between the calls no loop is current: what needs one (StreamWriter::write()) is for tasks.
class SyncLoop {
public:
    // The calling thread's; made when there is none. Throws UsageError inside a running loop, where blocking
    // would stop every other task: co_await there.
    [[nodiscard]] static SyncLoop of_this_thread();

    // Runs `task` until it ends; gives its value or throws its exception. Throws UsageError on any thread but
    // the loop's, and inside a running loop.
    template <class T>
    T wait(Task<T> task, std::string_view name = "sync") const {
        require_own_thread();
        return loop().run_until_complete(std::move(task), name);
    }

    // Cancels the tasks that earlier calls left behind, and runs them to their end. Throws as wait() does.
    void finish() const;

    [[nodiscard]] Loop& loop() const noexcept;

private:
    struct State;
    explicit SyncLoop(std::shared_ptr<State> state) noexcept : state_(std::move(state)) {}
    void require_own_thread() const;
    std::shared_ptr<State> state_;
};

// Runs `task` on this thread's SyncLoop until it ends; gives its value or throws its exception. Throws
// UsageError inside a running loop. No signal interrupts it: limit its time with timeout().
template <class T>
T sync_wait(Task<T> task) {
    return SyncLoop::of_this_thread().wait(std::move(task));
}

}  // namespace weft
