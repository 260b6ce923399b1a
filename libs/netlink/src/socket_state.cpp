#include "socket_state.hpp"

#include <weft/core/error.hpp>
#include <weft/netlink/error.hpp>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <utility>

#include <linux/netlink.h>
#include <sys/epoll.h>
#include <sys/socket.h>

namespace weft::netlink {

namespace {

// Requests in one datagram. Their acknowledgements (832 bytes of receive buffer each) and even replies of
// some KiB then fit into the smallest buffer that a system has by default.
constexpr std::size_t max_batch_messages = 64;
constexpr std::size_t max_batch_bytes = 32 << 10;
// Datagrams read before other tasks get their turn.
constexpr int datagrams_per_turn = 128;
// A dump datagram holds at most 32 KiB when the reader offers that much.
constexpr std::size_t first_buffer = 64 << 10;
constexpr std::size_t largest_buffer = 16 << 20;

}  // namespace

SocketState::SocketState(UniqueFd fd, Namespace where, SocketOptions options)
    : fd_(std::move(fd)),
      where_(std::move(where)),
      options_(options),
      receive_buffer_(first_buffer),
      events_(options.event_limit) {}

SocketState::~SocketState() { close(); }

void SocketState::attach() {
    Loop& current = Loop::current();
    if (loop_ == &current || closed_) return;
    if (loop_) throw UsageError("a netlink socket is used on a second loop; open one for each");
    current.add_fd(fd_.get(), *this);
    loop_ = &current;
}

void SocketState::close() noexcept {
    if (std::exchange(closed_, true)) return;
    const auto end = [](Exchange& exchange) {
        exchange.phase_ = Exchange::Phase::idle;
        exchange.answer_.closed = true;
        exchange.wake();
    };
    while (!outbox_.empty()) end(outbox_.pop_front());
    while (!waiting_dumps_.empty()) end(waiting_dumps_.pop_front());
    for (auto& [sequence, entry] : pending_)
        if (entry.exchange) end(*entry.exchange);
    pending_.clear();
    events_.close();
    TurnEnd::unlink();
    if (loop_) loop_->remove_fd(fd_.get(), *this);
    fd_.reset();
}

void SocketState::join(std::uint32_t group) {
    if (closed_) throw ClosedError("join a group on a closed netlink socket");
    const int number = static_cast<int>(group);
    if (::setsockopt(fd_.get(), SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &number, sizeof number) != 0)
        throw_errno("join netlink group " + std::to_string(group));
    joined_ = true;
}

// ---- requests

void SocketState::enqueue(Exchange& exchange) noexcept {
    exchange.phase_ = Exchange::Phase::queued;
    if (exchange.expect_ == Expect::dump) {
        if (dump_busy_) {
            waiting_dumps_.push_back(exchange);
            return;
        }
        dump_busy_ = true;
    }
    outbox_.push_back(exchange);
    loop_->at_turn_end(*this);
}

void SocketState::abandon(Exchange& exchange) noexcept {
    const auto phase = std::exchange(exchange.phase_, Exchange::Phase::idle);
    if (phase == Exchange::Phase::pending) {
        if (const auto entry = pending_.find(exchange.sequence_); entry != pending_.end())
            entry->second.exchange = nullptr;
    } else if (phase == Exchange::Phase::queued) {
        exchange.ListHook<>::unlink();
        // Of the dumps, the one in the outbox holds the kernel's single place; those that wait do not.
        if (exchange.expect_ == Expect::dump && exchange.sequence_ == 0 && dump_busy_) {
            bool running = false;
            for (const auto& [sequence, entry] : pending_) running = running || entry.dump;
            outbox_.for_each([&](Exchange& other) { running = running || other.expect_ == Expect::dump; });
            if (!running) dump_ended();
        }
    }
}

void SocketState::dump_ended() noexcept {
    dump_busy_ = false;
    if (closed_ || waiting_dumps_.empty()) return;
    dump_busy_ = true;
    outbox_.push_back(waiting_dumps_.pop_front());
    loop_->at_turn_end(*this);
}

std::uint32_t SocketState::next_sequence() noexcept {
    // 0 marks what nobody asked for; numbers whose answer is still to come are not used twice.
    do {
        ++last_sequence_;
    } while (last_sequence_ == 0 || pending_.contains(last_sequence_));
    return last_sequence_;
}

void SocketState::send_batch() {
    send_buffer_.clear();
    batch_.clear();
    while (!outbox_.empty() && batch_.size() < max_batch_messages) {
        Exchange& exchange = outbox_.front();
        const std::size_t size = exchange.request_.size();
        if (!batch_.empty() && send_buffer_.size() + size > max_batch_bytes) break;
        const std::uint32_t sequence = next_sequence();
        exchange.request_.set_sequence(sequence);
        const Bytes bytes = exchange.request_.bytes();
        send_buffer_.insert(send_buffer_.end(), bytes.begin(), bytes.end());
        batch_.push_back(sequence);
        pending_.emplace(sequence, Pending{&exchange, exchange.expect_ == Expect::dump});
        outbox_.pop_front();
        exchange.sequence_ = sequence;
        exchange.phase_ = Exchange::Phase::pending;
    }
    transmit();
}

void SocketState::transmit() {
    ssize_t sent;
    do {
        sent = ::send(fd_.get(), send_buffer_.data(), send_buffer_.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    } while (sent < 0 && errno == EINTR);
    if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;  // EPOLLOUT tells when to try again
    const int error_number = sent < 0 ? errno : 0;
    send_buffer_.clear();
    if (error_number == 0) return;
    for (const std::uint32_t sequence : batch_) {
        const auto entry = pending_.find(sequence);
        if (entry == pending_.end()) continue;
        if (entry->second.exchange) entry->second.exchange->answer_.verdict.code = error_number;
        complete(entry);
    }
}

void SocketState::on_events(std::uint32_t events) noexcept {
    // Each answer that was read already leaves an edge behind, which then says EPOLLOUT alone.
    if (events & ~static_cast<std::uint32_t>(EPOLLOUT)) {
        drained_ = false;  // read at the turn's end, with what this turn's tasks will have sent
    } else if (send_buffer_.empty()) {
        return;
    }
    loop_->at_turn_end(*this);
}

void SocketState::on_turn_end() noexcept {
    if (closed_) return;
    try {
        if (!drained_) receive();
        if (drained_ && !send_buffer_.empty()) transmit();
        if (drained_ && send_buffer_.empty() && !outbox_.empty()) {
            send_batch();
            receive();
        }
    } catch (...) {
        // Only memory can fail here. Nobody is left waiting for an answer that was dropped.
        fail_pending(ENOMEM);
    }
    if (!drained_ || (send_buffer_.empty() && !outbox_.empty())) loop_->at_turn_end(*this);
}

// ---- answers

void SocketState::receive() {
    drained_ = false;
    for (int budget = datagrams_per_turn; budget > 0; --budget) {
        sockaddr_nl sender{};
        iovec part{receive_buffer_.data(), receive_buffer_.size()};
        msghdr header{};
        header.msg_name = &sender;
        header.msg_namelen = sizeof sender;
        header.msg_iov = &part;
        header.msg_iovlen = 1;
        const ssize_t size = ::recvmsg(fd_.get(), &header, MSG_DONTWAIT | MSG_TRUNC);
        if (size < 0) {
            const int error_number = errno;
            if (error_number == EINTR) continue;
            if (error_number == ENOBUFS) {
                replies_lost_ = true;
                lost_events();
                continue;
            }
            drained_ = true;
            // The kernel answers before send() returns: what has not come after an overflow never will.
            if (error_number != EAGAIN)
                fail_pending(error_number);
            else if (std::exchange(replies_lost_, false))
                fail_pending(ENOBUFS);
            return;
        }
        if (size == 0) {  // never from the kernel; a peer that stands in for it has gone
            drained_ = true;
            fail_pending(ECONNRESET);
            return;
        }
        const bool from_netlink = header.msg_namelen >= sizeof sender && sender.nl_family == AF_NETLINK;
        // Other processes may send to our port; only the kernel's word counts.
        if (from_netlink && sender.nl_pid != 0) continue;
        const auto length = static_cast<std::size_t>(size);
        const bool truncated = length > receive_buffer_.size();
        const Bytes datagram = Bytes(receive_buffer_).first(std::min(length, receive_buffer_.size()));
        dispatch(datagram, from_netlink && sender.nl_groups != 0, truncated);
        if (truncated && length <= largest_buffer) receive_buffer_.resize(std::bit_ceil(length));
    }
}

void SocketState::dispatch(Bytes datagram, bool multicast, bool truncated) {
    MessageReader reader(datagram);
    while (const auto message = reader.next()) {
        // A notification of a change that we made carries our sequence number: the group tells it apart.
        if (multicast || message->sequence() == 0) {
            event(*message);
        } else if (const auto entry = pending_.find(message->sequence()); entry != pending_.end()) {
            answer(entry, *message);
        }
    }
    if (!reader.malformed()) return;
    if (multicast) {
        lost_events();
    } else {
        lost_rest(reader.rest(), truncated);
    }
}

// A message was cut off or is malformed. Whoever it was for must not wait for ever.
void SocketState::lost_rest(Bytes rest, bool truncated) {
    const auto header = read_struct<nlmsghdr>(rest);
    const auto entry = header ? pending_.find(header->nlmsg_seq) : pending_.end();
    if (entry == pending_.end()) return;
    Exchange* exchange = entry->second.exchange;
    if (exchange && truncated) {
        exchange->answer_.truncated = true;
        if (exchange->expect_ != Expect::reply) return;  // the end of the answer still comes
    } else if (exchange) {
        exchange->answer_.verdict.code = EPROTO;
        exchange->answer_.verdict.text = "the answer is malformed";
    }
    complete(entry);
}

void SocketState::answer(PendingMap::iterator entry, const MessageView& message) {
    Exchange* exchange = entry->second.exchange;
    if (exchange && (message.flags() & NLM_F_DUMP_INTR)) exchange->answer_.interrupted = true;
    switch (message.type()) {
        case NLMSG_NOOP:
            return;
        case NLMSG_ERROR:
        case NLMSG_DONE: {
            auto verdict = message.type() == NLMSG_ERROR ? parse_error(message) : parse_done(message);
            if (exchange) {
                if (verdict) {
                    exchange->answer_.verdict = std::move(*verdict);
                } else {
                    exchange->answer_.verdict.code = EPROTO;
                }
            }
            complete(entry);
            return;
        }
        default:
            break;
    }
    const bool multi = message.flags() & NLM_F_MULTI;
    if (!exchange) {
        // The cancelled one of a plain get ends with its message, as it would have with somebody waiting;
        // of an acknowledged request, only with the acknowledgement. A late one finds no entry: harmless.
        if (!multi && !entry->second.dump) complete(entry);
        return;
    }
    if (exchange->sink_ && !exchange->answer_.failure) {
        try {
            exchange->sink_->on_message(message);
        } catch (...) {
            exchange->answer_.failure = std::current_exception();
        }
    }
    if (exchange->expect_ == Expect::reply && !multi) complete(entry);
}

void SocketState::complete(PendingMap::iterator entry) {
    const Pending ended = entry->second;
    pending_.erase(entry);
    if (ended.exchange) {
        ended.exchange->phase_ = Exchange::Phase::idle;
        ended.exchange->wake();
    }
    if (ended.dump) dump_ended();
}

void SocketState::fail_pending(int error_number) {
    while (!pending_.empty()) {
        const auto entry = pending_.begin();
        if (entry->second.exchange) entry->second.exchange->answer_.verdict.code = error_number;
        complete(entry);
    }
}

// ---- events

void SocketState::event(const MessageView& message) {
    // After a loss the reader has to ask for the whole state anyway, so nothing is added until it knows.
    if (!joined_ || overflow_) return;
    if (events_.size() >= options_.event_limit) {
        overflow_ = true;
        return;
    }
    events_.try_put(Event(Message(message)));
}

void SocketState::lost_events() noexcept {
    if (!joined_ || overflow_) return;
    // A reader that waits on the empty queue must be woken; one that is behind finds it at the end.
    if (events_.empty()) {
        events_.try_put(Event());
    } else {
        overflow_ = true;
    }
}

}  // namespace weft::netlink
