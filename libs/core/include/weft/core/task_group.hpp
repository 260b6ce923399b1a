// TaskGroup: tasks that live no longer than a block.
#pragma once

#include <weft/core/error.hpp>
#include <weft/core/spawn.hpp>
#include <weft/core/task.hpp>

#include <cstddef>
#include <exception>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weft {

// Several tasks of a group failed. A single failure is thrown as it is.
class TaskGroupError : public Error {
public:
    struct Failure {
        std::string task;  // empty for a task without a name
        std::exception_ptr error;
    };
    explicit TaskGroupError(std::vector<Failure> failures);

    // In the order in which they happened.
    [[nodiscard]] const std::vector<Failure>& failures() const noexcept { return failures_; }

private:
    std::vector<Failure> failures_;
};

// Made by with_task_group(). A failure of any task, or of the block, cancels all others; the block ends when
// every task has. A task that is cancelled on its own account is no failure.
class TaskGroup final : private detail::TaskOwner {
public:
    // Starts `task` in the group. The handle only observes; it may be dropped. Throws UsageError when the
    // group has ended.
    template <class T>
    TaskHandle<T> spawn(Task<T> task, std::string_view name = {}) {
        require_open();
        auto state = detail::start_task(Loop::current(), *this, std::move(task), name);
        state->mark_retrieved();
        if (stopping_) state->cancel();
        return TaskHandle<T>(std::move(state), false);
    }

    // Cancels every task of the group; the block itself goes on. Tasks that are added later run.
    void cancel_tasks() noexcept { cancel_children(); }

    [[nodiscard]] std::size_t size() const noexcept { return child_count(); }

private:
    template <class F>
    friend Task<void> with_task_group(F body);

    class Join final : public detail::Waiter {
    public:
        explicit Join(TaskGroup& group) noexcept : group_(group) {}
        bool await_ready();
        void await_suspend(std::coroutine_handle<> frame) noexcept;
        void await_resume() const noexcept {}
        void cancel_wait() noexcept override;

    private:
        friend class TaskGroup;
        void unlink_wait() noexcept override { group_.join_ = nullptr; }
        TaskGroup& group_;
    };

    TaskGroup() : block_(detail::current_task()), outer_requests_(block_.cancel_requests()) {}
    void child_done(detail::TaskControl& child) noexcept override;
    void body_ended(std::exception_ptr error) noexcept;
    void fail(std::string task, std::exception_ptr error) noexcept;
    void stop() noexcept;
    void finish();  // after the join: throws what there is to throw
    void require_open() const;

    detail::TaskControl& block_;  // the task that runs the block
    unsigned outer_requests_;
    detail::CancelRequest request_;
    std::vector<TaskGroupError::Failure> failures_;
    Join* join_ = nullptr;
    bool stopping_ = false;
    bool in_body_ = true;
    bool body_cancelled_by_us_ = false;
    bool cancelled_ = false;  // somebody else cancelled the block
    bool closed_ = false;
};

// Runs `body(group)`, then waits for every task of the group.
//
//     co_await weft::with_task_group([&](weft::TaskGroup& group) -> weft::Task<void> {
//         group.spawn(monitor("sw1"), "monitor sw1");
//         co_await serve();
//     });
//
// `body` may capture by reference; name it first if it must capture by value (g++ 12).
template <class F>
Task<void> with_task_group(F body) {
    TaskGroup group;
    std::exception_ptr error;
    try {
        co_await body(group);
    } catch (...) {
        error = std::current_exception();
    }
    group.body_ended(std::move(error));
    co_await TaskGroup::Join(group);
    group.finish();
}

}  // namespace weft
