#include "client_state.hpp"

#include <weft/core/connect.hpp>
#include <weft/core/connection.hpp>
#include <weft/core/gather.hpp>
#include <weft/core/sleep.hpp>
#include <weft/core/timeout.hpp>
#include <weft/core/tls_stream.hpp>

#include <algorithm>

namespace weft::mesh::detail {

ClientState::ClientState(Options o, std::shared_ptr<Registry> r)
    : options(std::move(o)),
      registry(std::move(r)),
      runner(std::make_shared<CallRunner>(options, registry)),
      random_(std::random_device{}()) {}

Task<void> ClientState::connect(std::shared_ptr<ClientState> self) {
    if (self->stopped_) throw InitializationError(self->options.name + ": it was stopped");
    if (self->supervisor_) throw InitializationError(self->options.name + ": it was connected already");
    co_await open(self);
    self->registry->listen(self, [state = self.get()] { state->announce(); });
    self->supervisor_ = spawn(supervise(self), self->options.name + " connection");
}

// Connects and shakes hands, once.
Task<void> ClientState::open(std::shared_ptr<ClientState> self) {
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
    auto link = std::make_shared<Link>(std::move(stream), LinkRole::client, self->options.stall_limit);
    // daffi reads the nine bytes with one read(): they leave together with what follows.
    link->out().append(syn);
    self->last_id_ = 1;
    self->introduce(*link, 1);
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
    if (!options.token.empty()) handshake.type += ";token=" + options.token;
    handshake.members.emplace_back(options.name, registry->names());
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
        introduce(*link, next_id(false));
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
    co_await self->finished_.wait();
    if (self->end_error_) std::rethrow_exception(self->end_error_);
}

void ClientState::abort() noexcept {
    stopped_ = true;
    runner->stop();
    if (opening_) opening_->close("the client was stopped");
    if (link) link->close("the client was stopped");
    if (supervisor_) supervisor_.cancel();
    finished_.set();
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
        it->second.order = ++joins_;
    }
    const std::string name = member.name;
    it->second.member = std::move(member);
    if (is_new && tell && name != options.name) events.tell(MemberEvent(MemberEvent::Kind::joined, name));
}

void ClientState::remove_member(const std::string& name, MemberEvent::Kind kind, const std::string& reason) {
    const auto it = members.find(name);
    if (it == members.end()) return;
    members.erase(it);
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

const std::string& ClientState::choose(const CallSpec& spec, const std::string& function) {
    if (!spec.receivers.empty()) {
        const std::string& name = spec.receivers[0];
        if (offers(name, function)) return name;
        throw ReceiverNotFound("call " + function + ": " +
                               (members.contains(name) ? "'" + name + "' does not offer it"
                                                       : "there is no member '" + name + "'"));
    }
    const auto it = by_function_.find(function);
    if (it == by_function_.end()) throw ReceiverNotFound("call " + function + ": no member offers it");
    const auto& names = it->second;
    // daffi counts before it picks, so the first call goes to the second worker.
    const std::size_t turn = ++robin_;
    if (spec.balance == Balance::round_robin || names.size() == 1) return names[turn % names.size()];
    const std::string* best = nullptr;
    std::size_t fewest = 0;
    for (std::size_t i = 0; i < names.size(); ++i) {
        const std::string& name = names[(turn + i) % names.size()];
        const auto member = members.find(name);
        if (member == members.end()) continue;
        if (best && member->second.in_flight >= fewest) continue;
        best = &name;
        fewest = member->second.in_flight;
    }
    return best ? *best : names[turn % names.size()];
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

void ClientState::on_frame(Link& from, const Frame& frame) {
    ++stats.frames;
    stats.bytes += frame.raw.size();
    switch (frame.header.flag) {
        case Flag::handshake:
            return handshake(frame);
        case Flag::events:
            return event(frame);
        case Flag::request:
            if (link && link.get() == &from) runner->accept(link, frame);
            return;
        case Flag::response:
        case Flag::error:
            if (PendingCall* call = pending.get(frame.header.id)) {
                call->answer(frame);
            } else {
                // Too late, or never asked for.
                ++stats.dropped;
                given_up_.erase(frame.header.id);
            }
            return;
    }
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
    link = nullptr;
    given_up_ = IdTable<bool>();
    std::vector<PendingCall*> calls;
    pending.for_each([&](std::uint16_t, PendingCall* call) { calls.push_back(call); });
    for (PendingCall* call : calls) call->lose(reason, written);
    std::vector<std::string> gone;
    for (const auto& [name, entry] : members)
        if (name != options.name) gone.push_back(name);
    members.clear();
    index();
    for (const std::string& name : gone)
        events.tell(MemberEvent(MemberEvent::Kind::left, name, "the connection was lost: " + reason));
    options.log(options.name + ": the connection was lost: " + reason);
}

// --- calls --------------------------------------------------------------------------------------------

std::uint16_t ClientState::next_id(bool wants_reply) {
    constexpr std::size_t ids = 65535;
    if (wants_reply && pending.size() + given_up_.size() >= ids) {
        // Answers that have not come by now never will, or will be taken for another's: only when every id is
        // in use are they used again.
        given_up_ = IdTable<bool>();
        if (pending.size() >= ids) throw BusyError("65535 calls are in flight on this connection");
    }
    do {
        ++last_id_;
    } while (last_id_ == 0 || (wants_reply && (pending.get(last_id_) || given_up_.get(last_id_))));
    return last_id_;
}

std::uint16_t ClientState::send_request(Link& to, const std::string& receiver, const Invocation& invocation,
                                        const CallSpec& spec, bool wants_reply) {
    if (!valid_name(invocation.function))
        throw EncodeError("call '" + invocation.function + "': the wire cannot carry that name");
    if (to.queued() > options.send_limit)
        throw BusyError("call " + invocation.function + ": " + std::to_string(to.queued()) +
                        " bytes wait to be sent already");
    FrameHeader header;
    header.id = next_id(wants_reply);
    header.flag = Flag::request;
    header.serde = spec.serde;
    header.wants_reply = wants_reply;
    if (spec.limit && wants_reply)
        header.tail = encode_deadline(static_cast<std::uint64_t>(
            std::max<std::int64_t>(1, std::chrono::ceil<std::chrono::milliseconds>(*spec.limit).count())));
    FrameWriter writer(to.out(), options.name, receiver, invocation.function);
    try {
        header.is_bytes =
            encode_arguments(spec.serde, invocation.positional, invocation.keyword, writer.data());
    } catch (const Error& error) {
        writer.abandon();
        throw EncodeError("call " + invocation.function + ": " + error.what());
    }
    if (!writer.finish(header))
        throw EncodeError("call " + invocation.function +
                          ": the arguments are larger than a message may be (32 MiB)");
    to.sent();
    return header.id;
}

void ClientState::forget(std::uint16_t id, const std::string& receiver, bool answered) noexcept {
    pending.erase(id);
    if (const auto it = members.find(receiver); it != members.end() && it->second.in_flight != 0)
        --it->second.in_flight;
    if (answered || !link) return;
    try {
        given_up_.set(id, true);
    } catch (...) {  // no memory: the id may be used again a little early
    }
}

PendingCall::PendingCall(ClientState& state, Link& link, std::uint16_t id, const std::string& receiver,
                         std::uint64_t begin) noexcept
    : state_(state), receiver_(receiver), begin_(begin), id_(id) {
    (void)link;
    if (const auto it = state.members.find(receiver); it != state.members.end()) ++it->second.in_flight;
}

PendingCall::~PendingCall() {
    disarm();
    if (!done_) state_.forget(id_, receiver_, false);
}

void PendingCall::finish(End end) noexcept {
    end_ = end;
    done_ = true;
    disarm();
    state_.forget(id_, receiver_, end == End::answered || end == End::failed);
    if (waiting()) wake();
}

void PendingCall::answer(const Frame& frame) noexcept {
    try {
        if (frame.header.flag == Flag::error) {
            failure = decode_failure(frame.header.serde, frame.header.is_bytes, frame.data);
            return finish(End::failed);
        }
        value = decode_result(frame.header.serde, frame.header.is_bytes, frame.data);
    } catch (...) {
        error = std::current_exception();
    }
    finish(End::answered);
}

void PendingCall::lose(const std::string& why, std::uint64_t written) noexcept {
    reason = why;
    sent = written > begin_;
    finish(End::lost);
}

namespace {

[[noreturn]] void throw_failure(const std::string& receiver, const std::string& function, Failure failure) {
    if (failure.type == "ReceiverNotFound" && failure.module == "daffi.exceptions")
        throw ReceiverNotFound("call " + function + ": " + failure.text);
    if (failure.type == "Busy" && failure.module == "weft.mesh")
        throw BusyError("call " + function + ": " + failure.text);
    if (failure.type == "TransmissionFailure" && failure.module == "daffi.exceptions")
        throw Disconnected("call " + function + ": " + failure.text, true);
    throw RemoteError(receiver, function, std::move(failure.type), std::move(failure.module),
                      std::move(failure.text), std::move(failure.traceback));
}

Task<Value> call_once(std::shared_ptr<ClientState> state, CallSpec spec, const Invocation& invocation,
                      std::optional<TimePoint> deadline) {
    Link& link = state->require_link(invocation.function);
    const std::string receiver = state->choose(spec, invocation.function);
    if (deadline) spec.limit = *deadline - Loop::current().now();
    const std::uint64_t begin = link.appended();
    const std::uint16_t id = state->send_request(link, receiver, invocation, spec, true);
    PendingCall call(*state, link, id, receiver, begin);
    state->pending.set(id, &call);
    if (deadline) Loop::current().arm(call, *deadline);
    co_await call;
    switch (call.end()) {
        case PendingCall::End::answered:
            if (call.error) std::rethrow_exception(call.error);
            co_return std::move(call.value);
        case PendingCall::End::failed:
            throw_failure(receiver, invocation.function, std::move(call.failure));
        case PendingCall::End::timed_out:
            throw CallTimeout(invocation.function, *spec.limit, std::vector<std::string>(1, receiver));
        default:
            throw Disconnected("call " + invocation.function + " of " + receiver +
                                   ": the connection was lost: " + call.reason +
                                   (call.sent ? "; the request was sent" : "; the request was not sent"),
                               call.sent);
    }
}

}  // namespace

Task<Value> call_one(std::shared_ptr<ClientState> state, CallSpec spec, Invocation invocation) {
    std::optional<TimePoint> deadline;
    if (spec.limit) deadline = Loop::current().now() + *spec.limit;
    for (unsigned attempt = 0;; ++attempt) {
        std::exception_ptr lost;
        try {
            co_return co_await call_once(state, spec, invocation, deadline);
        } catch (const Evicted&) {
            throw;
        } catch (const Disconnected&) {
            if (attempt >= spec.retries) throw;
            lost = std::current_exception();
        }
        // The table of members changes when the connection or a worker comes back.
        const TimePoint now = Loop::current().now();
        if (deadline && *deadline <= now) std::rethrow_exception(lost);
        const Duration most = std::chrono::milliseconds(200);
        const Duration pause = deadline ? std::min(most, *deadline - now) : most;
        co_await sleep(pause);
    }
}

namespace {

Task<Result<Value>> settle_one(std::shared_ptr<ClientState> state, CallSpec spec, Invocation invocation) {
    std::exception_ptr error;
    try {
        Value value = co_await call_one(std::move(state), std::move(spec), std::move(invocation));
        co_return Result<Value>(std::move(value));
    } catch (const weft::Error&) {
        error = std::current_exception();
    }
    co_return Result<Value>(std::move(error));
}

std::vector<std::string> cast_targets(ClientState& state, const CallSpec& spec, const std::string& function) {
    (void)state.require_link(function);
    auto targets = spec.receivers.empty() ? state.candidates(function) : spec.receivers;
    if (targets.empty()) throw ReceiverNotFound("cast " + function + ": no member offers it");
    return targets;
}

}  // namespace

Task<std::map<std::string, Result<Value>>> call_all(std::shared_ptr<ClientState> state, CallSpec spec,
                                                    Invocation invocation) {
    const std::vector<std::string> targets = cast_targets(*state, spec, invocation.function);
    std::vector<Task<Result<Value>>> calls;
    calls.reserve(targets.size());
    for (const std::string& target : targets) {
        CallSpec one = spec;
        one.receivers.assign(1, target);
        calls.push_back(settle_one(state, std::move(one), invocation));
    }
    auto results = co_await gather(std::move(calls));
    std::map<std::string, Result<Value>> out;
    for (std::size_t i = 0; i < targets.size(); ++i) out.emplace(targets[i], std::move(results[i]));
    co_return out;
}

void send_one(ClientState& state, const CallSpec& spec, const Invocation& invocation) {
    Link& link = state.require_link(invocation.function);
    state.send_request(link, state.choose(spec, invocation.function), invocation, spec, false);
}

std::size_t send_all(ClientState& state, const CallSpec& spec, const Invocation& invocation) {
    const std::vector<std::string> targets = cast_targets(state, spec, invocation.function);
    Link& link = *state.link;
    for (const std::string& target : targets) {
        if (!state.offers(target, invocation.function))
            throw ReceiverNotFound("cast " + invocation.function + ": '" + target + "' does not offer it");
        state.send_request(link, target, invocation, spec, false);
    }
    return targets.size();
}

std::string pick(ClientState& state, const CallSpec& spec, const std::string& function) {
    (void)state.require_link(function);
    return state.choose(spec, function);
}

}  // namespace weft::mesh::detail
