// to_thread(): a task awaits a function that runs on another thread. asyncio.to_thread, on a pool of one's
// own.
#pragma once

#include <weft/core/error.hpp>
#include <weft/core/event.hpp>
#include <weft/core/loop.hpp>
#include <weft/core/task.hpp>
#include <weft/core/thread_pool.hpp>

#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <type_traits>
#include <utility>

namespace weft {

namespace detail {

// What the awaiting task and the pool's thread share. The thread may post to the loop only while the task
// waits: the loop may be gone afterwards.
class ThreadCall {
public:
    explicit ThreadCall(Loop& loop) noexcept : loop_(&loop) {}
    ThreadCall(const ThreadCall&) = delete;
    ThreadCall& operator=(const ThreadCall&) = delete;

    [[nodiscard]] Event& finished() noexcept { return finished_; }
    // On the loop: nobody waits any more.
    void abandon() noexcept {
        const std::lock_guard lock(mutex_);
        loop_ = nullptr;
    }
    // On the thread.
    [[nodiscard]] bool abandoned() noexcept {
        const std::lock_guard lock(mutex_);
        return loop_ == nullptr;
    }
    static void finish(std::shared_ptr<ThreadCall> call) {
        ThreadCall& self = *call;
        const std::lock_guard lock(self.mutex_);
        // The lock keeps abandon() waiting, so the loop lives; the call outlives the lock in the queue or
        // here.
        if (self.loop_) self.loop_->post([call] { call->finished_.set(); });
    }

protected:
    ~ThreadCall() = default;

private:
    std::mutex mutex_;
    Loop* loop_;  // guarded by mutex_
    Event finished_;
};

template <class F, class T>
class ThreadCallOf final : public ThreadCall {
public:
    ThreadCallOf(Loop& loop, F&& f) : ThreadCall(loop), f_(std::move(f)) {}

    void run() noexcept {
        try {
            if constexpr (std::is_void_v<T>) {
                (*f_)();
            } else {
                value_.emplace((*f_)());
            }
        } catch (...) {
            error_ = std::current_exception();
        }
        f_.reset();
    }
    void refuse() noexcept { error_ = std::make_exception_ptr(ClosedError("the thread pool was destroyed")); }
    T take() {
        if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
        if constexpr (!std::is_void_v<T>) return std::move(*value_);
    }

private:
    std::optional<F> f_;
    std::optional<std::conditional_t<std::is_void_v<T>, bool, T>> value_;
    std::exception_ptr error_;
};

// Runs the call; one that is destroyed instead, with its pool, ends it all the same.
template <class Call>
class ThreadJob {
public:
    explicit ThreadJob(std::shared_ptr<Call> call) noexcept : call_(std::move(call)) {}
    ThreadJob(ThreadJob&&) noexcept = default;
    ThreadJob& operator=(ThreadJob&&) = delete;
    ~ThreadJob() {
        if (!call_) return;
        call_->refuse();
        ThreadCall::finish(std::move(call_));
    }
    void operator()() {
        const std::shared_ptr<Call> call = std::move(call_);
        if (call->abandoned()) return;
        call->run();
        ThreadCall::finish(call);
    }

private:
    std::shared_ptr<Call> call_;
};

class AbandonAtExit {
public:
    explicit AbandonAtExit(ThreadCall& call) noexcept : call_(call) {}
    AbandonAtExit(const AbandonAtExit&) = delete;
    AbandonAtExit& operator=(const AbandonAtExit&) = delete;
    ~AbandonAtExit() { call_.abandon(); }

private:
    ThreadCall& call_;
};

}  // namespace detail

// Calls `f` on a thread of `pool`; gives its value or throws its exception. `f` must not touch the loop or
// what belongs to it, Loop::post() apart. Throws ClosedError when the pool is destroyed first.
//
// Cancelling stops waiting and nothing else: a function that runs goes on to its end and its outcome is
// dropped, so `f` must own what it uses (capture by value, shared_ptr). One that has not started never does.
template <class F>
[[nodiscard]] auto to_thread(ThreadPool& pool, F f) -> Task<std::invoke_result_t<F&>> {
    using T = std::invoke_result_t<F&>;
    using Call = detail::ThreadCallOf<F, T>;
    const auto call = std::make_shared<Call>(Loop::current(), std::move(f));
    const detail::AbandonAtExit abandon(*call);
    pool.submit(detail::ThreadJob<Call>(call));
    co_await call->finished().wait();
    co_return call->take();
}

}  // namespace weft
