// Duplex: a call through which values stream both ways while it runs, each way with a window of its own.
//
//     auto talk = conn.open().call("translate", "de");          // the caller
//     co_await talk.send("Haus");
//     auto word = co_await talk.next<std::string>();             // nullopt when the worker has ended
//     talk.finish();                                             // no more from here
//     co_await talk.result();
//
//     Task<void> translate(const CallInfo& info, std::string language) {       // the worker
//         Duplex talk = info.duplex();
//         for (;;) {
//             auto word = co_await talk.next<std::string>();
//             if (!word) break;
//             co_await talk.send(look_up(*word, language));
//         }
//     }
#pragma once

#include <weft/core/spawn.hpp>
#include <weft/core/task.hpp>
#include <weft/mesh/convert.hpp>
#include <weft/mesh/value.hpp>

#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace weft::mesh {

namespace detail {

class DuplexState;
[[nodiscard]] Task<void> duplex_send(std::shared_ptr<DuplexState> state, Value value);
[[nodiscard]] Task<std::optional<Value>> duplex_next(std::shared_ptr<DuplexState> state);

template <class R>
Task<std::optional<R>> convert_next(Task<std::optional<Value>> next) {
    std::optional<Value> value = co_await std::move(next);
    if (!value) co_return std::nullopt;
    co_return from_value<R>(std::move(*value));
}

template <class R>
Task<R> convert_end(TaskHandle<Value> call) {
    Value value = co_await std::move(call);
    if constexpr (!std::is_void_v<R>) co_return from_value<R>(std::move(value));
}

}  // namespace detail

// One end. Belongs to its loop. Dropping the caller's end cancels the call, there and here.
class Duplex {
public:
    // Gives one value to the other end; waits while that one's window is full. Throws EncodeError, and
    // ClosedError or the call's own error when the call has ended.
    template <class T>
    [[nodiscard]] Task<void> send(T&& value) {
        return detail::duplex_send(state_, to_value(std::forward<T>(value)));
    }
    // The next value from the other end; nullopt when no more come. Throws the call's error, after the
    // values that came before it, DecodeError and ConversionError. One task at a time.
    template <class R = Value>
    [[nodiscard]] Task<std::optional<R>> next() {
        return detail::convert_next<R>(detail::duplex_next(state_));
    }
    // The caller: no more values come from here. (A worker's end is that of its callback.)
    void finish();
    // The caller: the callback's result. Throws as Rpc::call(). Once.
    template <class R = Value>
    [[nodiscard]] Task<R> result() {
        return detail::convert_end<R>(std::move(call_));
    }

    // For weft's own use.
    explicit Duplex(std::shared_ptr<detail::DuplexState> state) noexcept : state_(std::move(state)) {}
    Duplex(std::shared_ptr<detail::DuplexState> state, TaskHandle<Value> call) noexcept
        : state_(std::move(state)), call_(std::move(call)) {}

private:
    std::shared_ptr<detail::DuplexState> state_;
    TaskHandle<Value> call_;
};

}  // namespace weft::mesh
