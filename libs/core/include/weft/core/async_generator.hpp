// AsyncGenerator<T>: a coroutine that gives many values, and may await between them. Python's async
// generator.
#pragma once

#include <weft/core/error.hpp>
#include <weft/core/task.hpp>

#include <coroutine>
#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

namespace weft {

template <class T>
class AsyncGenerator;

namespace detail {

// Thrown at the co_yield where a generator stands when it is closed. Python's GeneratorExit.
class GeneratorClosed final {};

[[noreturn]] void throw_generator_busy();
[[noreturn]] void throw_generator_ignores_close();

template <class T>
struct GeneratorPromise final : PromiseBase {
    // Where it stands at a co_yield, the consumer takes the value from the generator's frame.
    class YieldAwaiter {
    public:
        explicit YieldAwaiter(GeneratorPromise& promise) noexcept : promise_(promise) {}
        bool await_ready() const noexcept { return false; }
        [[gnu::always_inline]] std::coroutine_handle<> await_suspend(std::coroutine_handle<>) const noexcept {
            return transfer(promise_.continuation);
        }
        void await_resume() const {
            if (promise_.closing) throw GeneratorClosed();
        }

    private:
        GeneratorPromise& promise_;
    };

    AsyncGenerator<T> get_return_object() noexcept;
    YieldAwaiter yield_value(T&& item) noexcept {
        value = &item;
        return YieldAwaiter(*this);
    }
    YieldAwaiter yield_value(const T& item) {
        copy.emplace(item);
        value = &*copy;
        return YieldAwaiter(*this);
    }
    void return_void() noexcept {}
    void unhandled_exception() noexcept {
        if (closing) {
            try {
                throw;
            } catch (const GeneratorClosed&) {
                return;
            } catch (...) {
            }
        }
        error = std::current_exception();
    }

    T* value = nullptr;  // null at the end
    std::optional<T> copy;
    std::exception_ptr error;
    bool started = false;
    bool running = false;
    bool closing = false;
};

}  // namespace detail

// Lazy, move-only, with one owner and one consumer at a time. It runs inside of the task that awaits next(),
// as a call does: what cancels that wait is thrown inside of the generator.
//
//     weft::AsyncGenerator<std::string> lines(weft::StreamReader& reader) {
//         for (;;) {
//             auto line = co_await reader.read_line();
//             if (!line) break;
//             co_yield std::move(*line);
//         }
//     }
//
// Dropping it destroys the coroutine where it stands; a generator whose clean-up awaits is closed: close(),
// or with(). The place of a co_yield is never inside of a handler, and what it yields is no braced aggregate
// (g++ 12).
template <class T>
class [[nodiscard]] AsyncGenerator {
    static_assert(std::is_object_v<T>, "a generator yields values; yield a pointer instead of a reference");

public:
    using promise_type = detail::GeneratorPromise<T>;
    using value_type = T;
    using Handle = std::coroutine_handle<promise_type>;

    AsyncGenerator() noexcept = default;
    explicit AsyncGenerator(Handle frame) noexcept : frame_(frame) {}
    AsyncGenerator(AsyncGenerator&& other) noexcept : frame_(std::exchange(other.frame_, nullptr)) {}
    AsyncGenerator& operator=(AsyncGenerator&& other) noexcept {
        AsyncGenerator old(std::move(other));
        std::swap(frame_, old.frame_);
        return *this;
    }
    ~AsyncGenerator() {
        if (frame_) frame_.destroy();
    }

    class Next {
    public:
        explicit Next(Handle frame) noexcept : frame_(frame) {}
        bool await_ready() const {
            if (!frame_ || frame_.done()) return true;
            if (frame_.promise().running) detail::throw_generator_busy();
            return false;
        }
        [[gnu::always_inline]] std::coroutine_handle<> await_suspend(
            std::coroutine_handle<> awaiting) const noexcept {
            promise_type& promise = frame_.promise();
            promise.continuation = awaiting;
            promise.started = promise.running = true;
            promise.value = nullptr;
            return detail::transfer(frame_);
        }
        std::optional<T> await_resume() const {
            if (!frame_) return std::nullopt;
            promise_type& promise = frame_.promise();
            promise.running = false;
            if (promise.error) std::rethrow_exception(std::exchange(promise.error, nullptr));
            T* value = std::exchange(promise.value, nullptr);
            if (!value) return std::nullopt;
            return std::optional<T>(std::move(*value));
        }

    private:
        Handle frame_;
    };

    // Runs the generator to its next value; nullopt when it has ended. Throws what the generator throws,
    // once: it has ended then. Throws UsageError while another task waits in it.
    [[nodiscard("co_await it")]] Next next() noexcept { return Next(frame_); }

    // Ends the generator where it stands: its clean-up runs, and may await. Throws what the clean-up throws.
    // A generator that has not started, or has ended, is only dropped. Python's aclose().
    Task<void> close() {
        if (!frame_ || frame_.done() || !frame_.promise().started) co_return;
        frame_.promise().closing = true;
        auto more = co_await next();
        if (more) detail::throw_generator_ignores_close();
    }

private:
    Handle frame_;
};

namespace detail {

template <class T>
AsyncGenerator<T> GeneratorPromise<T>::get_return_object() noexcept {
    return AsyncGenerator<T>(std::coroutine_handle<GeneratorPromise>::from_promise(*this));
}

}  // namespace detail
}  // namespace weft
