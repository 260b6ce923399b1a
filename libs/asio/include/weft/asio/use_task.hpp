// use_task: the completion token that makes any Asio operation a weft task.
//
//     auto n = co_await socket.async_read_some(boost::asio::buffer(data), weft::asio::use_task);
#pragma once

#include <weft/asio/context_loop.hpp>
#include <weft/core/error.hpp>
#include <weft/core/loop.hpp>
#include <weft/core/task.hpp>

#include <boost/asio/async_result.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/system_error.hpp>
#include <exception>
#include <memory>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>

namespace weft::asio {

// An operation that is started with it gives a Task of what its handler gets: nothing, a value or a tuple. A
// leading error_code is thrown as SystemError, a leading exception_ptr as it is; as_tuple(use_task) and
// redirect_error(use_task, code) give codes as values. Lazy: the operation begins when the task is awaited.
//
// The operation must belong to the io_context that runs the awaiting task's ContextLoop. Cancelling the task
// cancels the operation (all cancellation types) and waits for its handler; one that had completed gives its
// result, and the cancellation comes at the task's next wait. So does that of an operation whose code is a
// value (as_tuple, redirect_error): it gives operation_aborted first.
struct UseTask {
    constexpr UseTask() {}

    // An I/O object whose operations give tasks when no token is passed:
    //
    //     auto socket = UseTask::as_default_on(tcp::socket(context));
    //     auto n = co_await socket.async_read_some(boost::asio::buffer(data));
    template <class Executor>
    struct executor_with_default : Executor {
        using default_completion_token_type = UseTask;
        template <class Other>
            requires(!std::is_same_v<Other, executor_with_default>) && std::is_convertible_v<Other, Executor>
        executor_with_default(const Other& other) noexcept  // NOLINT(google-explicit-constructor): as Asio's
            : Executor(other) {}
    };
    template <class Object>
    using as_default_on_t = typename Object::template rebind_executor<
        executor_with_default<typename Object::executor_type>>::other;
    template <class Object>
    static as_default_on_t<std::decay_t<Object>> as_default_on(Object&& object) {
        return as_default_on_t<std::decay_t<Object>>(std::forward<Object>(object));
    }
};
inline constexpr UseTask use_task;

namespace detail {

using boost::system::error_code;

// What a handler got, without its error.
template <class... Args>
struct Outcome {
    using Value = std::tuple<Args...>;
    static void check(const std::tuple<Args...>&, bool*) {}
    static std::tuple<Args...> values(std::tuple<Args...> all) { return all; }
};
template <class... Rest>
struct Outcome<error_code, Rest...> {
    using Value = std::tuple<Rest...>;
    static void check(const std::tuple<error_code, Rest...>& all, bool* aborted) {
        const error_code& error = std::get<0>(all);
        *aborted = error == boost::asio::error::operation_aborted;
        if (error) throw SystemError(error, "Asio operation");
    }
    static Value values(std::tuple<error_code, Rest...> all) {
        return std::apply([](error_code, Rest&... rest) { return Value(std::move(rest)...); }, all);
    }
};
template <class... Rest>
struct Outcome<std::exception_ptr, Rest...> {
    using Value = std::tuple<Rest...>;
    static void check(const std::tuple<std::exception_ptr, Rest...>& all, bool* aborted) {
        if (!std::get<0>(all)) return;
        try {
            std::rethrow_exception(std::get<0>(all));
        } catch (const boost::system::system_error& e) {
            *aborted = e.code() == boost::asio::error::operation_aborted;
            throw;
        }
    }
    static Value values(std::tuple<std::exception_ptr, Rest...> all) {
        return std::apply([](std::exception_ptr&, Rest&... rest) { return Value(std::move(rest)...); }, all);
    }
};

// nothing -> void, one value -> that, more -> a tuple
template <class Tuple>
struct Unwrap {
    using Type = Tuple;
};
template <>
struct Unwrap<std::tuple<>> {
    using Type = void;
};
template <class T>
struct Unwrap<std::tuple<T>> {
    using Type = T;
};

template <class... Args>
class Operation;

// What the operation's handler and the waiting frame share: the frame may be destroyed first.
template <class... Args>
struct OperationState : std::enable_shared_from_this<OperationState<Args...>> {
    explicit OperationState(ContextLoop& l) : loop(&l) {}
    void cancel() {
        signal.emit(boost::asio::cancellation_type::all);
        // co_spawn's slot posts a function that uses the slot; it must find it, whatever completes before.
        boost::asio::post(loop->context(), [keep = this->shared_from_this()] {});
    }
    std::optional<std::tuple<Args...>> result;
    boost::asio::cancellation_signal signal;
    Operation<Args...>* waiter = nullptr;
    ContextLoop* loop;
};

template <class... Args>
class Operation final : public weft::detail::Waiter {
public:
    explicit Operation(std::shared_ptr<OperationState<Args...>> state) : state_(std::move(state)) {
        state_->waiter = this;
    }
    ~Operation() {
        if (state_->waiter) abandon();
    }

    bool await_ready() {
        // The operation uses the caller's buffers, so it is waited for even then.
        if (cancel_pending()) {
            cancelled_ = false;
            cancel_wait();
        }
        return state_->result.has_value();
    }
    void await_suspend(std::coroutine_handle<> frame) noexcept { park(frame); }
    std::tuple<Args...> await_resume() {
        state_->waiter = nullptr;
        return std::move(*state_->result);
    }

    void cancel_wait() noexcept override {
        cancel_asked_ = true;
        state_->cancel();
    }
    [[nodiscard]] bool cancel_asked() const noexcept { return cancel_asked_; }
    void complete() noexcept {
        if (waiting()) wake();
    }
    // The operation ended as it was asked to.
    [[noreturn]] static void end_cancelled() { weft::detail::throw_cancelled(); }

private:
    void unlink_wait() noexcept override { abandon(); }
    void abandon() noexcept {
        state_->waiter = nullptr;
        state_->cancel();
    }

    std::shared_ptr<OperationState<Args...>> state_;
    bool cancel_asked_ = false;
};

template <class... Args>
class OperationHandler {
public:
    using cancellation_slot_type = boost::asio::cancellation_slot;
    using executor_type = boost::asio::io_context::executor_type;

    explicit OperationHandler(std::shared_ptr<OperationState<Args...>> state)
        : state_(std::move(state)), executor_(state_->loop->context().get_executor()) {}

    [[nodiscard]] cancellation_slot_type get_cancellation_slot() const noexcept {
        return state_->signal.slot();
    }
    [[nodiscard]] executor_type get_executor() const noexcept { return executor_; }

    template <class... Given>
    void operator()(Given&&... given) {
        state_->result.emplace(std::forward<Given>(given)...);
        if (state_->waiter) state_->waiter->complete();
    }

private:
    std::shared_ptr<OperationState<Args...>> state_;
    executor_type executor_;
};

template <class... Args, class Initiation, class... InitArgs>
Task<typename Unwrap<typename Outcome<Args...>::Value>::Type> run_operation(Initiation initiation,
                                                                            InitArgs... args) {
    const auto state = std::make_shared<OperationState<Args...>>(ContextLoop::current());
    Operation<Args...> operation(state);
    std::move(initiation)(OperationHandler<Args...>(state), std::move(args)...);
    std::tuple<Args...> all = co_await operation;
    bool aborted = false;
    std::exception_ptr failure;
    try {
        Outcome<Args...>::check(all, &aborted);
    } catch (...) {
        failure = std::current_exception();
    }
    if (operation.cancel_asked()) {
        if (aborted) Operation<Args...>::end_cancelled();
        weft::detail::thread_state.task->redeliver_cancel();
    }
    if (failure) std::rethrow_exception(failure);
    using Value = typename Outcome<Args...>::Value;
    if constexpr (std::tuple_size_v<Value> == 1) {
        co_return std::get<0>(Outcome<Args...>::values(std::move(all)));
    } else if constexpr (std::tuple_size_v<Value> > 1) {
        co_return Outcome<Args...>::values(std::move(all));
    }
}

}  // namespace detail

}  // namespace weft::asio

template <class R, class... Args>
class boost::asio::async_result<weft::asio::UseTask, R(Args...)> {
public:
    template <class Initiation, class... InitArgs>
    static auto initiate(Initiation initiation, weft::asio::UseTask, InitArgs... args) {
        return weft::asio::detail::run_operation<std::decay_t<Args>...>(std::move(initiation),
                                                                        std::move(args)...);
    }
};
