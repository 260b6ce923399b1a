#include "http1_session.hpp"

#include <weft/core/error.hpp>
#include <weft/core/sleep.hpp>
#include <weft/core/spawn.hpp>
#include <weft/core/timeout.hpp>

#include <array>
#include <charconv>
#include <exception>
#include <utility>

namespace weft::grpc {

namespace {

using namespace std::chrono_literals;

constexpr std::size_t read_buffer_size = std::size_t{16} * 1024;
// Chunks are made while less than this waits for the write.
constexpr std::size_t wire_limit = std::size_t{64} * 1024;
constexpr int reads_per_turn = 4;

std::string_view reason_of(std::string_view status) noexcept {
    constexpr std::pair<std::string_view, std::string_view> reasons[] = {
        {"200", "OK"},
        {"204", "No Content"},
        {"400", "Bad Request"},
        {"403", "Forbidden"},
        {"405", "Method Not Allowed"},
        {"408", "Request Timeout"},
        {"415", "Unsupported Media Type"},
        {"431", "Request Header Fields Too Large"},
        {"501", "Not Implemented"},
        {"503", "Service Unavailable"},
        {"505", "HTTP Version Not Supported"}};
    for (const auto& [known, reason] : reasons)
        if (known == status) return reason;
    return "";
}

std::string_view text_of(const http2::ByteBuffer& buffer) noexcept {
    return {reinterpret_cast<const char*>(buffer.data()), buffer.size()};
}

Task<void> wait_for(Event& event) { co_await event.wait(); }

}  // namespace

Http1Session::Http1Session(std::unique_ptr<Stream> stream, http2::SessionHandler& handler,
                           const Http1Options& options)
    : Carrier(stream->peer()), stream_(std::move(stream)), handler_(handler), options_(options) {
    written_.set();
}

Http1Session::~Http1Session() {
    lose("the connection was closed");
    stream_->close();
}

void Http1Session::HeadTimer::fire() noexcept {
    try {
        session.refuse(408);
    } catch (...) {
        session.abort("out of memory");
    }
}

// Both places at which the reader may wait. A closed stream has woken it, and has no readiness any more.
void Http1Session::resume() noexcept {
    resumed_.signal();
    if (!ended_) stream_->read_readiness().signal();
}

void Http1Session::shut_down(std::string reason) noexcept {
    if (closing_ || ended_) return;
    if (end_text_.empty()) end_text_ = std::move(reason);
    closing_ = true;
    resume();
}

void Http1Session::abort(std::string why) noexcept {
    if (ended_) return;
    if (end_text_.empty()) end_text_ = std::move(why);
    ended_ = true;
    stream_->close();
    resume();
    work_.signal();
}

void Http1Session::lose(std::string why) noexcept {
    ended_ = true;
    if (end_text_.empty()) end_text_ = std::move(why);
    drop_current();
}

void Http1Session::drop_current() noexcept {
    http2::Exchange* exchange = std::exchange(current_, nullptr);
    if (!exchange) return;
    detach(*exchange, false);
    http2::CloseReason reason;
    reason.code = http2::ErrorCode::internal_error;
    reason.connection_lost = true;
    reason.text = end_text_;
    give_closed(*exchange, reason);
}

void Http1Session::append_status(std::string_view status) {
    wire_.append("HTTP/1.1 ");
    wire_.append(status);
    wire_.append(" ");
    wire_.append(reason_of(status));
    wire_.append("\r\n");
}

void Http1Session::refuse(int status) {
    closing_ = true;
    in_.clear();
    if (end_text_.empty()) end_text_ = "a request was refused with " + std::to_string(status);
    if (current_ && responding_) return abort("");
    drop_current();
    append_status(std::to_string(status));
    wire_.append("content-length: 0\r\nconnection: close\r\n\r\n");
    resume();
    work_.signal();
}

void Http1Session::begin(http2::Exchange& exchange) {
    current_ = &exchange;
    responding_ = chunked_ = false;
    discarded_ = 0;
    attach(exchange, static_cast<std::int32_t>(++last_id_ & INT32_MAX));
    // Before the request is looked at: a client that has it sends its body in any case, so that the place of
    // the next request is known.
    if (request_.expects_continue() && request_.has_body()) {
        wire_.append("HTTP/1.1 100 Continue\r\n\r\n");
        work_.signal();
    }
    give_headers(exchange, request_.fields());
}

bool Http1Session::process_head() {
    while (text_of(in_).starts_with("\r\n")) in_.consume(2);  // RFC 9112 2.2
    const std::size_t size = http1::head_size(text_of(in_), scanned_);
    if (size > options_.max_head || (size == 0 && in_.size() > options_.max_head)) {
        refuse(431);
        return false;
    }
    if (size == 0) {
        scanned_ = in_.size();
        if (!in_.empty() && !head_timer_.armed() && options_.head_timeout != Duration::max())
            Loop::current().arm_after(head_timer_, options_.head_timeout);
        return false;
    }
    scanned_ = 0;
    head_timer_.disarm();
    const int refusal = request_.parse(text_of(in_).substr(0, size));
    in_.consume(size);
    if (refusal != 0) {
        refuse(refusal);
        return false;
    }
    if (!request_.keep_alive()) closing_ = true;
    http2::Exchange* exchange = handler_.on_request();
    if (!exchange) {
        refuse(503);
        return false;
    }
    body_ = http1::BodyReader(request_);
    in_body_ = true;
    begin(*exchange);
    return true;
}

void Http1Session::process_body() {
    std::span<const std::byte> rest = in_.bytes();
    for (;;) {
        const auto piece = body_.next(rest);
        if (piece.empty()) break;
        if (current_) {
            give_data(*current_, piece);
        } else if ((discarded_ += piece.size()) > options_.max_discarded) {
            closing_ = true;
        }
    }
    in_.consume(in_.size() - rest.size());
    if (body_.broken()) return refuse(400);
    if (!body_.ended()) return;
    in_body_ = false;
    if (current_) give_end(*current_);
}

void Http1Session::process() {
    while (!ended_) {
        if (in_body_) {
            process_body();
            if (in_body_) break;
        } else if (current_ || closing_ || !process_head()) {
            break;
        }
    }
}

// Pipelined requests wait until their turn comes, and are not read without end.
bool Http1Session::wants_input() const noexcept {
    if (!current_) return true;
    return in_body_ ? held_window(*current_) < options_.window : in_.size() < options_.max_head;
}

Task<void> Http1Session::read_loop() {
    const auto buffer = std::make_unique_for_overwrite<std::byte[]>(read_buffer_size);
    int reads = 0;
    for (;;) {
        process();
        // A request that is not read to its end leaves no place from which the next one could be read.
        if (ended_ || (closing_ && !current_)) co_return;
        if (!wants_input()) {
            co_await resumed_.wait();
            continue;
        }
        const IoResult result = stream_->try_read({buffer.get(), read_buffer_size});
        if (result.status == IoResult::Status::would_block) {
            reads = 0;
            co_await stream_->read_readiness().wait();
            continue;
        }
        // Half a connection is no client that waits: browsers close it to cancel.
        if (result.status == IoResult::Status::end) {
            lose("the peer closed the connection");
            co_return;
        }
        in_.append(buffer.get(), result.bytes);
        if (++reads == reads_per_turn) {
            reads = 0;
            co_await yield();
        }
    }
}

void Http1Session::output_changed(http2::Exchange&) noexcept { work_.signal(); }

void Http1Session::window_released(http2::Exchange&, std::size_t) noexcept { resume(); }

void Http1Session::reset(http2::Exchange& exchange, http2::ErrorCode) noexcept {
    current_ = nullptr;
    detach(exchange, false);
    abort("a response was cut off");
}

void Http1Session::send_response(http2::Exchange&, http2::HeaderBlock fields, bool body) {
    responding_ = true;
    chunked_ = body;
    bool without_content = false;
    for (const auto& field : fields) {
        if (field.name == ":status") {
            append_status(field.value);
            without_content = field.value == "204";  // RFC 9110 8.6
        } else {
            wire_.append(field.name);
            wire_.append(": ");
            wire_.append(field.value);
            wire_.append("\r\n");
        }
    }
    if (body) {
        wire_.append("transfer-encoding: chunked\r\n");
    } else if (!without_content) {
        wire_.append("content-length: 0\r\n");
    }
    if (closing_) wire_.append("connection: close\r\n");
    wire_.append("\r\n");
    work_.signal();
}

void Http1Session::response_over() noexcept {
    http2::Exchange& exchange = *std::exchange(current_, nullptr);
    detach(exchange, true);
    give_closed(exchange, http2::CloseReason());
    resume();
}

// Turns output into chunks; room for more is told to the exchange, which may end.
void Http1Session::fill_wire() {
    while (current_ && responding_ && wire_.size() < wire_limit) {
        const auto unsent = Carrier::unsent(*current_);
        if (!unsent.empty()) {
            const std::size_t n = std::min(unsent.size(), wire_limit);
            std::array<char, 16> size{};
            const char* end = std::to_chars(size.data(), size.data() + size.size(), n, 16).ptr;
            wire_.append({size.data(), static_cast<std::size_t>(end - size.data())});
            wire_.append("\r\n");
            wire_.append(unsent.data(), n);
            wire_.append("\r\n");
            took(*current_, n);
        } else if (output_ended(*current_)) {
            if (chunked_) wire_.append("0\r\n\r\n");
            response_over();
        } else {
            return;
        }
    }
}

Task<void> Http1Session::write_loop() {
    for (;;) {
        co_await work_.wait();
        written_.clear();
        try {
            while (!ended_) {
                fill_wire();
                if (wire_.empty()) break;
                std::swap(wire_, writing_);
                co_await stream_->write_all(writing_.bytes());
                writing_.clear();
            }
        } catch (const Cancelled&) {
            throw;
        } catch (const std::exception& error) {
            abort(error.what());
        }
        written_.set();
    }
}

Task<void> Http1Session::run() {
    TaskHandle<void> writer(weft::detail::start_task(Loop::current(), tasks_, write_loop(), "http1 writer"),
                            false);
    std::exception_ptr cancelled;
    bool orderly = false;
    try {
        co_await read_loop();
        orderly = !ended_;
        // The last response, or the refusal, leaves before the connection closes.
        if (orderly && !wire_.empty()) written_.clear();
        if (orderly) co_await timeout(options_.head_timeout, wait_for(written_));
    } catch (const Cancelled&) {
        cancelled = std::current_exception();
    } catch (const std::exception& error) {
        if (end_text_.empty()) end_text_ = error.what();
        orderly = false;
    }
    head_timer_.disarm();
    writer.cancel();
    try {
        co_await writer;
    } catch (const std::exception& error) {
        if (end_text_.empty()) end_text_ = error.what();
        orderly = false;
    }
    if (orderly && !cancelled) {
        try {
            co_await timeout(1s, discard_rest(*stream_));
        } catch (const Cancelled&) {
            cancelled = std::current_exception();
        } catch (const weft::Error&) {
        }
    }
    lose("the connection was closed");
    stream_->close();
    if (cancelled) std::rethrow_exception(cancelled);
}

}  // namespace weft::grpc
