#include "client_state.hpp"

#include "inspect.hpp"
#include "nats_stream.hpp"

#include <weft/core/connect.hpp>
#include <weft/core/connection.hpp>
#include <weft/core/sleep.hpp>
#include <weft/core/timeout.hpp>
#include <weft/core/tls_stream.hpp>

#include <algorithm>

namespace weft::mesh::detail {

namespace {

std::string_view as_text(std::span<const std::byte> data) noexcept {
    return {reinterpret_cast<const char*>(data.data()), data.size()};
}

}  // namespace

ClientState::ClientState(OptionsAccess o, std::shared_ptr<Registry> r)
    : options(std::move(o)),
      registry(std::move(r)),
      runner(std::make_shared<CallRunner>(options, registry, *this)),
      random_(std::random_device{}()) {
    if (!options.nats) return;
    nats_servers_ = std::make_shared<NatsServers>(*options.nats);
    nats_servers_->shuffle(random_());
}

Task<void> ClientState::connect(std::shared_ptr<ClientState> self) {
    if (self->stopped_) throw InitializationError(self->options.name + ": it was stopped");
    if (self->supervisor_) throw InitializationError(self->options.name + ": it was connected already");
    co_await open(self);
    self->registry->listen(self, [state = self.get()] { state->announce(); });
    self->supervisor_ = spawn(supervise(self), self->options.name + " connection");
}

// Connects and shakes hands, once; in a NATS cluster with the first server that lets us in.
Task<void> ClientState::open(std::shared_ptr<ClientState> self) {
    if (self->nats_servers_) {
        // They may become more meanwhile; what was known in the beginning is tried once.
        const std::size_t count = self->nats_servers_->size();
        std::string failures;
        for (std::size_t i = 1;; ++i) {
            const NatsServer server = self->nats_servers_->next();
            std::exception_ptr failure;
            try {
                co_await open_nats(self, server);
                co_return;
            } catch (const weft::Error& error) {
                failure = std::current_exception();
                if (i < count) self->options.log(self->options.name + ": " + error.what());
                failures += "; " + server.place() + ": " + error.what();
            }
            if (i < count) continue;
            if (count == 1) std::rethrow_exception(failure);
            throw Disconnected("connect " + self->options.name + " to NATS: none of " +
                                   std::to_string(count) + " servers lets us in" + failures,
                               false);
        }
    }
    std::unique_ptr<Stream> stream;
    if (self->options.unix_path.empty()) {
        stream = co_await timeout(self->options.handshake_timeout,
                                  connect_host(self->options.host, self->options.port));
    } else {
        stream = co_await weft::connect(SocketAddress::unix_path(self->options.unix_path));
    }
    if (self->options.tls) {
        auto secure =
            co_await timeout(self->options.handshake_timeout,
                             tls_connect(std::move(stream), *self->options.tls, self->options.tls_name));
        stream = std::move(secure);
    }
    co_await begin(std::move(self), std::move(stream), header_size + max_message_size);
}

Task<void> ClientState::open_nats(std::shared_ptr<ClientState> self, NatsServer server) {
    std::optional<NatsConnection> connection;
    std::string failure;
    bool late = false;
    try {
        NatsTls tls(self->options.tls, self->options.tls_name);
        auto opened = co_await nats_connect(server, std::move(tls), self->options.handshake_timeout);
        connection.emplace(std::move(opened));
    } catch (const mesh::Error& error) {
        failure = error.what();
    } catch (const TimeoutError&) {
        late = true;
    }
    if (late)
        throw TimeoutError("connect " + self->options.name + " to NATS at " + server.place() +
                           ": no NATS server answered in time");
    if (!connection)
        throw Disconnected("connect " + self->options.name + " to NATS at " + server.place() + ": " + failure,
                           false);
    const std::size_t max_frame = nats_frame_limit(connection->info.max_payload);
    auto stream = make_nats_stream(std::move(*connection), std::move(server), self->options.nats->prefix,
                                   self->nats_servers_);
    co_await begin(std::move(self), std::move(stream), max_frame);
}

Task<void> ClientState::begin(std::shared_ptr<ClientState> self, std::unique_ptr<Stream> stream,
                              std::size_t max_frame) {
    auto link = std::make_shared<Link>(std::move(stream), LinkRole::client, self->options.stall_limit);
    // daffi reads the nine bytes with one read(): they leave together with what follows.
    link->out().append(syn);
    self->introduce(*link, 1);
    link->limit_frames(max_frame);
    // A router of weft's sends its first extension before its answer.
    link->take_extensions();
    self->weft_members_.clear();
    self->opening_ = link;
    self->refusal_.clear();
    self->introduced_.clear();
    link->close_after(self->options.handshake_timeout, "no answer to the handshake");
    Link::start(link, self);
    try {
        co_await self->introduced_.wait();
    } catch (const Cancelled&) {
        link->close("connecting was cancelled");
        throw;
    }
    self->opening_ = nullptr;
    if (self->link) co_return;
    if (!self->refusal_.empty())
        throw InitializationError(self->options.name + ": handshake rejected by server: " + self->refusal_);
    throw Disconnected(
        "connect " + self->options.name + " to " + self->options.place() + ": " + self->lost_reason_, false);
}

void ClientState::introduce(Link& to, std::uint16_t id) {
    Handshake handshake;
    handshake.type = "client" + std::string(weft_mark);
    if (options.heartbeat <= Duration::zero()) handshake.type += ";silent=1";
    if (!options.token.empty()) handshake.type += ";token=" + options.token;
    handshake.members.emplace_back(options.name, draining_ ? std::vector<std::string>() : registry->names());
    FrameWriter writer(to.out(), options.name, "", "");
    write_handshake(handshake, writer.data());
    FrameHeader header;
    header.id = id;
    header.serde = Serde::json;
    header.wants_reply = true;
    if (!writer.finish(header))
        throw InitializationError(options.name + ": too many callbacks for one handshake");
    to.sent();
}

void ClientState::announce() {
    if (!link) return;
    if (peer_is_weft_) {
        introduce(*link, any_id());
    } else {
        // daffi's router evicts a connection that shakes hands twice.
        link->close("connecting again to announce new callbacks");
    }
}

Duration ClientState::backoff(unsigned attempt) {
    Duration delay = options.backoff_first;
    for (unsigned i = 0; i < attempt && delay < options.backoff_last; ++i) delay *= 2;
    delay = std::min(delay, options.backoff_last);
    // Between a half and all of it, so that a thousand clients of one router do not come back together.
    return delay / 2 + delay * (random_() % 1024) / 2048;
}

Task<void> ClientState::supervise(std::shared_ptr<ClientState> self) {
    unsigned attempt = 0;
    while (!self->stopped_) {
        if (self->link) {
            const auto link = self->link;
            co_await link->ended().wait();
            attempt = 0;
            continue;
        }
        if (self->evicted_ || !self->options.reconnect) break;
        const Duration pause = self->backoff(attempt);
        ++attempt;
        co_await sleep(pause);
        std::string failure;
        try {
            co_await open(self);
            self->options.log(self->options.name + ": connected again");
        } catch (const weft::Error& error) {
            failure = error.what();
        }
        if (!failure.empty()) self->options.log(self->options.name + ": " + failure);
    }
    if (!self->stopped_) {
        if (self->evicted_) {
            self->end_error_ =
                std::make_exception_ptr(Evicted(self->options.name + ": another node took the name", false));
        } else {
            self->end_error_ =
                std::make_exception_ptr(Disconnected(self->options.name + ": " + self->lost_reason_, false));
        }
    }
    self->finished_.set();
}

Task<void> ClientState::join(std::shared_ptr<ClientState> self) {
    if (!self->supervisor_ && !self->finished_.is_set())
        throw InitializationError(self->options.name + ": connect() it first");
    co_await self->finished_.wait();
    if (self->end_error_) std::rethrow_exception(self->end_error_);
}

void ClientState::give_up(std::exception_ptr error) noexcept {
    end_error_ = std::move(error);
    finished_.set();
}

void ClientState::abort() noexcept {
    stopped_ = true;
    runner->stop();
    if (opening_) opening_->close("the client was stopped");
    if (link) link->close("the client was stopped");
    if (supervisor_) supervisor_.cancel();
    finished_.set();
}

namespace {

// `event` is one of `self`.
Task<void> happens(std::shared_ptr<ClientState> self, Event& event) {
    co_await event.wait();
    (void)self;
}

}  // namespace

Task<void> ClientState::drain(std::shared_ptr<ClientState> self) {
    self->draining_ = true;
    // daffi's router takes no second handshake; its callers learn of it when the connection ends.
    if (self->link && self->peer_is_weft_ && !self->peer_is_service_) {
        self->announce();
        // Behind the answer come no more calls. Without it there is no connection, and then none come either.
        try {
            co_await timeout(self->options.handshake_timeout, happens(self, self->announced_));
        } catch (const TimeoutError&) {
        }
    }
    co_await CallRunner::drained(self->runner);
    co_await stop(self);
}

namespace {

bool never_again(const ClientState& self, bool evicted) {
    return evicted || (!self.link && !self.options.reconnect);
}

}  // namespace

Task<bool> ClientState::callable(std::shared_ptr<ClientState> self, std::vector<std::string> receivers,
                                 std::string function, TimePoint deadline) {
    for (;;) {
        if (self->stopped_ || never_again(*self, self->evicted_)) co_return true;  // the call says why
        const bool offered =
            receivers.empty() ? !self->candidates(function).empty() : self->offers(receivers[0], function);
        if (self->link && offered) co_return true;
        const TimePoint now = Loop::current().now();
        if (now >= deadline) co_return false;
        // Looked at again soon, too: stopping changes no table.
        const Duration most = std::min<Duration>(deadline - now, std::chrono::milliseconds(200));
        try {
            co_await timeout(most, happens(self, self->changed));
        } catch (const TimeoutError&) {
        }
    }
}

Task<void> ClientState::stop(std::shared_ptr<ClientState> self) {
    const auto link = self->link;
    self->abort();
    if (link) co_await link->ended().wait();
}

Link& ClientState::require_link(const std::string& what) const {
    if (link) return *link;
    if (evicted_) throw Evicted("call " + what + ": another node took the name " + options.name, false);
    throw Disconnected("call " + what + ": " + options.name + " is not connected to " + options.place() +
                           " (" + (stopped_ ? "it was stopped" : lost_reason_) + ")",
                       false);
}

// --- members ------------------------------------------------------------------------------------------

void ClientState::index() {
    by_function_.clear();
    std::vector<const MemberEntry*> entries;
    entries.reserve(members.size());
    for (const auto& [name, entry] : members)
        if (name != options.name) entries.push_back(&entry);
    std::sort(entries.begin(), entries.end(),
              [](const MemberEntry* a, const MemberEntry* b) { return a->order < b->order; });
    for (const MemberEntry* entry : entries)
        for (const std::string& method : entry->member.methods)
            by_function_[method].push_back(entry->member.name);
    changed.set();
    changed.clear();
}

void ClientState::set_member(Member&& member, bool tell) {
    auto it = members.find(member.name);
    const bool is_new = it == members.end();
    if (is_new) {
        it = members.emplace(member.name, MemberEntry()).first;
        if (++joins_ == several) joins_ = 1;
        it->second.order = joins_;
    }
    const std::string name = member.name;
    it->second.member = std::move(member);
    if (is_new && tell && name != options.name) events.tell(MemberEvent(MemberEvent::Kind::joined, name));
}

void ClientState::remove_member(const std::string& name, MemberEvent::Kind kind, const std::string& reason) {
    const auto it = members.find(name);
    if (it == members.end()) return;
    // It answers no more: what it had was answered before.
    const std::uint32_t order = it->second.order;
    given_up_.for_each([&](std::uint16_t id, std::uint32_t asked) {
        if (asked == order) given_up_.erase(id);
    });
    members.erase(it);
    if (!peer_is_weft_) {
        // A router of daffi's says nothing about the calls that it had.
        std::vector<PendingCall*> calls;
        pending.for_each([&](std::uint16_t, PendingCall* call) {
            if (call->order() == order) calls.push_back(call);
        });
        for (PendingCall* call : calls) call->desert();
    }
    if (const auto weft = weft_members_.find(name); weft != weft_members_.end()) {
        weft_members_.erase(weft);
        runner->forget(name);
    }
    runner->senders().drop_peer(name);
    index();
    if (name != options.name) events.tell(MemberEvent(kind, name, reason));
}

bool ClientState::offers(std::string_view name, std::string_view function) const {
    const auto it = members.find(name);
    if (it == members.end()) return false;
    const auto& methods = it->second.member.methods;
    return std::find(methods.begin(), methods.end(), function) != methods.end();
}

std::vector<std::string> ClientState::candidates(std::string_view function) const {
    const auto it = by_function_.find(function);
    return it == by_function_.end() ? std::vector<std::string>() : it->second;
}

const std::string& ClientState::choose(const CallSpec& spec, const std::string& function, bool one) {
    if (!spec.receivers.empty()) {
        const std::string& name = spec.receivers[0];
        const bool own = function.starts_with(own_prefix) && (name.empty() || members.contains(name));
        if (offers(name, function) || (own && speaks_weft(name))) return name;
        throw ReceiverNotFound("call " + function + ": " +
                               (members.contains(name) ? "'" + name + "' does not offer it"
                                                       : "there is no member '" + name + "'"));
    }
    const auto it = by_function_.find(function);
    if (it == by_function_.end()) throw ReceiverNotFound("call " + function + ": no member offers it");
    const auto& names = it->second;
    // daffi counts before it picks, so the first call goes to the second worker.
    const std::size_t turn = ++robin_;
    const std::size_t limit = options.worker_in_flight;
    const bool by_load = spec.balance == Balance::least_loaded;
    if (!by_load && limit == 0) {
        // With one there is nothing to choose, and a queue group that we are in could choose us.
        static const std::string any(any_worker);
        if (!one && options.nats && names.size() > 1 && !registry->find(function)) return any;
        return names[turn % names.size()];
    }
    const std::string* best = nullptr;
    std::size_t fewest = 0;
    for (std::size_t i = 0; i < names.size(); ++i) {
        const std::string& name = names[(turn + i) % names.size()];
        const auto member = members.find(name);
        if (member == members.end()) continue;
        const std::size_t load = member->second.in_flight;
        if ((limit != 0 && load >= limit) || (best && load >= fewest)) continue;
        best = &name;
        fewest = load;
        if (!by_load) break;
    }
    if (!best)
        throw BusyError("call " + function + ": every member that offers it has " + std::to_string(limit) +
                        " calls of this client in flight");
    return *best;
}

// --- frames -------------------------------------------------------------------------------------------

void ClientState::handshake(const Frame& frame) {
    Handshake reply;
    std::string why;
    if (!read_handshake(frame.data, reply, why)) throw DecodeError(why);
    const bool ours = opening_ && frame.transmitter == options.name;
    if (ours && reply.error) {
        refusal_ = *reply.error;
        opening_->close("refused");
        return;
    }
    if (ours) {
        link = std::exchange(opening_, nullptr);
        link->keep();
        peer_is_weft_ = type_option(reply.type, "weft").has_value();
        peer_is_service_ = reply.type.starts_with("service");
        if (peer_is_weft_) link->watch(options.heartbeat);
    }
    const bool whole = frame.transmitter == options.name && frame.header.wants_reply;
    if (whole) {
        std::vector<std::string> gone;
        for (const auto& [name, entry] : members) {
            const bool there = std::any_of(reply.members.begin(), reply.members.end(),
                                           [&](const Member& m) { return m.name == name; });
            if (!there) gone.push_back(name);
        }
        for (const std::string& name : gone) remove_member(name, MemberEvent::Kind::left, "");
    }
    for (Member& member : reply.members) set_member(std::move(member), true);
    index();
    if (ours) introduced_.set();
    if (whole) {
        announced_.set();
        announced_.clear();
    }
}

void ClientState::event(const Frame& frame) {
    EventText text;
    if (!read_event(frame.data, text)) return;
    if (text.type == "connected") {
        if (!members.contains(text.member) && valid_name(text.member)) {
            set_member(Member(text.member, {}), true);
            index();
        }
    } else if (text.type == "disconnected") {
        remove_member(text.member, MemberEvent::Kind::left, "");
    } else if (text.type == "evicted") {
        if (text.member != options.name) return remove_member(text.member, MemberEvent::Kind::evicted, "");
        evicted_ = true;
        events.tell(MemberEvent(MemberEvent::Kind::evicted, text.member, "another node took the name"));
        if (link) link->close("evicted: another node took the name " + options.name);
    }
}

void ClientState::evicted(std::string_view who, const std::string& reason) {
    if (who != options.name) return remove_member(std::string(who), MemberEvent::Kind::evicted, reason);
    options.log(options.name + ": the connection before was given up: " + reason);
    events.tell(MemberEvent(MemberEvent::Kind::evicted, options.name, reason));
}

void ClientState::on_frame(Link& from, const Frame& frame) {
    ++stats.frames;
    stats.bytes += frame.header.frame_size();
    switch (frame.header.flag) {
        case Flag::handshake:
            return handshake(frame);
        case Flag::events:
            return event(frame);
        case Flag::request:
            if (link && link.get() == &from) runner->accept(link, frame);
            return;
        case Flag::extension:
            return;
        case Flag::response:
        case Flag::error:
            if (PendingCall* call = find_call(frame); call && call->awaits(frame.transmitter))
                return call->answer(from, frame);
            return late(frame);
    }
}

PendingCall* ClientState::find_call(const Frame& frame) const noexcept {
    PendingCall* call = pending.get(frame.header.id);
    return call ? call->of(frame.transmitter) : nullptr;
}

bool ClientState::speaks_weft(std::string_view member) const noexcept {
    return peer_is_weft_ && (peer_is_service_ || member.empty() || member == any_worker ||
                             member == every_worker || weft_members_.contains(member));
}

std::size_t ClientState::whole_limit(const Link& on, std::string_view member) const {
    if (&on != link.get() || !speaks_weft(member)) return SIZE_MAX;
    if (on.max_frame() < header_size + max_message_size) return on.max_frame() / 2;
    // A router would have to hold a frame until it has all of it; parts go on as they come.
    return peer_is_service_ ? max_message_size - max_metadata_size : part_size;
}

bool ClientState::inspect(std::string_view what, Value& out) const {
    if (what != "stats") return false;
    NodeStats all = stats;
    all.node = options.name;
    all.members = members.size();
    runner->add_stats(all);
    out = describe(all);
    return true;
}

std::optional<Place> ClientState::place(Link& from, const Frame& head, const Extension* extension,
                                        std::size_t size) {
    const bool part = extension && extension->kind == ExtKind::part;
    if (link.get() == &from && part && head.header.wants_reply) return runner->place(from, head, size);
    if (link.get() == &from && (part || head.header.flag == Flag::response))
        if (PendingCall* call = find_call(head))
            if (auto place = call->place(head, extension, size)) return place;
    return extension ? std::nullopt : place_for_whole(head.header, size);
}

void ClientState::on_extension(Link& from, const Frame& frame, const Extension& extension) {
    if (extension.kind == ExtKind::peers) {
        std::string_view rest = as_text(extension.data);
        while (!rest.empty()) {
            const std::size_t end = std::min(rest.find('|'), rest.size());
            if (valid_name(rest.substr(0, end))) weft_members_.emplace(rest.substr(0, end));
            rest.remove_prefix(std::min(end + 1, rest.size()));
        }
        return;
    }
    if (link.get() != &from) return;
    if (extension.kind == ExtKind::evicted)
        return evicted(as_text(extension.data), std::string(extension.attribute("reason").value_or("")));
    ++stats.frames;
    stats.bytes += frame.header.frame_size();
    if (frame.header.wants_reply || extension.kind == ExtKind::request)
        return runner->extension(link, frame, extension);
    PendingCall* call = find_call(frame);
    if (call && call->concerns(frame.transmitter, extension.kind)) call->extension(frame, extension);
}

void ClientState::on_end(Link& ended, const std::string& reason) noexcept {
    if (opening_.get() == &ended) {
        lost_reason_ = reason;
        opening_ = nullptr;
        introduced_.set();
        return;
    }
    if (link.get() != &ended) {
        introduced_.set();
        return;
    }
    lost_reason_ = reason;
    const std::uint64_t written = ended.written();
    runner->forget(ended);
    link = nullptr;
    std::vector<PendingCall*> calls;
    pending.for_each([&](std::uint16_t, PendingCall* call) {
        if (!call->shared()) return calls.push_back(call);
        for (const auto& [name, one] : *call->shared()) calls.push_back(one);
    });
    for (PendingCall* call : calls) call->lose(reason, written);
    // A router delivers answers by name: those of calls before may come on the next connection.
    given_up_.for_each([&](std::uint16_t id, std::uint32_t) { doubtful_.set(id, true); });
    given_up_ = IdTable<std::uint32_t>();
    std::vector<std::string> gone;
    for (const auto& [name, entry] : members)
        if (name != options.name) gone.push_back(name);
    members.clear();
    weft_members_.clear();
    index();
    for (const std::string& name : gone)
        events.tell(MemberEvent(MemberEvent::Kind::left, name, "the connection was lost: " + reason));
    options.log(options.name + ": the connection was lost: " + reason);
}

}  // namespace weft::mesh::detail
