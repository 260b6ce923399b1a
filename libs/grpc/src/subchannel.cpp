#include "subchannel.hpp"

#include "channel_core.hpp"
#include "cipher_of.hpp"
#include "health_watch.hpp"
#include "keepalive.hpp"

#include <weft/core/connection.hpp>
#include <weft/core/error.hpp>
#include <weft/core/resolve.hpp>
#include <weft/core/sleep.hpp>
#include <weft/core/timeout.hpp>
#include <weft/core/tls_stream.hpp>
#include <weft/grpc/credentials.hpp>
#include <weft/grpc/transport.hpp>

#include <algorithm>
#include <exception>
#include <random>
#include <utility>

namespace weft::grpc::detail {

namespace {

constexpr double backoff_factor = 1.6;

Duration jittered(Duration delay) {
    static thread_local std::minstd_rand random{std::random_device{}()};
    return std::chrono::duration_cast<Duration>(delay *
                                                std::uniform_real_distribution<double>(0.8, 1.2)(random));
}

http2::SessionOptions session_options(const ChannelOptions& options) {
    http2::SessionOptions out;
    // nghttp2 ends a connection on which one value is longer than 64 KiB as HPACK writes it (about 6.3 bits a
    // character of base64): the peer is told a limit that keeps it away from there.
    constexpr std::uint32_t most = 72 * 1024;
    out.max_header_list_size = std::min(options.max_metadata, most);
    return out;
}

}  // namespace

class Subchannel::Connection final : public http2::SessionHandler {
public:
    Connection(Subchannel& subchannel, std::unique_ptr<Stream> stream, const ChannelOptions& options)
        : owner(subchannel),
          serial(subchannel.channel_.next_serial()),
          cipher(cipher_of(*stream)),
          session(std::move(stream), http2::Role::client, *this, session_options(options)) {}

    void on_ready() noexcept override { settled.set(); }
    void on_draining(http2::ErrorCode code, std::string_view text) noexcept override {
        if (code == http2::ErrorCode::enhance_your_calm && text == "too_many_pings")
            owner.channel_.ping_less();
        // Streams that run go on; new calls need another connection.
        owner.connection_ended(*this);
        session.shut_down();
    }

    Subchannel& owner;
    std::uint64_t serial;
    std::string cipher;  // before the session, which takes the stream
    http2::Session session;
    Event settled;  // ready, or ended
    bool healthy = true;
    TaskHandle<void> keepalive;
    TaskHandle<void> health;
};

Subchannel::Subchannel(ChannelCore& channel, std::vector<SocketAddress> addresses)
    : channel_(channel), addresses_(std::move(addresses)), serial_(channel.next_serial()) {}

namespace {

void add_streams(CallCounts& to, const http2::Session& session) {
    const http2::SessionCounters& counters = session.counters();
    to.started += counters.streams_started;
    to.succeeded += counters.streams_succeeded;
    to.failed += counters.streams_failed;
    to.last_started = std::max(to.last_started, counters.last_stream_started);
}

}  // namespace

SubchannelInfo Subchannel::inspect() const {
    SubchannelInfo info;
    info.id = serial_;
    for (const SocketAddress& address : addresses_) info.addresses.push_back(address.to_string());
    info.state = state_;
    info.trace = trace_.trace();
    info.streams = past_;
    for (const auto& connection : connections_) {
        info.connections.push_back(inspect_session(connection->session, connection->serial));
        info.connections.back().cipher = connection->cipher;
        add_streams(info.streams, connection->session);
    }
    return info;
}

Subchannel::~Subchannel() {
    for (const auto& connection : connections_) {
        connection->keepalive = {};
        connection->health = {};
    }
    current_.reset();
    connections_.clear();
}

void Subchannel::Tasks::child_done(weft::detail::TaskControl&) noexcept { subchannel->channel_.task_ended(); }

void Subchannel::start_task(Task<void> task, const char* name) {
    weft::detail::start_task(Loop::current(), tasks_, std::move(task), name)->mark_retrieved();
}

// Dropping the handle cancels it; so does the end of the subchannel.
TaskHandle<void> Subchannel::own_task(Task<void> task, const char* name) {
    auto started = weft::detail::start_task(Loop::current(), tasks_, std::move(task), name);
    started->mark_retrieved();
    return TaskHandle<void>(std::move(started), true);
}

http2::Session* Subchannel::session() const noexcept {
    return current_ && current_->healthy && current_->session.accepts_requests() ? &current_->session
                                                                                 : nullptr;
}

void Subchannel::set_state(ChannelConnectivity state) noexcept {
    if (state_ == state) return;
    state_ = state;
    trace_.state_changed(state, last_error_);
    channel_.subchannel_changed(*this);
}

void Subchannel::want() {
    wanted_.set();
    if (std::exchange(driving_, true)) return;
    start_task(drive(), "grpc channel");
}

void Subchannel::drain(const char* why) noexcept {
    wanted_.clear();
    const auto kept = connections_;  // a session without streams may end at once
    for (const auto& connection : kept) {
        connection_ended(*connection);
        connection->session.shut_down(why);
    }
}

// The life of a subchannel: connect when wanted, carry, connect again.
Task<void> Subchannel::drive() {
    const ChannelOptions& options = channel_.options();
    Duration backoff = options.initial_backoff;
    for (;;) {
        co_await wanted_.wait();
        set_state(ChannelConnectivity::connecting);
        const TimePoint began = Loop::current().now();
        std::string failure;
        try {
            co_await timeout(options.attempt_timeout, connect_once());
        } catch (const Error& error) {
            failure = error.what();
        }
        if (failure.empty()) {
            backoff = options.initial_backoff;
            wanted_.clear();
            lost_.clear();
            if (current_ && current_->healthy) set_state(ChannelConnectivity::ready);
            if (!current_) lost_.set();
            co_await lost_.wait();
            set_state(ChannelConnectivity::idle);
            continue;
        }
        last_error_ = "failed to connect to " + channel_.target_text() + ": " + failure;
        set_state(ChannelConnectivity::transient_failure);
        // The pause counts from the start of the attempt (connection-backoff.md). Then another attempt,
        // whether or not somebody waits: a channel that failed keeps trying.
        const Duration pause = jittered(backoff) - (Loop::current().now() - began);
        if (pause > Duration::zero()) co_await sleep(pause);
        backoff =
            std::min(options.max_backoff, std::chrono::duration_cast<Duration>(backoff * backoff_factor));
    }
}

Task<std::unique_ptr<Stream>> Subchannel::open_stream() {
    std::unique_ptr<Stream> stream;
    if (const TransportRef transport = channel_.options().transport_) {
        stream = co_await transport->connect();
    } else {
        std::vector<SocketAddress> addresses = addresses_;
        if (addresses.empty()) addresses = co_await resolve(channel_.target().host, channel_.target().port);
        stream = co_await connect_any(std::move(addresses));
    }
    if (!channel_.tls()) co_return stream;
    try {
        if (TlsRenewal* renewal = channel_.options().renewal_) renewal->renew(*channel_.tls());
    } catch (const std::exception&) {  // what the context had is still good
    }
    // Whatever the context offers to others.
    std::vector<std::string> alpn(1, "h2");
    auto secure =
        co_await tls_connect(std::move(stream), *channel_.tls(), channel_.tls_name(), std::move(alpn));
    if (secure->alpn() != "h2")
        throw weft::Error("the server at " + channel_.tls_name() +
                          " speaks TLS, but did not agree on HTTP/2 (ALPN h2): is it a gRPC server?");
    co_return secure;
}

// Until the server's SETTINGS are there: a socket that accepts is not yet a server.
Task<void> Subchannel::connect_once() {
    std::unique_ptr<Stream> stream = co_await open_stream();
    auto connection = std::make_shared<Connection>(*this, std::move(stream), channel_.options());
    connections_.push_back(connection);
    start_task(carry(connection), "grpc connection");
    std::exception_ptr cancelled;
    try {
        co_await connection->settled.wait();
    } catch (const Cancelled&) {
        cancelled = std::current_exception();
    }
    if (cancelled || !connection->session.ready() || !connection->session.accepts_requests()) {
        connection->session.terminate(http2::ErrorCode::settings_timeout);
        std::erase(connections_, connection);
        if (cancelled) std::rethrow_exception(cancelled);
        throw weft::Error("no HTTP/2 handshake: " + connection->session.end_text());
    }
    connection->healthy = !channel_.config().health_service();
    current_ = connection;
    if (channel_.options().keepalive_time != Duration::max())
        connection->keepalive = own_task(keep_alive(connection), "grpc keepalive");
    if (!connection->healthy) connection->health = own_task(watch_health(connection), "grpc health check");
}

Task<void> Subchannel::carry(std::shared_ptr<Connection> connection) {
    co_await connection->session.run();
    connection->settled.set();
    connection->keepalive = {};
    connection->health = {};
    connection_ended(*connection);
    add_streams(past_, connection->session);
    std::erase(connections_, connection);
}

void Subchannel::connection_ended(Connection& connection) noexcept {
    if (current_.get() != &connection) return;
    current_.reset();
    lost_.set();
}

Task<void> Subchannel::keep_alive(std::shared_ptr<Connection> connection) {
    http2::Session& session = connection->session;
    const ChannelCore& channel = connection->owner.channel_;
    const ChannelOptions& options = channel.options();
    while (!session.ended()) {
        const Duration quiet = Loop::current().now() - session.last_received();
        const Duration time = channel.keepalive_time();
        if (quiet < time) {
            co_await sleep(time - quiet);
            continue;
        }
        if (session.open_streams() == 0 && !options.keepalive_without_calls) {
            co_await sleep(time);
            continue;
        }
        const bool goes_on = co_await ask_whether_alive(session, options.keepalive_timeout, "server");
        if (!goes_on) co_return;
    }
}

// gRFC A17: ready only while the service says SERVING; a server without the health service counts as healthy.
Task<void> Subchannel::watch_health(std::shared_ptr<Connection> connection) {
    Duration backoff = std::chrono::seconds(1);
    while (!connection->session.ended() && connection->session.accepts_requests()) {
        HealthWatch watch(channel_, connection->session, *channel_.config().health_service());
        bool served = false;
        for (;;) {
            const auto serving = co_await watch.next();
            if (!serving) break;
            served = true;
            set_health(*connection, *serving);
        }
        if (watch.unimplemented()) {
            set_health(*connection, true);
            co_return;
        }
        set_health(*connection, false);
        if (served) backoff = std::chrono::seconds(1);
        co_await sleep(jittered(backoff));
        backoff = std::min<Duration>(std::chrono::duration_cast<Duration>(backoff * backoff_factor),
                                     std::chrono::seconds(120));
    }
}

void Subchannel::set_health(Connection& connection, bool serving) noexcept {
    connection.healthy = serving;
    if (current_.get() != &connection) return;
    if (!serving) {
        last_error_ = "the server at " + connection.session.peer() + " says that it is not serving";
        set_state(ChannelConnectivity::transient_failure);
    } else {
        set_state(ChannelConnectivity::ready);
    }
}

}  // namespace weft::grpc::detail
