// race(): the first of several tasks to end decides, and the others are cancelled and joined.
#pragma once

#include <weft/core/error.hpp>
#include <weft/core/gather.hpp>
#include <weft/core/task.hpp>

#include <cstddef>
#include <optional>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

namespace weft {

// Which task of a list won, and its value.
template <class T>
class RaceResult {
public:
    RaceResult(std::size_t place, detail::gathered_t<T> v) : index(place), value(std::move(v)) {}
    std::size_t index;
    detail::gathered_t<T> value;
};

// Runs the tasks concurrently. The first to end wins: the others are cancelled, and when they have ended too,
// its value is given at its place of the variant, or its exception thrown. A task that loses and fails on its
// way out is reported to the log sink. A cancellation of the racer that comes before there is a winner
// cancels all of them; should one give a value all the same, that is the result, and the cancellation is
// thrown at the next wait.
template <class... Ts>
Task<std::variant<detail::gathered_t<Ts>...>> race(Task<Ts>... tasks) {
    static_assert(sizeof...(Ts) > 0, "a race needs a task");
    using Result = std::variant<detail::gathered_t<Ts>...>;
    detail::GatherScope scope(detail::GatherScope::Until::first_end);
    // Braces: in this order.
    std::tuple<detail::TaskRef<Ts>...> children{scope.start(std::move(tasks))...};
    co_await scope.join();
    scope.rethrow();
    std::optional<Result> result;
    [&]<std::size_t... I>(std::index_sequence<I...>) {
        ((scope.won(*std::get<I>(children))
              ? void(result.emplace(std::in_place_index<I>, detail::take_gathered(std::get<I>(children))))
              : void()),
         ...);
    }(std::index_sequence_for<Ts...>());
    co_return std::move(*result);
}

// The same for a list, which must not be empty (UsageError).
template <class T>
Task<RaceResult<T>> race(std::vector<Task<T>> tasks) {
    if (tasks.empty()) throw UsageError("a race of no tasks");
    detail::GatherScope scope(detail::GatherScope::Until::first_end);
    std::vector<detail::TaskRef<T>> children;
    children.reserve(tasks.size());
    for (Task<T>& task : tasks) children.push_back(scope.start(std::move(task)));
    co_await scope.join();
    scope.rethrow();
    std::size_t winner = 0;
    while (!scope.won(*children[winner])) ++winner;
    co_return RaceResult<T>(winner, detail::take_gathered(children[winner]));
}

}  // namespace weft
