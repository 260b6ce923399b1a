// Task<T>: weft's coroutine. Lazy (it runs when awaited or spawned), move-only, with one owner.
//
// Awaiting a Task runs it inside the awaiting task, as a call does; spawn(), gather() and TaskGroup make
// it a task of its own, with a name, a cancellation and an owner. Dropping a Task that was never awaited
// runs nothing; inside of a running task it is reported to the loop's log sink, unless by discard().
#pragma once

#include <weft/core/frame_pool.hpp>
#include <weft/core/result_slot.hpp>

#include <coroutine>
#include <cstdint>
#include <exception>
#include <type_traits>
#include <utility>

namespace weft {

template <class T>
class Task;

class Loop;

namespace detail {

class TaskControl;

// What is running on this thread. One object, so that a resumption touches one cache line.
struct ThreadState {
    Loop* loop;
    TaskControl* task;             // the task being resumed
    std::coroutine_handle<> next;  // trampoline: what the loop resumes when the running frame returns
    bool root_ended;               // the root frame of the running task has reached its end
};
extern constinit thread_local ThreadState thread_state;

// g++ 12 makes a tail call of a symmetric transfer only when it optimises, and never under a sanitizer;
// elsewhere a million synchronous awaits would overflow the stack. There the loop resumes the next frame.
#if defined(__OPTIMIZE__) && !WEFT_SANITIZED
#define WEFT_SYMMETRIC_TRANSFER 1
#else
#define WEFT_SYMMETRIC_TRANSFER 0
#endif

// Always inlined, so that each translation unit follows its own build mode; the loop understands both.
[[gnu::always_inline]] inline std::coroutine_handle<> transfer(std::coroutine_handle<> to) noexcept {
#if WEFT_SYMMETRIC_TRANSFER
    return to;
#else
    thread_state.next = to;
    return std::noop_coroutine();
#endif
}

// A Task dies that was neither awaited nor spawned.
[[gnu::cold]] void report_never_awaited(std::coroutine_handle<> frame) noexcept;

// Marks the running task as finished; its root frame has just reached its end.
inline void root_finished() noexcept { thread_state.root_ended = true; }

// Stands for an awaiter that lives elsewhere in the frame: g++ 12 copies or moves what await_transform
// returns by reference, and awaiters do neither.
template <class Awaiter>
struct AwaiterRef {
    Awaiter* awaiter;
    [[gnu::always_inline]] bool await_ready() { return awaiter->await_ready(); }
    template <class Promise>
    [[gnu::always_inline]] auto await_suspend(std::coroutine_handle<Promise> frame) {
        return awaiter->await_suspend(frame);
    }
    [[gnu::always_inline]] decltype(auto) await_resume() { return awaiter->await_resume(); }
};

struct PromiseBase {
    std::coroutine_handle<> continuation;  // the frame that awaits this one; null for a task's root
    const char* await_file = nullptr;      // where this frame waits, for dump_tasks
    std::uint32_t await_line = 0;
    // Tells weft's frames from others, for dump_tasks: the promise is at the same place in every frame.
    static constexpr std::uint32_t weft_frame = 0x77656674;
    std::uint32_t mark = weft_frame;

    static void* operator new(std::size_t size) { return allocate_frame(size); }
    static void operator delete(void* memory, std::size_t size) noexcept { free_frame(memory, size); }

    std::suspend_always initial_suspend() const noexcept { return {}; }

    struct FinalAwaiter {
        bool await_ready() const noexcept { return false; }
        template <class Promise>
        [[gnu::always_inline]] std::coroutine_handle<> await_suspend(
            std::coroutine_handle<Promise> frame) const noexcept {
            if (frame.promise().continuation) return transfer(frame.promise().continuation);
            root_finished();
            return std::noop_coroutine();
        }
        void await_resume() const noexcept {}
    };
    FinalAwaiter final_suspend() const noexcept { return {}; }

    // Lets everything through; notes where the frame waits.
    template <class Awaitable>
    [[gnu::always_inline]] decltype(auto) await_transform(Awaitable&& awaitable,
                                                          const char* file = __builtin_FILE(),
                                                          std::uint32_t line = __builtin_LINE()) {
        await_file = file;
        await_line = line;
        if constexpr (requires { std::forward<Awaitable>(awaitable).operator co_await(); }) {
            return std::forward<Awaitable>(awaitable).operator co_await();
        } else {
            return AwaiterRef<std::remove_reference_t<Awaitable>>{&awaitable};
        }
    }
};

template <class T>
struct Promise final : PromiseBase {
    ResultSlot<T> result;
    Task<T> get_return_object() noexcept;
    void unhandled_exception() noexcept { result.set_error(std::current_exception()); }
    template <class U = T>
        requires std::is_convertible_v<U&&, T> || std::is_constructible_v<T, U&&>
    void return_value(U&& value) {
        result.set_value(std::forward<U>(value));
    }
};

template <>
struct Promise<void> final : PromiseBase {
    ResultSlot<void> result;
    Task<void> get_return_object() noexcept;
    void unhandled_exception() noexcept { result.set_error(std::current_exception()); }
    void return_void() noexcept { result.set_value(); }
};

}  // namespace detail

template <class T = void>
class [[nodiscard("a Task runs only when it is awaited or spawned")]] Task {
public:
    using promise_type = detail::Promise<T>;
    using value_type = T;
    using Handle = std::coroutine_handle<promise_type>;

    Task() noexcept = default;
    explicit Task(Handle frame) noexcept : frame_(frame) {}
    Task(Task&& other) noexcept : frame_(std::exchange(other.frame_, nullptr)) {}
    Task& operator=(Task&& other) noexcept {
        if (this != &other) {
            if (frame_) destroy();
            frame_ = std::exchange(other.frame_, nullptr);
        }
        return *this;
    }
    ~Task() {
        if (frame_) destroy();
    }

    [[nodiscard]] explicit operator bool() const noexcept { return static_cast<bool>(frame_); }

    // Gives the frame away; for spawn() and its kin.
    [[nodiscard]] Handle release() noexcept { return std::exchange(frame_, nullptr); }

    class Awaiter {
    public:
        explicit Awaiter(Handle frame) noexcept : frame_(frame) {}
        bool await_ready() const noexcept { return false; }
        [[gnu::always_inline]] std::coroutine_handle<> await_suspend(
            std::coroutine_handle<> awaiting) const noexcept {
            frame_.promise().continuation = awaiting;
            return detail::transfer(frame_);
        }
        T await_resume() { return frame_.promise().result.move_out(); }

    private:
        Handle frame_;
    };

    // A Task is awaited once: `co_await f()` or `co_await std::move(task)`.
    Awaiter operator co_await() && noexcept { return Awaiter(frame_); }

private:
    [[gnu::always_inline]] void destroy() noexcept {
        if (!frame_.promise().continuation) [[unlikely]]
            detail::report_never_awaited(frame_);
        frame_.destroy();
    }

    Handle frame_;
};

// Drops a task that is not to run, on purpose: nothing is reported.
template <class T>
void discard(Task<T> task) noexcept {
    if (task) task.release().destroy();
}

namespace detail {

template <class T>
Task<T> Promise<T>::get_return_object() noexcept {
    return Task<T>(std::coroutine_handle<Promise>::from_promise(*this));
}
inline Task<void> Promise<void>::get_return_object() noexcept {
    return Task<void>(std::coroutine_handle<Promise>::from_promise(*this));
}

}  // namespace detail
}  // namespace weft
