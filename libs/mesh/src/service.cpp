#include "acceptor.hpp"
#include "call_runner.hpp"
#include "client_state.hpp"
#include "events.hpp"
#include "evictions.hpp"
#include "extension.hpp"
#include "inspect.hpp"
#include "websocket_stream.hpp"

#include <weft/mesh/error.hpp>
#include <weft/mesh/handshake.hpp>
#include <weft/mesh/service.hpp>

#include <algorithm>
#include <unordered_map>

namespace weft::mesh {

namespace {
using namespace std::chrono_literals;
}

class Service::State final : public LinkHandler,
                             public CallHost,
                             public std::enable_shared_from_this<Service::State> {
public:
    State(Options o, std::shared_ptr<detail::Registry> r)
        : options(std::move(o)),
          registry(std::move(r)),
          runner(std::make_shared<CallRunner>(options, registry, *this)) {}

    void start();
    void abort(const std::string& reason) noexcept;
    static Task<void> join(std::shared_ptr<State> self);
    static Task<void> stop(std::shared_ptr<State> self);
    static Task<void> drain(std::shared_ptr<State> self);
    std::optional<Place> place(Link& link, const Frame& head, const Extension* extension,
                               std::size_t size) override;
    void on_frame(Link& link, const Frame& frame) override;
    void on_extension(Link& link, const Frame& frame, const Extension& extension) override;
    void on_end(Link& link, const std::string& reason) noexcept override;
    [[nodiscard]] std::size_t whole_limit(const Link& link, std::string_view caller) const override;
    [[nodiscard]] bool inspect(std::string_view what, Value& out) const override;
    [[nodiscard]] NodeStats all_stats() const;

    OptionsAccess options;
    std::shared_ptr<detail::Registry> registry;
    std::shared_ptr<CallRunner> runner;
    Events events;
    std::shared_ptr<Acceptor> acceptor;
    // In a NATS cluster a service is a client that offers callbacks.
    std::shared_ptr<detail::ClientState> remote;
    NodeStats stats;

    struct Peer {
        std::shared_ptr<Link> link;
        std::string name;  // empty before the handshake
        bool refused = false;
        bool given_up = false;  // it does not read
    };
    std::unordered_map<const Link*, Peer> peers;
    detail::NameMap<const Link*> names;

private:
    void start_remote();
    // Tells every caller what is offered.
    void announce();
    static Task<void> serve_remote(std::shared_ptr<detail::ClientState> remote);
    void accepted(std::shared_ptr<Link> link);
    void handshake(Peer& peer, const Frame& frame);
    void refuse(Peer& peer, const Frame& frame, const std::string& why);
    // `joiner`: whose handshake this answers, or who is told.
    void send_handshake(Peer& peer, std::string_view joiner, std::uint16_t id, bool reply,
                        const std::optional<std::string>& error);
    void forget_name(Peer& peer, MemberEvent::Kind kind, const std::string& reason);
    // Ends the link of a peer for which too much waits, by throwing.
    void limit_queue(Peer& peer);
    Evictions evictions_;
    Event empty_;
    bool draining_ = false;  // nothing is offered any more
    TaskHandle<void> remote_task_;
};

Service::Service(Options options, Callbacks callbacks)
    : callbacks_(std::move(callbacks)),
      state_(std::make_shared<State>(std::move(options), callbacks_.registry())) {}
Service::Service(Service&&) noexcept = default;
Service& Service::operator=(Service&& other) noexcept {
    std::swap(state_, other.state_);
    std::swap(callbacks_, other.callbacks_);
    return *this;
}
Service::~Service() {
    if (!state_) return;
    state_->events.clear();
    state_->options.log_to = nullptr;
    state_->abort("the service is gone");
    if (state_->remote) {
        state_->remote->events.clear();
        state_->remote->options.log_to = nullptr;
    }
    state_->registry = std::make_shared<detail::Registry>();
    state_->runner->release(state_->registry);
    if (state_->remote) {
        state_->remote->registry = state_->registry;
        state_->remote->runner->release(state_->registry);
    }
}

void Service::start() { state_->start(); }
std::uint16_t Service::port() const noexcept { return state_->acceptor ? state_->acceptor->port() : 0; }
const std::string& Service::name() const noexcept { return state_->options.name; }
Task<void> Service::join() { return State::join(state_); }
Task<void> Service::stop() { return State::stop(state_); }
Task<void> Service::drain() { return State::drain(state_); }
void Service::on_event(MemberHandler handler) { state_->events.add(std::move(handler)); }
void Service::on_member_added(std::function<void(std::string)> f) {
    on_event([f = std::move(f)](const MemberEvent& e) {
        if (e.kind == MemberEvent::Kind::joined) f(e.name);
    });
}
void Service::on_member_removed(std::function<void(std::string)> f) {
    on_event([f = std::move(f)](const MemberEvent& e) {
        if (e.kind != MemberEvent::Kind::joined) f(e.name);
    });
}
std::vector<std::string> Service::members() const {
    std::vector<std::string> out;
    for (const auto& [name, link] : state_->names) out.push_back(name);
    if (state_->remote)
        for (const auto& [name, entry] : state_->remote->members)
            if (name != state_->options.name) out.push_back(name);
    std::sort(out.begin(), out.end());
    return out;
}
NodeStats Service::stats() const { return state_->all_stats(); }

NodeStats Service::State::all_stats() const {
    NodeStats out = remote ? remote->stats : stats;
    out.node = options.name;
    out.members = remote ? remote->members.size() : names.size();
    (remote ? remote->runner : runner)->add_stats(out);
    return out;
}

bool Service::State::inspect(std::string_view what, Value& out) const {
    if (what == "stats") {
        out = describe(all_stats());
        return true;
    }
    if (what != "members") return false;
    List list;
    for (const auto& [name, link] : names)
        list.items.push_back(Dict{{"name", name},
                                  {"methods", List()},
                                  {"address", link->peer()},
                                  {"weft", link->extended()},
                                  {"queued", link->queued()}});
    out = std::move(list);
    return true;
}

std::size_t Service::State::whole_limit(const Link& link, std::string_view) const {
    return link.extended() ? max_message_size - max_metadata_size : SIZE_MAX;
}

std::optional<Place> Service::State::place(Link& link, const Frame& head, const Extension* extension,
                                           std::size_t size) {
    if (!extension) return place_for_whole(head.header, size);
    if (extension->kind != ExtKind::part || !head.header.wants_reply) return std::nullopt;
    return runner->place(link, head, size);
}

void Service::State::on_extension(Link& link, const Frame& frame, const Extension& extension) {
    const auto it = peers.find(&link);
    if (it == peers.end() || it->second.refused) return;
    ++stats.frames;
    stats.bytes += frame.header.frame_size();
    if (extension.kind == ExtKind::request) limit_queue(it->second);
    if (frame.header.wants_reply || extension.kind == ExtKind::request)
        runner->extension(it->second.link, frame, extension);
}

void Service::State::start() {
    if (acceptor || remote) throw InitializationError(options.name + ": it was started already");
    if (options.nats) return start_remote();
    auto fresh = std::make_shared<Acceptor>(options);
    fresh->start(
        fresh, [self = shared_from_this()](std::shared_ptr<Link> link) { self->accepted(std::move(link)); },
        [weak = weak_from_this()] {
            const auto self = weak.lock();
            return self ? self->all_stats().prometheus() : std::string();
        });
    acceptor = std::move(fresh);
    registry->listen(weak_from_this(), [this] { announce(); });
}

void Service::State::announce() {
    for (auto& [link, peer] : peers)
        if (!peer.name.empty()) send_handshake(peer, peer.name, 0, false, std::nullopt);
}

void Service::State::start_remote() {
    remote = std::make_shared<detail::ClientState>(options, registry);
    auto tell = [weak = weak_from_this()](const MemberEvent& event) {
        if (const auto self = weak.lock()) self->events.tell(event);
    };
    remote->events.add(tell);
    remote_task_ = spawn(serve_remote(remote), options.name + " in NATS");
}

Task<void> Service::State::serve_remote(std::shared_ptr<detail::ClientState> remote) {
    try {
        co_await detail::ClientState::connect(remote);
    } catch (const weft::Error&) {
        remote->give_up(std::current_exception());
    }
}

void Service::State::abort(const std::string& reason) noexcept {
    if (acceptor) acceptor->stop();
    if (remote) remote->abort();
    runner->stop();
    for (auto& [link, peer] : peers) peer.link->close(reason);
}

Task<void> Service::State::join(std::shared_ptr<State> self) {
    if (self->remote) {
        co_await detail::ClientState::join(self->remote);
        co_return;
    }
    if (!self->acceptor) throw InitializationError(self->options.name + ": start() it first");
    co_await Acceptor::stopped(self->acceptor);
}

Task<void> Service::State::stop(std::shared_ptr<State> self) {
    if (self->remote) {
        co_await detail::ClientState::stop(self->remote);
        co_return;
    }
    self->abort("the service was stopped");
    while (!self->peers.empty()) co_await self->empty_.wait();
    if (self->acceptor) co_await Acceptor::stopped(self->acceptor);
}

Task<void> Service::State::drain(std::shared_ptr<State> self) {
    if (self->remote) {
        co_await detail::ClientState::drain(self->remote);
        co_return;
    }
    if (self->acceptor) self->acceptor->stop();
    // Callers that are connected would go on calling, and it would never be quiet.
    self->draining_ = true;
    self->runner->offer_nothing();
    self->announce();
    co_await CallRunner::drained(self->runner);
    co_await stop(self);
}

void Service::State::accepted(std::shared_ptr<Link> link) {
    link->close_after(options.handshake_timeout, "it did not say who it is in time");
    Peer& peer = peers[link.get()];
    peer.link = link;
    empty_.clear();
    Link::start(link, shared_from_this());
}

void Service::State::forget_name(Peer& peer, MemberEvent::Kind kind, const std::string& reason) {
    if (peer.name.empty()) return;
    const std::string name = std::exchange(peer.name, std::string());
    names.erase(names.find(name));
    events.tell(MemberEvent(kind, name, reason));
}

void Service::State::on_end(Link& link, const std::string& reason) noexcept {
    const auto it = peers.find(&link);
    if (it == peers.end()) return;
    if (reason != metrics_served)
        options.log(options.name + ": " + link.peer() + " " + it->second.name + " is gone: " + reason);
    const bool given_up = it->second.given_up || reason == stalled_reason;
    if (given_up) ++stats.evicted;
    if (given_up && !it->second.name.empty()) evictions_.add(it->second.name, reason);
    forget_name(it->second, given_up ? MemberEvent::Kind::evicted : MemberEvent::Kind::left, reason);
    runner->forget(link);
    peers.erase(it);
    if (peers.empty()) empty_.set();
}

void Service::State::limit_queue(Peer& peer) {
    if (peer.link->queued() <= options.send_limit) return;
    peer.given_up = true;
    throw Error("it does not read: " + std::to_string(peer.link->queued()) + " bytes wait for it");
}

void Service::State::send_handshake(Peer& peer, std::string_view joiner, std::uint16_t id, bool reply,
                                    const std::optional<std::string>& error) {
    Handshake handshake;
    handshake.type = "service" + std::string(weft_mark);
    handshake.error = error;
    if (!error)
        handshake.members.emplace_back(options.name,
                                       draining_ ? std::vector<std::string>() : registry->names());
    Buffer& out = peer.link->out();
    FrameWriter writer(out, joiner, "", "");
    write_handshake(handshake, out);
    FrameHeader header;
    header.id = id;
    header.serde = Serde::json;
    header.wants_reply = reply;
    if (writer.finish(header)) peer.link->sent();
}

void Service::State::refuse(Peer& peer, const Frame& frame, const std::string& why) {
    options.log(options.name + ": refused " + peer.link->peer() + ": " + why);
    peer.refused = true;
    send_handshake(peer, frame.transmitter, frame.header.id, true, why);
    peer.link->finish(2s, "refused: " + why);
}

void Service::State::handshake(Peer& peer, const Frame& frame) {
    Handshake asked;
    std::string why;
    if (!read_handshake(frame.data, asked, why)) return refuse(peer, frame, why);
    if (!valid_name(frame.transmitter)) return refuse(peer, frame, "handshake: no name in the metadata");
    if (!options.token.empty() && type_option(asked.type, "token").value_or("") != options.token)
        return refuse(peer, frame, "handshake: the token is wrong or missing");
    const std::string name(frame.transmitter);
    if (options.names_from_certificates && !proves_name(*peer.link, name))
        return refuse(peer, frame, "handshake: the certificate is not that of '" + name + "'");
    if (const auto old = names.find(name); old != names.end() && old->second != peer.link.get()) {
        Peer& loser = peers.at(old->second);
        Buffer& out = loser.link->out();
        FrameWriter writer(out, "", "", "");
        write_event("evicted", name, out);
        FrameHeader header;
        header.flag = Flag::events;
        header.serde = Serde::json;
        if (writer.finish(header)) loser.link->sent();
        ++stats.evicted;
        forget_name(loser, MemberEvent::Kind::evicted, "another node took the name");
        loser.refused = true;
        loser.link->finish(2s, "evicted: another node took the name " + name);
    }
    const bool is_new = peer.name != name;
    if (is_new) forget_name(peer, MemberEvent::Kind::left, "it took another name");
    peer.name = name;
    names[name] = peer.link.get();
    peer.link->keep();
    if (type_option(asked.type, "weft") && !peer.link->extended()) {
        peer.link->take_extensions();
        if (!type_option(asked.type, "silent")) peer.link->watch(options.heartbeat);
    }
    send_handshake(peer, name, frame.header.id, true, std::nullopt);
    if (const auto reason = evictions_.take(name); reason && peer.link->extended())
        send_extension(*peer.link, FrameHeader(), Route(), ExtKind::evicted, "reason=" + *reason + "\n",
                       std::as_bytes(std::span(name)));
    if (is_new) events.tell(MemberEvent(MemberEvent::Kind::joined, name));
}

void Service::State::on_frame(Link& link, const Frame& frame) {
    const auto it = peers.find(&link);
    if (it == peers.end()) return;
    Peer& peer = it->second;
    if (peer.refused) return;
    ++stats.frames;
    stats.bytes += frame.header.frame_size();
    // Answers pile up for a peer that does not read them; more questions of such a one are not taken.
    limit_queue(peer);
    if (frame.header.flag == Flag::handshake) return handshake(peer, frame);
    if (peer.name.empty()) throw DecodeError("it broke the protocol: a frame before its handshake");
    if (frame.header.flag != Flag::request)
        throw DecodeError("it broke the protocol: a client of a service sends requests only");
    runner->accept(peer.link, frame);
}

}  // namespace weft::mesh
