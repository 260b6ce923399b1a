#include "native_fields.hpp"
#include "session_glue.hpp"

#include <weft/core/error.hpp>
#include <weft/core/sleep.hpp>
#include <weft/core/spawn.hpp>
#include <weft/core/timeout.hpp>
#include <weft/http2/session.hpp>

#include <algorithm>
#include <cstring>
#include <exception>
#include <utility>

namespace weft::http2 {

namespace {

using namespace std::chrono_literals;

constexpr std::size_t read_buffer_size = std::size_t{64} * 1024;
// Frames are made while less than this waits for the write: enough for one large system call.
constexpr std::size_t wire_limit = std::size_t{256} * 1024;
// Requests or responses that leave in one write. A turn that has many writes them in several: the peer works
// on the first while we make the rest.
constexpr unsigned messages_per_write = 32;
// Reads in a row before other tasks get their turn.
constexpr int reads_per_turn = 4;

// nghttp2 runs, and calls back.
class InNative {
public:
    explicit InNative(bool& flag) noexcept : flag_(flag), before_(std::exchange(flag, true)) {}
    InNative(const InNative&) = delete;
    InNative& operator=(const InNative&) = delete;
    ~InNative() { flag_ = before_; }

private:
    bool& flag_;
    bool before_;
};

}  // namespace

Session::Session(std::unique_ptr<Stream> stream, Role role, SessionHandler& handler,
                 const SessionOptions& options)
    : Carrier(stream->peer()), stream_(std::move(stream)), handler_(handler), options_(options), role_(role) {
    native_ = SessionGlue::make(*this, role, options_);
    const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, options_.max_concurrent_streams},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, static_cast<std::uint32_t>(options_.stream_window)},
        {NGHTTP2_SETTINGS_MAX_FRAME_SIZE, options_.max_frame_size},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, options_.max_header_list_size},
    };
    // A server that sent ENABLE_PUSH other than 0 would break RFC 9113 6.5.2; it leaves it out.
    const std::size_t skip = role == Role::server ? 1 : 0;
    nghttp2_submit_settings(native_, NGHTTP2_FLAG_NONE, settings + skip, std::size(settings) - skip);
    nghttp2_session_set_local_window_size(native_, NGHTTP2_FLAG_NONE, 0, options_.connection_window);
}

Session::~Session() {
    finish();
    nghttp2_session_del(native_);
}

void Session::schedule_flush() noexcept {
    if (Loop* loop = Loop::current_or_null(); loop && !ended_) loop->at_turn_end(*this);
}

bool Session::exhausted() const noexcept {
    return wire_.empty() && nghttp2_session_want_read(native_) == 0 &&
           nghttp2_session_want_write(native_) == 0;
}

void Session::fail(std::string text) noexcept {
    if (end_text_.empty()) end_text_ = std::move(text);
    failed_ = true;
    stream_->close();
}

// CVE-2019-9512 (PING), 9513 (PRIORITY), 9515 (SETTINGS), 9518 (empty frames), 2025-8671 (made-up errors):
// each frame is cheap and legal, and their number is what hurts.
bool Session::count_idle_frame(std::uint32_t weight) noexcept {
    return count(idle_frames_, weight, options_.idle_frame_burst, options_.idle_frame_rate,
                 "frames that move nothing");
}

// CVE-2023-44487. nghttp2's own limit would end with INTERNAL_ERROR and no reason.
bool Session::count_reset() noexcept {
    return count(resets_, 1, options_.stream_reset_burst, options_.stream_reset_rate, "resets of streams");
}

bool Session::count(Allowance& allowance, std::uint32_t weight, std::uint32_t burst, std::uint32_t rate,
                    const char* what) noexcept {
    const TimePoint now = Loop::current().now();
    const double seconds = std::chrono::duration<double>(now - allowance.at).count();
    allowance.at = now;
    allowance.used = std::max(0.0, allowance.used - seconds * rate) + weight;
    if (allowance.used <= burst) return true;
    if (end_text_.empty()) end_text_ = std::string("the peer was flooding the connection with ") + what;
    return false;
}

// Turns what is due into frames; true when something is to be written.
bool Session::fill_output() {
    unwritten_ = 0;
    const InNative inside(in_native_);
    while (wire_.size() < wire_limit) {
        const std::uint8_t* frame = nullptr;
        const ssize_t size = nghttp2_session_mem_send(native_, &frame);
        if (size < 0)
            throw Error(std::string("make HTTP/2 frames: ") + nghttp2_strerror(static_cast<int>(size)));
        if (size == 0) break;
        wire_.append(frame, static_cast<std::size_t>(size));
    }
    return !wire_.empty();
}

void Session::flush() noexcept {
    if (ended_ || failed_) return;
    try {
        if (write_blocked_) {
            // Answers become frames all the same: their size is what stops the reader, not a queue without
            // end.
            fill_output();
            return;
        }
        while (fill_output()) {
            const ConstBuffer buffer{wire_.data(), wire_.size()};
            const IoResult result = stream_->try_write({&buffer, 1});
            if (result.status == IoResult::Status::would_block) {
                write_blocked_ = true;
                unblocked_.clear();
                blocked_.signal();
                return;
            }
            wire_.consume(result.bytes);
        }
        // Nothing left in either direction: the reader is waiting for bytes that nobody wants.
        if (exhausted()) stream_->read_readiness().signal();
    } catch (const std::exception& error) {
        fail(error.what());
    } catch (...) {
        fail("writing failed");
    }
}

Task<void> Session::write_when_possible() {
    for (;;) {
        co_await blocked_.wait();
        while (write_blocked_) {
            co_await stream_->write_readiness().wait();
            write_blocked_ = false;
            flush();
        }
        unblocked_.set();
    }
}

// A peer that sends and never reads must not make us pile up answers. But a peer that is as full as we are,
// and thinks the same, would wait for us as we for it: what flow control allows is read, and only frames
// beyond what its streams can ask for stop the reader. (nghttp2 itself bounds the answers to PING and
// SETTINGS.)
bool Session::answers_pile_up() const noexcept {
    constexpr std::size_t frames_a_stream = 8;  // headers, trailers, window updates, resets
    return role_ == Role::server && write_blocked_ && wire_.size() >= wire_limit &&
           nghttp2_session_get_outbound_queue_size(native_) >
               frames_a_stream * std::size_t{options_.max_concurrent_streams};
}

long Session::receive(std::span<const std::byte> bytes) {
    const InNative inside(in_native_);
    return nghttp2_session_mem_recv(native_, reinterpret_cast<const std::uint8_t*>(bytes.data()),
                                    bytes.size());
}

// Before a further message: those that are complete leave when they are many.
void Session::write_many() noexcept {
    // nghttp2 must not be asked for frames inside of its own callbacks.
    if (++unwritten_ > messages_per_write && !in_native_) flush();
}

Task<void> Session::read_loop() {
    const auto buffer = std::make_unique_for_overwrite<std::byte[]>(read_buffer_size);
    int reads = 0;
    while (!failed_ && !exhausted()) {
        if (answers_pile_up()) {
            co_await unblocked_.wait();
            continue;
        }
        const IoResult result = stream_->try_read({buffer.get(), read_buffer_size});
        if (result.status == IoResult::Status::end) {
            if (end_text_.empty())
                end_text_ = goaway_text_.empty() ? "the peer closed the connection" : goaway_text_;
            co_return;
        }
        if (result.status == IoResult::Status::would_block) {
            reads = 0;
            co_await stream_->read_readiness().wait();
            continue;
        }
        last_received_ = Loop::current().now();
        const ssize_t taken = receive({buffer.get(), result.bytes});
        if (taken < 0) {
            if (end_text_.empty())
                end_text_ =
                    std::string("the peer broke HTTP/2: ") + nghttp2_strerror(static_cast<int>(taken));
            // A callback of ours refuses only floods (and has no memory).
            const bool flooded = taken == NGHTTP2_ERR_FLOODED || taken == NGHTTP2_ERR_CALLBACK_FAILURE;
            nghttp2_session_terminate_session(native_,
                                              flooded ? NGHTTP2_ENHANCE_YOUR_CALM : NGHTTP2_PROTOCOL_ERROR);
            flush();
            co_return;
        }
        schedule_flush();
        if (++reads == reads_per_turn) {
            reads = 0;
            co_await yield();
        }
    }
}

Task<void> Session::run() {
    last_received_ = Loop::current().now();
    schedule_flush();
    TaskHandle<void> writer(
        weft::detail::start_task(Loop::current(), tasks_, write_when_possible(), "http2 writer"), false);
    std::exception_ptr cancelled;
    try {
        co_await read_loop();
        flush();
    } catch (const Cancelled&) {
        cancelled = std::current_exception();
    } catch (const std::exception& error) {
        if (end_text_.empty()) end_text_ = error.what();
        failed_ = true;
    }
    writer.cancel();
    try {
        co_await writer;
    } catch (const std::exception& error) {
        if (end_text_.empty()) end_text_ = error.what();
    }
    if (!cancelled && !failed_ && !ended_) {
        if (end_text_.empty())
            end_text_ = goaway_text_.empty() ? "the connection was shut down" : goaway_text_;
        try {
            co_await timeout(1s, discard_rest(*stream_));
        } catch (const Cancelled&) {
            cancelled = std::current_exception();
        } catch (const weft::Error&) {
        }
    }
    if (end_text_.empty()) end_text_ = "the connection was closed";
    finish();
    if (cancelled) std::rethrow_exception(cancelled);
}

void Session::finish() noexcept {
    if (ended_) return;
    ended_ = true;
    draining_ = true;
    TurnEnd::unlink();
    stream_->close();
    if (end_text_.empty()) end_text_ = "the connection was closed";
    while (!exchanges_.empty()) {
        Exchange& exchange = exchanges_.front();
        nghttp2_session_set_stream_user_data(native_, exchange.id_, nullptr);
        detach(exchange);
        CloseReason reason;
        reason.code = ErrorCode::internal_error;
        reason.connection_lost = true;
        reason.left = exchange.left_;
        reason.unprocessed = role_ == Role::client && !exchange.left_;
        reason.text = end_text_;
        exchange.on_closed(reason);
    }
    for (auto& ping : pings_) ping.done->set();
}

void Session::detach(Exchange& exchange, bool succeeded) noexcept {
    Carrier::detach(exchange, succeeded);
    // What nobody will read any more no longer holds the connection's window.
    unread_ -= exchange.held_;
    if (!ended_) give_connection_window(exchange.held_);
}

void Session::output_changed(Exchange& exchange) noexcept {
    if (exchange.output_deferred_) {
        exchange.output_deferred_ = false;
        nghttp2_session_resume_data(native_, exchange.id_);
    }
    schedule_flush();
}

void Session::send_response(Exchange& exchange, HeaderBlock fields, bool body) {
    write_many();
    const NativeFields native(fields);
    const nghttp2_data_provider provider = SessionGlue::body_provider();
    nghttp2_submit_response(native_, exchange.id_, native.data(), native.size(), body ? &provider : nullptr);
    schedule_flush();
}

void Session::send_trailers(Exchange& exchange, HeaderBlock fields) {
    const NativeFields native(fields);
    nghttp2_submit_trailer(native_, exchange.id_, native.data(), native.size());
    schedule_flush();
}

void Session::window_released(Exchange& exchange, std::size_t n) noexcept {
    nghttp2_session_consume_stream(native_, exchange.id_, n);
    unread_ -= n;
    give_connection_window(n);
    schedule_flush();
}

void Session::reset(Exchange& exchange, ErrorCode code) noexcept {
    // A stream that has ended both ways closes by itself.
    const bool over = exchange.remote_ended_ && exchange.local_ended_;
    if (!over)
        nghttp2_submit_rst_stream(native_, NGHTTP2_FLAG_NONE, exchange.id_, static_cast<std::uint32_t>(code));
    nghttp2_session_set_stream_user_data(native_, exchange.id_, nullptr);
    detach(exchange, code == ErrorCode::no_error || over);
    schedule_flush();
}

void Session::received(Exchange* exchange, std::int32_t id, std::span<const std::byte> bytes) noexcept {
    if (!exchange) {
        nghttp2_session_consume(native_, id, bytes.size());
        return;
    }
    exchange->held_ += bytes.size();
    unread_ += bytes.size();
    window_debt_ += bytes.size();
    if (unread_ <= options_.max_unread) give_connection_window(bytes.size());
    exchange->on_data(bytes);
}

void Session::give_connection_window(std::size_t n) noexcept {
    n = std::min(n, window_debt_);
    if (n == 0) return;
    window_debt_ -= n;
    nghttp2_session_consume_connection(native_, n);
}

bool Session::accepts_requests() const noexcept {
    // nghttp2 knows first when it ends the session itself, for a peer that broke the protocol.
    return !draining_ && !ended_ && !ids_exhausted_ && nghttp2_session_check_request_allowed(native_) != 0;
}

void Session::start(Exchange& exchange, HeaderBlock fields, bool body) {
    if (!accepts_requests())
        throw Error("send a request to " + peer_ + ": the session takes no requests any more (" +
                    (end_text_.empty() ? goaway_text_ : end_text_) + ")");
    write_many();
    const NativeFields native(fields);
    const nghttp2_data_provider provider = SessionGlue::body_provider();
    const std::int32_t id = nghttp2_submit_request(native_, nullptr, native.data(), native.size(),
                                                   body ? &provider : nullptr, &exchange);
    if (id < 0) {
        if (id == NGHTTP2_ERR_STREAM_ID_NOT_AVAILABLE) ids_exhausted_ = true;
        throw Error("send a request to " + peer_ + ": " + nghttp2_strerror(id));
    }
    exchange.output_ended_ = exchange.output_ended_ || !body;
    attach(exchange, id);
    schedule_flush();
}

// Requests that wait for a stream of their own when the peer takes no more: they need another connection.
void Session::close_unsent() noexcept {
    if (role_ != Role::client) return;
    exchanges_.for_each([this](Exchange& exchange) {
        if (exchange.left_) return;
        nghttp2_submit_rst_stream(native_, NGHTTP2_FLAG_NONE, exchange.id_, NGHTTP2_CANCEL);
        detach(exchange);
        CloseReason reason;
        reason.code = ErrorCode::refused_stream;
        reason.unprocessed = true;
        reason.left = false;
        reason.text = goaway_text_;
        exchange.on_closed(reason);
    });
}

void Session::abort(std::string why) noexcept {
    if (!ended_) fail(std::move(why));
}

std::uint32_t Session::peer_max_header_list_size() const noexcept {
    return nghttp2_session_get_remote_settings(native_, NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE);
}

std::int32_t Session::local_window() const noexcept { return nghttp2_session_get_local_window_size(native_); }

std::int32_t Session::remote_window() const noexcept {
    return nghttp2_session_get_remote_window_size(native_);
}

std::uint32_t Session::peer_max_concurrent_streams() const noexcept {
    return nghttp2_session_get_remote_settings(native_, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
}

void Session::shut_down(std::string reason) noexcept {
    if (draining_ || ended_) return;
    draining_ = true;
    farewell_ = std::move(reason);
    if (role_ == Role::server) {
        nghttp2_submit_shutdown_notice(native_);
        goaway_after_ping_ = true;
        nghttp2_submit_ping(native_, NGHTTP2_FLAG_NONE, nullptr);
    } else {
        nghttp2_submit_goaway(native_, NGHTTP2_FLAG_NONE, 0, NGHTTP2_NO_ERROR, nullptr, 0);
    }
    schedule_flush();
}

void Session::terminate(ErrorCode code, std::string_view reason) noexcept {
    if (ended_) return;
    draining_ = true;
    if (!reason.empty())
        nghttp2_submit_goaway(native_, NGHTTP2_FLAG_NONE, nghttp2_session_get_last_proc_stream_id(native_),
                              static_cast<std::uint32_t>(code),
                              reinterpret_cast<const std::uint8_t*>(reason.data()), reason.size());
    nghttp2_session_terminate_session(native_, static_cast<std::uint32_t>(code));
    schedule_flush();
}

Task<void> Session::ping() {
    if (ended_) throw ClosedError("ping " + peer_ + ": " + end_text_);
    Event done;
    const std::uint64_t number = ++last_ping_;
    ++counters_.pings_sent;
    struct Entry {
        Entry(Session& s, std::uint64_t n, Event& event) : session(s), number(n) {
            session.pings_.push_back({n, &event});
        }
        ~Entry() {
            std::erase_if(session.pings_, [this](const Ping& ping) { return ping.number == number; });
        }
        Session& session;
        std::uint64_t number;
    } entry(*this, number, done);
    std::uint8_t opaque[8];
    std::memcpy(opaque, &number, sizeof opaque);
    nghttp2_submit_ping(native_, NGHTTP2_FLAG_NONE, opaque);
    schedule_flush();
    co_await done.wait();
    if (ended_) throw ClosedError("ping " + peer_ + ": " + end_text_);
}

}  // namespace weft::http2
