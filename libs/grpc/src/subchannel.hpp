// Subchannel: the connection to one server of a channel, made again whenever it is wanted.
#pragma once

#include "client_call.hpp"
#include "trace_log.hpp"

#include <weft/core/event.hpp>
#include <weft/core/socket_address.hpp>
#include <weft/core/spawn.hpp>
#include <weft/core/task_control.hpp>
#include <weft/grpc/channel.hpp>
#include <weft/grpc/introspection.hpp>
#include <weft/http2/session.hpp>

#include <memory>
#include <string>
#include <vector>

namespace weft::grpc::detail {

class Subchannel final {
public:
    // Without addresses the channel's name is resolved at each attempt to connect.
    Subchannel(ChannelCore& channel, std::vector<SocketAddress> addresses);
    ~Subchannel();

    // The session that takes calls; null when there is none.
    [[nodiscard]] http2::Session* session() const noexcept;
    [[nodiscard]] ChannelConnectivity state() const noexcept { return state_; }
    [[nodiscard]] const std::string& last_error() const noexcept { return last_error_; }
    [[nodiscard]] const std::vector<SocketAddress>& addresses() const noexcept { return addresses_; }

    [[nodiscard]] SubchannelInfo inspect() const;
    // Connects, unless it is connected or about to.
    void want();
    // Lets the connections finish their streams and makes no new one until want().
    void drain(const char* why) noexcept;
    void cancel_tasks() noexcept { tasks_.cancel_children(); }
    [[nodiscard]] bool has_tasks() const noexcept { return tasks_.has_children(); }
    [[nodiscard]] bool has_connections() const noexcept { return !connections_.empty(); }

private:
    class Connection;

    void set_state(ChannelConnectivity state) noexcept;
    Task<void> drive();
    Task<void> connect_once();
    Task<std::unique_ptr<Stream>> open_stream();
    Task<void> carry(std::shared_ptr<Connection> connection);
    static Task<void> keep_alive(std::shared_ptr<Connection> connection);
    Task<void> watch_health(std::shared_ptr<Connection> connection);
    void set_health(Connection& connection, bool serving) noexcept;
    void connection_ended(Connection& connection) noexcept;
    void start_task(Task<void> task, const char* name);
    TaskHandle<void> own_task(Task<void> task, const char* name);

    ChannelCore& channel_;
    std::vector<SocketAddress> addresses_;
    std::uint64_t serial_;
    std::string last_error_;
    TraceLog trace_;
    CallCounts past_;  // the streams of connections that are gone
    ChannelConnectivity state_ = ChannelConnectivity::idle;
    Event wanted_;  // somebody needs a connection
    Event lost_;    // there is no connection that takes calls
    std::shared_ptr<Connection> current_;
    std::vector<std::shared_ptr<Connection>> connections_;  // the current one and those that drain
    bool driving_ = false;

    // Last, so that its frames go before what they wait on.
    struct Tasks final : weft::detail::TaskOwner {
        explicit Tasks(Subchannel& owner) noexcept : subchannel(&owner) {}
        void child_done(weft::detail::TaskControl&) noexcept override;
        Subchannel* subchannel;
    };
    Tasks tasks_{*this};
};

}  // namespace weft::grpc::detail
