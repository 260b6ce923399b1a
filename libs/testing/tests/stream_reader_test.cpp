#include <weft/core.hpp>
#include <weft/core/stream_reader.hpp>
#include <weft/testing/co_test.hpp>
#include <weft/testing/memory_stream.hpp>

#include <string>

namespace weft::testing {
namespace {

using namespace std::chrono_literals;

struct Setup {
    explicit Setup(std::string text, std::size_t limit = StreamReader::default_limit, std::size_t chunk = 0)
        : pair(memory_stream_pair({.capacity = std::size_t{1} << 20, .chunk = chunk})),
          reader(std::shared_ptr<Stream>(std::move(pair.first)), limit) {
        while (!text.empty()) {
            const ConstBuffer buffer{text.data(), text.size()};
            text.erase(0, pair.second->try_write({&buffer, 1}).bytes);
        }
    }
    void end() { pair.second->shutdown_write(); }

    StreamPair pair;
    StreamReader reader;
};

CO_TEST_MANUAL(StreamReader, reads_lines_of_every_kind_in_pieces_of_any_size) {
    for (const std::size_t chunk : {0u, 1u, 2u, 7u}) {
        Setup s("one\ntwo\r\n\nlast", 64, chunk);
        s.end();
        std::string joined;
        for (;;) {
            auto line = co_await s.reader.read_line();
            if (!line) break;
            joined += "[" + *line + "]";
        }
        EXPECT_EQ(joined, "[one][two][][last]") << chunk;
        EXPECT_TRUE(s.reader.at_end());
    }
}

CO_TEST_MANUAL(StreamReader, finds_a_separator_that_is_cut_in_two) {
    for (const std::size_t chunk : {0u, 1u, 2u, 7u}) {
        Setup s("a]]]]>]]>rest", 64, chunk);
        const std::string record = co_await s.reader.read_until("]]>]]>");
        EXPECT_EQ(record, "a]]]]>]]>");
        const std::string rest = co_await s.reader.read_exactly(4);
        EXPECT_EQ(rest, "rest");
    }
}

CO_TEST_MANUAL(StreamReader, a_record_beyond_the_limit_is_an_overrun_and_stays) {
    Setup s("12345678\n1234567\n", 8);
    std::size_t limit = 0;
    try {
        co_await s.reader.read_line();
    } catch (const LimitOverrun& e) {
        limit = e.limit();
    }
    EXPECT_EQ(limit, 8u);
    const std::string taken = co_await s.reader.read_exactly(9);
    EXPECT_EQ(taken, "12345678\n");
    const auto line = co_await s.reader.read_line();
    EXPECT_EQ(line, "1234567") << "exactly the limit, its end included, is good";
}

CO_TEST_MANUAL(StreamReader, an_endless_line_is_refused_before_its_end_comes) {
    Setup s(std::string(100, 'x'), 100);
    bool refused = false;
    try {
        co_await s.reader.read_line();
    } catch (const LimitOverrun&) {
        refused = true;
    }
    EXPECT_TRUE(refused);
}

CO_TEST_MANUAL(StreamReader, an_early_end_gives_the_part_that_came) {
    Setup s("abc");
    s.end();
    std::string partial;
    try {
        co_await s.reader.read_exactly(5);
    } catch (const IncompleteRead& e) {
        partial = e.partial();
    }
    EXPECT_EQ(partial, "abc");
    Setup t("abc");
    t.end();
    partial.clear();
    try {
        co_await t.reader.read_until(";");
    } catch (const IncompleteRead& e) {
        partial = e.partial();
    }
    EXPECT_EQ(partial, "abc");
}

CO_TEST_MANUAL(StreamReader, read_gives_what_is_there_and_empty_at_the_end) {
    Setup s("abcdef");
    const std::string a = co_await s.reader.read(4);
    const std::string b = co_await s.reader.read(4);
    s.end();
    const std::string c = co_await s.reader.read(4);
    EXPECT_EQ(a + "|" + b + "|" + c, "abcd|ef|");
}

CO_TEST_MANUAL(StreamReader, read_to_end_stops_at_its_limit) {
    Setup s(std::string(100, 'x'));
    s.end();
    bool refused = false;
    try {
        co_await s.reader.read_to_end(99);
    } catch (const LimitOverrun&) {
        refused = true;
    }
    EXPECT_TRUE(refused);
    const std::string all = co_await s.reader.read_to_end(100);
    EXPECT_EQ(all.size(), 100u);
}

CO_TEST_MANUAL(StreamReader, a_cancelled_read_keeps_what_came) {
    Setup s("half");
    auto reader = spawn(s.reader.read_line());
    co_await sleep(1ms);
    reader.cancel();
    bool cancelled = false;
    try {
        co_await reader;
    } catch (const Cancelled&) {
        cancelled = true;
    }
    EXPECT_TRUE(cancelled);
    co_await s.pair.second->write_all(" done\n");
    const auto line = co_await s.reader.read_line();
    EXPECT_EQ(line, "half done");
}

CO_TEST_MANUAL(StreamReader, an_absurd_count_allocates_only_what_comes) {
    Setup s("abc");
    s.end();
    constexpr std::size_t absurd = std::size_t{1} << 60;
    bool incomplete = false;
    try {
        co_await s.reader.read_exactly(absurd);
    } catch (const IncompleteRead&) {
        incomplete = true;
    }
    EXPECT_TRUE(incomplete);
}

}  // namespace
}  // namespace weft::testing
