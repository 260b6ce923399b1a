// async_run: a weft task as an Asio operation, for code that is written with Asio's callbacks, futures or
// coroutines.
//
//     weft::asio::async_run(weft_loop, backup("sw1"), [](std::exception_ptr failure, Report report) { … });
//     Report report = co_await weft::asio::async_run(weft_loop, backup("sw1"), boost::asio::use_awaitable);
#pragma once

#include <weft/asio/context_loop.hpp>
#include <weft/core/spawn.hpp>
#include <weft/core/task.hpp>

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/system/system_error.hpp>
#include <exception>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

namespace weft::asio {

namespace detail {

template <class T>
struct RunSignature {
    using Type = void(std::exception_ptr, T);
};
template <>
struct RunSignature<void> {
    using Type = void(std::exception_ptr);
};

// A task that ended cancelled looks to Asio as any aborted operation.
template <class T>
std::exception_ptr asio_failure(TaskHandle<T>& task) {
    if (!task.cancelled()) return task.exception();
    return std::make_exception_ptr(
        boost::system::system_error(boost::system::error_code(boost::asio::error::operation_aborted)));
}

template <class T, class Handler, class Executor>
void finish_run(TaskHandle<T>& task, Handler handler, const Executor& executor) {
    std::exception_ptr failure = asio_failure(task);
    if constexpr (std::is_void_v<T>) {
        boost::asio::post(executor, [handler = std::move(handler), failure = std::move(failure)]() mutable {
            std::move(handler)(std::move(failure));
        });
    } else {
        T value = failure ? T() : std::move(task.result());
        boost::asio::post(executor, [handler = std::move(handler), failure = std::move(failure),
                                     value = std::move(value)]() mutable {
            std::move(handler)(std::move(failure), std::move(value));
        });
    }
}

}  // namespace detail

// Spawns `task` on `loop` and completes with signature void(std::exception_ptr, T), or
// void(std::exception_ptr) for Task<void>; T must be default constructible, as for boost::asio::co_spawn.
// Asio's per-operation cancellation, of any type, cancels the task; one that ends cancelled gives
// operation_aborted. Call it on the context's thread. When the loop dies before the task ends, the handler is
// destroyed uncalled.
template <class T, class CompletionToken>
auto async_run(ContextLoop& loop, Task<T> task, CompletionToken&& token, std::string name = {}) {
    const auto start = [&loop](auto handler, Task<T> body, std::string task_name) {
        auto slot = boost::asio::get_associated_cancellation_slot(handler);
        auto work = boost::asio::make_work_guard(
            boost::asio::get_associated_executor(handler, loop.context().get_executor()));
        auto handle = std::make_shared<TaskHandle<T>>(loop.spawn(std::move(body), task_name));
        if (slot.is_connected())
            slot.assign([weak = std::weak_ptr(handle)](boost::asio::cancellation_type) {
                if (const auto running = weak.lock()) running->cancel();
            });
        // The callback owns the handle, so the task lives until it has ended.
        TaskHandle<T>& observed = *handle;
        observed.add_done_callback([handle = std::move(handle), handler = std::move(handler),
                                    work = std::move(work)](TaskHandle<T>& done) mutable {
            detail::finish_run(done, std::move(handler), work.get_executor());
        });
    };
    return boost::asio::async_initiate<CompletionToken, typename detail::RunSignature<T>::Type>(
        start, token, std::move(task), std::move(name));
}

}  // namespace weft::asio
