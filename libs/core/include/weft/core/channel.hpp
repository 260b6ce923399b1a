// Channel: a bounded queue with two kinds of ends, which closes itself when one kind is gone.
//
// Where tasks that share a Queue must agree on who closes it and outlive its uses, the ends of a channel are
// values that a task holds: the last sender that dies ends the stream, the receiver that dies refuses it.
#pragma once

#include <weft/core/queue.hpp>

#include <cstddef>
#include <optional>
#include <utility>

namespace weft {

namespace detail {

template <class T>
struct ChannelState {
    explicit ChannelState(std::size_t capacity) : queue(capacity) {}
    BasicQueue<T, FifoOrder<T>> queue;
    std::size_t ends = 2;  // that share this
    std::size_t senders = 1;
    std::size_t receivers = 1;
    void drop_end() noexcept {
        if (--ends == 0) delete this;
    }
};

}  // namespace detail

// What all of this says of one task holds for all tasks of the loop: ends may be copied and moved between
// them.
template <class T>
class Sender {
public:
    Sender(const Sender& other) noexcept : state_(other.state_) {
        if (state_) ++state_->ends, ++state_->senders;
    }
    Sender(Sender&& other) noexcept : state_(std::exchange(other.state_, nullptr)) {}
    Sender& operator=(Sender other) noexcept {
        std::swap(state_, other.state_);
        return *this;
    }
    ~Sender() {
        if (!state_) return;
        if (--state_->senders == 0) state_->queue.close();
        state_->drop_end();
    }

    // Waits for room: until the receivers have kept up to within the capacity, or with capacity 0 until one
    // takes the item. Throws ClosedError when the channel is closed or every receiver is gone. The sender
    // must live until the wait ends.
    [[nodiscard("co_await it")]] auto send(T item) { return state_->queue.put(std::move(item)); }
    // False, and `item` is untouched, when there is no room now or the channel is closed.
    bool try_send(T&& item) { return state_->queue.try_put(std::move(item)); }
    // Ends the channel for all: what was sent can still be received.
    void close() noexcept { state_->queue.close(); }
    [[nodiscard]] bool closed() const noexcept { return state_->queue.closed(); }

private:
    template <class U>
    friend class Channel;
    explicit Sender(detail::ChannelState<T>* state) noexcept : state_(state) {}
    detail::ChannelState<T>* state_;
};

template <class T>
class Receiver {
public:
    Receiver(const Receiver& other) noexcept : state_(other.state_) {
        if (state_) ++state_->ends, ++state_->receivers;
    }
    Receiver(Receiver&& other) noexcept : state_(std::exchange(other.state_, nullptr)) {}
    Receiver& operator=(Receiver other) noexcept {
        std::swap(state_, other.state_);
        return *this;
    }
    ~Receiver() {
        if (!state_) return;
        if (--state_->receivers == 0) state_->queue.close_and_drop();
        state_->drop_end();
    }

    // Waits for an item; nullopt when the channel is closed, or every sender gone, and nothing is left in it.
    // Several receivers share the items. The receiver must live until the wait ends.
    [[nodiscard("co_await it")]] auto next() noexcept { return state_->queue.next(); }
    // The same for one who knows that more must come: throws ClosedError instead.
    [[nodiscard("co_await it")]] auto receive() noexcept { return state_->queue.get(); }
    std::optional<T> try_receive() { return state_->queue.try_get(); }
    // Refuses further items; what was sent can still be received.
    void close() noexcept { state_->queue.close(); }
    // How many items are in the channel.
    [[nodiscard]] std::size_t size() const noexcept { return state_->queue.size(); }

private:
    template <class U>
    friend class Channel;
    explicit Receiver(detail::ChannelState<T>* state) noexcept : state_(state) {}
    detail::ChannelState<T>* state_;
};

// Both ends of a new channel that holds `capacity` items; 0 is a rendezvous.
//
//     weft::Channel<Alarm> channel(64);
//     group.spawn(watch(std::move(channel.sender)));
//     group.spawn(report(std::move(channel.receiver)));
template <class T>
class Channel {
public:
    explicit Channel(std::size_t capacity)
        : sender(new detail::ChannelState<T>(capacity)), receiver(sender.state_) {}
    Sender<T> sender;
    Receiver<T> receiver;
};

}  // namespace weft
