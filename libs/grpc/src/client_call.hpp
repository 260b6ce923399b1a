// ClientCall: one RPC of a client; the state behind the call objects, and the HTTP/2 stream that carries it.
//
//     new ── launch ──> waiting (for a connection) ── attach ──> open ──┐
//      │                   └──<── pause ──<── may be tried again ──<──┤
//      └──────────────────────────┴─────────── finish ─────────────────┴──> ended
#pragma once

#include "credentials_step.hpp"
#include "message_reader.hpp"
#include "service_config.hpp"

#include <weft/core/frame_pool.hpp>
#include <weft/core/timer.hpp>
#include <weft/grpc/detail/call_core.hpp>
#include <weft/http2/exchange.hpp>
#include <weft/http2/session.hpp>

#include <memory>
#include <string>
#include <vector>

namespace weft::grpc {
class CallDetails;
class CallEnd;
}  // namespace weft::grpc

namespace weft::grpc::detail {

class Interception;
struct PendingCallTag;
struct ActiveCallTag;

class ClientCall final : public http2::Exchange,
                         public Timer,
                         public ListHook<PendingCallTag>,
                         public ListHook<ActiveCallTag> {
public:
    enum class Purpose {
        user,      // a call of the program
        inner,     // the same under the interceptors
        internal,  // the channel's own
    };
    ClientCall(ChannelCore& channel, CallKind kind, std::string_view method, CallOptions&& options,
               Purpose purpose = Purpose::user);
    ~ClientCall() override;

    static void* operator new(std::size_t size) { return weft::detail::allocate_frame(size); }
    static void operator delete(void* memory, std::size_t size) noexcept {
        weft::detail::free_frame(memory, size);
    }

    void launch();
    // Sends the request on a session. By the channel.
    void attach(http2::Session& session) noexcept;

    std::byte* prepare_message(std::size_t size);
    void commit_message(std::size_t size) noexcept;
    void half_close() noexcept;
    [[nodiscard]] bool last_compressed() const noexcept { return reader_.last_compressed(); }
    // The next message is not compressed.
    void skip_compression() noexcept { skip_compression_ = true; }
    using Exchange::output_ended;

    [[nodiscard]] std::optional<std::span<const std::byte>> front_message() noexcept;
    void pop_message() noexcept;

    // Ends the call with a status of ours: nothing more is sent or read.
    void fail(Status status) noexcept;
    [[noreturn]] void throw_status() const;
    // What awaiting the single response of a call finds: its status, or UNIMPLEMENTED without exactly one
    // message.
    void settle_single_response() noexcept;

    void add_done_callback(Pimpl<DoneCallback> callback);

    // For Interception: the other side of the caller's streams.
    [[nodiscard]] CallDetails details() const;
    [[nodiscard]] std::optional<std::string> take_written();
    void requests_forwarded() noexcept { notify(CallEvent::sent); }
    [[nodiscard]] bool wants_response() const noexcept;
    void give_initial(Metadata metadata) noexcept;
    void give_response(const std::string& message);
    void give_end(CallEnd end) noexcept;

    void add_wait(CallWait& wait) noexcept;
    [[nodiscard]] bool happened(CallEvent event) const noexcept;
    [[nodiscard]] bool has_reader() noexcept;

    [[nodiscard]] bool ended() const noexcept { return ended_; }
    [[nodiscard]] bool wait_for_ready() const noexcept { return wait_for_ready_; }
    [[nodiscard]] bool many_requests() const noexcept { return (static_cast<unsigned>(kind_) & 1) != 0; }
    [[nodiscard]] bool many_responses() const noexcept { return (static_cast<unsigned>(kind_) & 2) != 0; }
    [[nodiscard]] const Status& status() const noexcept { return status_; }
    [[nodiscard]] const Metadata& initial_metadata() const noexcept { return initial_; }
    [[nodiscard]] const Metadata& trailing_metadata() const noexcept { return trailing_; }
    [[nodiscard]] const std::optional<TimePoint>& deadline() const noexcept { return deadline_; }
    [[nodiscard]] const std::string& method() const noexcept { return method_; }
    // Earlier copies of a hedged call; before launch().
    void set_previous_attempts(int count) noexcept { previous_attempts_ = count; }
    [[nodiscard]] bool headers_seen() const noexcept { return headers_seen_; }
    [[nodiscard]] const std::optional<std::int64_t>& pushback_ms() const noexcept { return pushback_ms_; }
    [[nodiscard]] const std::string& authority() const noexcept;
    [[nodiscard]] const std::string& peer() const noexcept { return peer_; }

private:
    void on_headers(http2::HeaderBlock fields, bool end, bool oversized) noexcept override;
    void on_data(std::span<const std::byte> bytes) noexcept override;
    void on_remote_end() noexcept override;
    void on_writable() noexcept override { notify(CallEvent::writable); }
    void on_sent() noexcept override { notify(CallEvent::sent); }
    void on_closed(const http2::CloseReason& reason) noexcept override;
    void fire() noexcept override;

    void take_initial(http2::HeaderBlock fields);
    void take_trailers(http2::HeaderBlock fields);
    void finish(Status status) noexcept;
    void notify(CallEvent event) noexcept;
    void refuse_front() noexcept;
    void settle_window() noexcept;
    void send_request(http2::Session& session);
    void submit();
    void submit_again() noexcept;
    void forget_attempt() noexcept;
    void run_done_callbacks() noexcept;
    // After an attempt that failed: true when there will be another one.
    [[nodiscard]] bool try_again(const Status& status) noexcept;

    // The retries of a call whose method has a policy (gRFC A6).
    struct Attempts final : Timer {
        Attempts(ClientCall& owner, const RetryPolicy& p) noexcept : call(&owner), policy(&p) {}
        ~Attempts() { disarm(); }
        void fire() noexcept override;
        ClientCall* call;
        const RetryPolicy* policy;
        int count = 1;
    };

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
    std::unique_ptr<Attempts> attempts_;
    std::unique_ptr<Interception> interception_;
    std::unique_ptr<CredentialsStep> credentials_;
    std::vector<Pimpl<DoneCallback>> done_callbacks_;
    std::optional<std::int64_t> pushback_ms_;  // negative: the server wants no other attempt
    std::uint32_t written_messages_ = 0;
    int unsent_attempts_ = 0;
    int previous_attempts_ = 0;
    CallKind kind_;
    Purpose purpose_;
    Compression compression_;
    StatusCode http_code_ = StatusCode::unknown;
    bool headers_seen_ : 1 = false;
    bool not_grpc_ : 1 = false;
    bool trailers_seen_ : 1 = false;
    bool was_attached_ : 1 = false;
    bool ended_ : 1 = false;
    bool wait_for_ready_ : 1 = false;
    bool refused_ : 1 = false;  // once, by a server that had not processed it
    bool skip_compression_ = false;
};

}  // namespace weft::grpc::detail
