// ServerCall: one RPC of a server: the HTTP/2 stream, the handler's task, and the status with which it ends.
//
//     headers ──> waiting (for the single request) ──> handler runs ──> finished ──> closed
//        └── refused ───────────┴──────────────────────────────────────────┘
// It goes when the stream is closed and the handler has ended, in either order.
#pragma once

#include "message_reader.hpp"

#include <weft/core/frame_pool.hpp>
#include <weft/core/task_control.hpp>
#include <weft/core/timer.hpp>
#include <weft/grpc/detail/server_core.hpp>
#include <weft/grpc/server_context.hpp>
#include <weft/http2/exchange.hpp>

#include <optional>
#include <string>

namespace weft::grpc::detail {

class ServerConnection;
struct ServerCallTag;

class ServerCall final : public http2::Exchange, public Timer, public ListHook<ServerCallTag> {
public:
    explicit ServerCall(ServerConnection& connection);
    ~ServerCall() override;

    static void* operator new(std::size_t size) { return weft::detail::allocate_frame(size); }
    static void operator delete(void* memory, std::size_t size) noexcept {
        weft::detail::free_frame(memory, size);
    }

    // The connection has ended.
    void connection_gone() noexcept;
    // Ends the call with a status; the handler, if any, is cancelled.
    void end(Status status) noexcept;

    [[nodiscard]] ServerContext& context() noexcept { return context_; }
    [[nodiscard]] const std::string& method() const noexcept { return method_; }
    [[nodiscard]] const std::string& authority() const noexcept { return authority_; }
    [[nodiscard]] const Metadata& metadata() const noexcept { return metadata_; }
    [[nodiscard]] const std::string& peer() const noexcept;
    [[nodiscard]] const std::vector<std::string>& peer_identities() const noexcept;
    [[nodiscard]] TransportSecurity transport_security() const noexcept;
    [[nodiscard]] std::optional<TimePoint> deadline() const noexcept { return deadline_; }
    // Nothing that the handler sends reaches the client any more.
    [[nodiscard]] bool over() const noexcept { return finished_ || closed_; }

    void send_headers(const Metadata& metadata);
    [[nodiscard]] bool headers_sent() const noexcept { return headers_sent_; }
    void set_trailing(Metadata metadata) { trailing_ = std::move(metadata); }
    [[nodiscard]] const Metadata& trailing() const noexcept { return trailing_; }
    // What a handler that returns answers.
    void set_outcome(Status status) { outcome_ = std::move(status); }
    [[nodiscard]] const Status& outcome() const noexcept { return outcome_; }
    void set_compression(Compression algorithm);
    [[nodiscard]] bool last_compressed() const noexcept { return reader_.last_compressed(); }
    void skip_compression() noexcept { skip_compression_ = true; }

    std::byte* prepare_message(std::size_t size);
    void commit_message(std::size_t size);
    std::optional<std::span<const std::byte>> front_message();
    void pop_message() noexcept;

    [[nodiscard]] bool happened(ServerEvent event) const noexcept;
    [[nodiscard]] ServerWait*& waiter(ServerEvent event) noexcept {
        return waiters_[static_cast<int>(event)];
    }
    void settle_window() noexcept;

private:
    void on_headers(http2::HeaderBlock fields, bool end, bool oversized) noexcept override;
    void on_data(std::span<const std::byte> bytes) noexcept override;
    void on_remote_end() noexcept override;
    void on_writable() noexcept override { wake(ServerEvent::writable); }
    void on_trailers_due() noexcept override;
    void on_closed(const http2::CloseReason& reason) noexcept override;
    void fire() noexcept override;

    // An answer in HTTP, for requests that are no gRPC.
    void refuse_http(std::string_view http_status);
    [[nodiscard]] std::optional<Status> read_headers(http2::HeaderBlock fields);
    void start_handler();
    std::span<const std::byte> intercepted_request(std::span<const std::byte> message);
    void handler_done(weft::detail::TaskControl& task) noexcept;
    void finish(Status status) noexcept;
    void send_trailers_only();
    void settle() noexcept;
    void uncount() noexcept;
    void wake(ServerEvent event) noexcept;
    template <class Send>
    void with_trailer_fields(Send&& send);

    ServerConnection& connection_;
    ServerContext context_{*this};
    std::string method_;
    std::string authority_;
    Metadata metadata_;
    Metadata trailing_;
    std::optional<TimePoint> deadline_;
    MessageReader reader_;
    MethodHandler* handler_ = nullptr;
    Status status_;
    Status outcome_;
    std::optional<std::string> seen_;  // the request in front, as the interceptors left it
    Compression compression_ = Compression::identity;
    ServerWait* waiters_[2] = {};
    bool accepts_gzip_ : 1 = false;
    bool accepts_deflate_ : 1 = false;
    bool skip_compression_ = false;
    bool encoded_ : 1 = false;  // the request came with grpc-encoding
    bool headers_seen_ : 1 = false;
    bool headers_sent_ : 1 = false;
    bool remote_ended_ : 1 = false;
    bool counted_ : 1 = false;
    bool finished_ : 1 = false;
    bool closed_ : 1 = false;

    // Last, so that the handler's frame goes before what it uses.
    struct Handler final : weft::detail::TaskOwner {
        explicit Handler(ServerCall& owner) noexcept : call(&owner) {}
        void child_done(weft::detail::TaskControl& child) noexcept override { call->handler_done(child); }
        ServerCall* call;
    };
    Handler task_{*this};
};

}  // namespace weft::grpc::detail
