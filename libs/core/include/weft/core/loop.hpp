// The event loop: one thread's ready queue, timers, file descriptors and doorbell.
//
// A loop belongs to the thread that runs it. post() is the only member that other threads may call.
// It starts no thread and changes nothing process-wide.
#pragma once

#include <weft/core/intrusive_list.hpp>
#include <weft/core/log.hpp>
#include <weft/core/pimpl.hpp>
#include <weft/core/task_control.hpp>
#include <weft/core/timer.hpp>
#include <weft/core/unique_function.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace weft {

class LoopDriver;

// Told about events on a descriptor. The bits are epoll's EPOLLIN, EPOLLOUT, …; edge triggered.
class FdHandler {
public:
    virtual void on_events(std::uint32_t events) noexcept = 0;

protected:
    ~FdHandler() = default;
};

// Work that is done once at the end of a loop turn, however often it was asked for: a session that
// writes everything its tasks produced in the turn with one system call.
struct TurnEndTag;
class TurnEnd : public ListHook<TurnEndTag> {
public:
    virtual void on_turn_end() noexcept = 0;

protected:
    ~TurnEnd() = default;
};

// Which time a loop lives in.
enum class TimeSource {
    steady_clock,
    // Starts at zero and jumps to the next timer whenever nothing else can run; for tests of timeouts
    // that must not take time. Descriptors are polled before each jump.
    manual,
};

class Loop {
public:
    explicit Loop(TimeSource time = TimeSource::steady_clock);
    Loop(const Loop&) = delete;
    Loop& operator=(const Loop&) = delete;
    // Destroys tasks that still exist where they are suspended. run() leaves none.
    ~Loop();

    // The loop that runs on this thread. Throws UsageError when there is none.
    [[nodiscard]] static Loop& current() {
        if (!detail::thread_state.loop) [[unlikely]]
            throw_no_loop();
        return *detail::thread_state.loop;
    }
    [[nodiscard]] static Loop* current_or_null() noexcept { return detail::thread_state.loop; }

    // Runs `task` as a task of its own until it ends; returns its value or throws its exception. Tasks that
    // are left then are cancelled and awaited, as asyncio.run does. Throws UsageError inside a running loop.
    template <class T>
    T run(Task<T> task, std::string_view name = "main");

    // The same, but leaves the other tasks where they are: they stand still, and go on in the next run.
    template <class T>
    T run_until_complete(Task<T> task, std::string_view name = "main");

    // Runs `f` on the loop in one of its next turns. May be called from any thread, also before run().
    // Functions that are posted when the loop will never run again are destroyed with it. What `f` throws
    // goes to the log sink. The loop must live until post() has returned; `f` may have run before that.
    void post(UniqueFunction f);

    // The time at the start of this turn.
    [[nodiscard]] TimePoint now() const noexcept { return now_; }

    // Arms `timer`, again if it was armed. It must be disarmed or dead before the loop is.
    void arm(Timer& timer, TimePoint when) noexcept;
    // The same, `delay` from this moment, which a task that computes for long has moved away from now().
    void arm_after(Timer& timer, Duration delay) noexcept;

    // Runs `work` once when this turn's tasks have run, before the loop looks for events.
    void at_turn_end(TurnEnd& work) noexcept {
        if (!work.linked()) turn_ends_.push_back(work);
    }

    // Watches a descriptor for input, output and errors, edge triggered. Throws SystemError (EPERM for
    // regular files, which are always ready). remove_fd() before the descriptor is closed.
    void add_fd(int fd, FdHandler& handler);
    void remove_fd(int fd, FdHandler& handler) noexcept;

    // How many tasks exist, the main task included.
    [[nodiscard]] std::size_t task_count() const noexcept { return task_count_; }

    // Where the runtime reports what no caller can be told: a lost error, a task that was never awaited, a
    // slow task. Null, the default, writes nothing. The sink must outlive its use.
    void set_log_sink(LogSink* sink) noexcept { log_sink_ = sink; }
    [[nodiscard]] LogSink* log_sink() const noexcept { return log_sink_; }

    // Warns, with the task's name, of each resumption that keeps the loop from its other work for `limit` or
    // longer. asyncio's slow_callback_duration. Zero, the default, measures nothing; measuring costs two
    // readings of the clock for each resumption.
    void warn_slow(Duration limit) noexcept { slow_limit_ = limit; }

    // While events keep coming that fast, the loop looks for the next one for up to `limit` before it sleeps:
    // sleeping and being woken takes longer than many an answer. nullopt, the default: while that takes less
    // processor time than sleeping, which is measured, and for at most 100 µs; a loop that has less to do
    // sleeps at once. A limit (a core for the latency) is kept as it is given; zero: never.
    void busy_poll(std::optional<Duration> limit) noexcept;

    // Receives each task that failed and whose outcome nobody took. Without one, the log sink does.
    using LostErrorHandler = void (*)(const std::string& task_name, std::exception_ptr error, void* user);
    void on_lost_error(LostErrorHandler handler, void* user) noexcept {
        lost_error_handler_ = handler;
        lost_error_user_ = user;
    }

    // Owner of the tasks that spawn() starts.
    [[nodiscard]] detail::TaskOwner& root() noexcept;

private:
    friend class detail::TaskControl;
    friend class detail::Waiter;
    friend void detail::pass_turn(std::coroutine_handle<> frame) noexcept;
    friend class LoopDriver;
    friend class detail::TaskTree;
    friend class testing::LoopStepper;
    friend void detail::report_never_awaited(std::coroutine_handle<> frame) noexcept;
    struct Backend;
    class RootOwner;

    void schedule(detail::TaskControl& task) noexcept {
        task.next_ready_ = &task;
        if (ready_tail_) {
            ready_tail_->next_ready_ = &task;
        } else {
            ready_head_ = &task;
            if (on_ready_) [[unlikely]]
                tell_driver();
        }
        ready_tail_ = &task;
    }

    [[gnu::cold]] void tell_driver() noexcept;
    [[noreturn]] static void throw_no_loop();
    void run_main(detail::TaskControl& main, bool end_others);
    void run_ready() noexcept;
    void run_watched(detail::TaskControl& task) noexcept;
    void update_now() noexcept;
    [[nodiscard]] TimePoint read_clock() noexcept;
    void poll(bool block);
    void run_posted() noexcept;
    void report_lost(const detail::TaskControl& task) noexcept;
    void report_never_awaited(const detail::TaskControl& dropper, std::coroutine_handle<> frame) noexcept;
    [[nodiscard]] std::uint64_t tick_of(TimePoint when) const noexcept;

    detail::TaskControl* ready_head_ = nullptr;
    detail::TaskControl* ready_tail_ = nullptr;
    UniqueFunction* on_ready_ = nullptr;  // LoopDriver's, between its turns
    TimePoint now_;
    TimePoint epoch_;
    TimePoint read_at_;                 // the last reading of the clock, and
    std::uint64_t cycles_at_read_ = 0;  // the cycle counter then
    IntrusiveList<TurnEnd, TurnEndTag> turn_ends_;
    IntrusiveList<detail::TaskOwner, detail::OwnerListTag> owners_;
    std::size_t task_count_ = 0;
    TimeSource time_source_;
    Pimpl<Backend> backend_;
    Pimpl<RootOwner> root_;
    LostErrorHandler lost_error_handler_ = nullptr;
    void* lost_error_user_ = nullptr;
    LogSink* log_sink_ = nullptr;
    Duration slow_limit_{0};
};

template <class T>
T Loop::run(Task<T> task, std::string_view name) {
    auto main = detail::start_task(*this, root(), std::move(task), name);
    main->mark_retrieved();
    run_main(*main, true);
    return main->result().move_out();
}

template <class T>
T Loop::run_until_complete(Task<T> task, std::string_view name) {
    auto main = detail::start_task(*this, root(), std::move(task), name);
    main->mark_retrieved();
    run_main(*main, false);
    return main->result().move_out();
}

inline void detail::Waiter::wake() noexcept {
    TaskControl* task = task_;
    task_ = nullptr;
    task->waiter_ = nullptr;
    task->loop_->schedule(*task);
}

inline detail::Waiter::~Waiter() {
    if (task_ && task_->waiter_ == this) {
        task_->waiter_ = nullptr;
        task_->next_ready_ = nullptr;
    }
}

inline bool detail::take_cancel() {
    TaskControl* task = thread_state.task;
    if (!task) [[unlikely]]
        throw_outside_task();
    if (task->cancels_due_ == 0) [[likely]]
        return false;
    task->cancels_due_ = 0;
    ++task->deliveries_;
    return true;
}

inline void detail::pass_turn(std::coroutine_handle<> frame) noexcept {
    TaskControl* task = thread_state.task;
    task->resume_point_ = frame;
    task->loop_->schedule(*task);
}

inline void detail::Waiter::park(std::coroutine_handle<> frame) noexcept {
    TaskControl* task = thread_state.task;
    task_ = task;
    task->resume_point_ = frame;
    task->waiter_ = this;
    task->parked_at_ = task->loop_->now_.time_since_epoch().count();
}

namespace detail {

// Waits for the end of a task.
class JoinWaiter : public Waiter, public Joiner {
public:
    explicit JoinWaiter(TaskControl& target) noexcept : target_(target) { target.mark_retrieved(); }
    bool await_ready() {
        if (&target_ == thread_state.task) [[unlikely]]
            throw_waits_for_itself();
        if (target_.done()) {
            (void)cancel_pending();
            return true;
        }
        if (cancel_pending()) {
            // A cancellation that was due before the wait goes where one during the wait would go.
            cancelled_ = false;
            target_.cancel();
        }
        return false;
    }
    void await_suspend(std::coroutine_handle<> frame) noexcept {
        park(frame);
        target_.add_joiner(*this);
    }
    void cancel_wait() noexcept override { target_.cancel(); }
    void task_done() noexcept override { wake(); }

protected:
    ~JoinWaiter() = default;
    void unlink_wait() noexcept override { ListHook<JoinListTag>::unlink(); }

private:
    TaskControl& target_;
};

}  // namespace detail
}  // namespace weft
