// ThreadPool: threads that a program starts because it wants them. Nothing in weft makes one by itself.
#pragma once

#include <weft/core/pimpl.hpp>
#include <weft/core/unique_function.hpp>

#include <cstddef>
#include <string>

namespace weft {

// For functions that block or compute for long; see to_thread(). May serve several loops. Its threads block
// all signals, so a program's handlers never run there. fork() copies none of them: make pools after forking.
class ThreadPool {
public:
    // Starts `threads` threads, named after `name` (15 characters are seen). Throws SystemError when the
    // system has no more, UsageError for 0.
    explicit ThreadPool(std::size_t threads, const std::string& name = "weft pool");
    ThreadPool(ThreadPool&&) noexcept = default;
    ThreadPool& operator=(ThreadPool&&) noexcept = default;
    // Waits for the functions that run; those that wait in the queue are destroyed without being called.
    ~ThreadPool() = default;

    // Calls `job` on one of the threads, in the order of submission. From any thread. It must not throw.
    void submit(UniqueFunction job);

    [[nodiscard]] std::size_t threads() const noexcept;
    // Functions that wait for a thread.
    [[nodiscard]] std::size_t queued() const;

private:
    struct State;
    Pimpl<State> state_;
};

}  // namespace weft
