// SocketState: one netlink socket's requests in flight, shared by the handles and the tasks that use it.
//
// There is no reader task: the loop calls on_events(), and on_turn_end() sends what the turn's tasks asked
// for in one datagram and reads the answers, which the kernel has queued before send() returns.
//
//     queued ──send──▶ pending ──answer──▶ done          a cancelled exchange leaves `queued` at once; when
//        ▲                │                              pending, its sequence number stays reserved
//   waiting_dumps_        └─cancel─▶ pending, no owner   (exchange = null) until the answer was seen
#pragma once

#include <weft/core/loop.hpp>
#include <weft/core/queue.hpp>
#include <weft/core/unique_fd.hpp>
#include <weft/netlink/socket.hpp>
#include <weft/netlink/wire.hpp>

#include <cstdint>
#include <exception>
#include <memory>
#include <unordered_map>
#include <vector>

namespace weft::netlink {

// How the answer to a request ends.
enum class Expect : std::uint8_t {
    reply,  // with its first message, unless that is marked as one of many
    ack,    // with the acknowledgement; messages before it are the echo
    dump,   // with NLMSG_DONE
};

// Receives the messages of an answer while the datagram that holds them is in the buffer.
class AnswerSink {
public:
    virtual void on_message(const MessageView& message) = 0;
    // What came so far does not count: the request is made again.
    virtual void restart() = 0;

protected:
    ~AnswerSink() = default;
};

struct Answer {
    Answer() {}
    Verdict verdict;
    std::vector<std::uint16_t> attribute_path;  // of verdict.offset
    std::exception_ptr failure;                 // the sink threw
    bool interrupted = false;                   // NLM_F_DUMP_INTR
    bool truncated = false;                     // a message did not fit into the receive buffer
    bool closed = false;
};

class SocketState final : public FdHandler, public TurnEnd {
public:
    class Exchange;

    // Takes a socket that is bound already.
    SocketState(UniqueFd fd, Namespace where, SocketOptions options);
    SocketState(const SocketState&) = delete;
    SocketState& operator=(const SocketState&) = delete;
    ~SocketState();

    [[nodiscard]] const SocketOptions& options() const noexcept { return options_; }
    [[nodiscard]] const Namespace& network_namespace() const noexcept { return where_; }
    [[nodiscard]] int fd() const noexcept { return fd_.get(); }
    [[nodiscard]] bool closed() const noexcept { return closed_; }

    // Registers with the running loop, once. Throws UsageError on a second loop.
    void attach();
    void join(std::uint32_t group);
    Queue<Event>& events() noexcept { return events_; }
    // True once after messages were dropped.
    [[nodiscard]] bool take_overflow() noexcept { return std::exchange(overflow_, false); }
    void close() noexcept;

    // Sequence numbers whose answers have not been seen.
    [[nodiscard]] std::size_t pending_count() const noexcept { return pending_.size(); }

    void on_events(std::uint32_t events) noexcept override;
    void on_turn_end() noexcept override;

private:
    struct Pending {
        Exchange* exchange;  // null when nobody waits any more
        bool dump;
    };
    using PendingMap = std::unordered_map<std::uint32_t, Pending>;

    void enqueue(Exchange& exchange) noexcept;
    void abandon(Exchange& exchange) noexcept;
    void send_batch();
    void transmit();
    void receive();
    void dispatch(Bytes datagram, bool multicast, bool truncated);
    void answer(PendingMap::iterator entry, const MessageView& message);
    void lost_rest(Bytes rest, bool truncated);
    void complete(PendingMap::iterator entry);
    void fail_pending(int error_number);
    void dump_ended() noexcept;
    void event(const MessageView& message);
    void lost_events() noexcept;
    [[nodiscard]] std::uint32_t next_sequence() noexcept;

    UniqueFd fd_;
    Namespace where_;
    SocketOptions options_;
    Loop* loop_ = nullptr;
    bool closed_ = false;

    IntrusiveList<Exchange> outbox_;
    IntrusiveList<Exchange> waiting_dumps_;
    PendingMap pending_;
    std::uint32_t last_sequence_ = 0;
    bool dump_busy_ = false;  // a dump is in the outbox or runs in the kernel

    std::vector<std::uint8_t> send_buffer_;  // one datagram; kept when the socket would not take it
    std::vector<std::uint32_t> batch_;       // the sequence numbers in it
    std::vector<std::uint8_t> receive_buffer_;
    bool drained_ = true;        // the last read said EAGAIN
    bool replies_lost_ = false;  // ENOBUFS since then

    Queue<Event> events_;
    bool joined_ = false;
    bool overflow_ = false;
};

// One request and its answer:  Answer answer = co_await exchange;
class SocketState::Exchange final : public detail::Waiter, public ListHook<> {
public:
    // `request` and `sink` must live as long as the exchange.
    Exchange(SocketState& state, MessageBuilder& request, Expect expect, AnswerSink* sink) noexcept
        : state_(state), request_(request), sink_(sink), expect_(expect) {}
    ~Exchange() { state_.abandon(*this); }

    bool await_ready() {
        if (cancel_pending()) return true;
        if (state_.closed_) {
            answer_.closed = true;
            return true;
        }
        state_.attach();
        return false;
    }
    void await_suspend(std::coroutine_handle<> frame) noexcept {
        park(frame);
        state_.enqueue(*this);
    }
    Answer await_resume() {
        throw_if_cancelled();
        return std::move(answer_);
    }

private:
    friend class SocketState;
    enum class Phase : std::uint8_t { idle, queued, pending };

    void unlink_wait() noexcept override { state_.abandon(*this); }

    SocketState& state_;
    MessageBuilder& request_;
    AnswerSink* sink_;
    Answer answer_;
    std::uint32_t sequence_ = 0;
    Expect expect_;
    Phase phase_ = Phase::idle;
};

// Opens, binds and sets up a netlink socket in `where`. Throws SystemError.
[[nodiscard]] std::shared_ptr<SocketState> open_socket(Protocol protocol, const Namespace& where,
                                                       SocketOptions options);

// Makes a request, and again when a dump was interrupted or a message did not fit. `sink` may be null.
// Throws ClosedError and what the sink threw; everything else is in the answer.
[[nodiscard]] Task<Answer> transact(std::shared_ptr<SocketState> state, MessageBuilder request, Expect expect,
                                    AnswerSink* sink);

// The next event, see Socket::next_event().
[[nodiscard]] Task<std::optional<Event>> wait_event(std::shared_ptr<SocketState> state);

// Throws netlink::Error or DumpInterruptedError for an answer that is not a success.
[[noreturn]] void throw_failed(const Answer& answer, const std::string& tried);

// The same when it is one; `describe()` says what was tried and is called only then.
template <class F>
void require_success(const Answer& answer, F&& describe) {
    if (answer.verdict.code != 0 || answer.interrupted || answer.truncated) throw_failed(answer, describe());
}

// Decodes each message of an answer into a list; messages that are something else are passed over.
template <class T>
class Collector final : public AnswerSink {
public:
    using Decode = std::optional<T> (*)(const MessageView&);
    explicit Collector(Decode decode) noexcept : decode_(decode) {}
    void on_message(const MessageView& message) override {
        if (auto item = decode_(message)) items.push_back(std::move(*item));
    }
    void restart() override { items.clear(); }

    std::vector<T> items;

private:
    Decode decode_;
};

}  // namespace weft::netlink
