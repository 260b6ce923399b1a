// The control block of a running task: scheduling, cancellation, who owns it and who waits for it.
//
// A task is one spawned coroutine with all the frames that it awaits. Everything here belongs to the
// task's loop and is touched on that loop's thread only.
#pragma once

#include <weft/core/context.hpp>
#include <weft/core/intrusive_list.hpp>
#include <weft/core/result_slot.hpp>
#include <weft/core/task.hpp>
#include <weft/core/task_name.hpp>

#include <coroutine>
#include <cstdint>
#include <exception>
#include <string>
#include <string_view>

namespace weft::testing {
class LoopStepper;
}

namespace weft::detail {

class TaskControl;
class TaskTree;

// True, once, when a cancellation of the running task is due; the caller throws it. Throws UsageError outside
// of a task.
[[nodiscard]] bool take_cancel();
[[noreturn]] void throw_cancelled();
[[noreturn]] void throw_outside_task();

// The running task goes to the end of the ready queue, and on from `frame`: what park() and wake() would do.
void pass_turn(std::coroutine_handle<> frame) noexcept;

// A suspension point in which a task waits. Lives in the waiting frame.
//
// An awaiter derives from it: await_ready() asks cancel_pending() before it tries anything, await_suspend()
// calls park(), whoever completes the wait calls wake(), and await_resume() calls throw_if_cancelled().
// A wait that was completed and a wait that was cancelled exclude each other: after wake() a cancellation
// is kept for the task's next wait, so what was handed over is never lost.
class Waiter {
public:
    Waiter(const Waiter&) = delete;
    Waiter& operator=(const Waiter&) = delete;

    // The task is cancelled while it waits here. The default ends the wait at once with Cancelled;
    // unlink_wait() has taken the waiter out of what it waited for. Waits for other tasks pass the
    // cancellation on and stay.
    virtual void cancel_wait() noexcept {
        unlink_wait();
        cancelled_ = true;
        wake();
    }

    // Ends the wait: the task runs again in its turn.
    void wake() noexcept;

    [[nodiscard]] bool waiting() const noexcept { return task_ != nullptr; }

protected:
    friend class TaskControl;
    Waiter() = default;
    ~Waiter();

    // Leaves the list, timer or registration that would wake it.
    virtual void unlink_wait() noexcept = 0;

    // True when a cancellation is due: it will be thrown by throw_if_cancelled(), and nothing is to be tried.
    // Throws UsageError outside of a task.
    [[nodiscard]] bool cancel_pending() { return take_cancel() && (cancelled_ = true); }
    void park(std::coroutine_handle<> frame) noexcept;
    void throw_if_cancelled() const {
        if (cancelled_) throw_cancelled();
    }
    [[noreturn]] static void throw_waits_for_itself();

    TaskControl* task_ = nullptr;
    bool cancelled_ = false;
};

// Something that is told when a task ends. A handle's awaiter, for one.
struct JoinListTag;
class Joiner : public ListHook<JoinListTag> {
public:
    virtual void task_done() noexcept = 0;
    // Instead, when the task was destroyed where it was suspended: its loop dies.
    virtual void task_abandoned() noexcept {}

protected:
    ~Joiner() = default;
};

// Owns tasks: outlives them, is told when each ends. TaskGroup, gather and the loop itself are owners.
struct OwnedTaskTag;
struct OwnerListTag;
class TaskOwner : public ListHook<OwnerListTag> {
public:
    TaskOwner() noexcept : host_(thread_state.task) {}
    TaskOwner(const TaskOwner&) = delete;
    TaskOwner& operator=(const TaskOwner&) = delete;

    [[nodiscard]] bool has_children() const noexcept { return count_ != 0; }
    [[nodiscard]] std::size_t child_count() const noexcept { return count_; }
    void cancel_children() noexcept;

    // Called on the loop after the task ended and left the list of children.
    virtual void child_done(TaskControl& child) noexcept = 0;

protected:
    // Children that are still there are destroyed where they are suspended: a loop that ends does that.
    ~TaskOwner();
    // Also those that are started meanwhile, by destructors.
    void abandon_children() noexcept;

private:
    friend class TaskControl;
    friend class TaskTree;
    IntrusiveList<TaskControl, OwnedTaskTag> children_;
    std::size_t count_ = 0;
    const TaskControl* host_;  // the task that made this; may be gone, so it is only compared
};

// One request to cancel, for the one who may take it back: a timeout, a group.
struct CancelRequest {
    std::uint32_t deliveries = 0;  // of the task, when the request was made
    bool due = false;              // it waited for the task's next wait
};

class TaskControl : public ListHook<OwnedTaskTag> {
public:
    TaskControl(Loop& loop, TaskOwner& owner, std::coroutine_handle<> root, std::string_view name);
    TaskControl(const TaskControl&) = delete;
    TaskControl& operator=(const TaskControl&) = delete;

    static void* operator new(std::size_t size) { return allocate_frame(size); }
    static void operator delete(void* memory, std::size_t size) noexcept { free_frame(memory, size); }

    // Requests cancellation as asyncio's Task.cancel() does. False when the task has ended already.
    bool cancel() noexcept;
    // The same for a task that has not ended, by one who may take the request back.
    CancelRequest request_cancel() noexcept;
    // Takes a request back; returns how many remain. One that was not thrown yet never will be.
    unsigned withdraw(const CancelRequest& request) noexcept;
    [[nodiscard]] unsigned cancel_requests() const noexcept { return cancel_requests_; }
    // Takes back one request, whoever made it, as asyncio's Task.uncancel() does; returns how many remain.
    unsigned uncancel() noexcept {
        if (cancel_requests_ > 0 && --cancel_requests_ == 0) cancels_due_ = 0;
        return cancel_requests_;
    }
    // True when the next wait will throw Cancelled.
    [[nodiscard]] bool cancel_due() const noexcept { return cancels_due_ > 0; }
    // Makes the next wait throw Cancelled again, without a new request: the one that was thrown was set
    // aside for something more important.
    void redeliver_cancel() noexcept { ++cancels_due_; }

    [[nodiscard]] bool done() const noexcept { return done_; }
    [[nodiscard]] std::string name() const { return name_.str(); }
    void set_name(std::string_view name) { name_ = TaskName(name); }
    [[nodiscard]] Loop& loop() const noexcept { return *loop_; }
    // The exception with which the task ended; null while it runs and after success.
    [[nodiscard]] virtual std::exception_ptr error() const noexcept = 0;
    // True when error() is not null.
    [[nodiscard]] bool failed() const noexcept { return failed_; }
    // True when the task ended with Cancelled.
    [[nodiscard]] bool ended_cancelled() const noexcept { return ended_cancelled_; }
    // Somebody has seen or will see the outcome: it is not reported as lost.
    void mark_retrieved() noexcept { retrieved_ = true; }
    [[nodiscard]] bool retrieved() const noexcept { return retrieved_; }

    void add_joiner(Joiner& joiner) noexcept { joiners_.push_back(joiner); }

    // Task-local values.
    [[nodiscard]] Context& context() noexcept { return context_; }

    void add_ref() noexcept { ++refs_; }
    void drop_ref() noexcept {
        if (--refs_ == 0) destroy();
    }
    // Handles that own: when the last one goes, the task is cancelled.
    void add_owning_handle() noexcept { ++owning_handles_; }
    void drop_owning_handle() noexcept {
        if (--owning_handles_ == 0 && !done_) cancel();
    }

protected:
    virtual ~TaskControl() = default;
    // Moves the outcome out of the root frame, and says whether that is a failure. Called once, when that
    // frame has ended.
    [[nodiscard]] virtual bool take_result() noexcept = 0;
    virtual void set_cancelled() noexcept = 0;

    std::coroutine_handle<> root_;

private:
    friend class weft::Loop;
    friend class weft::testing::LoopStepper;
    friend class Waiter;
    friend class TaskOwner;
    friend class TaskTree;
    friend bool take_cancel();
    friend void pass_turn(std::coroutine_handle<> frame) noexcept;

    void destroy() noexcept;  // reports an outcome that nobody took
    void run() noexcept;      // by the loop: resumes until the task parks or ends
    bool start() noexcept;    // before the first resumption: false when there will be none
    void finish() noexcept;
    void abandon() noexcept;  // destroys the frames where they are suspended
    // By the time that it runs, what it needs is in the cache: among very many tasks it was not.
    void prefetch_frame() const noexcept {
        const std::coroutine_handle<> frame = resume_point_ ? resume_point_ : root_;
        __builtin_prefetch(frame.address(), 1);
        __builtin_prefetch(static_cast<const char*>(frame.address()) + 64, 1);
        __builtin_prefetch(next_ready_, 1);
        __builtin_prefetch(reinterpret_cast<const char*>(next_ready_) + 64, 1);
    }
    // Takes the task that is to run next out of the ready queue, whose first one this is.
    [[nodiscard]] TaskControl* leave_queue() noexcept {
        TaskControl* next = std::exchange(next_ready_, nullptr);
        return next == this ? nullptr : next;
    }

    std::coroutine_handle<> resume_point_;  // null before the start, while it runs, and after the end
    Waiter* waiter_ = nullptr;
    union {
        TaskControl* next_ready_ = nullptr;  // while it is queued; the last one's is itself
        std::int64_t parked_at_;             // while it waits: the clock's count, at the start of the turn
    };
    Loop* loop_;
    TaskOwner* owner_;
    IntrusiveList<Joiner, JoinListTag> joiners_;
    TaskName name_;
    Context context_;
    std::uint32_t refs_ = 1;        // the run itself; dropped by finish()
    std::uint32_t deliveries_ = 0;  // how often Cancelled was thrown or passed on
    std::uint16_t owning_handles_ = 0;
    std::uint16_t cancel_requests_ = 0;
    std::uint16_t cancels_due_ = 0;  // the next wait throws, once for all of them
    bool started_ : 1 = false;
    bool done_ : 1 = false;
    bool ended_cancelled_ : 1 = false;
    bool failed_ : 1 = false;
    bool retrieved_ : 1 = false;
};

template <class T>
class TaskState final : public TaskControl {
public:
    TaskState(Loop& loop, TaskOwner& owner, Task<T>&& task, std::string_view name)
        : TaskControl(loop, owner, task.release(), name) {}

    [[nodiscard]] std::exception_ptr error() const noexcept override { return result_.error(); }
    [[nodiscard]] ResultSlot<T>& result() noexcept { return result_; }

private:
    bool take_result() noexcept override {
        try {
            result_.take(Task<T>::Handle::from_address(root_.address()).promise().result);
        } catch (...) {  // the value's move constructor threw
            result_.set_error(std::current_exception());
        }
        return result_.failed();
    }
    void set_cancelled() noexcept override;

    ResultSlot<T> result_;
};

[[nodiscard]] std::exception_ptr cancelled_exception() noexcept;

template <class T>
void TaskState<T>::set_cancelled() noexcept {
    result_.set_error(cancelled_exception());
}

// A counted reference to a task's state.
template <class T>
class TaskRef {
public:
    TaskRef() = default;
    explicit TaskRef(TaskState<T>* state) noexcept : state_(state) { state_->add_ref(); }
    TaskRef(TaskRef&& other) noexcept : state_(std::exchange(other.state_, nullptr)) {}
    TaskRef& operator=(TaskRef&& other) noexcept {
        std::swap(state_, other.state_);
        return *this;
    }
    ~TaskRef() {
        if (state_) state_->drop_ref();
    }
    TaskState<T>* operator->() const noexcept { return state_; }
    TaskState<T>& operator*() const noexcept { return *state_; }
    [[nodiscard]] explicit operator bool() const noexcept { return state_ != nullptr; }

private:
    TaskState<T>* state_ = nullptr;
};

// Starts a task; it first runs in its turn of the loop.
template <class T>
TaskRef<T> start_task(Loop& loop, TaskOwner& owner, Task<T>&& task, std::string_view name) {
    return TaskRef<T>(new TaskState<T>(loop, owner, std::move(task), name));
}

// The task that is running. Throws UsageError outside of any.
[[nodiscard]] TaskControl& current_task();

}  // namespace weft::detail
