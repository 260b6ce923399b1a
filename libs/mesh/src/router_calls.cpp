// What the router does with calls: forwards requests and answers, and answers what it cannot deliver.
#include "call_runner.hpp"
#include "extension.hpp"
#include "inspect.hpp"
#include "router_state.hpp"

namespace weft::mesh {

namespace {
// Bytes that wait for a peer and may be parts of what was read, which keep all of it. A slow peer's are
// copied.
constexpr std::size_t most_shared = std::size_t{1} << 20;
}  // namespace

bool Router::State::forward(Peer& from, Peer& to, const Frame& frame) {
    if (from.link->pass_on(*to.link)) return true;
    if (auto buffer = from.link->take_frame_buffer()) {
        to.link->forward(std::move(*buffer));
    } else if (frame.raw.size() >= payload_threshold && to.link->queued() < most_shared) {
        to.link->forward(from.link->share_frame(frame));
    } else {
        to.link->forward(frame.raw);
    }
    if (to.link->queued() <= 2 * options.send_limit) return true;
    evict(to);
    return false;
}

void Router::State::answer_failure(Peer& peer, const Frame& frame, const Failure& failure) {
    if (!frame.header.wants_reply) return;
    send_failure(*peer.link, frame.receiver, frame.header, frame.transmitter, frame.function, Serde::json,
                 failure);
}

void Router::State::answer_not_found(Peer& peer, const Frame& frame) {
    ++stats_.unroutable;
    // Of names that nobody has offered, or called before, only the sum is counted: anybody can invent some.
    if (const auto place = methods_.find(frame.function); place != MethodTable::none) {
        ++methods_.at(place).calls;
        ++methods_.at(place).errors;
    }
    const std::string what = frame.receiver.empty()
                                 ? "the call of '" + std::string(frame.function) + "' names no receiver"
                                 : "there is no member '" + std::string(frame.receiver) + "' that offers '" +
                                       std::string(frame.function) + "'";
    answer_failure(peer, frame, make_failure("ReceiverNotFound", "daffi.exceptions", what));
}

MethodTable::Index Router::State::place_of(detail::NameMap<MethodTable::Index>::value_type& method) {
    MethodTable::Index& place = method.second;
    if (place == MethodTable::none) {
        place = methods_.use(method.first);
    } else if (place == MethodTable::others && methods_.room()) {
        methods_.release(place);
        place = methods_.use(method.first);
    }
    return place;
}

void Router::State::lost(const InFlight& call) noexcept {
    MethodStats& method = methods_.at(call.method);
    ++method.calls;
    ++method.errors;
    methods_.release(call.method);
}

void Router::State::request(Peer& peer, const Frame& frame) {
    const auto caller = entries_.find(frame.transmitter);
    if (caller == entries_.end() || caller->second->peer != &peer) {
        answer_failure(
            peer, frame,
            make_failure("TransmissionFailure", "daffi.exceptions",
                         "'" + std::string(frame.transmitter) + "' is not the name of this connection"));
        return;
    }
    const bool own = frame.function.starts_with(own_prefix);
    if (own && frame.receiver.empty()) return tell(peer, frame);
    const auto found = entries_.find(frame.receiver);
    if (found == entries_.end()) return answer_not_found(peer, frame);
    Peer& worker = *found->second->peer;
    const auto method = found->second->methods.find(frame.function);
    const bool offered = method != found->second->methods.end();
    if (!offered && !(own && worker.link->extended())) return answer_not_found(peer, frame);
    const MethodTable::Index place = offered ? place_of(*method) : MethodTable::none;
    const auto refuse = [&](const Failure& failure, bool busy) {
        MethodStats& counted = methods_.at(place);
        ++counted.calls;
        ++counted.errors;
        counted.busy += busy ? 1 : 0;
        answer_failure(peer, frame, failure);
    };
    if (frame.header.flag == Flag::extension && !worker.link->extended()) {
        ++stats_.unroutable;
        return refuse(make_failure("TransmissionFailure", "daffi.exceptions",
                                   "'" + std::string(frame.receiver) + "' is no node of weft's"),
                      false);
    }
    if (options.worker_in_flight != 0 && worker.to_answer >= options.worker_in_flight)
        return refuse(make_failure("Busy", "weft.mesh",
                                   "'" + std::string(frame.receiver) + "' has " +
                                       std::to_string(worker.to_answer) + " calls to answer already"),
                      true);
    if (worker.link->queued() > options.send_limit)
        return refuse(make_failure("Busy", "weft.mesh",
                                   "'" + std::string(frame.receiver) + "' does not read fast enough: " +
                                       std::to_string(worker.link->queued()) + " bytes wait for it"),
                      true);
    if (frame.header.wants_reply) {
        // A caller that uses an id again has given up the call before.
        if (const InFlight before = peer.in_flight.get(frame.header.id); before != InFlight()) {
            if (Peer* asked = find_peer(before.worker)) --asked->to_answer;
            lost(before);
        }
        InFlight call;
        call.since = Loop::current().now();
        call.worker = worker.number;
        call.method = place;
        peer.in_flight.set(frame.header.id, call);
        methods_.use(place);
        ++worker.to_answer;
    } else {
        ++methods_.at(place).calls;  // nothing more will be heard of it
    }
    forward(peer, worker, frame);
}

void Router::State::answer(Peer& peer, const Frame& frame) {
    const auto found = entries_.find(frame.receiver);
    // The caller left, or did not ask this one, or has its answer: a second one would block a slot of
    // daffi's clients for good.
    const InFlight call =
        found == entries_.end() ? InFlight() : found->second->peer->in_flight.get(frame.header.id);
    if (call.worker != peer.number) {
        ++stats_.dropped;
        return;
    }
    Peer& caller = *found->second->peer;
    caller.in_flight.erase(frame.header.id);
    --peer.to_answer;
    MethodStats& method = methods_.at(call.method);
    ++method.calls;
    method.errors += frame.header.flag == Flag::error ? 1 : 0;
    method.time += Loop::current().now() - call.since;
    methods_.release(call.method);
    forward(peer, caller, frame);
}

void Router::State::fail_calls_to(Peer& worker) {
    if (worker.to_answer == 0) return;
    const Failure failure =
        make_failure("TransmissionFailure", "daffi.exceptions", "the receiver left before it answered");
    for (auto& [link, caller] : peers_) {
        if (caller->in_flight.size() == 0) continue;
        std::vector<std::uint16_t> ids;
        caller->in_flight.for_each([&](std::uint16_t id, const InFlight& call) {
            if (call.worker == worker.number) ids.push_back(id);
        });
        for (const std::uint16_t id : ids) {
            lost(caller->in_flight.get(id));
            caller->in_flight.erase(id);
            if (caller.get() == &worker) continue;
            FrameHeader request;
            request.id = id;
            send_failure(*caller->link, "", request,
                         caller->entries.empty() ? "" : caller->entries[0]->member.name, "", Serde::json,
                         failure);
        }
    }
    worker.to_answer = 0;
}

// Frames about a call that is on its way: between its caller and its worker, and nobody else.
void Router::State::relay(Peer& peer, const Frame& frame) {
    const auto from = entries_.find(frame.transmitter);
    const auto to = entries_.find(frame.receiver);
    if (from == entries_.end() || from->second->peer != &peer || to == entries_.end()) {
        ++stats_.dropped;
        return;
    }
    Peer& other = *to->second->peer;
    const bool known = frame.header.wants_reply ? peer.in_flight.get(frame.header.id).worker == other.number
                                                : other.in_flight.get(frame.header.id).worker == peer.number;
    if (!known || !other.link->extended()) {
        ++stats_.dropped;
        return;
    }
    forward(peer, other, frame);
}

void Router::State::on_extension(Link& link, const Frame& frame, const Extension& extension) {
    const auto it = peers_.find(&link);
    if (it == peers_.end()) return;
    Peer& peer = *it->second;
    if (peer.refused || !peer.joined) return;
    ++stats_.frames;
    stats_.bytes += frame.header.frame_size();
    switch (extension.kind) {
        case ExtKind::request:
            request(peer, frame);
            return limit_queue(peer);
        case ExtKind::part:
        case ExtKind::got:
        case ExtKind::cancel:
        case ExtKind::item:
        case ExtKind::credit:
        case ExtKind::end:
            return relay(peer, frame);
        default:
            return;
    }
}

void Router::State::cancel_calls_of(Peer& caller) {
    caller.in_flight.for_each([&](std::uint16_t id, const InFlight& call) {
        lost(call);
        Peer* worker = find_peer(call.worker);
        if (!worker) return;
        --worker->to_answer;
        if (!worker->link->extended() || worker == &caller) return;
        FrameHeader header;
        header.id = id;
        header.wants_reply = true;
        for (const std::string& name : caller.names)
            send_extension(*worker->link, header, Route{name, {}, {}}, ExtKind::cancel);
    });
}

void Router::State::tell(Peer& peer, const Frame& frame) {
    const std::string_view what = frame.function.substr(own_prefix.size());
    Value answer;
    if (what == "ping") {
        answer = true;
    } else if (what == "stats") {
        answer = describe(stats());
    } else if (what == "members") {
        List list;
        for (const Entry* entry : ordered_entries()) {
            const Link& link = *entry->peer->link;
            list.items.push_back(Dict{{"name", entry->member.name},
                                      {"methods", to_value(entry->member.methods)},
                                      {"address", link.peer()},
                                      {"weft", link.extended()},
                                      {"in_flight", entry->peer->to_answer},
                                      {"queued", link.queued()}});
        }
        answer = std::move(list);
    } else {
        return answer_not_found(peer, frame);
    }
    if (frame.header.wants_reply && !send_result(*peer.link, frame.receiver, frame, answer))
        answer_failure(peer, frame,
                       make_failure("EncodeError", "weft.mesh", "the answer is larger than 32 MiB"));
}

}  // namespace weft::mesh
