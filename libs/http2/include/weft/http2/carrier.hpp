// Carrier: the connection that an exchange is attached to.
//
// Session is the one for HTTP/2. gRPC-Web derives another for HTTP/1.1, so that its calls live as all others
// do: requests come by on_headers() and on_data(), responses leave through output().
#pragma once

#include <weft/core/task.hpp>
#include <weft/core/timer.hpp>
#include <weft/http2/exchange.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

namespace weft {
class Stream;
}

namespace weft::http2 {

// What a connection has done so far. Messages are counted by the protocol above.
struct SessionCounters {
    std::uint64_t streams_started = 0;
    std::uint64_t streams_succeeded = 0;  // ended from both sides
    std::uint64_t streams_failed = 0;     // reset, or lost with the connection
    std::uint64_t messages_sent = 0;
    std::uint64_t messages_received = 0;
    std::uint64_t pings_sent = 0;
    TimePoint last_stream_started;
};

class Carrier {
public:
    Carrier(const Carrier&) = delete;
    Carrier& operator=(const Carrier&) = delete;
    // Abortive: closes the stream; exchanges get on_closed().
    virtual ~Carrier() = default;

    // Carries the connection until it has ended. The carrier must stay until the task is done. Returns when
    // the peer or an error ended it: end_text() says how. Cancelling it closes the connection at once. Run it
    // once.
    [[nodiscard]] virtual Task<void> run() = 0;
    // Graceful end: what runs finishes, nothing new begins, then the connection closes. `reason` is for
    // people.
    virtual void shut_down(std::string reason) noexcept = 0;
    // Closes the connection at once; run() then ends.
    virtual void abort(std::string why) noexcept = 0;

    // The limit that the peer has announced for header blocks: name + value + 32 over the fields; the largest
    // number when it has not.
    [[nodiscard]] virtual std::uint32_t peer_max_header_list_size() const noexcept { return UINT32_MAX; }

    // Bytes that the peer may send now, and that we may, over all streams; 0 where nobody counts them.
    [[nodiscard]] virtual std::int32_t local_window() const noexcept { return 0; }
    [[nodiscard]] virtual std::int32_t remote_window() const noexcept { return 0; }
    [[nodiscard]] virtual bool is_client() const noexcept { return false; }

    [[nodiscard]] SessionCounters& counters() noexcept { return counters_; }
    [[nodiscard]] const SessionCounters& counters() const noexcept { return counters_; }
    [[nodiscard]] std::size_t open_streams() const noexcept { return open_streams_; }
    // The address of the peer, as Stream::peer().
    [[nodiscard]] const std::string& peer() const noexcept { return peer_; }
    // Why the connection ended, for people; empty while it lives.
    [[nodiscard]] const std::string& end_text() const noexcept { return end_text_; }

protected:
    friend class Exchange;

    explicit Carrier(std::string peer) noexcept : peer_(std::move(peer)) {}

    // What an attached exchange asks for; see its members of the same names.
    virtual void output_changed(Exchange& exchange) noexcept = 0;
    virtual void send_response(Exchange& exchange, HeaderBlock fields, bool body) = 0;
    virtual void send_trailers(Exchange& exchange, HeaderBlock fields) = 0;
    virtual void window_released(Exchange& exchange, std::size_t n) noexcept = 0;
    // Ends the stream; detaches the exchange.
    virtual void reset(Exchange& exchange, ErrorCode code) noexcept = 0;

    void attach(Exchange& exchange, std::int32_t id) noexcept;
    void detach(Exchange& exchange, bool succeeded) noexcept;

    // For carriers of other modules, who see no more of an exchange than its users do. on_closed() goes to
    // one that has been detached.
    static void give_headers(Exchange& exchange, HeaderBlock fields) noexcept;
    static void give_data(Exchange& exchange, std::span<const std::byte> bytes) noexcept;
    static void give_end(Exchange& exchange) noexcept;
    static void give_closed(Exchange& exchange, const CloseReason& reason) noexcept;
    [[nodiscard]] static std::span<const std::byte> unsent(const Exchange& exchange) noexcept;
    // The first `n` unsent bytes have been taken.
    static void took(Exchange& exchange, std::size_t n) noexcept;
    [[nodiscard]] static bool output_ended(const Exchange& exchange) noexcept;
    [[nodiscard]] static std::size_t held_window(const Exchange& exchange) noexcept;

    // Closing a socket with unread input makes the kernel send RST, which destroys what the peer has not
    // read yet: the last answers. So the rest is read; to be limited by a timeout.
    [[nodiscard]] static Task<void> discard_rest(Stream& stream);

    IntrusiveList<Exchange, ExchangeListTag> exchanges_;
    std::string peer_;
    std::string end_text_;
    SessionCounters counters_;
    std::size_t open_streams_ = 0;
};

}  // namespace weft::http2
