#include <weft/core/event.hpp>
#include <weft/core/loop.hpp>
#include <weft/core/spawn.hpp>
#include <weft/core/stream_reader.hpp>
#include <weft/core/stream_writer.hpp>

#include <exception>

namespace weft {

// Shared with the flusher, a task that exists while the peer is slower than we are. The writer holds its
// handle and the flusher holds the state: the cycle ends when the flusher does, or when the writer dies.
struct StreamWriter::State final : TurnEnd, std::enable_shared_from_this<StreamWriter::State> {
    std::shared_ptr<Stream> stream;
    WriterLimits limits;
    std::string buffer;
    std::size_t sent = 0;  // of buffer
    std::exception_ptr failure;
    Event low;     // set while drain() need not wait
    Event closed;  // set when nothing more happens
    TaskHandle<void> flusher;
    bool flushing = false;
    bool eof_wanted = false;
    bool eof_sent = false;
    bool close_due = false;

    State() { low.set(); }

    [[nodiscard]] std::size_t held() const noexcept { return buffer.size() - sent; }

    // True when everything was sent, or never will be.
    bool flush() noexcept {
        try {
            while (held() > 0 && !failure) {
                const ConstBuffer rest{buffer.data() + sent, held()};
                const IoResult result = stream->try_write({&rest, 1});
                if (result.status == IoResult::Status::would_block) break;
                sent += result.bytes;
            }
        } catch (...) {
            fail(std::current_exception());
        }
        if (held() == 0) {
            buffer.clear();
            sent = 0;
        } else if (sent > held()) {
            buffer.erase(0, sent);
            sent = 0;
        }
        if (held() > limits.high_water && !failure) {
            low.clear();
        } else if (held() <= limits.high_water / 4 || failure) {
            low.set();
        }
        if (held() == 0) finish_writing();
        return held() == 0;
    }

    void finish_writing() noexcept {
        try {
            if (eof_wanted && !std::exchange(eof_sent, true) && !failure && !closed.is_set())
                stream->shutdown_write();
        } catch (...) {
            fail(std::current_exception());
        }
        if (close_due) shut();
    }

    void fail(std::exception_ptr error) noexcept {
        if (!failure) failure = std::move(error);
        buffer.clear();
        sent = 0;
        low.set();
    }

    void shut() noexcept {
        stream->close();
        closed.set();
    }

    void flush_or_go_on_later() noexcept {
        const bool done = flush();
        if (done || flushing) return;
        try {
            flushing = true;
            flusher = spawn(run_flusher(shared_from_this()), "stream writer");
        } catch (...) {
            flushing = false;
            fail(std::current_exception());
        }
    }

    void on_turn_end() noexcept override { flush_or_go_on_later(); }

    static Task<void> run_flusher(std::shared_ptr<State> state) {
        try {
            for (;;) {
                const bool done = state->flush();
                if (done) break;
                co_await state->stream->write_readiness().wait();
            }
        } catch (const Cancelled&) {
            // The writer died, or the loop ends: what is left is not sent.
            if (state->held() > 0)
                state->fail(std::make_exception_ptr(ClosedError("the stream to " + state->stream->peer() +
                                                                " was aborted with bytes unsent")));
            state->shut();
        } catch (...) {
            state->fail(std::current_exception());
            state->finish_writing();
        }
        state->flushing = false;
    }

    static Task<void> drain(std::shared_ptr<State> state) {
        state->flush_or_go_on_later();
        co_await state->low.wait();
        if (state->failure) std::rethrow_exception(state->failure);
    }

    static Task<void> wait_closed(std::shared_ptr<State> state) {
        co_await state->closed.wait();
        if (state->failure) std::rethrow_exception(state->failure);
    }

    void abort() noexcept {
        unlink();
        if (held() > 0)
            fail(std::make_exception_ptr(
                ClosedError("the stream to " + stream->peer() + " was aborted with bytes unsent")));
        shut();
        low.set();
        flusher = TaskHandle<void>();
    }
};

StreamWriter::StreamWriter(std::shared_ptr<Stream> stream, WriterLimits limits)
    : state_(std::make_shared<State>()) {
    state_->stream = std::move(stream);
    state_->limits = limits;
}

StreamWriter::StreamWriter(StreamWriter&&) noexcept = default;
StreamWriter& StreamWriter::operator=(StreamWriter&& other) noexcept {
    std::swap(state_, other.state_);
    return *this;
}
StreamWriter::~StreamWriter() {
    if (state_) state_->abort();
}

void StreamWriter::write(std::string_view bytes) {
    State& s = *state_;
    if (s.failure) std::rethrow_exception(s.failure);
    if (s.close_due || s.closed.is_set())
        throw ClosedError("the stream to " + s.stream->peer() + " is closed");
    if (s.eof_wanted) throw ClosedError("write to " + s.stream->peer() + " after write_eof()");
    if (bytes.size() > s.limits.max_buffered - std::min(s.held(), s.limits.max_buffered))
        throw LimitOverrun("more than " + std::to_string(s.limits.max_buffered) + " bytes are buffered for " +
                               s.stream->peer() + "; await drain() between writes",
                           s.limits.max_buffered);
    s.buffer.append(bytes);
    // With a flusher at work the peer has no room now.
    if (!s.flushing) Loop::current().at_turn_end(s);
}

void StreamWriter::write_eof() {
    if (state_->failure) std::rethrow_exception(state_->failure);
    if (state_->close_due || state_->closed.is_set())
        throw ClosedError("the stream to " + state_->stream->peer() + " is closed");
    state_->eof_wanted = true;
    if (!state_->flushing) state_->flush_or_go_on_later();
}

void StreamWriter::close() noexcept {
    if (state_->close_due) return;
    state_->close_due = true;
    if (!state_->flushing) state_->flush_or_go_on_later();
}

Task<void> StreamWriter::drain() { return State::drain(state_); }
Task<void> StreamWriter::wait_closed() { return State::wait_closed(state_); }
void StreamWriter::abort() noexcept { state_->abort(); }
std::size_t StreamWriter::buffered() const noexcept { return state_->held(); }
bool StreamWriter::closing() const noexcept { return state_->close_due || state_->closed.is_set(); }
std::string StreamWriter::peer() const { return state_->stream->peer(); }

}  // namespace weft
