// Exchange: one HTTP/2 stream, that is one request with its response.
//
// Whoever speaks a protocol on HTTP/2 derives from it, so that a call and its stream are one object. The
// session calls the on_… members from its read and write passes, on the loop's thread: they record what
// happened and wake tasks; they must not run foreign code and must not destroy a session.
#pragma once

#include <weft/core/intrusive_list.hpp>
#include <weft/http2/byte_buffer.hpp>
#include <weft/http2/error.hpp>
#include <weft/http2/header.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace weft::http2 {

class Carrier;
class Session;
struct SessionGlue;

// Why a stream ended.
struct CloseReason {
    ErrorCode code = ErrorCode::no_error;
    // The connection ended under the stream; `text` says how.
    bool connection_lost = false;
    // The peer has not processed the request and never will (RFC 9113 8.7): it may be sent again.
    bool unprocessed = false;
    // The request's headers have left the session.
    bool left = true;
    std::string_view text;
};

struct ExchangeListTag;

class Exchange : public ListHook<ExchangeListTag> {
public:
    Exchange(const Exchange&) = delete;
    Exchange& operator=(const Exchange&) = delete;

    // Attached to a connection that still carries the stream.
    [[nodiscard]] bool attached() const noexcept { return carrier_ != nullptr; }
    [[nodiscard]] std::int32_t stream_id() const noexcept { return id_; }

protected:
    Exchange() = default;
    // Resets the stream (CANCEL) when it is still open.
    virtual ~Exchange();

    // A complete block of header fields; informational (1xx) ones are left out. `end`: the peer sends nothing
    // after it. `oversized`: fields beyond the session's limit were dropped.
    virtual void on_headers(HeaderBlock fields, bool end, bool oversized) noexcept = 0;
    // Body bytes. They count against the stream's window until release_window().
    virtual void on_data(std::span<const std::byte> bytes) noexcept = 0;
    // The peer has ended its direction. Comes after on_headers(…, end) and after the last on_data().
    virtual void on_remote_end() noexcept = 0;
    // The output buffer has fallen to low_water or below after being above it.
    virtual void on_writable() noexcept {}
    // Everything of the output has become frames, its end too. Only after tell_when_sent().
    virtual void on_sent() noexcept {}
    // The output ended with `trailers` asked for and everything before has been sent: call send_trailers().
    virtual void on_trailers_due() noexcept {}
    // The stream is gone; the last call. The exchange is detached already.
    virtual void on_closed(const CloseReason& reason) noexcept = 0;

    // Output. Append to output(), then tell with output_changed(); frames leave at the end of the loop turn.
    [[nodiscard]] ByteBuffer& output() noexcept { return output_; }
    void output_changed() noexcept;
    // No more output after what is in the buffer; with trailers, on_trailers_due() is called in time.
    void end_output(bool trailers = false) noexcept;
    void send_trailers(HeaderBlock fields);
    [[nodiscard]] bool output_ended() const noexcept { return output_ended_; }
    [[nodiscard]] bool output_writable() const noexcept { return unsent() <= low_water; }
    // Bytes of output() that no frame has taken yet.
    [[nodiscard]] std::size_t unsent() const noexcept { return output_.size() - sent_; }
    // Nothing waits for frames, nor for the peer's window.
    [[nodiscard]] bool all_sent() const noexcept {
        return left_ && unsent() == 0 && (!output_ended_ || local_ended_);
    }
    void tell_when_sent() noexcept { tell_sent_ = true; }

    // From now on output() keeps what has been sent, as long as it is `limit` bytes or less, so that the
    // whole can be sent again.
    void keep_sent(std::size_t limit) noexcept { keep_limit_ = limit; }
    void drop_sent() noexcept;
    // Nothing that was sent has been dropped.
    [[nodiscard]] bool keeps_sent() const noexcept { return keep_limit_ != 0; }
    // Once detached: makes it ready for another Session::start(), which sends output() from its beginning.
    void rewind() noexcept;

    // Server: answers. Without a body the headers end the stream.
    void send_response(HeaderBlock fields, bool body);

    // Gives `n` received bytes back to the peer's window; at most what on_data() brought.
    void release_window(std::size_t n) noexcept;
    // What on_data() brought and release_window() has not given back.
    [[nodiscard]] std::size_t held_window() const noexcept { return held_; }

    // Ends the stream with RST_STREAM and detaches without on_closed().
    void reset(ErrorCode code) noexcept;

    // Null when it is not attached.
    [[nodiscard]] Carrier* carrier() const noexcept { return carrier_; }

    // Writers wait above this; large enough to fill a frame or two, small enough to push back soon.
    static constexpr std::size_t low_water = std::size_t{64} * 1024;

private:
    friend class Carrier;
    friend class Session;
    friend struct SessionGlue;

    ByteBuffer output_;
    std::size_t sent_ = 0;  // of output_, kept
    std::size_t keep_limit_ = 0;
    Carrier* carrier_ = nullptr;
    std::int32_t id_ = 0;
    std::size_t held_ = 0;
    bool output_ended_ : 1 = false;
    bool output_trailers_ : 1 = false;
    bool output_deferred_ : 1 = false;  // nghttp2 waits for output_changed()
    bool remote_ended_ : 1 = false;
    bool local_ended_ : 1 = false;  // END_STREAM has been sent
    bool left_ : 1 = false;         // the request's HEADERS have become a frame
    bool tell_sent_ : 1 = false;    // on_sent() is wanted
};

}  // namespace weft::http2
