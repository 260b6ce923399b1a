// ChannelCore: the state behind a Channel: its subchannels, the queue of calls without one, connectivity.
#pragma once

#include "client_call.hpp"
#include "service_config.hpp"
#include "subchannel.hpp"
#include "target.hpp"
#include "trace_log.hpp"

#include <weft/core/event.hpp>
#include <weft/core/task_control.hpp>
#include <weft/core/tls_context.hpp>
#include <weft/grpc/channel.hpp>
#include <weft/grpc/introspection.hpp>

#include <memory>
#include <string>
#include <vector>

namespace weft::grpc::detail {

class ChannelCore final : public InspectedChannel {
public:
    ChannelCore(std::string target, ChannelOptions options, std::unique_ptr<TlsContext> tls = nullptr);
    ~ChannelCore();

    // Puts the call on a connection, or queues it until there is one.
    void submit(ClientCall& call);
    void add_active(ClientCall& call) noexcept { active_.push_back(call); }
    void remove_active(ClientCall& call) noexcept;

    [[nodiscard]] ChannelConnectivity state() const noexcept { return state_; }
    void want_connection();
    Task<void> wait_for_state_change(ChannelConnectivity last);
    Task<void> channel_ready();
    Task<void> close(Duration grace);

    [[nodiscard]] const ChannelOptions& options() const noexcept { return options_; }
    [[nodiscard]] const ServiceConfig& config() const noexcept { return config_; }
    [[nodiscard]] RetryThrottle& throttle() noexcept { return throttle_; }
    // Null on an insecure channel.
    [[nodiscard]] TlsContext* tls() const noexcept { return tls_.get(); }
    // Nobody on the way can read what calls carry.
    [[nodiscard]] bool confidential() const noexcept { return tls_ || local_; }
    // What the server's certificate is to name.
    [[nodiscard]] std::string tls_name() const;
    [[nodiscard]] const Target& target() const noexcept { return target_; }
    [[nodiscard]] const std::string& authority() const noexcept { return authority_; }
    [[nodiscard]] const std::string& user_agent() const noexcept { return user_agent_; }
    [[nodiscard]] const std::string& target_text() const noexcept { return target_text_; }
    [[nodiscard]] const std::string& last_error() const noexcept { return last_error_; }
    [[nodiscard]] Duration keepalive_time() const noexcept { return keepalive_time_; }

    [[nodiscard]] CallCounts& calls() noexcept { return calls_; }
    [[nodiscard]] ChannelInfo inspect() const override;
    // Tells connections and subchannels apart, for people.
    [[nodiscard]] std::uint64_t next_serial() noexcept { return ++last_serial_; }

    // From subchannels.
    void subchannel_changed(Subchannel& subchannel) noexcept;
    void task_ended() noexcept;
    // The server complained about our PINGs (gRFC A8).
    void ping_less() noexcept;

private:
    [[nodiscard]] bool round_robin() const noexcept { return round_robin_; }
    [[nodiscard]] http2::Session* pick() noexcept;
    void set_state(ChannelConnectivity state) noexcept;
    void set_addresses(std::vector<SocketAddress> addresses);
    void drop_retired() noexcept;
    Task<void> follow_name();
    void send_pending();
    void fail_pending(const std::string& why) noexcept;
    void end_all(const Status& status) noexcept;
    void go_idle() noexcept;

    std::string target_text_;
    Target target_;
    ChannelOptions options_;
    std::unique_ptr<TlsContext> tls_;
    ServiceConfig config_;
    RetryThrottle throttle_;
    std::string authority_;
    std::string user_agent_;
    std::string last_error_;
    Duration keepalive_time_;
    CallCounts calls_;
    TraceLog trace_;
    std::uint64_t last_serial_ = 0;
    bool round_robin_ = false;
    bool local_ = false;  // a unix socket

    ChannelConnectivity state_ = ChannelConnectivity::idle;
    Event changed_;    // pulsed at every change of state
    Event idle_;       // pulsed when the last call or task has ended
    Event reresolve_;  // the addresses may be out of date
    IntrusiveList<ClientCall, ActiveCallTag> active_;
    IntrusiveList<ClientCall, PendingCallTag> pending_;
    std::vector<std::unique_ptr<Subchannel>> subchannels_;
    std::vector<std::unique_ptr<Subchannel>> retired_;  // their addresses went; their streams go on
    std::size_t turn_ = 0;
    bool in_use_ = false;  // connections are wanted
    bool following_ = false;
    bool closed_ = false;

    // Closes the connections of a channel that has no calls for long. Armed once and looked at when it fires,
    // so that calls do not pay for it.
    struct IdleTimer final : Timer {
        explicit IdleTimer(ChannelCore& owner) noexcept : core(&owner) {}
        void fire() noexcept override;
        ChannelCore* core;
    };
    IdleTimer idle_timer_{*this};
    TimePoint last_call_;

    // Last, so that its frames go before what they wait on.
    struct Tasks final : weft::detail::TaskOwner {
        explicit Tasks(ChannelCore& owner) noexcept : core(&owner) {}
        void child_done(weft::detail::TaskControl&) noexcept override { core->task_ended(); }
        ChannelCore* core;
    };
    Tasks tasks_{*this};
};

}  // namespace weft::grpc::detail
