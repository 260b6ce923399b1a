// A TCP stream that was read empty is not asked again before an event: nothing may be missed by that.
#include <weft/core.hpp>

#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <span>
#include <string>

#include <netinet/in.h>
#include <sys/socket.h>

namespace weft {
namespace {

using namespace std::chrono_literals;

// A stream, and the plain blocking socket at its other end.
class Pair {
public:
    explicit Pair(Listener& listener) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        address.sin_port = htons(listener.port());
        if (::connect(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
            throw_errno("connect");
    }
    void send(const std::string& text, int flags = 0) const {
        ASSERT_EQ(::send(socket_.get(), text.data(), text.size(), flags | MSG_NOSIGNAL),
                  static_cast<ssize_t>(text.size()));
    }
    void end() const { ::shutdown(socket_.get(), SHUT_WR); }
    void reset() {
        const linger now{1, 0};
        ::setsockopt(socket_.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
        socket_.reset();
    }

private:
    UniqueFd socket_;
};

Task<std::string> read(Stream& stream) {
    std::array<std::byte, 64> buffer;
    const std::size_t n = co_await timeout(5s, stream.read_some(buffer));
    co_return std::string(reinterpret_cast<const char*>(buffer.data()), n);
}

template <class Body>
void with_pair(Body body) {
    const auto main = [&]() -> Task<void> {
        Listener listener(SocketAddress::loopback(0));
        Pair peer(listener);
        auto stream = co_await listener.accept();
        // Registered, and known to be empty, from here on.
        auto first = spawn(read(*stream));
        co_await yield();
        peer.send("first");
        const std::string text = co_await first;
        EXPECT_EQ(text, "first");
        co_await body(*stream, peer);
    };
    Loop loop;
    loop.run(main());
}

TEST(ShortRead, what_comes_later_is_read) {
    with_pair([](Stream& stream, Pair& peer) -> Task<void> {
        const std::array<std::string, 3> texts = {"a", "bb", "ccc"};
        for (const std::string& text : texts) {
            auto next = spawn(read(stream));
            co_await yield();
            peer.send(text);
            const std::string got = co_await next;
            EXPECT_EQ(got, text);
        }
    });
}

TEST(ShortRead, what_came_before_the_wait_is_read) {
    with_pair([](Stream& stream, Pair& peer) -> Task<void> {
        peer.send("early");
        const std::string text = co_await read(stream);
        EXPECT_EQ(text, "early");
    });
}

TEST(ShortRead, an_end_that_came_with_the_data_is_seen) {
    with_pair([](Stream& stream, Pair& peer) -> Task<void> {
        peer.send("last");
        peer.end();
        const std::string text = co_await read(stream);
        EXPECT_EQ(text, "last");
        const std::string end = co_await read(stream);
        EXPECT_EQ(end, "");
    });
}

TEST(ShortRead, an_end_that_came_after_the_data_is_seen) {
    with_pair([](Stream& stream, Pair& peer) -> Task<void> {
        peer.send("last");
        const std::string text = co_await read(stream);
        EXPECT_EQ(text, "last");
        peer.end();
        const std::string end = co_await read(stream);
        EXPECT_EQ(end, "");
    });
}

TEST(ShortRead, a_reset_is_seen) {
    with_pair([](Stream& stream, Pair& peer) -> Task<void> {
        peer.send("last");
        const std::string text = co_await read(stream);
        EXPECT_EQ(text, "last");
        peer.reset();
        bool failed = false;
        try {
            co_await read(stream);
        } catch (const SystemError& error) {
            failed = error.code() == std::errc::connection_reset;
        }
        EXPECT_TRUE(failed);
    });
}

// A read stops short at the urgent mark although more is there (tcp(7)).
TEST(ShortRead, data_behind_an_urgent_mark_is_read) {
    with_pair([](Stream& stream, Pair& peer) -> Task<void> {
        peer.send("ab");
        peer.send("!", MSG_OOB);
        peer.send("cd");
        std::string all;
        while (all.size() < 4) {
            const std::string text = co_await read(stream);
            if (text.empty()) break;
            all += text;
        }
        EXPECT_EQ(all, "abcd");
    });
}

}  // namespace
}  // namespace weft
