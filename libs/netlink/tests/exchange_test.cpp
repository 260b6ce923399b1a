// Requests and answers against a scripted peer: the orders and faults that a kernel shows only rarely.
#include "socket_state.hpp"

#include <weft/core.hpp>
#include <weft/netlink.hpp>
#include <weft/testing/co_test.hpp>

#include <gtest/gtest.h>

#include <cerrno>
#include <vector>

#include <linux/netlink.h>
#include <sys/socket.h>
#include <unistd.h>

namespace weft::netlink {
namespace {

using namespace std::chrono_literals;

// The other end of a socket. Sees the requests, says what it likes.
class Peer {
public:
    Peer() {
        int ends[2];
        if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0)
            throw_errno("socketpair");
        fd = AsyncFd(UniqueFd(ends[0]));
        SocketOptions options;
        options.dump_retries = 2;
        state = std::make_shared<SocketState>(UniqueFd(ends[1]), Namespace::current(), options);
    }

    // The next datagram's messages: their sequence numbers.
    Task<std::vector<std::uint32_t>> requests() {
        std::vector<std::uint8_t> buffer(65536);
        for (;;) {
            const ssize_t size = ::recv(fd.get(), buffer.data(), buffer.size(), 0);
            if (size >= 0) {
                std::vector<std::uint32_t> sequences;
                MessageReader reader(Bytes(buffer).first(static_cast<std::size_t>(size)));
                while (const auto message = reader.next()) sequences.push_back(message->sequence());
                co_return sequences;
            }
            co_await fd.read_readiness().wait();
        }
    }
    Task<std::uint32_t> request() {
        const auto sequences = co_await requests();
        EXPECT_EQ(sequences.size(), 1u);
        co_return sequences.empty() ? 0 : sequences.front();
    }

    void send(const MessageBuilder& message) { send(message.bytes()); }
    void send(Bytes bytes) {
        EXPECT_EQ(::send(fd.get(), bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size()));
    }
    void say(std::uint32_t sequence, std::uint16_t flags, std::uint32_t value) {
        MessageBuilder message(100, flags);
        message.fixed(value);
        message.set_sequence(sequence);
        send(message);
    }
    void error(std::uint32_t sequence, int code) {
        MessageBuilder message(NLMSG_ERROR);
        nlmsgerr fixed{};
        fixed.error = code;
        message.fixed(fixed);
        message.set_sequence(sequence);
        send(message);
    }
    void done(std::uint32_t sequence, std::uint16_t flags = 0) {
        MessageBuilder message(NLMSG_DONE, static_cast<std::uint16_t>(NLM_F_MULTI | flags));
        message.fixed(std::int32_t{0});
        message.set_sequence(sequence);
        send(message);
    }

    AsyncFd fd;
    std::shared_ptr<SocketState> state;
};

std::optional<std::uint32_t> decode_value(const MessageView& message) {
    return message.fixed<std::uint32_t>();
}

Task<std::vector<std::uint32_t>> ask(std::shared_ptr<SocketState> state, Expect expect) {
    Collector<std::uint32_t> sink(decode_value);
    const Answer answer = co_await transact(std::move(state), MessageBuilder(50), expect, &sink);
    require_success(answer, [] { return std::string("ask"); });
    co_return std::move(sink.items);
}

// Not braces: g++ 12 destroys an initialiser list beside a co_await twice.
template <class... Value>
std::vector<std::uint32_t> values(Value... value) {
    return {static_cast<std::uint32_t>(value)...};
}

CO_TEST(Exchange, requests_of_one_turn_leave_together_and_answers_may_come_in_any_order) {
    Peer peer;
    auto first = spawn(ask(peer.state, Expect::reply));
    auto second = spawn(ask(peer.state, Expect::reply));
    auto third = spawn(ask(peer.state, Expect::ack));
    const auto sequences = co_await peer.requests();
    EXPECT_EQ(sequences.size(), 3u);
    peer.error(sequences[2], 0);
    peer.say(sequences[1], 0, 22);
    peer.say(sequences[0], 0, 11);
    EXPECT_EQ(co_await first, values(11));
    EXPECT_EQ(co_await second, values(22));
    EXPECT_EQ(co_await third, values());
    EXPECT_EQ(peer.state->pending_count(), 0u);
}

CO_TEST(Exchange, dumps_wait_for_each_other_and_plain_requests_do_not) {
    Peer peer;
    auto first = spawn(ask(peer.state, Expect::dump));
    auto second = spawn(ask(peer.state, Expect::dump));
    auto third = spawn(ask(peer.state, Expect::reply));
    const auto sequences = co_await peer.requests();
    EXPECT_EQ(sequences.size(), 2u) << "one dump and the plain one";
    peer.say(sequences[0], NLM_F_MULTI, 1);
    peer.say(sequences[1], 0, 3);
    EXPECT_EQ(co_await third, values(3));
    peer.say(sequences[0], NLM_F_MULTI, 2);
    peer.done(sequences[0]);
    EXPECT_EQ(co_await first, values(1, 2));
    const std::uint32_t later = co_await peer.request();
    peer.done(later);
    EXPECT_EQ(co_await second, values());
}

CO_TEST(Exchange, an_interrupted_dump_is_asked_for_again) {
    Peer peer;
    auto dump = spawn(ask(peer.state, Expect::dump));
    std::uint32_t sequence = co_await peer.request();
    peer.say(sequence, NLM_F_MULTI | NLM_F_DUMP_INTR, 1);
    peer.done(sequence);
    sequence = co_await peer.request();
    peer.say(sequence, NLM_F_MULTI, 2);
    peer.done(sequence);
    EXPECT_EQ(co_await dump, values(2)) << "nothing of the first try is left";
}

CO_TEST(Exchange, a_dump_that_is_always_interrupted_ends_with_an_error) {
    Peer peer;
    auto dump = spawn(ask(peer.state, Expect::dump));
    for (int i = 0; i < 3; ++i) {  // once, and two retries
        const std::uint32_t sequence = co_await peer.request();
        peer.done(sequence, NLM_F_DUMP_INTR);
    }
    bool interrupted = false;
    try {
        co_await dump;
    } catch (const DumpInterruptedError&) {
        interrupted = true;
    }
    EXPECT_TRUE(interrupted);
}

CO_TEST(Exchange, an_error_that_ends_a_dump_is_not_an_empty_list) {
    Peer peer;
    auto dump = spawn(ask(peer.state, Expect::dump));
    const std::uint32_t sequence = co_await peer.request();
    MessageBuilder message(NLMSG_DONE, NLM_F_MULTI | NLM_F_ACK_TLVS);
    message.fixed(std::int32_t{-ENOENT});
    message.put_text(NLMSGERR_ATTR_MSG, "no such table");
    message.set_sequence(sequence);
    peer.send(message);
    std::string text;
    try {
        co_await dump;
    } catch (const Error& error) {
        EXPECT_EQ(error.error_number(), ENOENT);
        EXPECT_EQ(error.tried(), "ask");
        text = error.what();
    }
    EXPECT_EQ(text, "ask (kernel: no such table): No such file or directory");
}

CO_TEST(Exchange, a_cancelled_request_keeps_its_number_until_the_answer_came) {
    Peer peer;
    auto dump = spawn(ask(peer.state, Expect::dump));
    const std::uint32_t sequence = co_await peer.request();
    auto waiting = spawn(ask(peer.state, Expect::dump));
    dump.cancel();
    bool cancelled = false;
    try {
        co_await dump;
    } catch (const Cancelled&) {
        cancelled = true;
    }
    EXPECT_TRUE(cancelled);
    EXPECT_EQ(peer.state->pending_count(), 1u);
    peer.say(sequence, NLM_F_MULTI, 1);
    peer.done(sequence);
    const std::uint32_t next = co_await peer.request();
    EXPECT_NE(next, sequence);
    peer.say(next, NLM_F_MULTI, 9);
    peer.done(next);
    EXPECT_EQ(co_await waiting, values(9)) << "nothing of the cancelled dump reached the next one";
    EXPECT_EQ(peer.state->pending_count(), 0u);
}

CO_TEST(Exchange, a_dump_cancelled_while_it_waits_leaves_the_line) {
    Peer peer;
    auto first = spawn(ask(peer.state, Expect::dump));
    auto second = spawn(ask(peer.state, Expect::dump));
    auto third = spawn(ask(peer.state, Expect::dump));
    const std::uint32_t sequence = co_await peer.request();
    second.cancel();
    co_await yield();
    peer.done(sequence);
    co_await first;
    const std::uint32_t next = co_await peer.request();
    peer.say(next, NLM_F_MULTI, 3);
    peer.done(next);
    EXPECT_EQ(co_await third, values(3));
    EXPECT_TRUE(second.cancelled());
}

CO_TEST(Exchange, a_request_cancelled_before_the_turn_ends_is_never_sent) {
    Peer peer;
    auto first = spawn(ask(peer.state, Expect::dump));
    co_await yield();  // it is in the outbox, or was just sent
    auto scope = [&]() -> Task<void> {
        auto never = spawn(ask(peer.state, Expect::reply));
        never.cancel();
        co_return;
    };
    co_await scope();
    const auto sequences = co_await peer.requests();
    EXPECT_EQ(sequences.size(), 1u);
    peer.done(sequences.front());
    co_await first;
}

CO_TEST(Exchange, a_malformed_answer_ends_the_request_and_no_other) {
    Peer peer;
    auto bad = spawn(ask(peer.state, Expect::reply));
    auto good = spawn(ask(peer.state, Expect::reply));
    const auto sequences = co_await peer.requests();
    MessageBuilder message(100);
    message.fixed(std::uint32_t{1});
    message.set_sequence(sequences[0]);
    const std::uint32_t lie = 4000;
    message.patch(0, Bytes(reinterpret_cast<const std::uint8_t*>(&lie), sizeof lie));
    peer.send(message);
    int code = 0;
    try {
        co_await bad;
    } catch (const Error& error) {
        code = error.error_number();
    }
    EXPECT_EQ(code, EPROTO);
    const std::uint8_t rubbish[] = {1, 2, 3};
    peer.send(rubbish);
    peer.say(77777, 0, 5);  // a number that nobody asked with
    peer.say(sequences[1], 0, 2);
    EXPECT_EQ(co_await good, values(2));
}

CO_TEST(Exchange, a_message_larger_than_the_buffer_is_asked_for_again_with_a_larger_one) {
    Peer peer;
    auto get = spawn(ask(peer.state, Expect::reply));
    const std::vector<std::uint8_t> large(60000);
    for (int i = 0; i < 2; ++i) {
        const std::uint32_t sequence = co_await peer.request();
        MessageBuilder message(100);
        message.fixed(std::uint32_t{5});
        message.put(1, large).put(2, large);
        message.set_sequence(sequence);
        peer.send(message);
    }
    EXPECT_EQ(co_await get, values(5));
}

CO_TEST(Exchange, close_ends_everything_that_waits) {
    Peer peer;
    auto sent = spawn(ask(peer.state, Expect::reply));
    auto dump = spawn(ask(peer.state, Expect::dump));
    auto queued = spawn(ask(peer.state, Expect::dump));
    co_await peer.requests();
    peer.state->close();
    peer.state->close();
    int closed = 0;
    for (auto* task : {&sent, &dump, &queued}) {
        try {
            co_await *task;
        } catch (const ClosedError&) {
            ++closed;
        }
    }
    EXPECT_EQ(closed, 3);
    try {
        co_await ask(peer.state, Expect::reply);
    } catch (const ClosedError&) {
        ++closed;
    }
    EXPECT_EQ(closed, 4);
}

CO_TEST(Exchange, a_peer_that_goes_away_fails_what_waits) {
    Peer peer;
    auto get = spawn(ask(peer.state, Expect::reply));
    co_await peer.request();
    peer.fd.close();
    bool failed = false;
    try {
        co_await timeout(5s, ask(peer.state, Expect::reply));
    } catch (const weft::Error&) {
        failed = true;
    }
    EXPECT_TRUE(failed);
    peer.state->close();
    try {
        co_await get;
    } catch (const weft::Error&) {
    }
}

}  // namespace
}  // namespace weft::netlink
