#include "channel_core.hpp"

#include "time_now.hpp"

#include <weft/core/error.hpp>
#include <weft/core/resolve.hpp>
#include <weft/core/sleep.hpp>
#include <weft/core/timeout.hpp>
#include <weft/grpc/transport.hpp>

#include <algorithm>

namespace weft::grpc::detail {

namespace {

constexpr std::string_view library_user_agent = "grpc-c++-weft/0.1.0";
// grpc.dns_min_time_between_resolutions_ms
constexpr Duration between_resolutions = std::chrono::seconds(30);

}  // namespace

ChannelCore::ChannelCore(std::string target, ChannelOptions options, std::unique_ptr<TlsContext> tls)
    : target_text_(std::move(target)),
      target_(options.transport_ ? Target() : parse_target(target_text_)),
      options_(std::move(options)),
      tls_(std::move(tls)),
      keepalive_time_(options_.keepalive_time) {
    if (options_.transport_) {
        target_.authority = target_text_;
        local_ = options_.transport_->confidential();
    } else {
        local_ = target_text_.starts_with("unix:") || target_text_.starts_with("unix-abstract:");
    }
    if (!options_.config.empty()) config_ = ServiceConfig(options_.config);
    throttle_ = config_.throttle();
    const std::string& policy = options_.balancing.empty() ? config_.balancing() : options_.balancing;
    if (!policy.empty() && policy != "pick_first" && policy != "round_robin")
        throw UsageError("load balancing policy '" + policy + "': there are pick_first and round_robin");
    round_robin_ = policy == "round_robin" && !options_.transport_;
    authority_ = options_.authority.empty() ? target_.authority : options_.authority;
    user_agent_ = options_.user_agent;
    if (!user_agent_.empty()) user_agent_ += ' ';
    user_agent_ += library_user_agent;
    if (!round_robin_) {
        subchannels_.push_back(std::make_unique<Subchannel>(*this, target_.addresses));
    } else if (!target_.addresses.empty()) {
        set_addresses(target_.addresses);
    }
}

ChannelCore::~ChannelCore() {
    closed_ = true;
    end_all(Status(StatusCode::cancelled, "the channel was dropped"));
    subchannels_.clear();
    retired_.clear();
}

std::string ChannelCore::tls_name() const {
    if (!options_.tls_name.empty()) return options_.tls_name;
    if (!target_.host.empty()) return target_.host;
    std::string host = target_.authority;
    if (host.starts_with('[')) return host.substr(1, host.find(']') - 1);
    return host.substr(0, host.rfind(':'));
}

ChannelInfo ChannelCore::inspect() const {
    ChannelInfo info;
    info.target = target_text_;
    info.state = state_;
    info.calls = calls_;
    info.trace = trace_.trace();
    for (const auto* list : {&subchannels_, &retired_})
        for (const auto& subchannel : *list) info.subchannels.push_back(subchannel->inspect());
    return info;
}

void ChannelCore::task_ended() noexcept {
    idle_.set();
    idle_.clear();
}

void ChannelCore::ping_less() noexcept {
    if (keepalive_time_ < std::chrono::hours(24)) keepalive_time_ *= 2;
}

void ChannelCore::remove_active(ClientCall& call) noexcept {
    static_cast<ListHook<ActiveCallTag>&>(call).unlink();
    if (!active_.empty()) return;
    last_call_ = time_now();
    task_ended();
}

void ChannelCore::IdleTimer::fire() noexcept {
    Loop& loop = Loop::current();
    if (!core->active_.empty()) return loop.arm_after(*this, core->options_.idle_timeout);
    const TimePoint due = core->last_call_ + core->options_.idle_timeout;
    if (due > loop.now()) return loop.arm(*this, due);
    core->go_idle();
}

void ChannelCore::go_idle() noexcept {
    in_use_ = false;
    for (const auto& subchannel : subchannels_) subchannel->drain("the channel is idle");
}

void ChannelCore::set_state(ChannelConnectivity state) noexcept {
    if (state_ == state) return;
    state_ = state;
    trace_.state_changed(state, last_error_);
    changed_.set();
    changed_.clear();
}

void ChannelCore::set_addresses(std::vector<SocketAddress> addresses) {
    std::vector<std::unique_ptr<Subchannel>> next;
    for (const SocketAddress& address : addresses) {
        const auto same = [&address](const std::unique_ptr<Subchannel>& subchannel) {
            return subchannel && subchannel->addresses().front() == address;
        };
        if (std::any_of(next.begin(), next.end(), same)) continue;
        const auto known = std::find_if(subchannels_.begin(), subchannels_.end(), same);
        if (known != subchannels_.end()) {
            next.push_back(std::move(*known));
        } else {
            next.push_back(std::make_unique<Subchannel>(*this, std::vector<SocketAddress>{address}));
        }
    }
    std::swap(subchannels_, next);
    for (auto& left : next) {
        if (!left) continue;
        left->drain("the address is no longer the server's");
        retired_.push_back(std::move(left));
    }
    if (in_use_)
        for (const auto& subchannel : subchannels_) subchannel->want();
}

// Subchannels whose last stream has ended. Not from a task of theirs.
void ChannelCore::drop_retired() noexcept {
    std::erase_if(retired_, [](const auto& subchannel) {
        if (!subchannel->has_connections()) subchannel->cancel_tasks();
        return !subchannel->has_tasks();
    });
}

// round_robin over a name: who is there now? Asked again when a connection is lost, every 30 s at most.
Task<void> ChannelCore::follow_name() {
    for (;;) {
        reresolve_.clear();
        try {
            auto addresses = co_await resolve(target_.host, target_.port);
            set_addresses(std::move(addresses));
        } catch (const Error& error) {
            last_error_ = error.what();
            if (subchannels_.empty()) {
                set_state(ChannelConnectivity::transient_failure);
                fail_pending(last_error_);
                reresolve_.set();
            }
        }
        const Duration pause = subchannels_.empty() ? options_.initial_backoff : between_resolutions;
        co_await sleep(pause);
        drop_retired();
        co_await reresolve_.wait();
    }
}

void ChannelCore::want_connection() {
    if (closed_) return;
    if (!in_use_) {
        in_use_ = true;
        last_call_ = time_now();
        if (options_.idle_timeout != Duration::max())
            Loop::current().arm_after(idle_timer_, options_.idle_timeout);
    }
    if (round_robin_ && target_.addresses.empty() && !following_) {
        following_ = true;
        if (state_ == ChannelConnectivity::idle) set_state(ChannelConnectivity::connecting);
        weft::detail::start_task(Loop::current(), tasks_, follow_name(), "grpc resolver")->mark_retrieved();
    }
    for (const auto& subchannel : subchannels_)
        if (subchannel->state() == ChannelConnectivity::idle) subchannel->want();
}

http2::Session* ChannelCore::pick() noexcept {
    if (!round_robin_) return subchannels_.front()->session();
    for (std::size_t i = 0; i < subchannels_.size(); ++i) {
        Subchannel& next = *subchannels_[turn_++ % subchannels_.size()];
        if (http2::Session* session = next.session()) return session;
    }
    return nullptr;
}

void ChannelCore::submit(ClientCall& call) {
    if (closed_) return call.fail(Status(StatusCode::cancelled, "Channel closed!"));
    if (http2::Session* session = pick()) return call.attach(*session);
    if (state_ == ChannelConnectivity::transient_failure && !call.wait_for_ready())
        return call.fail(Status(StatusCode::unavailable, last_error_));
    pending_.push_back(call);
    want_connection();
}

void ChannelCore::subchannel_changed(Subchannel& changed) noexcept {
    if (closed_) return;
    if (!changed.last_error().empty() && changed.state() == ChannelConnectivity::transient_failure) {
        last_error_ = changed.last_error();
        reresolve_.set();
    }
    if (changed.state() == ChannelConnectivity::idle) {
        reresolve_.set();
        // pick_first waits for the next call; round_robin keeps its connections (gRPC's load-balancing.md).
        if ((round_robin_ && in_use_) || !pending_.empty()) changed.want();
    }
    ChannelConnectivity state = ChannelConnectivity::idle;
    bool all_failed = !subchannels_.empty();
    for (const auto& subchannel : subchannels_) {
        all_failed = all_failed && subchannel->state() == ChannelConnectivity::transient_failure;
        if (subchannel->state() == ChannelConnectivity::ready) state = ChannelConnectivity::ready;
        if (subchannel->state() == ChannelConnectivity::connecting && state != ChannelConnectivity::ready)
            state = ChannelConnectivity::connecting;
    }
    if (all_failed) {
        state = ChannelConnectivity::transient_failure;
    } else if (state == ChannelConnectivity::idle && round_robin_ && in_use_) {
        state = ChannelConnectivity::connecting;
    }
    set_state(state);
    send_pending();
    if (all_failed) fail_pending(last_error_);
}

void ChannelCore::send_pending() {
    while (!pending_.empty()) {
        http2::Session* session = pick();
        if (!session) return;
        pending_.pop_front().attach(*session);
    }
}

void ChannelCore::fail_pending(const std::string& why) noexcept {
    pending_.for_each([&why](ClientCall& call) {
        if (!call.wait_for_ready()) call.fail(Status(StatusCode::unavailable, why));
    });
}

void ChannelCore::end_all(const Status& status) noexcept {
    while (!active_.empty()) active_.front().fail(status);
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
    idle_timer_.disarm();
    while (!pending_.empty()) pending_.front().fail(Status(StatusCode::cancelled, "Channel closed!"));
    if (grace > Duration::zero() && !active_.empty()) {
        try {
            co_await timeout(grace, wait_until_empty(active_, idle_));
        } catch (const TimeoutError&) {
        }
    }
    end_all(Status(StatusCode::cancelled, "Channel closed!"));
    for (const auto& subchannel : subchannels_) subchannel->drain("");
    for (const auto& subchannel : retired_) subchannel->drain("");
    set_state(ChannelConnectivity::shutdown);
    // The sessions' last frames leave at the end of this turn; only then may their tasks go.
    co_await yield();
    tasks_.cancel_children();
    for (auto* list : {&subchannels_, &retired_}) {
        for (const auto& subchannel : *list) subchannel->cancel_tasks();
        for (const auto& subchannel : *list)
            while (subchannel->has_tasks()) co_await idle_.wait();
    }
    while (tasks_.has_children()) co_await idle_.wait();
}

}  // namespace weft::grpc::detail
