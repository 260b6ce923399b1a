// ChannelCore: the state behind a Channel: connection, queue of calls without one, connectivity.
#pragma once

#include "client_call.hpp"
#include "target.hpp"

#include <weft/core/event.hpp>
#include <weft/core/task_control.hpp>
#include <weft/grpc/channel.hpp>
#include <weft/http2/session.hpp>

#include <memory>
#include <string>
#include <vector>

namespace weft::grpc::detail {

class ChannelCore final {
public:
    ChannelCore(std::string target, ChannelOptions options);
    ~ChannelCore();

    // Puts the call on the connection, or queues it until there is one.
    void submit(ClientCall& call);
    void add_active(ClientCall& call) noexcept { active_.push_back(call); }
    void remove_active(ClientCall& call) noexcept;

    [[nodiscard]] ChannelConnectivity state() const noexcept { return state_; }
    void want_connection();
    Task<void> wait_for_state_change(ChannelConnectivity last);
    Task<void> channel_ready();
    Task<void> close(Duration grace);

    [[nodiscard]] const ChannelOptions& options() const noexcept { return options_; }
    [[nodiscard]] const std::string& authority() const noexcept { return authority_; }
    [[nodiscard]] const std::string& user_agent() const noexcept { return user_agent_; }
    [[nodiscard]] const std::string& target_text() const noexcept { return target_text_; }
    [[nodiscard]] const std::string& last_error() const noexcept { return last_error_; }

private:
    class Connection;

    void set_state(ChannelConnectivity state) noexcept;
    Task<void> drive();
    Task<void> connect_once();
    Task<std::unique_ptr<Stream>> open_stream();
    Task<void> carry(std::shared_ptr<Connection> connection);
    void connection_ended(Connection& connection) noexcept;
    void send_pending();
    void fail_pending(const std::string& why) noexcept;
    void end_all(const Status& status) noexcept;

    std::string target_text_;
    Target target_;
    ChannelOptions options_;
    std::string authority_;
    std::string user_agent_;
    std::string last_error_;

    ChannelConnectivity state_ = ChannelConnectivity::idle;
    Event changed_;  // pulsed at every change of state
    Event wanted_;   // somebody needs a connection
    Event lost_;     // there is no connection that takes calls
    Event idle_;     // pulsed when the last call or task has ended
    IntrusiveList<ClientCall, ActiveCallTag> active_;
    IntrusiveList<ClientCall, PendingCallTag> pending_;
    std::shared_ptr<Connection> current_;
    std::vector<std::shared_ptr<Connection>> connections_;  // the current one and those that drain
    bool driving_ = false;
    bool closed_ = false;

    // Last, so that its frames go before what they wait on.
    struct Tasks final : weft::detail::TaskOwner {
        explicit Tasks(ChannelCore& owner) noexcept : core(&owner) {}
        void child_done(weft::detail::TaskControl&) noexcept override;
        ChannelCore* core;
    };
    Tasks tasks_{*this};
};

}  // namespace weft::grpc::detail
