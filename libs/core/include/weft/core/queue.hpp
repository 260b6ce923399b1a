// Queue<T>, LifoQueue<T>, PriorityQueue<T>: bounded queues between the tasks of one loop. asyncio's, with an
// end.
#pragma once

#include <weft/core/error.hpp>
#include <weft/core/loop.hpp>
#include <weft/core/ring.hpp>

#include <algorithm>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

namespace weft {

namespace detail {

// In which order a queue gives its items. put_back() returns one that was taken but not received.
template <class T>
class FifoOrder {
public:
    [[nodiscard]] bool empty() const noexcept { return items_.empty(); }
    [[nodiscard]] std::size_t size() const noexcept { return items_.size(); }
    void put(T&& item) { items_.push_back(std::move(item)); }
    [[gnu::cold]] void put_back(T&& item) { items_.push_front(std::move(item)); }
    T take() {
        T item(std::move(items_.front()));
        items_.pop_front();
        return item;
    }
    void clear() noexcept { items_.clear(); }

private:
    Ring<T> items_;
};

template <class T>
class LifoOrder {
public:
    [[nodiscard]] bool empty() const noexcept { return items_.empty(); }
    [[nodiscard]] std::size_t size() const noexcept { return items_.size(); }
    void put(T&& item) { items_.push_back(std::move(item)); }
    [[gnu::cold]] void put_back(T&& item) { put(std::move(item)); }
    T take() {
        T item(std::move(items_.back()));
        items_.pop_back();
        return item;
    }
    void clear() noexcept { items_.clear(); }

private:
    std::vector<T> items_;
};

// The least item first; of equal ones the oldest.
template <class T, class Less>
class PriorityOrder {
    struct Entry {
        T item;
        std::uint64_t number;
    };

public:
    PriorityOrder() = default;
    explicit PriorityOrder(Less less) : less_(std::move(less)) {}
    [[nodiscard]] bool empty() const noexcept { return heap_.empty(); }
    [[nodiscard]] std::size_t size() const noexcept { return heap_.size(); }
    void put(T&& item) {
        heap_.push_back(Entry{std::move(item), next_++});
        std::push_heap(heap_.begin(), heap_.end(), later());
    }
    [[gnu::cold]] void put_back(T&& item) { put(std::move(item)); }
    T take() {
        std::pop_heap(heap_.begin(), heap_.end(), later());
        T item(std::move(heap_.back().item));
        heap_.pop_back();
        return item;
    }
    void clear() noexcept { heap_.clear(); }

private:
    auto later() const noexcept {
        return [this](const Entry& a, const Entry& b) {
            if (less_(b.item, a.item)) return true;
            return !less_(a.item, b.item) && b.number < a.number;
        };
    }
    std::vector<Entry> heap_;
    std::uint64_t next_ = 0;
    [[no_unique_address]] Less less_;
};

}  // namespace detail

// Belongs to one loop. put() waits while the queue is full, get() while it is empty; both are served in the
// order of asking. An item goes straight to the one who waits for it, and a cancelled waiter takes none with
// it. Nothing is allocated for an operation once the queue has had its size.
template <class T, class Order>
class BasicQueue {
public:
    static constexpr std::size_t unbounded = std::numeric_limits<std::size_t>::max();

    // How many items wait at most. asyncio's maxsize, but 0 does not mean "no limit": a queue without room is
    // a rendezvous, in which put() waits for the one who takes the item.
    explicit BasicQueue(std::size_t capacity) : capacity_(capacity) {}
    BasicQueue(std::size_t capacity, Order order) : capacity_(capacity), items_(std::move(order)) {}
    BasicQueue(const BasicQueue&) = delete;
    BasicQueue& operator=(const BasicQueue&) = delete;

    class Put final : public detail::Waiter, public ListHook<> {
    public:
        Put(BasicQueue& queue, T item) : queue_(queue), item_(std::move(item)) {}
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
        friend class BasicQueue;
        void unlink_wait() noexcept override { ListHook<>::unlink(); }
        BasicQueue& queue_;
        T item_;
        bool refused_ = false;
    };

    class Next : public detail::Waiter, public ListHook<> {
    public:
        explicit Next(BasicQueue& queue) noexcept : queue_(queue) {}
        // An item that was handed over but never taken (its frame was destroyed) is the next one's.
        [[gnu::always_inline]] ~Next() {
            if (item_) [[unlikely]]
                queue_.put_back(std::move(*item_));
        }
        bool await_ready() {
            if (cancel_pending()) return true;
            return queue_.take_into(item_) || queue_.closed_;
        }
        void await_suspend(std::coroutine_handle<> frame) noexcept {
            park(frame);
            queue_.getters_.push_back(*this);
        }
        std::optional<T> await_resume() {
            throw_if_cancelled();
            // Not moved as a whole: the flag and the value were stored apart, and a load of both would wait.
            std::optional<T> item;
            if (item_) {
                item.emplace(std::move(*item_));
                item_.reset();
            }
            return item;
        }

    protected:
        std::optional<T> item_;

    private:
        friend class BasicQueue;
        void unlink_wait() noexcept override { ListHook<>::unlink(); }
        BasicQueue& queue_;
    };

    class Get final : public Next {
    public:
        using Next::Next;
        [[gnu::always_inline]] ~Get() = default;
        T await_resume() {
            this->throw_if_cancelled();
            if (!this->item_) throw ClosedError("get from a queue that is closed and empty");
            T item(std::move(*this->item_));
            this->item_.reset();
            return item;
        }
    };

    class Join final : public detail::Waiter, public ListHook<> {
    public:
        explicit Join(BasicQueue& queue) noexcept : queue_(queue) {}
        bool await_ready() { return cancel_pending() || queue_.unfinished_ == 0; }
        void await_suspend(std::coroutine_handle<> frame) noexcept {
            park(frame);
            queue_.joiners_.push_back(*this);
        }
        void await_resume() const { throw_if_cancelled(); }

    private:
        void unlink_wait() noexcept override { ListHook<>::unlink(); }
        BasicQueue& queue_;
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
        std::optional<T> item;
        take_into(item);
        return item;
    }

    // Says that the work on an item that was got is done. Throws UsageError when it is said more often than
    // items were put.
    void task_done() {
        if (unfinished_ == 0) throw UsageError("task_done() more often than items were put into the queue");
        finished(1);
    }
    // Waits until task_done() was said of every item that was put.
    [[nodiscard("co_await it")]] Join join() noexcept { return Join(*this); }
    // Items that were put, and of which task_done() was not said.
    [[nodiscard]] std::size_t unfinished() const noexcept { return unfinished_; }

    // No more items come. What is in the queue can still be taken; waiting putters get ClosedError, and
    // getters the end once it is empty. asyncio's shutdown().
    void close() noexcept {
        closed_ = true;
        while (!putters_.empty()) {
            Put& putter = putters_.pop_front();
            putter.refused_ = true;
            putter.wake();
        }
        while (!getters_.empty()) getters_.pop_front().wake();
    }

    // The same, and drops what is in the queue, as done: join() no longer waits for it. Returns how many
    // items were dropped. asyncio's shutdown(immediate=True).
    std::size_t close_and_drop() noexcept {
        close();
        const std::size_t dropped = items_.size();
        items_.clear();
        finished(dropped);
        return dropped;
    }

    [[nodiscard]] bool closed() const noexcept { return closed_; }
    [[nodiscard]] bool empty() const noexcept { return items_.empty(); }
    [[nodiscard]] bool full() const noexcept { return items_.size() >= capacity_; }
    [[nodiscard]] std::size_t size() const noexcept { return items_.size(); }
    [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }

private:
    bool try_put_now(T& item) {
        if (!getters_.empty()) {
            hand_over(item);
        } else {
            if (full()) return false;
            items_.put(std::move(item));
        }
        ++unfinished_;
        return true;
    }

    bool take_into(std::optional<T>& item) {
        if (!items_.empty()) {
            item.emplace(items_.take());
            admit_putter();
            return true;
        }
        if (putters_.empty()) return false;
        Put& putter = putters_.pop_front();  // a queue without room
        item.emplace(std::move(putter.item_));
        ++unfinished_;
        putter.wake();
        return true;
    }

    void hand_over(T& item) {
        Next& getter = getters_.pop_front();
        getter.item_.emplace(std::move(item));
        getter.wake();
    }

    [[gnu::cold]] void put_back(T&& item) {
        if (getters_.empty()) {
            items_.put_back(std::move(item));
        } else {
            hand_over(item);
        }
    }

    void admit_putter() {
        if (putters_.empty() || full()) return;
        Put& putter = putters_.pop_front();
        items_.put(std::move(putter.item_));
        ++unfinished_;
        putter.wake();
    }

    void finished(std::size_t count) noexcept {
        unfinished_ -= std::min(count, unfinished_);
        if (unfinished_ > 0) return;
        while (!joiners_.empty()) joiners_.pop_front().wake();
    }

    std::size_t capacity_;
    std::size_t unfinished_ = 0;
    bool closed_ = false;
    Order items_;
    IntrusiveList<Put> putters_;
    IntrusiveList<Next> getters_;
    IntrusiveList<Join> joiners_;
};

// First in, first out.
template <class T>
class Queue : public BasicQueue<T, detail::FifoOrder<T>> {
public:
    // A queue holds at least one item.
    explicit Queue(std::size_t capacity)
        : BasicQueue<T, detail::FifoOrder<T>>(std::max<std::size_t>(capacity, 1)) {}
};

// Last in, first out.
template <class T>
class LifoQueue : public BasicQueue<T, detail::LifoOrder<T>> {
public:
    explicit LifoQueue(std::size_t capacity)
        : BasicQueue<T, detail::LifoOrder<T>>(std::max<std::size_t>(capacity, 1)) {}
};

// The least item first, by `Less`; equal ones in the order in which they were put.
template <class T, class Less = std::less<T>>
class PriorityQueue : public BasicQueue<T, detail::PriorityOrder<T, Less>> {
    using Order = detail::PriorityOrder<T, Less>;

public:
    explicit PriorityQueue(std::size_t capacity) : BasicQueue<T, Order>(std::max<std::size_t>(capacity, 1)) {}
    PriorityQueue(std::size_t capacity, Less less)
        : BasicQueue<T, Order>(std::max<std::size_t>(capacity, 1), Order(std::move(less))) {}
};

}  // namespace weft
