#include <weft/core/gather.hpp>
#include <weft/core/sleep.hpp>
#include <weft/core/spawn.hpp>
#include <weft/testing/fragmented_stream.hpp>
#include <weft/testing/stream_conformance.hpp>

#include <algorithm>
#include <array>
#include <vector>

namespace weft::testing {

namespace {

using namespace std::chrono_literals;

std::string pattern(std::size_t size, unsigned seed) {
    std::string text(size, '\0');
    std::uint32_t state = seed;
    for (char& c : text) {
        state = state * 1664525 + 1013904223;
        c = static_cast<char>(state >> 24);
    }
    return text;
}

Task<std::string> read_exact(Stream& stream, std::size_t size) {
    std::string text(size, '\0');
    co_await stream.read_exactly(std::as_writable_bytes(std::span(text)));
    co_return text;
}

Task<std::string> read_to_end(Stream& stream) {
    std::string text;
    std::array<std::byte, 512> buffer;
    for (;;) {
        const std::size_t n = co_await stream.read_some(buffer);
        if (n == 0) break;
        text.append(reinterpret_cast<const char*>(buffer.data()), n);
    }
    co_return text;
}

Task<void> send(Stream& stream, std::string text) { co_await stream.write_all(text); }

Task<void> bytes_arrive_in_order_both_ways_at_once(StreamPair pair) {
    const std::string there = pattern(20'000, 1);
    const std::string back = pattern(20'000, 2);
    const auto results =
        co_await gather(send(*pair.first, there), send(*pair.second, back),
                        read_exact(*pair.second, there.size()), read_exact(*pair.first, back.size()));
    EXPECT_TRUE(std::get<2>(results) == there);
    EXPECT_TRUE(std::get<3>(results) == back);
}

Task<void> a_writer_waits_for_a_slow_reader(StreamPair pair) {
    const std::string chunk = pattern(1000, 3);
    const ConstBuffer buffer{chunk.data(), chunk.size()};
    // Fill until the stream takes no more; then one write must wait, and go on when there is room.
    std::string sent;
    for (;;) {
        const IoResult result = pair.first->try_write({&buffer, 1});
        if (result.status != IoResult::Status::ok) break;
        sent += chunk.substr(0, result.bytes);
        if (sent.size() > 64u << 20) break;
    }
    EXPECT_LE(sent.size(), 64u << 20) << "nothing ever pushes back";
    auto writer = spawn(send(*pair.first, "last"));
    co_await sleep(2ms);
    EXPECT_FALSE(writer.done());
    sent += "last";
    const std::string got = co_await read_exact(*pair.second, sent.size());
    EXPECT_TRUE(got == sent);
    co_await writer;
}

Task<void> the_end_comes_after_the_bytes_and_the_other_way_goes_on(StreamPair pair) {
    co_await pair.first->write_all("request");
    pair.first->shutdown_write();
    const std::string request = co_await read_to_end(*pair.second);
    EXPECT_EQ(request, "request");
    std::array<std::byte, 4> buffer;
    const std::size_t again = co_await pair.second->read_some(buffer);
    EXPECT_EQ(again, 0u) << "the end stays the end";
    co_await pair.second->write_all("answer");
    const std::string answer = co_await read_exact(*pair.first, 6);
    EXPECT_EQ(answer, "answer");
}

Task<void> close_wakes_the_reader_with_closed_error(StreamPair pair) {
    auto reader = spawn(read_exact(*pair.first, 1));
    co_await sleep(1ms);
    EXPECT_FALSE(reader.done());
    pair.first->close();
    bool closed = false;
    try {
        co_await reader;
    } catch (const ClosedError&) {
        closed = true;
    }
    EXPECT_TRUE(closed);
}

Task<void> everything_but_close_and_peer_throws_after_close(StreamPair pair) {
    pair.first->close();
    pair.first->close();
    std::array<std::byte, 4> buffer;
    const ConstBuffer bytes{"x", 1};
    EXPECT_THROW((void)pair.first->try_read(buffer), ClosedError);
    EXPECT_THROW((void)pair.first->try_write({&bytes, 1}), ClosedError);
    EXPECT_THROW(pair.first->shutdown_write(), ClosedError);
    EXPECT_THROW((void)pair.first->read_readiness(), ClosedError);
    EXPECT_THROW((void)pair.first->write_readiness(), ClosedError);
    EXPECT_FALSE(pair.first->peer().empty());
    co_return;
}

Task<void> a_closed_peer_is_the_end_for_reads_and_an_error_for_writes(StreamPair pair) {
    co_await pair.second->write_all("bye");
    pair.second->close();
    const std::string text = co_await read_to_end(*pair.first);
    EXPECT_EQ(text, "bye");
    bool failed = false;
    try {
        // A kernel notices at the second write: the first provokes the reset.
        for (int i = 0; i < 1000; ++i) {
            co_await pair.first->write_all("x");
            co_await yield();
        }
    } catch (const Error&) {
        failed = true;
    }
    EXPECT_TRUE(failed);
}

Task<void> the_death_of_one_end_wakes_the_other(StreamPair pair) {
    auto reader = spawn(read_to_end(*pair.first));
    co_await sleep(1ms);
    pair.second.reset();
    const std::string& text = co_await reader;
    EXPECT_EQ(text, "");
}

Task<void> an_early_end_of_read_exactly_is_a_closed_error(StreamPair pair) {
    co_await pair.second->write_all("abc");
    pair.second->shutdown_write();
    bool closed = false;
    try {
        co_await read_exact(*pair.first, 4);
    } catch (const ClosedError& e) {
        closed = std::string(e.what()).find("3 of 4") != std::string::npos;
    }
    EXPECT_TRUE(closed);
}

Task<void> a_cancelled_read_takes_nothing(StreamPair pair) {
    std::array<std::byte, 8> buffer;
    auto reader = spawn(pair.first->read_some(buffer));
    co_await sleep(1ms);
    reader.cancel();
    bool cancelled = false;
    try {
        co_await reader;
    } catch (const Cancelled&) {
        cancelled = true;
    }
    EXPECT_TRUE(cancelled);
    co_await pair.second->write_all("all of it");
    const std::string text = co_await read_exact(*pair.first, 9);
    EXPECT_EQ(text, "all of it");
}

Task<void> send_parts(Stream& stream, std::vector<std::string> parts, std::size_t size) {
    std::size_t sent = 0;
    while (sent < size) {
        // What is left of each part, empty ones in between.
        std::vector<ConstBuffer> buffers;
        std::size_t skip = sent;
        for (const std::string& part : parts) {
            const std::size_t cut = std::min(skip, part.size());
            skip -= cut;
            buffers.push_back({part.data() + cut, part.size() - cut});
        }
        // Only the first 64 are looked at.
        while (buffers.front().size == 0) buffers.erase(buffers.begin());
        const IoResult result = stream.try_write(buffers);
        EXPECT_NE(result.status, IoResult::Status::end);
        if (result.status == IoResult::Status::would_block) co_await stream.write_readiness().wait();
        sent += result.bytes;
    }
    EXPECT_EQ(sent, size);
}

Task<void> a_vector_of_buffers_is_one_sequence(StreamPair pair) {
    std::vector<std::string> parts;
    for (int i = 0; i < 70; ++i) parts.push_back(i % 5 == 0 ? "" : pattern(static_cast<std::size_t>(i), 4));
    std::string all;
    for (const std::string& part : parts) all += part;
    const auto results = co_await gather(send_parts(*pair.first, std::move(parts), all.size()),
                                         read_exact(*pair.second, all.size()));
    EXPECT_TRUE(std::get<1>(results) == all);
}

Task<void> nothing_asked_is_nothing_done(StreamPair pair) {
    const IoResult read = pair.first->try_read({});
    EXPECT_EQ(read.status, IoResult::Status::ok);
    EXPECT_EQ(read.bytes, 0u);
    const IoResult written = pair.first->try_write({});
    EXPECT_EQ(written.status, IoResult::Status::ok);
    EXPECT_EQ(written.bytes, 0u);
    std::array<std::byte, 4> buffer;
    EXPECT_EQ(pair.second->try_read(buffer).status, IoResult::Status::would_block);
    co_return;
}

Task<void> two_readers_at_once_are_refused(StreamPair pair) {
    std::array<std::byte, 4> buffer;
    std::array<std::byte, 4> other;
    auto first = spawn(pair.first->read_some(buffer));
    co_await sleep(1ms);
    bool refused = false;
    try {
        co_await pair.first->read_some(other);
    } catch (const UsageError&) {
        refused = true;
    }
    EXPECT_TRUE(refused);
    co_await pair.second->write_all("x");
    const std::size_t n = co_await first;
    EXPECT_EQ(n, 1u) << "the first one is not disturbed";
}

Task<void> a_busy_stream_lets_other_tasks_run(StreamPair pair) {
    bool stop = false;
    std::size_t other_turns = 0;
    const auto other = [&]() -> Task<void> {
        while (!stop) {
            ++other_turns;
            co_await yield();
        }
    };
    auto handle = spawn(other());
    // Neither end ever waits: each byte is there when it is asked for.
    std::array<std::byte, 1> byte{};
    for (int i = 0; i < 1000; ++i) {
        co_await pair.first->write_all(byte);
        const bool there = pair.second->try_read(byte).status == IoResult::Status::ok;
        if (!there) co_await pair.second->read_exactly(byte);
    }
    stop = true;
    co_await handle;
    EXPECT_GE(other_turns, 10u);
}

constexpr StreamScenario scenarios[] = {
    {"bytes_arrive_in_order_both_ways_at_once", bytes_arrive_in_order_both_ways_at_once},
    {"a_writer_waits_for_a_slow_reader", a_writer_waits_for_a_slow_reader},
    {"the_end_comes_after_the_bytes_and_the_other_way_goes_on",
     the_end_comes_after_the_bytes_and_the_other_way_goes_on},
    {"close_wakes_the_reader_with_closed_error", close_wakes_the_reader_with_closed_error},
    {"everything_but_close_and_peer_throws_after_close", everything_but_close_and_peer_throws_after_close},
    {"a_closed_peer_is_the_end_for_reads_and_an_error_for_writes",
     a_closed_peer_is_the_end_for_reads_and_an_error_for_writes},
    {"the_death_of_one_end_wakes_the_other", the_death_of_one_end_wakes_the_other},
    {"an_early_end_of_read_exactly_is_a_closed_error", an_early_end_of_read_exactly_is_a_closed_error},
    {"a_cancelled_read_takes_nothing", a_cancelled_read_takes_nothing},
    {"a_vector_of_buffers_is_one_sequence", a_vector_of_buffers_is_one_sequence},
    {"nothing_asked_is_nothing_done", nothing_asked_is_nothing_done},
    {"two_readers_at_once_are_refused", two_readers_at_once_are_refused},
    {"a_busy_stream_lets_other_tasks_run", a_busy_stream_lets_other_tasks_run},
};

}  // namespace

std::span<const StreamScenario> stream_scenarios() { return scenarios; }

Task<void> run_scenario(StreamScenario scenario, Task<StreamPair> pair, std::size_t chunk) {
    StreamPair streams = co_await std::move(pair);
    // Filling a kernel's buffer a byte at a time takes minutes under a sanitizer.
    const bool fills = scenario.run == a_writer_waits_for_a_slow_reader;
    if (chunk != 0 && !fills) {
        streams.first = fragmented(std::move(streams.first), chunk);
        streams.second = fragmented(std::move(streams.second), chunk);
    }
    co_await scenario.run(std::move(streams));
}

}  // namespace weft::testing
