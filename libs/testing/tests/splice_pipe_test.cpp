// Bytes from socket to socket through a pipe, against the kernel.
#include <weft/core.hpp>
#include <weft/testing/co_test.hpp>
#include <weft/testing/error_of.hpp>
#include <weft/testing/memory_stream.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <unistd.h>

namespace weft {
namespace {

using namespace std::chrono_literals;
using weft::testing::error_of;

// Both ends of a connection.
struct Ends {
    Ends(std::unique_ptr<Stream> a, std::unique_ptr<Stream> b) : near(std::move(a)), far(std::move(b)) {}
    std::unique_ptr<Stream> near;
    std::unique_ptr<Stream> far;
};

Task<Ends> connected(SocketAddress address) {
    Listener listener(address);
    auto accepting = spawn(listener.accept());
    auto near = co_await connect(listener.local_address());
    auto far = co_await std::move(accepting);
    co_return Ends(std::move(near), std::move(far));
}

std::string text_of(std::size_t size) {
    std::string text(size, ' ');
    for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>('a' + i % 26);
    return text;
}

Task<std::string> read_text(Stream& stream, std::size_t size) {
    std::string text(size, ' ');
    co_await timeout(5s, stream.read_exactly(std::as_writable_bytes(std::span(text))));
    co_return text;
}

Task<void> wait_for(Stream& stream, std::size_t size) {
    while (stream.waiting() < size) co_await sleep(1ms);
}

std::vector<SocketAddress> addresses() {
    return {SocketAddress::loopback(0),
            SocketAddress::unix_abstract("weft-splice-" + std::to_string(::getpid()))};
}

Task<void> moves(SocketAddress address) {
    const Ends from = co_await connected(address);
    const Ends to = co_await connected(address);
    EXPECT_TRUE(SplicePipe::joins(*from.far, *to.near));
    const std::string text = text_of(100'000);
    co_await from.near->write_all(text);
    co_await wait_for(*from.far, text.size());
    SplicePipe pipe;
    EXPECT_TRUE(pipe.put(std::as_bytes(std::span(std::string_view("head ")))));
    while (pipe.size() < 5 + text.size()) {
        const IoResult result = pipe.fill(*from.far, 5 + text.size() - pipe.size());
        EXPECT_EQ(result.status, IoResult::Status::ok);
        if (result.status != IoResult::Status::ok) co_return;
    }
    EXPECT_EQ(from.far->waiting(), 0u);
    auto reading = spawn(read_text(*to.far, 5 + text.size()));
    while (pipe.size() != 0)
        if (pipe.drain(*to.near).status == IoResult::Status::would_block)
            co_await to.near->write_readiness().wait();
    const std::string got = co_await std::move(reading);
    EXPECT_EQ(got, "head " + text);
}

Task<void> keeps(SocketAddress address) {
    const Ends from = co_await connected(address);
    const Ends to = co_await connected(address);
    // The way onwards is full.
    const std::string filler(65536, '-');
    const std::array<ConstBuffer, 1> one{ConstBuffer{filler.data(), filler.size()}};
    while (to.near->try_write(one).status == IoResult::Status::ok) co_await yield();
    const std::string text = text_of(50'000);
    co_await from.near->write_all(text);
    co_await wait_for(*from.far, text.size());
    SplicePipe pipe;
    while (pipe.size() < text.size()) (void)pipe.fill(*from.far, text.size());
    while (pipe.drain(*to.near).status == IoResult::Status::ok) co_await yield();
    std::string rest(pipe.size(), ' ');
    EXPECT_EQ(pipe.read(std::as_writable_bytes(std::span(rest))), rest.size());
    EXPECT_EQ(rest, text.substr(text.size() - rest.size()));
    EXPECT_GT(rest.size(), 0u);
    EXPECT_EQ(pipe.size(), 0u);
}

Task<void> tells(SocketAddress address) {
    Ends from = co_await connected(address);
    Ends to = co_await connected(address);
    SplicePipe pipe;
    EXPECT_EQ(pipe.fill(*from.far, 10).status, IoResult::Status::would_block);
    EXPECT_FALSE(SplicePipe::ended(*from.far));
    co_await from.near->write_all("last");
    from.near->close();
    while (!SplicePipe::ended(*from.far)) co_await sleep(1ms);
    EXPECT_EQ(pipe.fill(*from.far, 10).bytes, 4u);
    EXPECT_EQ(pipe.fill(*from.far, 10).status, IoResult::Status::end);
    to.far->close();
    // SIGPIPE would end this program. The first write to a closed TCP connection still succeeds.
    const auto give_on = [&]() -> Task<void> {
        for (;;) {
            if (pipe.size() == 0) (void)pipe.put(std::as_bytes(std::span(std::string_view("more"))));
            (void)pipe.drain(*to.near);
            co_await sleep(1ms);
        }
    };
    const std::string lost = co_await error_of<SystemError>(timeout(5s, give_on()));
    EXPECT_THAT(lost, ::testing::HasSubstr("splice to "));
}

CO_TEST(SplicePipe, moves_what_has_come_behind_what_was_put) {
    const auto all = addresses();
    for (const SocketAddress& address : all) co_await moves(address);
}
CO_TEST(SplicePipe, keeps_what_the_other_end_does_not_take) {
    const auto all = addresses();
    for (const SocketAddress& address : all) co_await keeps(address);
}
CO_TEST(SplicePipe, tells_the_end_and_a_lost_peer) {
    const auto all = addresses();
    for (const SocketAddress& address : all) co_await tells(address);
}

CO_TEST(SplicePipe, takes_no_more_than_its_room_and_no_large_head) {
    const Ends from = co_await connected(SocketAddress::loopback(0));
    SplicePipe pipe;
    const std::vector<std::byte> large(4097);
    EXPECT_FALSE(pipe.put(large));
    EXPECT_EQ(pipe.size(), 0u);
    const std::vector<std::byte> page(4096);
    while (pipe.put(page)) continue;
    EXPECT_GE(pipe.size(), 65536u);
    co_await from.near->write_all("more");
    co_await wait_for(*from.far, 4);
    EXPECT_EQ(pipe.fill(*from.far, 4).status, IoResult::Status::would_block);
    EXPECT_EQ(from.far->waiting(), 4u);
}

CO_TEST(SplicePipe, joins_sockets_only) {
    const Ends tcp = co_await connected(SocketAddress::loopback(0));
    auto memory = weft::testing::memory_stream_pair();
    EXPECT_FALSE(SplicePipe::joins(*tcp.near, *memory.first));
    EXPECT_FALSE(SplicePipe::joins(*memory.first, *tcp.near));
    EXPECT_EQ(memory.first->waiting(), 0u);
}

}  // namespace
}  // namespace weft
