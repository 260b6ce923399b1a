// gather() and gather_settled(): run tasks concurrently and wait for all of them.
#pragma once

#include <weft/core/loop.hpp>
#include <weft/core/sleep.hpp>
#include <weft/core/task.hpp>

#include <algorithm>
#include <coroutine>
#include <cstddef>
#include <exception>
#include <limits>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace weft {

// How a task ended: a value, or the exception that it threw (Cancelled included).
template <class T>
class Outcome {
public:
    explicit Outcome(detail::TaskRef<T> state) noexcept : state_(std::move(state)) {}

    [[nodiscard]] bool ok() const noexcept { return !state_->error(); }
    [[nodiscard]] explicit operator bool() const noexcept { return ok(); }
    [[nodiscard]] bool cancelled() const noexcept { return state_->ended_cancelled(); }
    // Null when ok().
    [[nodiscard]] std::exception_ptr exception() const noexcept { return state_->error(); }
    // The exception's what(), or an empty string when ok().
    [[nodiscard]] std::string error_text() const;
    // The value; throws the task's exception when there is none.
    std::add_lvalue_reference_t<T> value() const { return state_->result().get(); }

private:
    detail::TaskRef<T> state_;
};

namespace detail {

[[nodiscard]] std::string describe(const std::exception_ptr& error);

// Owns the children of one gather and wakes the gatherer when they have ended.
class GatherScope final : public TaskOwner {
public:
    // What ends the scope's work: then the children that are left are cancelled and joined.
    enum class Until { first_failure, all_end, first_end };

    explicit GatherScope(Until until) noexcept : until_(until) {}

    template <class T>
    TaskRef<T> start(Task<T>&& task) {
        TaskRef<T> child = start_task(Loop::current(), *this, std::move(task), {});
        // The losers of a race are nobody's to look at: what they throw goes to the log.
        if (until_ != Until::first_end) child->mark_retrieved();
        return child;
    }

    // Waits until at most `count` children are left. Cancelling the wait cancels the children and goes on
    // waiting for them.
    class Join final : public Waiter {
    public:
        Join(GatherScope& scope, std::size_t count) noexcept : scope_(scope), count_(count) {}
        bool await_ready() {
            if (cancel_pending()) scope_.cancelled();
            cancelled_ = false;
            return scope_.child_count() <= scope_.target(count_);
        }
        void await_suspend(std::coroutine_handle<> frame) noexcept {
            park(frame);
            scope_.join_ = this;
        }
        void await_resume() const noexcept {}
        void cancel_wait() noexcept override { scope_.cancelled(); }

    private:
        friend class GatherScope;
        void unlink_wait() noexcept override { scope_.join_ = nullptr; }
        GatherScope& scope_;
        std::size_t count_;
    };
    Join join(std::size_t count = 0) noexcept { return Join(*this, count); }

    // Cancels the children. The gatherer's wait for them goes on.
    void cancel() noexcept { cancel_children(); }

    // True when no more children should be started.
    [[nodiscard]] bool stopping() const noexcept { return cancelled_ || failure_ || winner_; }

    // After the join: throws the first failure, or Cancelled when the gatherer was cancelled. A failure wins
    // over a cancellation, which is then thrown at the gatherer's next wait.
    void rethrow();

    // After the join of a race: whether this child ended first.
    [[nodiscard]] bool won(const TaskControl& child) const noexcept { return &child == winner_; }

private:
    void child_done(TaskControl& child) noexcept override;
    void cancelled() noexcept;
    // A scope that stops waits for all.
    [[nodiscard]] std::size_t target(std::size_t count) const noexcept { return stopping() ? 0 : count; }

    Until until_;
    bool cancelled_ = false;
    const TaskControl* winner_ = nullptr;
    std::exception_ptr failure_;
    Join* join_ = nullptr;
};

template <class T>
using gathered_t = std::conditional_t<std::is_void_v<T>, std::monostate, T>;

template <class T>
gathered_t<T> take_gathered(TaskRef<T>& child) {
    if constexpr (std::is_void_v<T>) {
        child->result().get();
        return {};
    } else {
        return child->result().move_out();
    }
}

}  // namespace detail

inline constexpr std::size_t no_limit = std::numeric_limits<std::size_t>::max();

// Runs the tasks concurrently, starting and giving their values in the order of the arguments (void gives
// std::monostate).
// The first failure cancels the others, waits until they have ended, and is thrown: unlike asyncio's gather,
// which leaves them running. Cancelling the gatherer does the same and throws Cancelled.
template <class... Ts>
Task<std::tuple<detail::gathered_t<Ts>...>> gather(Task<Ts>... tasks) {
    detail::GatherScope scope(detail::GatherScope::Until::first_failure);
    // Braces: in this order.
    std::tuple<detail::TaskRef<Ts>...> children{scope.start(std::move(tasks))...};
    co_await scope.join();
    scope.rethrow();
    co_return std::apply(
        [](auto&... child) { return std::tuple<detail::gathered_t<Ts>...>(detail::take_gathered(child)...); },
        children);
}

namespace detail {

// A gathered task that leaves its value where the gatherer wants it, and is gone when it has ended.
template <class T>
class SlotTask final : public TaskControl {
public:
    SlotTask(Loop& loop, TaskOwner& owner, Task<T>&& task, std::optional<T>& slot)
        : TaskControl(loop, owner, task.release(), {}), slot_(slot) {
        mark_retrieved();
    }
    [[nodiscard]] std::exception_ptr error() const noexcept override { return error_; }

private:
    bool take_result() noexcept override {
        try {
            slot_.emplace(Task<T>::Handle::from_address(root_.address()).promise().result.move_out());
        } catch (...) {  // the task's, or its value's move constructor's
            error_ = std::current_exception();
        }
        return error_ != nullptr;
    }
    void set_cancelled() noexcept override { error_ = cancelled_exception(); }

    std::optional<T>& slot_;
    std::exception_ptr error_;
};

// Starts each task by start(task, its place), at most `limit` at a time, and waits for all.
template <class T, class Start>
Task<void> run_all(GatherScope& scope, std::vector<Task<T>> tasks, std::size_t limit, Start start) {
    for (std::size_t place = 0; place < tasks.size(); ++place) {
        if (!scope.stopping() && scope.child_count() >= limit) co_await scope.join(limit - 1);
        if (scope.stopping()) {
            discard(std::move(tasks[place]));
        } else {
            start(std::move(tasks[place]), place);
        }
    }
    co_await scope.join();
    scope.rethrow();
}

template <class T>
Task<std::vector<T>> gather_values(std::vector<Task<T>> tasks, std::size_t limit) {
    std::vector<std::optional<T>> slots(tasks.size());
    GatherScope scope(GatherScope::Until::first_failure);
    co_await run_all(scope, std::move(tasks), limit, [&](Task<T>&& task, std::size_t place) {
        new SlotTask<T>(Loop::current(), scope, std::move(task), slots[place]);
    });
    std::vector<T> values;
    values.reserve(slots.size());
    for (std::optional<T>& slot : slots) values.push_back(std::move(*slot));
    co_return values;
}

inline Task<void> gather_void(std::vector<Task<void>> tasks, std::size_t limit) {
    GatherScope scope(GatherScope::Until::first_failure);
    co_await run_all(scope, std::move(tasks), limit,
                     [&](Task<void>&& task, std::size_t) { (void)scope.start(std::move(task)); });
}

template <class T>
Task<std::vector<Outcome<T>>> settle(std::vector<Task<T>> tasks, std::size_t limit) {
    GatherScope scope(GatherScope::Until::all_end);
    std::vector<Outcome<T>> outcomes;
    outcomes.reserve(tasks.size());
    co_await run_all(scope, std::move(tasks), limit, [&](Task<T>&& task, std::size_t) {
        outcomes.emplace_back(scope.start(std::move(task)));
    });
    co_return outcomes;
}

}  // namespace detail

// The same for a list of tasks, at most `limit` of them at a time. Values in the order of the list.
template <class T>
Task<std::vector<T>> gather(std::vector<Task<T>> tasks, std::size_t limit = no_limit) {
    return detail::gather_values(std::move(tasks), std::max<std::size_t>(limit, 1));
}
inline Task<void> gather(std::vector<Task<void>> tasks, std::size_t limit = no_limit) {
    return detail::gather_void(std::move(tasks), std::max<std::size_t>(limit, 1));
}

// Runs every task to its end, whatever happens to the others; gives each outcome in the order of the list.
// asyncio's gather(return_exceptions=True). Throws only Cancelled, after the tasks were cancelled and joined.
template <class T>
Task<std::vector<Outcome<T>>> gather_settled(std::vector<Task<T>> tasks, std::size_t limit = no_limit) {
    return detail::settle(std::move(tasks), std::max<std::size_t>(limit, 1));
}

template <class T>
std::string Outcome<T>::error_text() const {
    return ok() ? std::string() : detail::describe(state_->error());
}

}  // namespace weft
