// map, filter, limit, merge and collect: what is done with the values of an AsyncGenerator.
//
// Each takes its source over, and closes it on every path: at its own end, when it is closed, when a function
// or the source fails, and when the consumer is cancelled.
#pragma once

#include <weft/core/async_generator.hpp>
#include <weft/core/async_scope.hpp>
#include <weft/core/channel.hpp>
#include <weft/core/gather.hpp>
#include <weft/core/shield.hpp>

#include <cstddef>
#include <exception>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

namespace weft {

namespace detail {

// What f gives, or what the Task that it gives does.
template <class F, class... Args>
struct AwaitedResult {
    using type = std::invoke_result_t<F&, Args...>;
};
template <class F, class... Args>
    requires is_task<std::invoke_result_t<F&, Args...>>
struct AwaitedResult<F, Args...> {
    using type = typename TaskValue<std::invoke_result_t<F&, Args...>>::type;
};
template <class F, class... Args>
using awaited_result_t = typename AwaitedResult<F, Args...>::type;

// After a stage's end: closes its source, then throws on.
template <class T>
Task<void> close_source(AsyncGenerator<T>& source, std::exception_ptr failure) {
    try {
        co_await uncancellable(source.close());
    } catch (...) {
        if (!failure) failure = std::current_exception();
    }
    if (failure) std::rethrow_exception(std::move(failure));
}

template <class T>
Task<void> pump(AsyncGenerator<T> source, Sender<T> sink) {
    std::exception_ptr failure;
    try {
        for (;;) {
            std::optional<T> item = co_await source.next();
            if (!item) break;
            co_await sink.send(std::move(*item));
        }
    } catch (...) {
        failure = std::current_exception();
    }
    if (failure) sink.close();
    co_await close_source(source, std::move(failure));
}

}  // namespace detail

// f(value) for each value; f is plain, or returns a Task, which is awaited.
template <class T, class F>
AsyncGenerator<detail::awaited_result_t<F, T>> map(AsyncGenerator<T> source, F f) {
    using U = detail::awaited_result_t<F, T>;
    std::exception_ptr failure;
    try {
        for (;;) {
            std::optional<T> item = co_await source.next();
            if (!item) break;
            if constexpr (detail::is_task<std::invoke_result_t<F&, T>>) {
                U mapped = co_await f(std::move(*item));
                co_yield std::move(mapped);
            } else {
                U mapped = f(std::move(*item));
                co_yield std::move(mapped);
            }
        }
    } catch (...) {
        failure = std::current_exception();
    }
    co_await detail::close_source(source, std::move(failure));
}

// The values for which f(value) is true; f is plain, or returns a Task<bool>.
template <class T, class F>
AsyncGenerator<T> filter(AsyncGenerator<T> source, F f) {
    std::exception_ptr failure;
    try {
        for (;;) {
            std::optional<T> item = co_await source.next();
            if (!item) break;
            bool keep = false;
            if constexpr (detail::is_task<std::invoke_result_t<F&, const T&>>) {
                keep = co_await f(std::as_const(*item));
            } else {
                keep = f(std::as_const(*item));
            }
            if (keep) co_yield std::move(*item);
        }
    } catch (...) {
        failure = std::current_exception();
    }
    co_await detail::close_source(source, std::move(failure));
}

// The first `count` values.
template <class T>
AsyncGenerator<T> limit(AsyncGenerator<T> source, std::size_t count) {
    std::exception_ptr failure;
    try {
        for (; count > 0; --count) {
            std::optional<T> item = co_await source.next();
            if (!item) break;
            co_yield std::move(*item);
        }
    } catch (...) {
        failure = std::current_exception();
    }
    co_await detail::close_source(source, std::move(failure));
}

// The values of all sources as they come. The sources run concurrently, each at most one value ahead of the
// consumer. The first failure cancels and joins the others, and is thrown after the values that came before
// it.
template <class T>
AsyncGenerator<T> merge(std::vector<AsyncGenerator<T>> sources) {
    Channel<T> channel(0);
    detail::GatherScope pumps(detail::GatherScope::Until::first_failure);
    for (AsyncGenerator<T>& source : sources) pumps.start(detail::pump(std::move(source), channel.sender));
    {
        const Sender<T> ours = std::move(channel.sender);  // the last of theirs is to end the channel
    }
    std::exception_ptr failure;
    try {
        for (;;) {
            std::optional<T> item = co_await channel.receiver.next();
            if (!item) break;
            co_yield std::move(*item);
        }
    } catch (...) {
        failure = std::current_exception();
    }
    if (failure) pumps.cancel();
    co_await pumps.join();
    if (failure) std::rethrow_exception(std::move(failure));
    pumps.rethrow();
}
template <class T, class... Others>
AsyncGenerator<T> merge(AsyncGenerator<T> first, AsyncGenerator<Others>... others) {
    std::vector<AsyncGenerator<T>> sources;
    sources.push_back(std::move(first));
    (sources.push_back(std::move(others)), ...);
    return merge(std::move(sources));
}

// Every value, in a vector.
template <class T>
Task<std::vector<T>> collect(AsyncGenerator<T> source) {
    std::vector<T> values;
    for (;;) {
        std::optional<T> item = co_await source.next();
        if (!item) break;
        values.push_back(std::move(*item));
    }
    co_return values;
}

}  // namespace weft
