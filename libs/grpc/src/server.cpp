#include "replay_stream.hpp"
#include "server_state.hpp"
#include "target.hpp"

#include <weft/core/error.hpp>
#include <weft/core/sleep.hpp>
#include <weft/core/timeout.hpp>
#include <weft/core/tls_stream.hpp>
#include <weft/grpc/add_connection.hpp>
#include <weft/grpc/server.hpp>

#include <algorithm>
#include <set>

namespace weft::grpc {

namespace detail {

namespace {

class GenericMethod final : public MethodHandler {
public:
    explicit GenericMethod(GenericHandler& handler) : MethodHandler(RequestKind::stream), handler_(handler) {}
    Task<void> handle(ServerCall& call) override {
        ServerReaderWriter<std::string, std::string> stream(call);
        co_await handler_.handle(context_of(call), stream);
    }

private:
    GenericHandler& handler_;
};

}  // namespace

ServerState::ServerState(ServerOptions options) : options_(std::move(options)) {}
ServerState::~ServerState() = default;

void ServerState::add_service(Service& service) {
    if (started_) throw UsageError("add_service() after start()");
    for (const auto& method : service.methods())
        if (!methods_.emplace(method.path, method.handler.get()).second)
            throw UsageError("method " + method.path + " is served already");
}

std::vector<std::string> ServerState::services() const {
    std::set<std::string> names;
    for (const auto& [path, handler] : methods_) names.insert(path.substr(1, path.rfind('/') - 1));
    return {names.begin(), names.end()};
}

void ServerState::add_generic_handler(GenericHandler& handler) {
    generic_.emplace_back(&handler, std::make_unique<GenericMethod>(handler));
}

MethodHandler* ServerState::find(std::string_view method) const {
    if (const auto found = methods_.find(method); found != methods_.end()) return found->second;
    for (const auto& [handler, adapter] : generic_)
        if (handler->handles(method)) return adapter.get();
    return nullptr;
}

int ServerState::add_port(std::string_view address, std::optional<TlsContext> tls, TlsRenewal* renewal) {
    const Target target = parse_target(address);
    if (target.addresses.empty())
        throw UsageError("listen on '" + std::string(address) +
                         "': write an IP address or localhost, and a port");
    return add_port(Listener(target.addresses.front()), std::move(tls), renewal);
}

int ServerState::add_port(Listener listener, std::optional<TlsContext> tls, TlsRenewal* renewal) {
    ports_.push_back(std::make_unique<Port>(std::move(listener), std::move(tls), renewal));
    const int port = ports_.back()->listener.port();
    if (started_) spawn_owned(accept_from(*ports_.back()), "grpc accept");
    return port;
}

void ServerState::spawn_owned(Task<void> task, std::string name) {
    weft::detail::start_task(Loop::current(), tasks_, std::move(task), std::move(name))->mark_retrieved();
}

void ServerState::start() {
    if (stopping_) throw UsageError("start() of a server that was stopped");
    if (started_) throw UsageError("start() of a server that runs");
    started_ = true;
    for (const auto& port : ports_) spawn_owned(accept_from(*port), "grpc accept");
}

Task<void> ServerState::accept_from(Port& port) {
    for (;;) {
        auto stream = co_await port.listener.accept();
        if (stopping_) co_return;
        if (port.tls) {
            try {
                if (port.renewal) port.renewal->renew(*port.tls);
            } catch (const std::exception&) {  // what the context had is still good
            }
            spawn_owned(serve_secure(std::move(stream), *port.tls), "grpc connection");
        } else {
            const bool local = port.listener.local_address().is_unix();
            const auto security = local ? TransportSecurity::local : TransportSecurity::none;
            spawn_owned(serve(std::move(stream), security, {}, ""), "grpc connection");
        }
    }
}

void ServerState::add_connection(std::unique_ptr<Stream> stream) {
    if (stopping_) throw ClosedError("add_connection() to a server that was stopped");
    spawn_owned(serve(std::move(stream), TransportSecurity::local, {}, ""), "grpc connection");
}

namespace {

// HTTP/2's connection preface; no method of HTTP/1.1 begins so (RFC 9113 3.4).
constexpr std::string_view preface_begin = "PRI ";

// As many as tell whether they are the preface.
Task<std::string> read_first_bytes(Stream& stream) {
    std::string seen;
    char byte = 0;
    while (preface_begin.starts_with(seen) && seen.size() < preface_begin.size()) {
        const std::size_t n = co_await stream.read_some(std::as_writable_bytes(std::span(&byte, 1)));
        if (n == 0) throw ClosedError("the client left before it said anything");
        seen += byte;
    }
    co_return seen;
}

}  // namespace

// A client that fails the handshake, or never ends it, is its own problem: the connection is closed.
Task<void> ServerState::serve_secure(std::unique_ptr<Stream> stream, TlsContext tls) {
    if (stopping_) co_return;
    std::unique_ptr<TlsStream> secure;
    try {
        const Greeting greeting(*this);
        // Whatever the context has for others.
        std::vector<std::string> alpn(1, "h2");
        if (!options_.web_origins.empty()) alpn.emplace_back("http/1.1");
        secure = co_await timeout(options_.handshake_limit,
                                  tls_accept(std::move(stream), std::move(tls), std::move(alpn)));
    } catch (const weft::Error&) {
        co_return;
    }
    // Peers that speak no gRPC are refused here (PROTOCOL-HTTP2: ALPN h2).
    const std::string protocol = secure->alpn() == "h2" ? "h2" : "http/1.1";
    if (protocol != "h2" && options_.web_origins.empty()) co_return;
    std::vector<std::string> identities;
    if (const auto certificate = secure->peer_certificate()) {
        for (const auto* names : {&certificate->uris, &certificate->dns_names, &certificate->ip_addresses})
            identities.insert(identities.end(), names->begin(), names->end());
        if (identities.empty()) identities.push_back(certificate->subject);
    }
    co_await serve(std::move(secure), TransportSecurity::tls, std::move(identities), protocol);
}

// `protocol`: what TLS agreed upon, if anything. On other ports the first bytes tell; only servers that also
// speak HTTP/1.1 look at them.
Task<void> ServerState::serve(std::unique_ptr<Stream> stream, TransportSecurity security,
                              std::vector<std::string> identities, std::string protocol) {
    if (protocol.empty() && !options_.web_origins.empty()) {
        if (stopping_) co_return;
        std::string seen;
        try {
            const Greeting greeting(*this);
            seen = co_await timeout(options_.handshake_limit, read_first_bytes(*stream));
        } catch (const weft::Error&) {
            co_return;
        }
        if (seen != preface_begin) protocol = "http/1.1";
        stream = std::make_unique<ReplayStream>(std::move(seen), std::move(stream));
    }
    using Protocol = ServerConnection::Protocol;
    ServerConnection connection(*this, std::move(stream), security,
                                protocol == "http/1.1" ? Protocol::http1 : Protocol::http2);
    connection.set_identities(std::move(identities));
    if (stopping_) connection.carrier().shut_down({});
    co_await connection.run();
}

ServerInfo ServerState::inspect() {
    ServerInfo info;
    for (const auto& port : ports_) info.listening.push_back(port->listener.local_address().to_string());
    info.calls = calls_;
    info.created = created_;
    connections_.for_each([&info](ServerConnection& connection) {
        info.connections.push_back(inspect_session(connection.carrier(), connection.serial()));
        info.connections.back().cipher = connection.cipher();
    });
    return info;
}

void ServerState::call_ended() noexcept {
    --active_calls_;
    if (active_calls_ == 0) {
        changed_.set();
        changed_.clear();
    }
}

void ServerState::Tasks::child_done(weft::detail::TaskControl& child) noexcept {
    // A connection's task fails only without memory; an accepting one when its socket is unusable.
    if (const auto error = child.error();
        error && !state->stopping_ && !child.ended_cancelled() && child.name() == "grpc accept") {
        state->failure_ = error;
        state->terminated_.set();
    }
    state->changed_.set();
    state->changed_.clear();
}

namespace {

Task<void> wait_for(Event& event) { co_await event.wait(); }

// How long clients may take to read their last statuses and close.
constexpr Duration close_time = std::chrono::seconds(1);

}  // namespace

// Until no call is active, or the grace is over; a second stop() may shorten it, and pulses changed_.
Task<void> ServerState::wait_for_calls() {
    while (active_calls_ != 0) {
        const Duration left = grace_end_ - Loop::current().now();
        if (left <= Duration::zero()) co_return;
        try {
            co_await timeout(left, wait_for(changed_));
        } catch (const TimeoutError&) {
        }
    }
}

Task<void> ServerState::wait_for_tasks() {
    while (tasks_.has_children()) co_await changed_.wait();
}

Task<void> ServerState::stop(Duration grace) {
    const TimePoint now = Loop::current().now();
    const TimePoint end = grace > TimePoint::max() - now ? TimePoint::max() : now + grace;
    grace_end_ = stopping_ ? std::min(grace_end_, end) : end;
    if (!stopping_) {
        stopping_ = true;
        for (const auto& port : ports_) port->listener.close();
        connections_.for_each([](ServerConnection& connection) { connection.carrier().shut_down({}); });
        greetings_.for_each([](Greeting& greeting) { greeting.task.cancel(); });
    }
    changed_.set();
    changed_.clear();
    co_await wait_for_calls();
    const Status status(StatusCode::unavailable, "the server is shutting down: Cancelling all calls");
    connections_.for_each([&status](ServerConnection& connection) { connection.end_calls(status); });
    // Handlers may await while they clean up.
    while (active_calls_ != 0) co_await changed_.wait();
    try {
        co_await timeout(close_time, wait_for_tasks());
    } catch (const TimeoutError&) {
        connections_.for_each(
            [](ServerConnection& connection) { connection.carrier().abort("the server was stopped"); });
    }
    co_await wait_for_tasks();
    terminated_.set();
}

Task<void> ServerState::wait_for_termination() {
    co_await terminated_.wait();
    if (failure_) std::rethrow_exception(failure_);
}

}  // namespace detail

Server::Server(ServerOptions options) : state_(make_pimpl<detail::ServerState>(std::move(options))) {}
Server::Server(Server&&) noexcept = default;
Server& Server::operator=(Server&&) noexcept = default;
Server::~Server() = default;

void Server::add_service(Service& service) { state_->add_service(service); }
void Server::add_generic_handler(GenericHandler& handler) { state_->add_generic_handler(handler); }
int Server::add_insecure_port(std::string_view address) { return state_->add_port(address); }
int Server::add_secure_port(std::string_view address, const TlsContext& tls) {
    if (!tls.is_server()) throw UsageError("add_secure_port() with a client's TlsContext");
    return state_->add_port(address, tls);
}
int Server::add_secure_port(std::string_view address, const TlsContext& tls, TlsRenewal& renewal) {
    if (!tls.is_server()) throw UsageError("add_secure_port() with a client's TlsContext");
    return state_->add_port(address, tls, &renewal);
}
Task<void> Server::start() {
    state_->start();
    co_return;
}
void add_connection(Server& server, std::unique_ptr<Stream> stream) {
    server.state().add_connection(std::move(stream));
}
Task<void> Server::stop(Duration grace) { return state_->stop(grace); }
Task<void> Server::wait_for_termination() { return state_->wait_for_termination(); }
std::vector<std::string> Server::services() const { return state_->services(); }
std::size_t Server::active_calls() const noexcept { return state_->active_calls(); }

}  // namespace weft::grpc
