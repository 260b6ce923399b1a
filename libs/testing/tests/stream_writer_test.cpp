#include <weft/core.hpp>
#include <weft/core/stream_writer.hpp>
#include <weft/testing/co_test.hpp>
#include <weft/testing/memory_stream.hpp>

#include <array>
#include <optional>
#include <string>

namespace weft::testing {
namespace {

using namespace std::chrono_literals;

struct Setup {
    explicit Setup(std::size_t capacity, WriterLimits limits = WriterLimits())
        : pair(memory_stream_pair({.capacity = capacity})),
          writer(std::in_place, std::shared_ptr<Stream>(std::move(pair.first)), limits),
          reader(std::shared_ptr<Stream>(std::move(pair.second))) {}

    StreamPair pair;
    std::optional<StreamWriter> writer;
    StreamReader reader;
};

CO_TEST_MANUAL(StreamWriter, sends_at_the_end_of_the_turn_without_drain) {
    Setup s(100);
    s.writer->write("a");
    s.writer->write("b");
    EXPECT_EQ(s.writer->buffered(), 2u);
    const std::string text = co_await s.reader.read(10);
    EXPECT_EQ(text, "ab");
    EXPECT_EQ(s.writer->buffered(), 0u);
}

CO_TEST_MANUAL(StreamWriter, drain_waits_above_high_water_and_not_below) {
    Setup s(10, {.high_water = 8});
    s.writer->write(std::string(18, 'x'));
    co_await s.writer->drain();  // 8 are left: not more than the mark
    EXPECT_EQ(s.writer->buffered(), 8u);
    s.writer->write("y");
    auto drained = spawn(s.writer->drain());
    co_await sleep(1ms);
    EXPECT_FALSE(drained.done());
    const std::string first = co_await s.reader.read_exactly(10);
    co_await drained;
    EXPECT_LE(s.writer->buffered(), 2u);
    const std::string rest = co_await s.reader.read_exactly(9);
    EXPECT_EQ(first + rest, std::string(18, 'x') + "y");
}

CO_TEST_MANUAL(StreamWriter, close_sends_everything_first) {
    Setup s(4);
    s.writer->write("0123456789");
    s.writer->close();
    bool refused = false;
    try {
        s.writer->write("x");
    } catch (const ClosedError&) {
        refused = true;
    }
    EXPECT_TRUE(refused);
    auto closed = spawn(s.writer->wait_closed());
    const std::string text = co_await s.reader.read_to_end(100);
    EXPECT_EQ(text, "0123456789");
    co_await closed;
}

CO_TEST_MANUAL(StreamWriter, write_eof_ends_after_the_bytes_and_refuses_more) {
    Setup s(4);
    s.writer->write("0123456789");
    s.writer->write_eof();
    EXPECT_THROW(s.writer->write("x"), ClosedError);
    const std::string text = co_await s.reader.read_to_end(100);
    EXPECT_EQ(text, "0123456789");
    EXPECT_FALSE(s.writer->closing());
}

CO_TEST_MANUAL(StreamWriter, a_lost_peer_is_reported_by_write_drain_and_wait_closed) {
    auto pair = memory_stream_pair({.capacity = 4});
    StreamWriter writer(std::shared_ptr<Stream>(std::move(pair.first)));
    writer.write("0123456789");
    co_await yield();
    pair.second.reset();
    int reported = 0;
    try {
        co_await sleep(1ms);
        co_await writer.drain();
    } catch (const SystemError&) {
        ++reported;
    }
    try {
        writer.write("x");
    } catch (const SystemError&) {
        ++reported;
    }
    writer.close();
    try {
        co_await writer.wait_closed();
    } catch (const SystemError&) {
        ++reported;
    }
    EXPECT_EQ(reported, 3);
}

CO_TEST_MANUAL(StreamWriter, dropping_it_aborts_the_stream) {
    Setup s(4);
    s.writer->write("0123456789");
    co_await sleep(1ms);
    auto closed = spawn(s.writer->wait_closed());
    co_await yield();
    s.writer.reset();
    const std::string text = co_await s.reader.read_to_end(100);
    EXPECT_EQ(text, "0123");
    bool told = false;
    try {
        co_await closed;
    } catch (const ClosedError& e) {
        told = std::string(e.what()).find("unsent") != std::string::npos;
    }
    EXPECT_TRUE(told);
}

CO_TEST_MANUAL(StreamWriter, forgetting_drain_meets_the_limit) {
    Setup s(4, {.max_buffered = 100});
    s.writer->write(std::string(100, 'x'));
    EXPECT_THROW(s.writer->write("x"), LimitOverrun);
    co_return;
}

}  // namespace
}  // namespace weft::testing
