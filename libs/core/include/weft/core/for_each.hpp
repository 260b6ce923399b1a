// for_each_concurrent(): a function for each of many items, with a bound on how many run at a time.
#pragma once

#include <weft/core/async_generator.hpp>
#include <weft/core/gather.hpp>
#include <weft/core/generators.hpp>
#include <weft/core/semaphore.hpp>
#include <weft/core/task_group.hpp>

#include <algorithm>
#include <cstddef>
#include <exception>
#include <optional>
#include <utility>

namespace weft {

namespace detail {

template <class Range, class F>
Task<void> for_each_of_range(Range items, std::size_t limit, F f) {
    GatherScope scope(GatherScope::Until::first_failure);
    for (auto& item : items) {
        if (scope.child_count() >= limit) co_await scope.join(limit - 1);
        if (scope.stopping()) break;
        scope.start(f(item));
    }
    co_await scope.join();
    scope.rethrow();
}

template <class T, class F>
Task<void> call_with_permit(F& f, T item, [[maybe_unused]] Permit permit) {
    co_await f(item);
}

template <class T, class F>
Task<void> for_each_of_generator(AsyncGenerator<T> items, std::size_t limit, F f) {
    Semaphore permits(limit);
    const auto body = [&](TaskGroup& group) -> Task<void> {
        for (;;) {
            Permit permit = co_await permits.acquire();
            std::optional<T> item = co_await items.next();
            if (!item) break;
            group.spawn(call_with_permit<T>(f, std::move(*item), std::move(permit)));
        }
    };
    std::exception_ptr failure;
    try {
        co_await with_task_group(body);
    } catch (...) {
        failure = std::current_exception();
    }
    co_await close_source(items, std::move(failure));
}

}  // namespace detail

// Runs f(item) for each item of a range, at most `limit` at a time, and ends when all have. f returns a Task;
// it gets a reference to the item, which lives until the end. The first failure cancels and joins the others
// and is thrown; so does a cancellation.
//
//     co_await weft::for_each_concurrent(hosts, 50, [&](const std::string& host) { return backup(host); });
template <class Range, class F>
    requires requires(Range& range) { range.begin(); }
Task<void> for_each_concurrent(Range items, std::size_t limit, F f) {
    return detail::for_each_of_range(std::move(items), std::max<std::size_t>(limit, 1), std::move(f));
}

// The same for the values of a generator, which is asked for the next one when there is room for it. Several
// failures arrive together, as TaskGroupError. The generator is closed on every path.
template <class T, class F>
Task<void> for_each_concurrent(AsyncGenerator<T> items, std::size_t limit, F f) {
    return detail::for_each_of_generator(std::move(items), std::max<std::size_t>(limit, 1), std::move(f));
}

}  // namespace weft
