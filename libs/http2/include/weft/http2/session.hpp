// Session: one HTTP/2 connection over any weft::Stream, client or server.
//
// Reads into one large buffer and handles everything in it; everything that is to be sent leaves in one write
// at the end of the loop turn. Flow control is manual: the connection's window is given back when bytes
// arrive (as long as little lies unread), a stream's window when its reader takes them.
#pragma once

#include <weft/core/event.hpp>
#include <weft/core/loop.hpp>
#include <weft/core/readiness.hpp>
#include <weft/core/stream.hpp>
#include <weft/core/task.hpp>
#include <weft/http2/carrier.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

struct nghttp2_session;

namespace weft::http2 {

enum class Role { client, server };

struct SessionOptions {
    // How many streams the peer may have open at once.
    std::uint32_t max_concurrent_streams = 4096;
    // Bytes that may lie unread in one stream, and on the connection.
    std::int32_t stream_window = 1 << 20;
    std::int32_t connection_window = 16 << 20;
    // Bytes lying unread in all streams together beyond which the connection's window stops being refilled.
    std::size_t max_unread = std::size_t{64} << 20;
    // Largest frame that the peer may send.
    std::uint32_t max_frame_size = 1 << 20;
    // Sum of name + value + 32 over the fields of one block; what is beyond is dropped and reported. nghttp2
    // ends a connection on which one value is longer than 64 KiB as HPACK writes it, whatever this says.
    std::uint32_t max_header_list_size = 16 * 1024;
    // Streams that a client may reset before their responses begin: a burst, then this many a second, and one
    // more for each response that ended, for clients that hedge (CVE-2023-44487). One beyond ends with GOAWAY
    // ENHANCE_YOUR_CALM.
    std::uint32_t stream_reset_burst = 5000;
    std::uint32_t stream_reset_rate = 500;
    // Frames of the peer that move nothing (PING, SETTINGS, PRIORITY, empty DATA; invalid ones count ten): a
    // burst, then this many a second, and four more for each frame that does. A peer beyond ends with GOAWAY
    // ENHANCE_YOUR_CALM.
    std::uint32_t idle_frame_burst = 10'000;
    std::uint32_t idle_frame_rate = 500;
};

// What a session tells its owner. Called as Exchange's members are: record, wake, return.
class SessionHandler {
public:
    // Server: a new request. Gives the exchange that takes it (the session does not own it), or null to
    // refuse it with REFUSED_STREAM. The exchange gets on_headers() next.
    virtual Exchange* on_request() { return nullptr; }
    // The peer's first SETTINGS arrived: the connection speaks HTTP/2.
    virtual void on_ready() noexcept {}
    // The peer sent a PING; it is answered without the handler's doing.
    virtual void on_ping() noexcept {}
    // The peer sent GOAWAY, or we did: no new request will be taken.
    virtual void on_draining(ErrorCode code, std::string_view text) noexcept {
        (void)code;
        (void)text;
    }

protected:
    ~SessionHandler() = default;
};

class Session final : public Carrier, private TurnEnd {
public:
    // Takes the stream; nothing is sent before run(). `handler` must outlive the session. Throws
    // std::bad_alloc.
    Session(std::unique_ptr<Stream> stream, Role role, SessionHandler& handler,
            const SessionOptions& options = {});
    // Abortive: closes the stream; exchanges get on_closed().
    ~Session() override;

    [[nodiscard]] Task<void> run() override;

    // Client: sends a request. With `body`, output of the exchange follows. Throws Error when the session
    // takes no requests any more (see accepts_requests()).
    void start(Exchange& exchange, HeaderBlock fields, bool body);
    [[nodiscard]] bool accepts_requests() const noexcept;

    // Graceful end: GOAWAY, then the open streams finish, then the connection closes. A server first
    // announces it and waits a round trip (RFC 9113 6.8), so that requests under way are still taken.
    // `reason` goes with the GOAWAY, for people.
    void shut_down(std::string reason = {}) noexcept override;
    // GOAWAY with a code and a text, and the end; open streams get on_closed().
    void terminate(ErrorCode code, std::string_view reason = {}) noexcept;

    void abort(std::string why = "the connection was aborted") noexcept override;

    // Waits until a PING came back. Throws ClosedError when the connection ends before.
    [[nodiscard]] Task<void> ping();

    [[nodiscard]] Role role() const noexcept { return role_; }
    [[nodiscard]] bool ready() const noexcept { return ready_; }
    [[nodiscard]] bool ended() const noexcept { return ended_; }
    // When bytes last arrived; the start of run() before any did.
    [[nodiscard]] TimePoint last_received() const noexcept { return last_received_; }
    // HEADERS and DATA frames that were made so far.
    [[nodiscard]] std::uint64_t message_frames_sent() const noexcept { return message_frames_sent_; }
    [[nodiscard]] std::uint32_t peer_max_header_list_size() const noexcept override;
    [[nodiscard]] std::uint32_t peer_max_concurrent_streams() const noexcept;
    [[nodiscard]] std::int32_t local_window() const noexcept override;
    [[nodiscard]] std::int32_t remote_window() const noexcept override;
    [[nodiscard]] bool is_client() const noexcept override { return role_ == Role::client; }

private:
    friend struct SessionGlue;

    void output_changed(Exchange& exchange) noexcept override;
    void send_response(Exchange& exchange, HeaderBlock fields, bool body) override;
    void send_trailers(Exchange& exchange, HeaderBlock fields) override;
    void window_released(Exchange& exchange, std::size_t n) noexcept override;
    void reset(Exchange& exchange, ErrorCode code) noexcept override;

    void on_turn_end() noexcept override { flush(); }
    void schedule_flush() noexcept;
    void write_many() noexcept;
    [[nodiscard]] long receive(std::span<const std::byte> bytes);
    void flush() noexcept;
    // What a peer may do a number of times at once, and then only so often.
    struct Allowance {
        double used = 0;  // minus what time has given back
        TimePoint at;
    };
    // False when there were more than `burst`, and the connection is to end.
    [[nodiscard]] bool count(Allowance& allowance, std::uint32_t weight, std::uint32_t burst,
                             std::uint32_t rate, const char* what) noexcept;
    // A frame that moves nothing, `weight` times.
    [[nodiscard]] bool count_idle_frame(std::uint32_t weight) noexcept;
    [[nodiscard]] bool count_reset() noexcept;
    bool fill_output();
    void fail(std::string text) noexcept;
    void close_unsent() noexcept;
    void finish() noexcept;
    [[nodiscard]] bool exhausted() const noexcept;
    [[nodiscard]] bool answers_pile_up() const noexcept;
    Task<void> read_loop();
    Task<void> write_when_possible();

    void detach(Exchange& exchange, bool succeeded = false) noexcept;
    void received(Exchange* exchange, std::int32_t id, std::span<const std::byte> bytes) noexcept;
    void give_connection_window(std::size_t n) noexcept;

    std::unique_ptr<Stream> stream_;
    SessionHandler& handler_;
    SessionOptions options_;
    nghttp2_session* native_ = nullptr;
    Role role_;

    ByteBuffer wire_;  // frames that wait for the write
    Readiness blocked_;
    Event unblocked_;
    bool write_blocked_ = false;
    bool in_native_ = false;
    unsigned unwritten_ = 0;  // messages since the last write

    // The header block that is being received; fields are offsets into the text.
    struct FieldSpan {
        std::uint32_t name_size;
        std::uint32_t value_size;
    };
    std::string block_text_;
    std::vector<FieldSpan> block_spans_;
    std::vector<HeaderField> block_fields_;
    std::size_t block_size_ = 0;
    bool block_oversized_ = false;

    std::size_t unread_ = 0;
    std::size_t window_debt_ = 0;  // arrived, but not given back to the connection's window

    struct Ping {
        std::uint64_t number;
        Event* done;
    };
    std::vector<Ping> pings_;
    std::uint64_t last_ping_ = 0;

    Allowance idle_frames_;
    Allowance resets_;
    std::size_t frame_data_ = 0;  // bytes that the DATA frame in reception has brought

    TimePoint last_received_;
    std::uint64_t message_frames_sent_ = 0;

    std::string goaway_text_;
    std::string farewell_;  // the text of our GOAWAY
    bool ready_ = false;
    bool draining_ = false;
    bool ended_ = false;
    bool failed_ = false;
    bool ids_exhausted_ = false;
    bool goaway_after_ping_ = false;

    // Last, so that the writer's frame goes before what it waits on.
    struct Tasks final : weft::detail::TaskOwner {
        void child_done(weft::detail::TaskControl&) noexcept override {}
    };
    Tasks tasks_;
};

}  // namespace weft::http2
