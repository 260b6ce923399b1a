// ClientCall: one RPC of a client; the state behind the call objects, and the HTTP/2 stream that carries it.
//
//     new ── launch ──> waiting (for a connection) ── attach ──> open ──┐
//      └──────────────────────────┴─────────── finish ─────────────────┴──> ended
#pragma once

#include "message_reader.hpp"

#include <weft/core/frame_pool.hpp>
#include <weft/core/timer.hpp>
#include <weft/grpc/detail/call_core.hpp>
#include <weft/http2/exchange.hpp>
#include <weft/http2/session.hpp>

#include <string>

namespace weft::grpc::detail {

struct PendingCallTag;
struct ActiveCallTag;

class ClientCall final : public http2::Exchange,
                         public Timer,
                         public ListHook<PendingCallTag>,
                         public ListHook<ActiveCallTag> {
public:
    ClientCall(ChannelCore& channel, CallKind kind, std::string_view method, CallOptions&& options);
    ~ClientCall() override;

    static void* operator new(std::size_t size) { return weft::detail::allocate_frame(size); }
    static void operator delete(void* memory, std::size_t size) noexcept {
        weft::detail::free_frame(memory, size);
    }

    void launch();
    // Sends the request on a session. By the channel.
    void attach(http2::Session& session);

    std::byte* prepare_message(std::size_t size);
    void commit_message(std::size_t size) noexcept;
    void half_close() noexcept { end_output(); }

    [[nodiscard]] std::optional<std::span<const std::byte>> front_message() noexcept;
    void pop_message() noexcept;

    // Ends the call with a status of ours: nothing more is sent or read.
    void fail(Status status) noexcept;
    [[noreturn]] void throw_status() const;
    // What awaiting the single response of a call finds: its status, or UNIMPLEMENTED without exactly one
    // message.
    void settle_single_response() noexcept;

    void add_wait(CallWait& wait) noexcept;
    [[nodiscard]] bool happened(CallEvent event) const noexcept;
    [[nodiscard]] bool has_reader() noexcept;

    [[nodiscard]] bool ended() const noexcept { return ended_; }
    [[nodiscard]] bool wait_for_ready() const noexcept { return options_.wait_for_ready(); }
    [[nodiscard]] const Status& status() const noexcept { return status_; }
    [[nodiscard]] const Metadata& initial_metadata() const noexcept { return initial_; }
    [[nodiscard]] const Metadata& trailing_metadata() const noexcept { return trailing_; }
    [[nodiscard]] const std::optional<TimePoint>& deadline() const noexcept { return deadline_; }
    [[nodiscard]] const std::string& method() const noexcept { return method_; }
    [[nodiscard]] const std::string& peer() const noexcept { return peer_; }

private:
    void on_headers(http2::HeaderBlock fields, bool end, bool oversized) noexcept override;
    void on_data(std::span<const std::byte> bytes) noexcept override;
    void on_remote_end() noexcept override;
    void on_writable() noexcept override { notify(CallEvent::writable); }
    void on_closed(const http2::CloseReason& reason) noexcept override;
    void fire() noexcept override;

    void take_initial(http2::HeaderBlock fields);
    void take_trailers(http2::HeaderBlock fields);
    void finish(Status status) noexcept;
    void notify(CallEvent event) noexcept;
    void refuse_front() noexcept;
    void settle_window() noexcept;
    [[nodiscard]] bool many_responses() const noexcept { return (static_cast<unsigned>(kind_) & 2) != 0; }

    ChannelCore* channel_;
    std::string method_;
    std::string peer_;
    CallOptions options_;
    std::optional<TimePoint> deadline_;
    MessageReader reader_;
    std::size_t max_send_;
    Metadata initial_;
    Metadata trailing_;
    Status status_;
    std::string foreign_body_;  // the beginning of a response that is not gRPC
    std::string foreign_type_;
    IntrusiveList<CallWait> waits_;
    CallKind kind_;
    StatusCode http_code_ = StatusCode::unknown;
    bool headers_seen_ : 1 = false;
    bool not_grpc_ : 1 = false;
    bool trailers_seen_ : 1 = false;
    bool was_attached_ : 1 = false;
    bool ended_ : 1 = false;
};

}  // namespace weft::grpc::detail
