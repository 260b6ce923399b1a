#include "cipher_of.hpp"
#include "http1_session.hpp"
#include "keepalive.hpp"
#include "server_state.hpp"

#include <weft/core/error.hpp>
#include <weft/core/sleep.hpp>
#include <weft/core/timeout.hpp>

#include <algorithm>
#include <random>

namespace weft::grpc::detail {

namespace {

http2::SessionOptions session_options(const ServerOptions& options) {
    http2::SessionOptions out;
    out.max_concurrent_streams = options.max_streams;
    // See ChannelOptions::max_metadata_size().
    constexpr std::uint32_t most = 72 * 1024;
    out.max_header_list_size = std::min(options.max_metadata, most);
    return out;
}

Http1Options http1_options(const ServerOptions& options) {
    Http1Options out;
    out.max_head = options.max_metadata;
    out.head_timeout = options.handshake_limit;
    return out;
}

constexpr Duration ping_interval_without_calls = std::chrono::hours(2);
constexpr int most_ping_strikes = 2;

}  // namespace

ServerConnection::ServerConnection(ServerState& server, std::unique_ptr<Stream> stream,
                                   TransportSecurity security, Protocol protocol)
    : server_(server), cipher_(cipher_of(*stream)), security_(security), serial_(server.next_serial()) {
    if (protocol == Protocol::http1) {
        carrier_ = std::make_unique<Http1Session>(std::move(stream), *this, http1_options(server.options()));
    } else {
        auto session = std::make_unique<http2::Session>(std::move(stream), http2::Role::server, *this,
                                                        session_options(server.options()));
        session_ = session.get();
        carrier_ = std::move(session);
    }
    server.connection_added(*this);
    Loop& loop = Loop::current();
    if (const Duration age = server.options().max_age; age != Duration::max()) {
        static thread_local std::minstd_rand random{std::random_device{}()};
        const double factor = std::uniform_real_distribution<double>(0.9, 1.1)(random);
        loop.arm_after(age_, std::chrono::duration_cast<Duration>(age * factor));
    }
    last_call_ = loop.now();
    if (server.options().max_idle != Duration::max()) loop.arm_after(idle_, server.options().max_idle);
}

// Handlers that still run are destroyed where they wait.
ServerConnection::~ServerConnection() {
    while (!calls_.empty()) delete &calls_.front();
}

http2::Exchange* ServerConnection::on_request() {
    // Streams that were reset but whose handlers still run count too: else a client could start work without
    // limit by resetting each stream at once (CVE-2023-44487).
    if (call_count_ >= server_.options().max_streams) return nullptr;
    auto* call = new ServerCall(*this);
    calls_.push_back(*call);
    ++call_count_;
    return call;
}

void ServerConnection::call_over(ServerCall& call) noexcept {
    delete &call;
    --call_count_;
    if (!calls_.empty()) return;
    calls_ended_.set();
    last_call_ = Loop::current().now();
}

void ServerConnection::end_calls(const Status& status) noexcept {
    calls_.for_each([&status](ServerCall& call) { call.end(status); });
}

void ServerConnection::grow_old() noexcept {
    carrier_->shut_down("max_age");
    if (const Duration grace = server_.options().max_age_grace; grace != Duration::max())
        Loop::current().arm_after(grace_, grace);
}

void ServerConnection::end_of_grace() noexcept { carrier_->abort("the connection was older than max_age"); }

// Armed once and looked at when it fires, so that calls do not pay for it.
void ServerConnection::idle_for_long() noexcept {
    Loop& loop = Loop::current();
    const Duration limit = server_.options().max_idle;
    if (!calls_.empty()) return loop.arm_after(idle_, limit);
    if (last_call_ + limit > loop.now()) return loop.arm(idle_, last_call_ + limit);
    carrier_->shut_down("max_idle");
}

// gRFC A8. A client's PING right after our data is its measurement of the line, not keepalive.
void ServerConnection::on_ping() noexcept {
    const TimePoint now = Loop::current().now();
    const ServerOptions& options = server_.options();
    if (session_->message_frames_sent() != frames_at_ping_ || last_ping_ == TimePoint()) {
        frames_at_ping_ = session_->message_frames_sent();
        ping_strikes_ = 0;
        last_ping_ = now;
        return;
    }
    const bool quiet = calls_.empty() && !options.ping_without_calls;
    const Duration interval = quiet ? ping_interval_without_calls : options.min_ping_interval;
    if (now - last_ping_ < interval && ++ping_strikes_ > most_ping_strikes)
        session_->terminate(http2::ErrorCode::enhance_your_calm, "too_many_pings");
    last_ping_ = now;
}

Task<void> ServerConnection::keep_alive(http2::Session& session) {
    const ServerOptions& options = server_.options();
    while (!session.ended()) {
        const Duration quiet = Loop::current().now() - session.last_received();
        if (quiet < options.keepalive_time) {
            co_await sleep(options.keepalive_time - quiet);
            continue;
        }
        const bool goes_on = co_await ask_whether_alive(session, options.keepalive_timeout, "client");
        if (!goes_on) co_return;
    }
}

Task<void> ServerConnection::run() {
    // HTTP/1.1 has no PING; TCP's own keepalive is the only one it knows.
    if (session_ && server_.options().keepalive_time != Duration::max())
        weft::detail::start_task(Loop::current(), tasks_, keep_alive(*session_), "grpc keepalive")
            ->mark_retrieved();
    co_await carrier_->run();
    tasks_.cancel_children();
    calls_.for_each([](ServerCall& call) { call.connection_gone(); });
    // Every call has been closed and its handler cancelled; handlers may take their time to clean up.
    while (!calls_.empty()) {
        calls_ended_.clear();
        co_await calls_ended_.wait();
    }
}

}  // namespace weft::grpc::detail
