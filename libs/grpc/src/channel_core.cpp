#include "channel_core.hpp"

#include <weft/core/connection.hpp>
#include <weft/core/error.hpp>
#include <weft/core/resolve.hpp>
#include <weft/core/sleep.hpp>
#include <weft/core/timeout.hpp>

#include <algorithm>
#include <exception>
#include <random>

namespace weft::grpc::detail {

namespace {

constexpr std::string_view library_user_agent = "grpc-c++-weft/0.1.0";
constexpr double backoff_factor = 1.6;

Duration jittered(Duration delay) {
    static thread_local std::minstd_rand random{std::random_device{}()};
    return std::chrono::duration_cast<Duration>(delay *
                                                std::uniform_real_distribution<double>(0.8, 1.2)(random));
}

void start_owned(weft::detail::TaskOwner& owner, Task<void> task, std::string name) {
    weft::detail::start_task(Loop::current(), owner, std::move(task), std::move(name))->mark_retrieved();
}

}  // namespace

class ChannelCore::Connection final : public http2::SessionHandler {
public:
    Connection(ChannelCore& owner, std::unique_ptr<Stream> stream)
        : core(owner), session(std::move(stream), http2::Role::client, *this) {}

    void on_ready() noexcept override { settled.set(); }
    void on_draining(http2::ErrorCode, std::string_view) noexcept override {
        // Streams that run go on; new calls need another connection.
        core.connection_ended(*this);
        session.shut_down();
    }

    ChannelCore& core;
    http2::Session session;
    Event settled;  // ready, or ended
};

ChannelCore::ChannelCore(std::string target, ChannelOptions options)
    : target_text_(std::move(target)), target_(parse_target(target_text_)), options_(std::move(options)) {
    authority_ = options_.authority.empty() ? target_.authority : options_.authority;
    user_agent_ = options_.user_agent;
    if (!user_agent_.empty()) user_agent_ += ' ';
    user_agent_ += library_user_agent;
}

ChannelCore::~ChannelCore() {
    closed_ = true;
    end_all(Status(StatusCode::cancelled, "the channel was dropped"));
    current_.reset();
    connections_.clear();
}

void ChannelCore::Tasks::child_done(weft::detail::TaskControl&) noexcept {
    core->idle_.set();
    core->idle_.clear();
}

void ChannelCore::remove_active(ClientCall& call) noexcept {
    static_cast<ListHook<ActiveCallTag>&>(call).unlink();
    if (active_.empty()) {
        idle_.set();
        idle_.clear();
    }
}

void ChannelCore::set_state(ChannelConnectivity state) noexcept {
    if (state_ == state) return;
    state_ = state;
    changed_.set();
    changed_.clear();
}

void ChannelCore::want_connection() {
    if (closed_) return;
    wanted_.set();
    if (driving_) return;
    driving_ = true;
    start_owned(tasks_, drive(), "grpc channel");
}

void ChannelCore::submit(ClientCall& call) {
    if (closed_) return call.fail(Status(StatusCode::cancelled, "Channel closed!"));
    if (current_ && current_->session.accepts_requests()) {
        call.attach(current_->session);
        return;
    }
    if (state_ == ChannelConnectivity::transient_failure && !call.wait_for_ready())
        return call.fail(Status(StatusCode::unavailable, last_error_));
    pending_.push_back(call);
    want_connection();
}

void ChannelCore::send_pending() {
    while (!pending_.empty() && current_ && current_->session.accepts_requests())
        pending_.pop_front().attach(current_->session);
}

void ChannelCore::fail_pending(const std::string& why) noexcept {
    pending_.for_each([&why](ClientCall& call) {
        if (!call.wait_for_ready()) call.fail(Status(StatusCode::unavailable, why));
    });
}

void ChannelCore::end_all(const Status& status) noexcept {
    while (!active_.empty()) active_.front().fail(status);
}

// The channel's life: connect when wanted, carry, connect again.
Task<void> ChannelCore::drive() {
    Duration backoff = options_.initial_backoff;
    for (;;) {
        co_await wanted_.wait();
        set_state(ChannelConnectivity::connecting);
        const TimePoint began = Clock::now();
        std::string failure;
        try {
            co_await timeout(options_.attempt_timeout, connect_once());
        } catch (const Error& error) {
            failure = error.what();
        }
        if (failure.empty()) {
            backoff = options_.initial_backoff;
            wanted_.clear();
            lost_.clear();
            set_state(ChannelConnectivity::ready);
            send_pending();
            if (!current_) lost_.set();
            co_await lost_.wait();
            set_state(ChannelConnectivity::idle);
            if (!pending_.empty()) wanted_.set();
            continue;
        }
        last_error_ = "failed to connect to " + target_text_ + ": " + failure;
        set_state(ChannelConnectivity::transient_failure);
        fail_pending(last_error_);
        // The pause counts from the start of the attempt (connection-backoff.md). Then another attempt,
        // whether or not somebody waits: a channel that failed keeps trying.
        const Duration pause = jittered(backoff) - (Clock::now() - began);
        if (pause > Duration::zero()) co_await sleep(pause);
        backoff =
            std::min(options_.max_backoff, std::chrono::duration_cast<Duration>(backoff * backoff_factor));
    }
}

Task<std::unique_ptr<Stream>> ChannelCore::open_stream() {
    std::vector<SocketAddress> addresses = target_.addresses;
    if (addresses.empty()) addresses = co_await resolve(target_.host, target_.port);
    co_return co_await connect_any(std::move(addresses));
}

// Until the server's SETTINGS are there: a socket that accepts is not yet a server.
Task<void> ChannelCore::connect_once() {
    std::unique_ptr<Stream> stream = co_await open_stream();
    auto connection = std::make_shared<Connection>(*this, std::move(stream));
    connections_.push_back(connection);
    start_owned(tasks_, carry(connection), "grpc connection");
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
    current_ = std::move(connection);
}

Task<void> ChannelCore::carry(std::shared_ptr<Connection> connection) {
    co_await connection->session.run();
    connection->settled.set();
    connection_ended(*connection);
    std::erase(connections_, connection);
}

void ChannelCore::connection_ended(Connection& connection) noexcept {
    if (current_.get() != &connection) return;
    current_.reset();
    lost_.set();
}

Task<void> ChannelCore::wait_for_state_change(ChannelConnectivity last) {
    while (state_ == last && state_ != ChannelConnectivity::shutdown) co_await changed_.wait();
}

Task<void> ChannelCore::channel_ready() {
    for (;;) {
        if (closed_) throw ClosedError("channel to " + target_text_ + " is closed");
        want_connection();
        if (state_ == ChannelConnectivity::ready) co_return;
        co_await changed_.wait();
    }
}

namespace {

Task<void> wait_until_empty(IntrusiveList<ClientCall, ActiveCallTag>& calls, Event& changed) {
    while (!calls.empty()) co_await changed.wait();
}

}  // namespace

Task<void> ChannelCore::close(Duration grace) {
    closed_ = true;
    while (!pending_.empty()) pending_.front().fail(Status(StatusCode::cancelled, "Channel closed!"));
    if (grace > Duration::zero() && !active_.empty()) {
        try {
            co_await timeout(grace, wait_until_empty(active_, idle_));
        } catch (const TimeoutError&) {
        }
    }
    while (!active_.empty()) active_.front().fail(Status(StatusCode::cancelled, "Channel closed!"));
    for (const auto& connection : connections_) connection->session.shut_down();
    current_.reset();
    set_state(ChannelConnectivity::shutdown);
    // The session's last frames leave at the end of this turn; only then may its task go.
    co_await yield();
    tasks_.cancel_children();
    while (tasks_.has_children()) co_await idle_.wait();
}

}  // namespace weft::grpc::detail
