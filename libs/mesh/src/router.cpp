#include "call_runner.hpp"
#include "extension.hpp"
#include "router_state.hpp"
#include "websocket_stream.hpp"

#include <weft/mesh/error.hpp>
#include <weft/mesh/router.hpp>

#include <algorithm>
#include <unordered_set>

namespace weft::mesh {

namespace {

using namespace std::chrono_literals;

constexpr std::string_view own_type = "router;weft=1";
static_assert(own_type.ends_with(weft_mark));
constexpr std::size_t log_size = std::size_t{64} << 10;
// Of one connection, in as many handshakes as it likes.
constexpr std::size_t max_members = 1024;
constexpr std::size_t max_methods = 65536;

}  // namespace

Router::Router(Options options) : state_(std::make_shared<State>(std::move(options))) {}
Router::Router(Router&&) noexcept = default;
Router& Router::operator=(Router&& other) noexcept {
    std::swap(state_, other.state_);
    return *this;
}
Router::~Router() {
    if (!state_) return;
    state_->events.clear();
    state_->options.log_to = nullptr;
    state_->abort("the router is gone");
}

void Router::start() { state_->start(); }
std::uint16_t Router::port() const noexcept { return state_->acceptor ? state_->acceptor->port() : 0; }
const std::string& Router::name() const noexcept { return state_->options.name; }
Task<void> Router::join() { return State::join(state_); }
Task<void> Router::stop() { return State::stop(state_); }
std::vector<Member> Router::members() const { return state_->members(); }
NodeStats Router::stats() const { return state_->stats(); }
void Router::on_event(MemberHandler handler) { state_->events.add(std::move(handler)); }
void Router::on_member_added(std::function<void(std::string)> f) {
    on_event([f = std::move(f)](const MemberEvent& e) {
        if (e.kind == MemberEvent::Kind::joined) f(e.name);
    });
}
void Router::on_member_removed(std::function<void(std::string)> f) {
    on_event([f = std::move(f)](const MemberEvent& e) {
        if (e.kind != MemberEvent::Kind::joined) f(e.name);
    });
}

void Router::State::start() {
    if (acceptor) throw InitializationError(options.name + ": it was started already");
    if (options.nats) throw InitializationError(options.name + ": a NATS cluster needs no Router");
    auto fresh = std::make_shared<Acceptor>(options);
    fresh->start(
        fresh, [self = shared_from_this()](std::shared_ptr<Link> link) { self->accepted(std::move(link)); },
        [weak = weak_from_this()] {
            const auto self = weak.lock();
            return self ? self->stats().prometheus() : std::string();
        });
    acceptor = std::move(fresh);
}

void Router::State::abort(const std::string& reason) noexcept {
    if (acceptor) acceptor->stop();
    for (auto& [link, peer] : peers_) peer->link->close(reason);
}

Task<void> Router::State::join(std::shared_ptr<State> self) {
    if (!self->acceptor) throw InitializationError(self->options.name + ": start() it first");
    co_await Acceptor::stopped(self->acceptor);
}

Task<void> Router::State::stop(std::shared_ptr<State> self) {
    self->abort("the router was stopped");
    while (!self->peers_.empty()) co_await self->empty_.wait();
    if (self->acceptor) co_await Acceptor::stopped(self->acceptor);
}

void Router::State::accepted(std::shared_ptr<Link> link) {
    auto peer = std::make_unique<Peer>();
    peer->link = link;
    do {
        ++last_number_;
    } while (last_number_ == 0 || by_number_.contains(last_number_));
    peer->number = last_number_;
    by_number_.emplace(peer->number, peer.get());
    link->leave_parts_unread();
    link->close_after(options.handshake_timeout, "it did not say who it is in time");
    peers_.emplace(link.get(), std::move(peer));
    empty_.clear();
    Link::start(link, shared_from_this());
}

Router::State::Peer* Router::State::find_peer(std::uint32_t number) const noexcept {
    const auto it = by_number_.find(number);
    return it == by_number_.end() ? nullptr : it->second;
}

void Router::State::on_frame(Link& link, const Frame& frame) {
    const auto it = peers_.find(&link);
    if (it == peers_.end()) return;
    Peer& peer = *it->second;
    if (peer.refused) return;
    ++stats_.frames;
    stats_.bytes += frame.header.frame_size();
    if (!peer.joined && frame.header.flag != Flag::handshake)
        throw DecodeError("it broke the protocol: a frame before its handshake");
    switch (frame.header.flag) {
        case Flag::handshake:
            handshake(peer, frame);
            break;
        case Flag::request:
            request(peer, frame);
            break;
        case Flag::response:
        case Flag::error:
            return answer(peer, frame);
        default:
            throw DecodeError("it broke the protocol: a client sends no events");
    }
    limit_queue(peer);  // of what it was answered here
}

void Router::State::limit_queue(Peer& peer) {
    const std::size_t queued = peer.link->queued();
    if (queued <= 2 * options.send_limit) return;
    // The list of members is one for all, and may be larger than the limit: once.
    if (!list_.stale() && queued <= 2 * options.send_limit + list_.text().bytes.size()) return;
    evict(peer);
}

void Router::State::evict(Peer& peer) {
    if (peer.link->closed() || !peer.given_up.empty()) return;
    peer.given_up = "it does not read: " + std::to_string(peer.link->queued()) + " bytes wait for it";
    for (const Entry* entry : peer.entries) evictions_.add(entry->member.name, peer.given_up);
    peer.link->close(peer.given_up);
}

void Router::State::tell_eviction(Peer& to, std::string_view name, const std::string& reason) {
    send_extension(*to.link, FrameHeader(), Route(), ExtKind::evicted, "reason=" + reason + "\n",
                   std::as_bytes(std::span(name)));
}

void Router::State::on_end(Link& link, const std::string& reason) noexcept {
    const auto it = peers_.find(&link);
    if (it == peers_.end()) return;
    Peer& peer = *it->second;
    std::string who = link.peer();
    for (const Entry* entry : peer.entries) {
        who += " " + entry->member.name;
        peer.names.push_back(entry->member.name);
    }
    if (reason != metrics_served) options.log(options.name + ": " + who + " is gone: " + reason);
    const bool stalled = reason == stalled_reason;
    const bool given_up = stalled || !peer.given_up.empty();
    if (given_up) ++stats_.evicted;
    if (stalled)
        for (const std::string& name : peer.names) evictions_.add(name, reason);
    while (!peer.entries.empty())
        remove_entry(*peer.entries.back(), given_up ? MemberEvent::Kind::evicted : MemberEvent::Kind::left,
                     reason);
    fail_calls_to(peer);
    // What this peer called and others still work on: their answers would find nobody.
    cancel_calls_of(peer);
    by_number_.erase(peer.number);
    peers_.erase(it);
    if (peers_.empty()) empty_.set();
}

void Router::State::refuse(Peer& peer, const Frame& frame, const std::string& why) {
    options.log(options.name + ": refused " + peer.link->peer() + ": " + why);
    peer.refused = true;
    Buffer& out = peer.link->out();
    FrameWriter writer(out, frame.transmitter, "", "");
    Handshake reply;
    reply.type = "router";
    reply.error = why;
    write_handshake(reply, out);
    FrameHeader header;
    header.id = frame.header.id;
    header.serde = Serde::json;
    header.wants_reply = true;
    if (writer.finish(header)) peer.link->sent();
    peer.link->finish(2s, "refused: " + why);
}

void Router::State::handshake(Peer& peer, const Frame& frame) {
    Handshake asked;
    std::string why;
    if (!read_handshake(frame.data, asked, why)) return refuse(peer, frame, why);
    if (asked.members.empty()) return refuse(peer, frame, "handshake: no member");
    if (peer.joined && peer.entries.empty()) return;  // it lost its name, and its connection is closing
    if (!options.token.empty() && type_option(asked.type, "token").value_or("") != options.token)
        return refuse(peer, frame, "handshake: the token is wrong or missing");
    if (options.names_from_certificates)
        for (const Member& member : asked.members)
            if (!proves_name(*peer.link, member.name))
                return refuse(peer, frame, "handshake: the certificate is not that of '" + member.name + "'");

    if (!within_limits(peer, asked))
        return refuse(peer, frame,
                      "handshake: a connection has at most " + std::to_string(max_members) +
                          " members with " + std::to_string(max_methods) + " methods");

    std::vector<Entry*> joined;
    for (Member& member : asked.members) {
        auto found = entries_.find(member.name);
        if (found != entries_.end() && found->second->peer != &peer) {
            // The last one wins. Only the one that loses its name hears "evicted": daffi's JavaScript client
            // closes itself at any such event.
            Peer& old = *found->second->peer;
            const bool given_up = !old.given_up.empty();  // and is back before its end was seen
            if (!given_up) {
                ++stats_.evicted;
                send_event(old, "evicted", member.name);
            }
            remove_entry(*found->second, MemberEvent::Kind::evicted,
                         given_up ? old.given_up : "another node took the name");
            if (old.entries.empty())
                old.link->finish(2s, "evicted: another node took the name " + member.name);
            found = entries_.end();
        }
        Entry* entry = nullptr;
        if (found != entries_.end()) {
            entry = found->second.get();  // an update of methods
        } else {
            auto fresh = std::make_unique<Entry>();
            entry = fresh.get();
            entry->peer = &peer;
            entry->order = ++joins_;
            peer.entries.push_back(entry);
            joined.push_back(entry);
            entries_.emplace(member.name, std::move(fresh));
        }
        set_methods(*entry, member.methods);
        entry->member = std::move(member);
    }
    peer.joined = true;
    peer.link->keep();
    if (type_option(asked.type, "weft") && !peer.link->extended()) {
        peer.link->take_extensions();
        if (!type_option(asked.type, "silent")) peer.link->watch(options.heartbeat);
    }

    if (peer.link->extended()) {
        std::string names;
        for (const auto& [name, entry] : entries_)
            if (entry->peer->link->extended()) names += name + "|";
        send_peers(peer, names);
    }
    if (joined.size() != peer.entries.size()) {
        list_.forget();  // methods have changed
    } else if (!list_.stale()) {
        for (const Entry* entry : joined) list_.add(entry->member);
    }
    send_members(peer, frame.header.id, frame.transmitter);
    for (const Entry* entry : joined)
        if (const auto reason = evictions_.take(entry->member.name); reason && peer.link->extended())
            tell_eviction(peer, entry->member.name, *reason);
    send_own_members(peer, joined);
}

bool Router::State::within_limits(const Peer& peer, const Handshake& asked) {
    std::size_t members = peer.entries.size() + asked.members.size();
    std::size_t methods = 0;
    std::unordered_set<std::string_view> names;
    for (const Member& member : asked.members) {
        methods += member.methods.size();
        names.insert(member.name);
    }
    for (const Entry* entry : peer.entries) {
        if (names.contains(entry->member.name)) {
            --members;  // its methods are replaced
        } else {
            methods += entry->methods.size();
        }
    }
    return members <= max_members && methods <= max_methods;
}

void Router::State::set_methods(Entry& entry, const std::vector<std::string>& names) {
    auto before = std::exchange(entry.methods, {});
    for (const std::string& name : names) {
        const auto known = before.find(name);
        entry.methods.emplace(name, known == before.end() ? MethodTable::none
                                                          : std::exchange(known->second, MethodTable::none));
    }
    for (const auto& [name, place] : before)
        if (place != MethodTable::none) methods_.release(place);
}

void Router::State::send_members(Peer& to, std::uint16_t id, std::string_view joiner) {
    if (list_.stale()) list_.make(ordered());
    Payload list = list_.text();
    Link& link = *to.link;
    FrameWriter writer(link.out(), joiner, "", "");
    begin_handshake(own_type, link.out());
    FrameHeader header;
    header.serde = Serde::json;
    header.id = id;
    header.wants_reply = true;
    if (!writer.finish(header, list.bytes.size() + handshake_end.size()))
        return link.close("the list of members is larger than a message may be");
    link.sent(std::move(list));
    link.out().append(handshake_end);
    link.sent();
}

// To the others: one small handshake with the new methods, then the event, as daffi does.
void Router::State::send_own_members(Peer& peer, const std::vector<Entry*>& joined) {
    for (Entry* entry : peer.entries) {
        const Member& member = entry->member;
        const bool is_new = std::find(joined.begin(), joined.end(), entry) != joined.end();
        const auto extended = [&](const Peer& other) { return &other != &peer && other.link->extended(); };
        if (is_new && peer.link->extended()) {
            Buffer frame;
            append_extension(frame, FrameHeader(), Route(), ExtKind::peers, {},
                             std::as_bytes(std::span(member.name)));
            broadcast(frame, extended);
        }
        const auto other_than = [&](const Peer& other) { return &other != &peer; };
        if (!entry->methods.empty() || !is_new) {
            Buffer frame;
            FrameWriter writer(frame, "", "", "");
            const Member* const one[] = {&member};
            write_handshake(own_type, one, frame);
            FrameHeader header;
            header.serde = Serde::json;
            if (writer.finish(header)) broadcast(frame, other_than);
        }
        if (!is_new) continue;
        broadcast_event("connected", member.name, &peer);
        options.log(options.name + ": " + member.name + " joined from " + peer.link->peer());
        events.tell(MemberEvent(MemberEvent::Kind::joined, member.name));
    }
}

template <class Wanted>
void Router::State::broadcast(const Buffer& frame, Wanted wanted) {
    if (!log_ || log_->capacity() - log_->size() < frame.size())
        log_ = std::make_shared<Buffer>(std::max(log_size, frame.size()));
    const std::size_t begin = log_->size();
    log_->append(frame.bytes());
    const Payload shared{log_, log_->bytes().subspan(begin)};
    for (auto& [link, peer] : peers_) {
        if (!peer->joined || !wanted(*peer)) continue;
        peer->link->forward(shared);
        limit_queue(*peer);
    }
}

void Router::State::send_peers(Peer& to, std::string_view names) {
    send_extension(*to.link, FrameHeader(), Route(), ExtKind::peers, {}, std::as_bytes(std::span(names)));
}

std::vector<const Router::State::Entry*> Router::State::ordered_entries() const {
    std::vector<const Entry*> entries;
    entries.reserve(entries_.size());
    for (const auto& [name, entry] : entries_) entries.push_back(entry.get());
    std::sort(entries.begin(), entries.end(),
              [](const Entry* a, const Entry* b) { return a->order < b->order; });
    return entries;
}

std::vector<const Member*> Router::State::ordered() const {
    const auto entries = ordered_entries();
    std::vector<const Member*> members;
    members.reserve(entries.size());
    for (const Entry* entry : entries) members.push_back(&entry->member);
    return members;
}

void Router::State::send_event(Peer& peer, std::string_view type, std::string_view name) {
    Buffer& out = peer.link->out();
    FrameWriter writer(out, "", "", "");
    write_event(type, name, out);
    FrameHeader header;
    header.flag = Flag::events;
    header.serde = Serde::json;
    if (writer.finish(header)) peer.link->sent();
}

void Router::State::broadcast_event(std::string_view type, std::string_view name, const Peer* but) {
    Buffer event;
    FrameWriter writer(event, "", "", "");
    write_event(type, name, event);
    FrameHeader header;
    header.flag = Flag::events;
    header.serde = Serde::json;
    if (writer.finish(header)) broadcast(event, [&](const Peer& peer) { return &peer != but; });
}

void Router::State::remove_entry(Entry& entry, MemberEvent::Kind kind, const std::string& reason) {
    const std::string name = entry.member.name;
    Peer* peer = entry.peer;
    std::erase(peer->entries, &entry);
    set_methods(entry, {});
    entries_.erase(entries_.find(name));
    list_.forget();
    if (kind == MemberEvent::Kind::evicted) {
        // weft's nodes learn why; for them the event that follows comes too late. daffi's JavaScript client
        // would close itself at "evicted".
        Buffer frame;
        append_extension(frame, FrameHeader(), Route(), ExtKind::evicted, "reason=" + reason + "\n",
                         std::as_bytes(std::span(name)));
        broadcast(frame, [&](const Peer& other) { return &other != peer && other.link->extended(); });
    }
    broadcast_event("disconnected", name, peer);
    events.tell(MemberEvent(kind, name, reason));
}

std::vector<Member> Router::State::members() const {
    std::vector<Member> out;
    for (const Member* member : ordered()) out.push_back(*member);
    return out;
}

NodeStats Router::State::stats() const {
    NodeStats out = stats_;
    out.node = options.name;
    out.members = entries_.size();
    methods_.add_stats(out);
    return out;
}

}  // namespace weft::mesh
