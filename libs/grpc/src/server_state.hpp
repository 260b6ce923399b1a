// The state behind a Server: methods, ports, connections; and one connection with its calls.
#pragma once

#include "server_call.hpp"
#include "time_now.hpp"

#include <weft/core/event.hpp>
#include <weft/core/listener.hpp>
#include <weft/core/task_control.hpp>
#include <weft/core/tls_context.hpp>
#include <weft/grpc/credentials.hpp>
#include <weft/grpc/introspection.hpp>
#include <weft/grpc/server.hpp>
#include <weft/http2/session.hpp>

#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace weft::grpc::detail {

class ServerState;

// One client's connection. Owned by its task.
class ServerConnection final : public http2::SessionHandler, public ListHook<> {
public:
    enum class Protocol { http2, http1 };
    ServerConnection(ServerState& server, std::unique_ptr<Stream> stream, TransportSecurity security,
                     Protocol protocol);
    ~ServerConnection();

    http2::Exchange* on_request() override;
    void on_ping() noexcept override;
    // The call is over and its handler too: it is destroyed.
    void call_over(ServerCall& call) noexcept;

    [[nodiscard]] ServerState& server() noexcept { return server_; }
    // What the client's certificate names.
    [[nodiscard]] const std::vector<std::string>& identities() const noexcept { return identities_; }
    [[nodiscard]] TransportSecurity security() const noexcept { return security_; }
    void set_identities(std::vector<std::string> names) noexcept { identities_ = std::move(names); }
    // TLS's; empty without TLS.
    [[nodiscard]] const std::string& cipher() const noexcept { return cipher_; }
    [[nodiscard]] http2::Carrier& carrier() noexcept { return *carrier_; }
    [[nodiscard]] const http2::Carrier& carrier() const noexcept { return *carrier_; }
    // gRPC itself needs HTTP/2's trailers; gRPC-Web does not.
    [[nodiscard]] bool web_only() const noexcept { return session_ == nullptr; }
    [[nodiscard]] std::uint64_t serial() const noexcept { return serial_; }
    void end_calls(const Status& status) noexcept;
    Task<void> run();

private:
    void grow_old() noexcept;
    void end_of_grace() noexcept;
    void idle_for_long() noexcept;
    Task<void> keep_alive(http2::Session& session);

    // Calls a member when the time has come.
    struct Alarm final : Timer {
        using Function = void (ServerConnection::*)() noexcept;
        Alarm(ServerConnection& c, Function f) noexcept : connection(c), function(f) {}
        ~Alarm() { disarm(); }
        void fire() noexcept override { (connection.*function)(); }
        ServerConnection& connection;
        Function function;
    };

    ServerState& server_;
    std::string cipher_;
    std::unique_ptr<http2::Carrier> carrier_;
    http2::Session* session_ = nullptr;  // the carrier, when it speaks HTTP/2
    Alarm age_{*this, &ServerConnection::grow_old};
    Alarm grace_{*this, &ServerConnection::end_of_grace};
    Alarm idle_{*this, &ServerConnection::idle_for_long};
    std::vector<std::string> identities_;
    TransportSecurity security_;
    std::uint64_t serial_;
    TimePoint last_call_;
    TimePoint last_ping_;
    std::uint64_t frames_at_ping_ = 0;
    int ping_strikes_ = 0;
    IntrusiveList<ServerCall, ServerCallTag> calls_;
    std::size_t call_count_ = 0;
    Event calls_ended_;

    // Last, so that its frames go before what they wait on.
    struct Tasks final : weft::detail::TaskOwner {
        void child_done(weft::detail::TaskControl&) noexcept override {}
    };
    Tasks tasks_;
};

class ServerState final : public InspectedServer {
public:
    explicit ServerState(ServerOptions options);
    ~ServerState();

    void add_service(Service& service);
    void add_generic_handler(GenericHandler& handler);
    int add_port(std::string_view address, std::optional<TlsContext> tls = {}, TlsRenewal* renewal = nullptr);
    int add_port(Listener listener, std::optional<TlsContext> tls = {}, TlsRenewal* renewal = nullptr);
    [[nodiscard]] std::vector<std::string> services() const;
    void start();
    void add_connection(std::unique_ptr<Stream> stream);
    Task<void> stop(Duration grace);
    Task<void> wait_for_termination();

    // Null when nobody takes the method.
    [[nodiscard]] MethodHandler* find(std::string_view method) const;
    [[nodiscard]] const ServerOptions& options() const noexcept { return options_; }
    [[nodiscard]] std::size_t active_calls() const noexcept { return active_calls_; }
    [[nodiscard]] bool stopping() const noexcept { return stopping_; }
    void call_began() noexcept { ++active_calls_; }
    [[nodiscard]] CallCounts& calls() noexcept { return calls_; }
    [[nodiscard]] ServerInfo inspect() override;
    [[nodiscard]] std::uint64_t next_serial() noexcept { return ++last_serial_; }
    void call_ended() noexcept;
    void connection_added(ServerConnection& connection) noexcept { connections_.push_back(connection); }

private:
    struct Hash {
        using is_transparent = void;
        std::size_t operator()(std::string_view text) const noexcept {
            return std::hash<std::string_view>()(text);
        }
    };

    struct Port {
        Port(Listener socket, std::optional<TlsContext> context, TlsRenewal* r)
            : listener(std::move(socket)), tls(std::move(context)), renewal(r) {}
        Listener listener;
        std::optional<TlsContext> tls;
        TlsRenewal* renewal;
    };
    // A client of whom it is not known yet what it speaks: stop() does not wait for it.
    struct Greeting : ListHook<> {
        explicit Greeting(ServerState& server) noexcept { server.greetings_.push_back(*this); }
        weft::detail::TaskControl& task = weft::detail::current_task();
    };
    Task<void> accept_from(Port& port);
    Task<void> serve(std::unique_ptr<Stream> stream, TransportSecurity security,
                     std::vector<std::string> identities, std::string protocol);
    Task<void> serve_secure(std::unique_ptr<Stream> stream, TlsContext tls);
    Task<void> wait_for_calls();
    Task<void> wait_for_tasks();
    void spawn_owned(Task<void> task, std::string name);

    ServerOptions options_;
    std::unordered_map<std::string, MethodHandler*, Hash, std::equal_to<>> methods_;
    std::vector<std::pair<GenericHandler*, std::unique_ptr<MethodHandler>>> generic_;
    std::vector<std::unique_ptr<Port>> ports_;
    IntrusiveList<ServerConnection> connections_;
    IntrusiveList<Greeting> greetings_;
    CallCounts calls_;
    TimePoint created_ = time_now();
    std::uint64_t last_serial_ = 0;
    std::size_t active_calls_ = 0;
    Event changed_;  // pulsed when a call or a task has ended
    Event terminated_;
    std::exception_ptr failure_;
    bool started_ = false;
    bool stopping_ = false;
    TimePoint grace_end_;

    // Last, so that its frames go before what they wait on.
    struct Tasks final : weft::detail::TaskOwner {
        explicit Tasks(ServerState& owner) noexcept : state(&owner) {}
        void child_done(weft::detail::TaskControl& child) noexcept override;
        ServerState* state;
    };
    Tasks tasks_{*this};
};

}  // namespace weft::grpc::detail
