// Queue<T>: a bounded first-in first-out queue between tasks of one loop. asyncio.Queue, with an end.
#pragma once

#include <weft/core/error.hpp>
#include <weft/core/loop.hpp>

#include <algorithm>
#include <coroutine>
#include <cstddef>
#include <deque>
#include <limits>
#include <optional>
#include <utility>

namespace weft {

// Belongs to one loop. put() waits while the queue is full, get() while it is empty; both are served in the
// order of asking. An item goes straight to the one who waits for it, and a cancelled waiter takes none with
// it.
template <class T>
class Queue {
public:
    static constexpr std::size_t unbounded = std::numeric_limits<std::size_t>::max();

    // A queue holds at least one item.
    explicit Queue(std::size_t capacity) noexcept : capacity_(std::max<std::size_t>(capacity, 1)) {}

    class Put final : public detail::Waiter, public ListHook<> {
    public:
        Put(Queue& queue, T item) : queue_(queue), item_(std::move(item)) {}
        bool await_ready() {
            if (cancel_pending()) return true;
            if (queue_.closed_) {
                refused_ = true;
                return true;
            }
            return queue_.try_put_now(item_);
        }
        void await_suspend(std::coroutine_handle<> frame) noexcept {
            park(frame);
            queue_.putters_.push_back(*this);
        }
        void await_resume() const {
            throw_if_cancelled();
            if (refused_) throw ClosedError("put into a closed queue");
        }

    private:
        friend class Queue;
        void unlink_wait() noexcept override { ListHook<>::unlink(); }
        Queue& queue_;
        T item_;
        bool refused_ = false;
    };

    class Next : public detail::Waiter, public ListHook<> {
    public:
        explicit Next(Queue& queue) noexcept : queue_(queue) {}
        // An item that was handed over but never taken (its frame was destroyed) goes back to the front.
        ~Next() {
            if (item_) queue_.items_.push_front(std::move(*item_));
        }
        bool await_ready() {
            if (cancel_pending()) return true;
            item_ = queue_.try_get();
            return item_ || queue_.closed_;
        }
        void await_suspend(std::coroutine_handle<> frame) noexcept {
            park(frame);
            queue_.getters_.push_back(*this);
        }
        std::optional<T> await_resume() {
            throw_if_cancelled();
            return std::exchange(item_, std::nullopt);
        }

    private:
        friend class Queue;
        void unlink_wait() noexcept override { ListHook<>::unlink(); }
        Queue& queue_;
        std::optional<T> item_;
    };

    class Get final : public Next {
    public:
        using Next::Next;
        T await_resume() {
            std::optional<T> item = Next::await_resume();
            if (!item) throw ClosedError("get from a queue that is closed and empty");
            return std::move(*item);
        }
    };

    // Waits for room. Throws ClosedError when the queue is or gets closed; the item is then not in it.
    [[nodiscard("co_await it")]] Put put(T item) { return Put(*this, std::move(item)); }
    // Waits for an item. Throws ClosedError when the queue is closed and empty.
    [[nodiscard("co_await it")]] Get get() noexcept { return Get(*this); }
    // Waits for an item; nullopt when the queue is closed and empty.
    [[nodiscard("co_await it")]] Next next() noexcept { return Next(*this); }

    // False, and `item` is untouched, when the queue is full or closed.
    bool try_put(T&& item) { return !closed_ && try_put_now(item); }
    std::optional<T> try_get() {
        if (items_.empty()) return std::nullopt;
        std::optional<T> item(std::move(items_.front()));
        items_.pop_front();
        if (!putters_.empty()) {
            Put& putter = putters_.pop_front();
            items_.push_back(std::move(putter.item_));
            putter.wake();
        }
        return item;
    }

    // No more items come. What is in the queue can still be taken; waiting putters get ClosedError.
    void close() noexcept {
        closed_ = true;
        while (!putters_.empty()) {
            Put& putter = putters_.pop_front();
            putter.refused_ = true;
            putter.wake();
        }
        while (!getters_.empty()) getters_.pop_front().wake();
    }

    [[nodiscard]] bool closed() const noexcept { return closed_; }
    [[nodiscard]] bool empty() const noexcept { return items_.empty(); }
    [[nodiscard]] std::size_t size() const noexcept { return items_.size(); }

private:
    bool try_put_now(T& item) {
        if (!getters_.empty()) {
            Next& getter = getters_.pop_front();
            getter.item_.emplace(std::move(item));
            getter.wake();
            return true;
        }
        if (items_.size() >= capacity_) return false;
        items_.push_back(std::move(item));
        return true;
    }

    std::size_t capacity_;
    bool closed_ = false;
    std::deque<T> items_;
    IntrusiveList<Put> putters_;
    IntrusiveList<Next> getters_;
};

}  // namespace weft
