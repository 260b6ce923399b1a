// wait(): until the first, the first failure, or all of several tasks; as_completed(): their outcomes as they
// come.
#pragma once

#include <weft/core/gather.hpp>
#include <weft/core/loop.hpp>
#include <weft/core/spawn.hpp>
#include <weft/core/task.hpp>
#include <weft/core/timer.hpp>

#include <algorithm>
#include <coroutine>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace weft {

enum class WaitUntil : unsigned char { all_done, first_done, first_failure };

// What wait() found: places in the list that it was given, ascending.
class WaitResult {
public:
    WaitResult() = default;
    std::vector<std::size_t> done;
    std::vector<std::size_t> pending;
};

inline constexpr Duration no_time_limit = Duration::max();

namespace detail {

// Waits for several tasks, and leaves them alone: they are neither cancelled nor owned.
class WaitForTasks final : public Waiter, private Timer {
public:
    WaitForTasks(const std::vector<AnyTask>& tasks, WaitUntil until, Duration limit);
    ~WaitForTasks() { unlink_wait(); }
    bool await_ready();
    void await_suspend(std::coroutine_handle<> frame) noexcept;
    void await_resume() const { throw_if_cancelled(); }

private:
    class Node final : public Joiner {
    public:
        void task_done() noexcept override { wait->one_done(*task); }
        WaitForTasks* wait = nullptr;
        TaskControl* task = nullptr;
    };
    void one_done(const TaskControl& task) noexcept;
    [[nodiscard]] bool satisfies(const TaskControl& task) const noexcept;
    void unlink_wait() noexcept override;
    void fire() noexcept override;

    const std::vector<AnyTask>& tasks_;
    std::vector<Node> nodes_;
    std::size_t left_ = 0;
    WaitUntil until_;
    Duration limit_;
};

Task<WaitResult> wait(std::vector<AnyTask> tasks, WaitUntil until, Duration limit);

}  // namespace detail

// Waits until all of the tasks are done, one is, or one has failed (then for all when none does); at most for
// `limit`. asyncio.wait: it throws no failure of theirs and no timeout, and cancelling the one who waits
// cancels none of them. An empty list is done.
[[nodiscard]] inline Task<WaitResult> wait(std::vector<AnyTask> tasks, WaitUntil until = WaitUntil::all_done,
                                           Duration limit = no_time_limit) {
    return detail::wait(std::move(tasks), until, limit);
}
template <class T>
[[nodiscard]] Task<WaitResult> wait(const std::vector<TaskHandle<T>>& handles,
                                    WaitUntil until = WaitUntil::all_done, Duration limit = no_time_limit) {
    std::vector<AnyTask> tasks;
    tasks.reserve(handles.size());
    for (const TaskHandle<T>& handle : handles) tasks.push_back(handle.task());
    return detail::wait(std::move(tasks), until, limit);
}

// The outcome of one of several tasks.
template <class T>
class Completion : public Outcome<T> {
public:
    Completion(detail::TaskRef<T> state, std::size_t place) noexcept
        : Outcome<T>(std::move(state)), index(place) {}
    std::size_t index;  // of the task in the list
};

// Made by as_completed(). Owns its tasks: dropping it cancels those that are left, which the loop then
// awaits; close() awaits them here. Belongs to one loop; one task at a time calls next().
template <class T>
class AsCompleted {
    class Child final : public detail::Joiner, public ListHook<> {
    public:
        ~Child() {
            if (state) state->drop_owning_handle();
        }
        void task_done() noexcept override { owner->child_done(*this); }
        AsCompleted* owner = nullptr;
        detail::TaskRef<T> state;
    };

public:
    AsCompleted(std::vector<Task<T>> tasks, std::size_t limit)
        : tasks_(std::move(tasks)), children_(tasks_.size()), context_(detail::current_task().context()) {
        while (started_ < tasks_.size() && started_ < limit) start_next();
    }
    AsCompleted(const AsCompleted&) = delete;
    AsCompleted& operator=(const AsCompleted&) = delete;
    ~AsCompleted() {
        for (; started_ < tasks_.size(); ++started_) discard(std::move(tasks_[started_]));
    }

    class Next final : public detail::Waiter {
    public:
        explicit Next(AsCompleted& from) noexcept : from_(from) {}
        bool await_ready() { return cancel_pending() || !from_.ready_.empty() || from_.left() == 0; }
        void await_suspend(std::coroutine_handle<> frame) noexcept {
            park(frame);
            from_.waiting_ = this;
        }
        std::optional<Completion<T>> await_resume() {
            throw_if_cancelled();
            return from_.take();
        }

    private:
        void unlink_wait() noexcept override { from_.waiting_ = nullptr; }
        AsCompleted& from_;
    };

    // Waits for the next task that ends; nullopt when there is none left. A task's failure is in the
    // completion, and thrown by its value().
    [[nodiscard("co_await it")]] Next next() noexcept { return Next(*this); }

    // How many outcomes are still to come.
    [[nodiscard]] std::size_t left() const noexcept { return tasks_.size() - taken_; }

    // Cancels the tasks that are left and waits until they have ended. Their outcomes are dropped.
    Task<void> close() {
        for (; started_ < tasks_.size(); ++started_, ++taken_) discard(std::move(tasks_[started_]));
        for (Child& child : children_)
            if (child.state && !child.state->done()) child.state->cancel();
        while (left() > 0) co_await next();
    }

private:
    void start_next() {
        const std::size_t place = started_++;
        Child& child = children_[place];
        child.owner = this;
        child.state =
            detail::start_task(Loop::current(), Loop::current().root(), std::move(tasks_[place]), {});
        // It may start when another ends, and no task runs.
        child.state->context() = context_;
        child.state->add_owning_handle();
        child.state->add_joiner(child);
    }

    void child_done(Child& child) noexcept {
        ready_.push_back(child);
        if (started_ < tasks_.size()) start_next();
        if (waiting_) std::exchange(waiting_, nullptr)->wake();
    }

    std::optional<Completion<T>> take() {
        if (ready_.empty()) return std::nullopt;
        ++taken_;
        Child& child = ready_.pop_front();
        child.state->mark_retrieved();
        child.state->drop_owning_handle();
        return Completion<T>(std::move(child.state), static_cast<std::size_t>(&child - children_.data()));
    }

    std::vector<Task<T>> tasks_;
    std::vector<Child> children_;
    detail::Context context_;
    IntrusiveList<Child> ready_;
    std::size_t started_ = 0;
    std::size_t taken_ = 0;
    Next* waiting_ = nullptr;
};

// Runs the tasks, at most `limit` of them at a time, and gives their outcomes in the order in which they end.
//
//     auto completed = weft::as_completed(std::move(tasks));
//     for (;;) {
//         auto one = co_await completed.next();
//         if (!one) break;
//         report(hosts[one->index], one->ok() ? one->value() : one->error_text());
//     }
template <class T>
[[nodiscard]] AsCompleted<T> as_completed(std::vector<Task<T>> tasks, std::size_t limit = no_limit) {
    return AsCompleted<T>(std::move(tasks), std::max<std::size_t>(limit, 1));
}

}  // namespace weft
