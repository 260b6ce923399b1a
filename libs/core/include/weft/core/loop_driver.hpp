// LoopDriver: a weft loop inside of somebody else's event loop, turn by turn.
#pragma once

#include <weft/core/loop.hpp>
#include <weft/core/spawn.hpp>
#include <weft/core/unique_function.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace weft {

// The foreign loop watches native_handle() for input and calls step() when there is some, and when the time
// of next_step() has come. All on one thread. weft::asio::ContextLoop does this for an io_context.
class LoopDriver {
public:
    // Throws SystemError.
    LoopDriver() = default;
    LoopDriver(const LoopDriver&) = delete;
    LoopDriver& operator=(const LoopDriver&) = delete;
    ~LoopDriver();

    // Called when a task becomes ready while no step() runs: spawn(), an Event that the foreign loop's code
    // sets, a handle that it cancels. step() is due then, but must not be called from `f` itself, which must
    // not throw.
    void on_ready(UniqueFunction f);

    [[nodiscard]] Loop& loop() noexcept { return loop_; }
    // Readable when a descriptor, or a post() from another thread, waits for step(). Owned by the loop.
    [[nodiscard]] int native_handle() const noexcept;

    // One turn: takes events, runs what is ready, and never waits. Throws UsageError when a loop runs on this
    // thread already.
    void step();
    // When step() is due though the handle is not readable: a time in the past means now, nullopt never.
    [[nodiscard]] std::optional<TimePoint> next_step() const noexcept;

    // weft::spawn() from outside of the loop. The task first runs in step().
    template <class T>
    [[nodiscard]] TaskHandle<T> spawn(Task<T> task, std::string_view name = {}) {
        return TaskHandle<T>(detail::start_task(loop_, loop_.root(), std::move(task), name), true);
    }
    // Requests the cancellation of all tasks; step() on until loop().task_count() is 0.
    void cancel_all();

private:
    class Inside {
    public:
        explicit Inside(LoopDriver& driver);
        Inside(const Inside&) = delete;
        Inside& operator=(const Inside&) = delete;
        ~Inside();

    private:
        LoopDriver& driver_;
    };

    UniqueFunction on_ready_;
    // next_tick() sorts the wheel while it looks.
    mutable Loop loop_;
};

}  // namespace weft
