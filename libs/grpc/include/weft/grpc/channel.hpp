// Channel: the way to a server. Connects when it is first used, and again whenever it has to.
//
//     auto channel = weft::grpc::insecure_channel("127.0.0.1:9559");
//     Echo::Stub stub(channel);
//     auto reply = co_await stub.Say(request, CallOptions().timeout(2s));
#pragma once

#include <weft/core/pimpl.hpp>
#include <weft/core/task.hpp>
#include <weft/grpc/call.hpp>
#include <weft/grpc/call_options.hpp>
#include <weft/grpc/compression.hpp>
#include <weft/grpc/status.hpp>
#include <weft/grpc/transport_ref.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weft {
class TlsContext;
}

namespace weft::grpc {

class CallCredentials;
class ClientInterceptor;
class TlsRenewal;

enum class ChannelConnectivity : std::uint8_t { idle, connecting, ready, transient_failure, shutdown };

// "IDLE", "CONNECTING", …
[[nodiscard]] std::string_view to_string(ChannelConnectivity state) noexcept;

// Names and defaults are those of grpc's channel arguments.
class ChannelOptions {
public:
    ChannelOptions() {}

    // Largest response message, in bytes (4 MiB), and largest request message (no limit).
    ChannelOptions&& max_receive_message_length(std::size_t bytes) && {
        max_receive = bytes;
        return std::move(*this);
    }
    ChannelOptions&& max_send_message_length(std::size_t bytes) && {
        max_send = bytes;
        return std::move(*this);
    }
    // :authority of calls; the target's host and port when empty.
    ChannelOptions&& default_authority(std::string value) && {
        authority = std::move(value);
        return std::move(*this);
    }
    // Put in front of the library's user-agent.
    ChannelOptions&& primary_user_agent(std::string value) && {
        user_agent = std::move(value);
        return std::move(*this);
    }
    // The pause between attempts to connect: from `initial` by a factor of 1.6 up to `max`, ±20 %.
    ChannelOptions&& reconnect_backoff(Duration initial, Duration max) && {
        initial_backoff = initial;
        max_backoff = max;
        return std::move(*this);
    }
    // Limit of one attempt to connect, handshake included.
    ChannelOptions&& connect_timeout(Duration limit) && {
        attempt_timeout = limit;
        return std::move(*this);
    }

    // Largest sum of received headers or trailers in bytes, as HTTP/2 counts them (names, values, and 32 for
    // each field): 16 KiB. What is beyond fails its call with RESOURCE_EXHAUSTED. The server is told, so that
    // it can leave out what does not fit; it is told 72 KiB at most, because nghttp2 ends a connection on
    // which a value is longer than 64 KiB as HPACK writes it.
    ChannelOptions&& max_metadata_size(std::uint32_t bytes) && {
        max_metadata = bytes;
        return std::move(*this);
    }
    // How requests are compressed unless a call says otherwise (not at all). Compressed responses are always
    // understood.
    ChannelOptions&& compression(Compression algorithm) && {
        compress = algorithm;
        return std::move(*this);
    }
    // What the channel does by itself: timeouts, limits, retries, balancing, health checks. JSON, as
    // https://github.com/grpc/grpc/blob/master/doc/service_config.md has it. insecure_channel() throws
    // UsageError for a config that is none.
    ChannelOptions&& service_config(std::string json) && {
        config = std::move(json);
        return std::move(*this);
    }
    // false: no call is ever sent twice, not even one that the server has certainly not seen.
    ChannelOptions&& enable_retries(bool on) && {
        retries = on;
        return std::move(*this);
    }
    // Requests are kept for retries up to this many bytes a call (256 KiB); larger ones are sent once.
    ChannelOptions&& per_rpc_retry_buffer_size(std::size_t bytes) && {
        retry_buffer = bytes;
        return std::move(*this);
    }
    // "pick_first" (one connection, to the first address that answers) or "round_robin" (one to each address,
    // calls take turns). The service config's, and pick_first, when empty.
    ChannelOptions&& load_balancing(std::string policy) && {
        balancing = std::move(policy);
        return std::move(*this);
    }
    // A PING after `time` in which nothing came; a connection that does not answer within `timeout` is
    // closed, its calls end with UNAVAILABLE. Without calls only with `without_calls`. Servers close
    // connections that ping more often than they like (5 minutes by default): such a server makes the channel
    // double its `time`.
    ChannelOptions&& keepalive(Duration time, Duration timeout = std::chrono::seconds(20),
                               bool without_calls = false) && {
        keepalive_time = time;
        keepalive_timeout = timeout;
        keepalive_without_calls = without_calls;
        return std::move(*this);
    }
    // Without calls for so long the channel closes its connections and is IDLE (30 minutes).
    ChannelOptions&& client_idle_timeout(Duration limit) && {
        idle_timeout = limit;
        return std::move(*this);
    }
    // Runs around every call; the first one added is outermost. It must outlive the channel.
    ChannelOptions&& interceptor(ClientInterceptor& added) && {
        interceptors.push_back(&added);
        return std::move(*this);
    }

    // The name that a secure channel expects in the server's certificate, and sends as SNI; the target's host
    // when empty.
    ChannelOptions&& ssl_target_name_override(std::string name) && {
        tls_name = std::move(name);
        return std::move(*this);
    }
    // Adds metadata to every call: tokens. Several make a composite. Only for secure channels, and for unix
    // sockets: calls of others end with UNAUTHENTICATED. It must outlive the channel.
    ChannelOptions&& call_credentials(CallCredentials& added) && {
        credentials.push_back(&added);
        return std::move(*this);
    }

    // Asked before each handshake of a secure channel: renews the certificate that it shows (IdentityFiles).
    // It must outlive the channel.
    ChannelOptions&& tls_renewal(TlsRenewal& renewal) && {
        renewal_ = &renewal;
        return std::move(*this);
    }

    // Connections come from here instead of sockets; the target is only the calls' :authority.
    ChannelOptions&& transport(TransportRef own) && {
        transport_ = std::move(own);
        return std::move(*this);
    }

    TlsRenewal* renewal_ = nullptr;
    TransportRef transport_;
    std::string tls_name;
    std::vector<CallCredentials*> credentials;
    std::size_t max_receive = std::size_t{4} << 20;
    std::size_t max_send = SIZE_MAX;
    std::uint32_t max_metadata = 16 * 1024;
    Compression compress = Compression::identity;
    std::string config;
    bool retries = true;
    std::size_t retry_buffer = std::size_t{256} * 1024;
    std::string balancing;
    Duration keepalive_time = Duration::max();
    Duration keepalive_timeout = std::chrono::seconds(20);
    bool keepalive_without_calls = false;
    Duration idle_timeout = std::chrono::minutes(30);
    std::vector<ClientInterceptor*> interceptors;
    std::string authority;
    std::string user_agent;
    Duration initial_backoff = std::chrono::seconds(1);
    Duration max_backoff = std::chrono::seconds(120);
    Duration attempt_timeout = std::chrono::seconds(20);
};

namespace detail {

// Starts a call of each kind. Generated stubs call these; `method` need not outlive the call.
template <class Request, class Response>
UnaryUnaryCall<Response> start_unary_unary(ChannelCore& channel, std::string_view method,
                                           const Request& request, CallOptions&& options) {
    auto call = new_call(channel, CallKind::unary_unary, method, std::move(options));
    write_message(*call, request);
    half_close(*call);
    launch(*call);
    return UnaryUnaryCall<Response>(std::move(call));
}
template <class Request, class Response>
UnaryStreamCall<Response> start_unary_stream(ChannelCore& channel, std::string_view method,
                                             const Request& request, CallOptions&& options) {
    auto call = new_call(channel, CallKind::unary_stream, method, std::move(options));
    write_message(*call, request);
    half_close(*call);
    launch(*call);
    return UnaryStreamCall<Response>(std::move(call));
}
template <class Request, class Response>
StreamUnaryCall<Request, Response> start_stream_unary(ChannelCore& channel, std::string_view method,
                                                      CallOptions&& options) {
    auto call = new_call(channel, CallKind::stream_unary, method, std::move(options));
    launch(*call);
    return StreamUnaryCall<Request, Response>(std::move(call));
}
template <class Request, class Response>
StreamStreamCall<Request, Response> start_stream_stream(ChannelCore& channel, std::string_view method,
                                                        CallOptions&& options) {
    auto call = new_call(channel, CallKind::stream_stream, method, std::move(options));
    launch(*call);
    return StreamStreamCall<Request, Response>(std::move(call));
}

}  // namespace detail

// Makes calls of one method; what grpc.aio calls a multi-callable. A value; valid as long as its channel.
template <class Request, class Response>
class UnaryUnaryMultiCallable {
public:
    UnaryUnaryMultiCallable(detail::ChannelCore& channel, std::string_view method)
        : channel_(&channel), method_(method) {}
    UnaryUnaryCall<Response> operator()(const Request& request, CallOptions options = CallOptions()) const {
        return detail::start_unary_unary<Request, Response>(*channel_, method_, request, std::move(options));
    }

private:
    detail::ChannelCore* channel_;
    std::string method_;
};

template <class Request, class Response>
class UnaryStreamMultiCallable {
public:
    UnaryStreamMultiCallable(detail::ChannelCore& channel, std::string_view method)
        : channel_(&channel), method_(method) {}
    UnaryStreamCall<Response> operator()(const Request& request, CallOptions options = CallOptions()) const {
        return detail::start_unary_stream<Request, Response>(*channel_, method_, request, std::move(options));
    }

private:
    detail::ChannelCore* channel_;
    std::string method_;
};

template <class Request, class Response>
class StreamUnaryMultiCallable {
public:
    StreamUnaryMultiCallable(detail::ChannelCore& channel, std::string_view method)
        : channel_(&channel), method_(method) {}
    StreamUnaryCall<Request, Response> operator()(CallOptions options = CallOptions()) const {
        return detail::start_stream_unary<Request, Response>(*channel_, method_, std::move(options));
    }

private:
    detail::ChannelCore* channel_;
    std::string method_;
};

template <class Request, class Response>
class StreamStreamMultiCallable {
public:
    StreamStreamMultiCallable(detail::ChannelCore& channel, std::string_view method)
        : channel_(&channel), method_(method) {}
    StreamStreamCall<Request, Response> operator()(CallOptions options = CallOptions()) const {
        return detail::start_stream_stream<Request, Response>(*channel_, method_, std::move(options));
    }

private:
    detail::ChannelCore* channel_;
    std::string method_;
};

// Move-only; belongs to the loop on which it is first used, and must be gone before that loop is. Its
// destructor is abortive: running calls end with CANCELLED.
class Channel {
public:
    Channel(Channel&&) noexcept;
    Channel& operator=(Channel&&) noexcept;
    ~Channel();

    // Callables of a method "/package.Service/Method". Request and Response are types with a Codec;
    // std::string moves raw bytes.
    template <class Request = std::string, class Response = std::string>
    [[nodiscard]] UnaryUnaryMultiCallable<Request, Response> unary_unary(std::string_view method) {
        return {*core_, method};
    }
    template <class Request = std::string, class Response = std::string>
    [[nodiscard]] UnaryStreamMultiCallable<Request, Response> unary_stream(std::string_view method) {
        return {*core_, method};
    }
    template <class Request = std::string, class Response = std::string>
    [[nodiscard]] StreamUnaryMultiCallable<Request, Response> stream_unary(std::string_view method) {
        return {*core_, method};
    }
    template <class Request = std::string, class Response = std::string>
    [[nodiscard]] StreamStreamMultiCallable<Request, Response> stream_stream(std::string_view method) {
        return {*core_, method};
    }

    // The state now. With `try_to_connect` an idle channel starts to connect.
    [[nodiscard]] ChannelConnectivity get_state(bool try_to_connect = false);
    // Until the state is not `last` (any more); states between may be missed.
    [[nodiscard]] Task<void> wait_for_state_change(ChannelConnectivity last);
    // Connects, and waits until calls can be sent. Failed attempts are repeated without end: use timeout().
    // Throws ClosedError when the channel is closed.
    [[nodiscard]] Task<void> channel_ready();
    // The error of the last failed attempt to connect; empty when there was none.
    [[nodiscard]] std::string last_connect_error() const;

    // New calls fail at once. Running ones get `grace` to end, then are cancelled; then the connections
    // close. Harmless when repeated.
    [[nodiscard]] Task<void> close(Duration grace = Duration::zero());

    [[nodiscard]] const std::string& target() const noexcept;

    // For generated stubs.
    [[nodiscard]] detail::ChannelCore& core() const noexcept { return *core_; }

private:
    friend Channel insecure_channel(std::string target, ChannelOptions options);
    friend Channel secure_channel(std::string target, const TlsContext& tls, ChannelOptions options);
    explicit Channel(Pimpl<detail::ChannelCore> core) noexcept;
    Pimpl<detail::ChannelCore> core_;
};

// A channel without TLS. Targets: host:port, dns:host:port, ipv4:a.b.c.d:port[,…], ipv6:[…]:port[,…],
// unix:path, unix:///path, unix-abstract:name, passthrough:host:port. Nothing connects yet. Throws UsageError
// for a target or a service config that is none.
[[nodiscard]] Channel insecure_channel(std::string target, ChannelOptions options = ChannelOptions());

// The same over TLS. `tls` is a client's context; "h2" is offered whatever its alpn() says:
// TlsContext::client().ca_file("ca.pem"); with identity() for mutual TLS. A server that cannot be
// verified is UNAVAILABLE, with the reason.
[[nodiscard]] Channel secure_channel(std::string target, const TlsContext& tls,
                                     ChannelOptions options = ChannelOptions());

}  // namespace weft::grpc
