#include <weft/core/sleep.hpp>
#include <weft/core/stream_reader.hpp>

#include <algorithm>
#include <limits>

namespace weft {

namespace {

constexpr std::size_t read_size = std::size_t{16} << 10;
// A count from a hostile header must not allocate before the bytes come.
constexpr std::size_t most_room = std::size_t{1} << 20;

}  // namespace

struct StreamReader::State {
    std::shared_ptr<Stream> stream;
    std::size_t limit;
    std::string buffer;  // [begin, end) is what has come and was not taken
    std::size_t begin = 0;
    std::size_t end = 0;
    bool ended = false;
    detail::FairTurns turns;

    [[nodiscard]] std::string_view view() const { return {buffer.data() + begin, end - begin}; }

    std::string take(std::size_t n) {
        std::string bytes(view().substr(0, n));
        begin += n;
        if (begin == end) begin = end = 0;
        return bytes;
    }
    std::string take_all() { return take(end - begin); }

    // Reads once into the buffer; false when it would block. At least `wanted` bytes of room.
    bool try_fill(std::size_t wanted) {
        wanted = std::max(wanted, read_size);
        if (buffer.size() - end < wanted && begin > 0) {
            buffer.erase(0, begin);
            end -= begin;
            begin = 0;
        }
        if (buffer.size() - end < wanted) buffer.resize(end + wanted);
        const auto room = std::as_writable_bytes(std::span(buffer)).subspan(end);
        const IoResult result = stream->try_read(room);
        if (result.status == IoResult::Status::would_block) return false;
        if (result.status == IoResult::Status::end) ended = true;
        end += result.bytes;
        return true;
    }

    // Waits for more bytes or the end.
    static Task<void> fill(std::shared_ptr<State> state, std::size_t wanted) {
        if (state->turns.is_over()) co_await yield();
        for (;;) {
            const bool done = state->try_fill(wanted);
            if (done) co_return;
            co_await state->stream->read_readiness().wait();
        }
    }

    [[noreturn]] void throw_incomplete(const std::string& wanted) {
        std::string partial = take_all();
        throw IncompleteRead(stream->peer() + " ended the stream after " + std::to_string(partial.size()) +
                                 " bytes of " + wanted,
                             std::move(partial));
    }
    [[noreturn]] void throw_overrun(const char* what, std::size_t most) const {
        throw LimitOverrun(std::string(what) + " from " + stream->peer() + " is longer than the limit of " +
                               std::to_string(most) + " bytes; raise the limit, or take it with read()",
                           most);
    }

    // The length of what ends with `separator`, once it is here; 0 at the end of the stream.
    static Task<std::size_t> find(std::shared_ptr<State> state, std::string separator, const char* what) {
        std::size_t searched = 0;
        for (;;) {
            const std::string_view view = state->view();
            const std::size_t at = view.find(separator, searched);
            const std::size_t length = at == view.npos ? view.size() : at + separator.size();
            // Without the separator, as many bytes as the limit can only be too many.
            if (length > state->limit || (at == view.npos && length == state->limit))
                state->throw_overrun(what, state->limit);
            if (at != view.npos) co_return length;
            if (state->ended) co_return 0;
            // The separator may begin in what is here already.
            searched = view.size() - std::min(view.size(), separator.size() - 1);
            co_await fill(state, 0);
        }
    }

    static Task<std::optional<std::string>> read_line(std::shared_ptr<State> state) {
        const std::size_t length = co_await find(state, "\n", "the line");
        if (length == 0) {
            if (state->view().empty()) co_return std::nullopt;
            co_return state->take_all();
        }
        std::string line = state->take(length);
        line.pop_back();
        if (line.ends_with('\r')) line.pop_back();
        co_return line;
    }

    static Task<std::string> read_until(std::shared_ptr<State> state, std::string separator) {
        if (separator.empty()) throw UsageError("read_until() with an empty separator");
        const std::size_t length = co_await find(state, std::move(separator), "the record");
        if (length == 0) state->throw_incomplete("a record without its separator");
        co_return state->take(length);
    }

    static Task<std::string> read_exactly(std::shared_ptr<State> state, std::size_t count) {
        while (state->view().size() < count) {
            if (state->ended) state->throw_incomplete(std::to_string(count));
            const std::size_t missing = count - state->view().size();
            co_await fill(state, std::min(missing, most_room));
        }
        co_return state->take(count);
    }

    static Task<std::string> read(std::shared_ptr<State> state, std::size_t max) {
        if (max > 0 && state->view().empty() && !state->ended) co_await fill(state, 0);
        co_return state->take(std::min(max, state->view().size()));
    }

    static Task<std::string> read_to_end(std::shared_ptr<State> state, std::size_t max) {
        for (;;) {
            if (state->view().size() > max) state->throw_overrun("the rest of the stream", max);
            if (state->ended) break;
            co_await fill(state, 0);
        }
        co_return state->take_all();
    }
};

StreamReader::StreamReader(std::shared_ptr<Stream> stream, std::size_t limit)
    : state_(std::make_shared<State>()) {
    state_->stream = std::move(stream);
    state_->limit = std::max<std::size_t>(limit, 1);
}
StreamReader::StreamReader(StreamReader&&) noexcept = default;
StreamReader& StreamReader::operator=(StreamReader&&) noexcept = default;
StreamReader::~StreamReader() = default;

Task<std::optional<std::string>> StreamReader::read_line() { return State::read_line(state_); }
Task<std::string> StreamReader::read_until(std::string separator) {
    return State::read_until(state_, std::move(separator));
}
Task<std::string> StreamReader::read_exactly(std::size_t count) { return State::read_exactly(state_, count); }
Task<std::string> StreamReader::read(std::size_t max) { return State::read(state_, max); }
Task<std::string> StreamReader::read_to_end(std::size_t max) { return State::read_to_end(state_, max); }
std::size_t StreamReader::buffered() const noexcept { return state_->view().size(); }
bool StreamReader::at_end() const noexcept { return state_->ended && state_->view().empty(); }

}  // namespace weft
