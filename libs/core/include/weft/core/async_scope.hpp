// with() and AsyncScope: resources whose closing must be awaited, closed on every path. asyncio's `async
// with` and AsyncExitStack.
#pragma once

#include <weft/core/error.hpp>
#include <weft/core/pimpl.hpp>
#include <weft/core/shield.hpp>
#include <weft/core/task.hpp>

#include <concepts>
#include <exception>
#include <type_traits>
#include <utility>
#include <vector>

namespace weft {

// A scope ended with more than one failure: of its body, and of what it closed afterwards. A single one is
// thrown as it is.
class ScopeError : public Error {
public:
    explicit ScopeError(std::vector<std::exception_ptr> errors);
    // The body's first, if it failed, then in the order of closing.
    [[nodiscard]] const std::vector<std::exception_ptr>& errors() const noexcept { return errors_; }

private:
    std::vector<std::exception_ptr> errors_;
};

namespace detail {

template <class R>
concept ClosesItself = requires(R& r) { r.close(); };
template <class R>
concept ClosesPointee = !ClosesItself<R> && requires(R& r) { r->close(); };
template <class T>
inline constexpr bool is_task = false;
template <class T>
inline constexpr bool is_task<Task<T>> = true;

// close() may be a coroutine, or do its work at once; a pointer's pointee is closed.
template <class R>
Task<void> close_resource(R& resource) {
    static_assert(ClosesItself<R> || ClosesPointee<R>, "a resource needs close(), plain or as a Task<void>");
    if constexpr (ClosesPointee<R>) {
        if (!resource) co_return;
        if constexpr (std::is_void_v<decltype(resource->close())>) {
            resource->close();
        } else {
            co_await resource->close();
        }
    } else if constexpr (std::is_void_v<decltype(resource.close())>) {
        resource.close();
    } else {
        co_await resource.close();
    }
}

// Sorts the ends of a body and of its closers.
class ScopeFailures {
public:
    void add(std::exception_ptr error) noexcept;
    // Throws what there is to throw. A failure wins over a cancellation, which is then thrown at the next
    // wait.
    void rethrow();

private:
    std::vector<std::exception_ptr> errors_;
    bool cancelled_ = false;
};

template <class T>
struct TaskValue;
template <class T>
struct TaskValue<Task<T>> {
    using type = T;
};

}  // namespace detail

// Things to close at the end of a block, the last one first. Made by with_scope().
class AsyncScope {
public:
    AsyncScope(const AsyncScope&) = delete;
    AsyncScope& operator=(const AsyncScope&) = delete;

    // Keeps the resource until the end of the block, and awaits its close() there. The reference is good
    // until then. `auto& session = scope.own(co_await open(host));`
    template <class R>
    std::decay_t<R>& own(R&& resource) {
        auto* closer = new Resource<std::decay_t<R>>(std::forward<R>(resource));
        push(closer);
        return closer->resource;
    }

    // Awaits f() at the end of the block: a function that returns Task<void>, or does its work at once.
    template <class F>
        requires std::invocable<std::decay_t<F>&>
    void defer(F&& f) {
        push(new Deferred<std::decay_t<F>>(std::forward<F>(f)));
    }

private:
    struct Closer {
        virtual ~Closer() = default;
        virtual Task<void> close() = 0;
    };
    template <class R>
    struct Resource final : Closer {
        template <class U>
        explicit Resource(U&& r) : resource(std::forward<U>(r)) {}
        Task<void> close() override { return detail::close_resource(resource); }
        R resource;
    };
    template <class F>
    struct Deferred final : Closer {
        template <class U>
        explicit Deferred(U&& function) : f(std::forward<U>(function)) {}
        Task<void> close() override {
            if constexpr (std::is_void_v<std::invoke_result_t<F&>>) {
                return call(f);
            } else {
                return f();
            }
        }
        static Task<void> call(F& f) {
            f();
            co_return;
        }
        F f;
    };
    template <class F>
    friend auto with_scope(F body) -> std::invoke_result_t<F&, AsyncScope&>;

    AsyncScope() = default;
    void push(Closer* closer);
    // Closes everything, whatever fails and whoever is cancelled.
    Task<void> close(detail::ScopeFailures& failures);

    std::vector<Pimpl<Closer>> closers_;
};

// Runs `body(scope)`; then what the scope owns is closed, the last first, on every path: success, failure and
// cancellation. Closing runs to its end (uncancellable()); a cancellation that comes meanwhile is thrown at
// the next wait. Gives the body's value.
//
//     co_await weft::with_scope([&](weft::AsyncScope& scope) -> weft::Task<void> {
//         auto& session = scope.own(co_await open(host));
//         scope.defer([&]() -> weft::Task<void> { co_await session.logout(); });
//         co_await session.run("show version");
//     });
template <class F>
auto with_scope(F body) -> std::invoke_result_t<F&, AsyncScope&> {
    using T = typename detail::TaskValue<std::invoke_result_t<F&, AsyncScope&>>::type;
    AsyncScope scope;
    detail::ScopeFailures failures;
    detail::ResultSlot<T> result;
    try {
        if constexpr (std::is_void_v<T>) {
            co_await body(scope);
            result.set_value();
        } else {
            result.set_value(co_await body(scope));
        }
    } catch (...) {
        failures.add(std::current_exception());
    }
    co_await scope.close(failures);
    failures.rethrow();
    co_return result.move_out();
}

namespace detail {

template <class R, class F>
auto with_resource(R resource, F body) -> std::invoke_result_t<F&, R&> {
    using T = typename TaskValue<std::invoke_result_t<F&, R&>>::type;
    ScopeFailures failures;
    ResultSlot<T> result;
    try {
        if constexpr (std::is_void_v<T>) {
            co_await body(resource);
            result.set_value();
        } else {
            result.set_value(co_await body(resource));
        }
    } catch (...) {
        failures.add(std::current_exception());
    }
    try {
        co_await uncancellable(close_resource(resource));
    } catch (...) {
        failures.add(std::current_exception());
    }
    failures.rethrow();
    co_return result.move_out();
}

template <class R, class F>
auto with_acquired(Task<R> acquire, F body) -> std::invoke_result_t<F&, R&> {
    R resource = co_await std::move(acquire);
    co_return co_await with_resource(std::move(resource), std::move(body));
}

}  // namespace detail

// Runs `body(resource)` and then closes the resource, as with_scope() does.
//
//     auto text = co_await weft::with(open_session(host), [](Session& session) -> weft::Task<std::string> {
//         co_return co_await session.run("show running-config");
//     });
//
// The resource is a value, a pointer that owns (its pointee is closed), or a Task that gives one. It has
// close(), as a Task<void> or plain. A lambda that captures by value is given a name first (g++ 12).
template <class R, class F>
    requires(!detail::is_task<R>)
auto with(R resource, F body) {
    return detail::with_resource(std::move(resource), std::move(body));
}
template <class R, class F>
auto with(Task<R> acquire, F body) {
    return detail::with_acquired(std::move(acquire), std::move(body));
}

}  // namespace weft
