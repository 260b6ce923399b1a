// Http1Session: one connection of HTTP/1.1, the server's side, for gRPC-Web: browsers speak HTTP/2 over TLS
// only.
//
// Requests come one after another; each is an exchange, as on HTTP/2. Responses are chunked, their trailers
// are gRPC-Web's affair. What is no HTTP is answered with its status, and the connection closes.
#pragma once

#include "http1_request.hpp"

#include <weft/core/event.hpp>
#include <weft/core/readiness.hpp>
#include <weft/core/stream.hpp>
#include <weft/core/timer.hpp>
#include <weft/http2/byte_buffer.hpp>
#include <weft/http2/session.hpp>

#include <memory>
#include <string>

namespace weft::grpc {

struct Http1Options {
    // Largest head of a request, in bytes.
    std::size_t max_head = 16 * 1024;
    // How long a head may take from its first byte to its last.
    Duration head_timeout = std::chrono::seconds(120);
    // Bytes of a request that may lie unread in its exchange.
    std::size_t window = 1 << 20;
    // Bytes that are read of a request after its response was sent, to keep the connection.
    std::size_t max_discarded = 64 * 1024;
};

class Http1Session final : public http2::Carrier {
public:
    Http1Session(std::unique_ptr<Stream> stream, http2::SessionHandler& handler, const Http1Options& options);
    ~Http1Session() override;

    [[nodiscard]] Task<void> run() override;
    void shut_down(std::string reason) noexcept override;
    void abort(std::string why) noexcept override;

private:
    void output_changed(http2::Exchange& exchange) noexcept override;
    void send_response(http2::Exchange& exchange, http2::HeaderBlock fields, bool body) override;
    void send_trailers(http2::Exchange&, http2::HeaderBlock) noexcept override {}
    void window_released(http2::Exchange& exchange, std::size_t n) noexcept override;
    void reset(http2::Exchange& exchange, http2::ErrorCode code) noexcept override;

    // Handles what was read; `closing_` is set when no more is to come.
    void process();
    [[nodiscard]] bool process_head();
    void process_body();
    void begin(http2::Exchange& exchange);
    void refuse(int status);
    void append_status(std::string_view status);
    [[nodiscard]] bool wants_input() const noexcept;
    void resume() noexcept;
    void fill_wire();
    void response_over() noexcept;
    void lose(std::string why) noexcept;
    void drop_current() noexcept;
    Task<void> read_loop();
    Task<void> write_loop();

    struct HeadTimer final : Timer {
        explicit HeadTimer(Http1Session& owner) noexcept : session(owner) {}
        ~HeadTimer() { disarm(); }
        void fire() noexcept override;
        Http1Session& session;
    };

    std::unique_ptr<Stream> stream_;
    http2::SessionHandler& handler_;
    Http1Options options_;
    HeadTimer head_timer_{*this};

    http2::ByteBuffer in_;
    std::size_t scanned_ = 0;  // of in_, for the end of a head
    http1::Request request_;
    http1::BodyReader body_;
    bool in_body_ = false;
    std::size_t discarded_ = 0;
    std::uint64_t last_id_ = 0;

    http2::Exchange* current_ = nullptr;  // whose response is not over
    http2::ByteBuffer wire_;              // what is to be written
    http2::ByteBuffer writing_;           // what is being written
    bool responding_ = false;             // the head of current_'s response is written
    bool chunked_ = false;
    bool closing_ = false;  // after what runs
    bool ended_ = false;
    Readiness resumed_;  // input is wanted again
    Readiness work_;     // there may be something to write
    Event written_;      // nothing is to be written

    // Last, so that the writer's frame goes before what it waits on.
    struct Tasks final : weft::detail::TaskOwner {
        void child_done(weft::detail::TaskControl&) noexcept override {}
    };
    Tasks tasks_;
};

}  // namespace weft::grpc
