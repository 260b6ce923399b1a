// The client's calls: ids, requests, answers, retries.
#include "client_state.hpp"
#include "nats_stream.hpp"

#include <weft/core/gather.hpp>
#include <weft/core/sleep.hpp>

#include <algorithm>

namespace weft::mesh::detail {

namespace {
constexpr std::size_t all_ids = 65535;  // but 0, which is the server's own
}

std::uint16_t ClientState::any_id() noexcept {
    if (++last_id_ == 0) ++last_id_;
    return last_id_;
}

std::uint16_t ClientState::next_id(std::string_view receiver) {
    const auto found = [&](auto usable) {
        for (std::size_t i = 0; i < all_ids; ++i)
            if (any_id(); !pending.get(last_id_) && usable(last_id_)) return true;
        return false;
    };
    if (pending.size() >= all_ids) return 0;
    if (found([&](std::uint16_t id) { return given_up_.get(id) == 0 && !doubtful_.get(id); }))
        return last_id_;
    doubtful_ = IdTable<bool>();
    if (found([&](std::uint16_t id) { return given_up_.get(id) == 0; })) return last_id_;
    const auto member = members.find(receiver);
    if (member == members.end()) return 0;
    // Who answers is told apart by its name.
    const auto other = [&](std::uint32_t asked) { return asked != several && asked != member->second.order; };
    return found([&](std::uint16_t id) { return other(given_up_.get(id)); }) ? last_id_ : 0;
}

void ClientState::late(const Frame& frame) noexcept {
    ++stats.dropped;
    const std::uint16_t id = frame.header.id;
    doubtful_.erase(id);
    const auto member = members.find(frame.transmitter);
    if (member != members.end() && given_up_.get(id) == member->second.order) given_up_.erase(id);
}

std::uint16_t ClientState::send_request(Link& to, std::string& receiver, const Invocation& invocation,
                                        const CallSpec& spec, bool wants_reply, std::string_view names) {
    if (!valid_name(invocation.function))
        throw EncodeError("call '" + invocation.function + "': the wire cannot carry that name");
    if (to.queued() > options.send_limit)
        throw BusyError("call " + invocation.function + ": " + std::to_string(to.queued()) +
                        " bytes wait to be sent already");
    FrameHeader header;
    header.id = wants_reply ? next_id(receiver) : any_id();
    if (header.id == 0)
        throw BusyError(
            "call " + invocation.function + ": " +
            (pending.size() >= all_ids
                 ? "65535 calls are in flight on this connection"
                 : "all 65535 ids of this connection belong to calls in flight, and to calls that "
                   "were given up and that " +
                       receiver + " may still answer"));
    header.flag = Flag::request;
    header.serde = spec.serde;
    header.wants_reply = wants_reply;
    const bool weft = speaks_weft(receiver);
    std::string attributes;
    if (weft) {
        std::string trace = spec.trace.empty() ? traceparent() : spec.trace;
        if (!trace.empty()) {
            std::erase(trace, '\n');
            attributes += "trace=" + trace.substr(0, 256) + "\n";
        }
        if (!names.empty()) attributes += "to=" + std::string(names) + "\n";
        if (spec.duplex) attributes += "stream=" + std::to_string(spec.duplex->window()) + "\n";
    }
    if (spec.limit && wants_reply)
        header.tail = encode_deadline(static_cast<std::uint64_t>(
            std::max<std::int64_t>(1, std::chrono::ceil<std::chrono::milliseconds>(*spec.limit).count())));
    // Parts are for calls that are answered: the router knows them by that.
    const std::size_t whole = weft && wants_reply ? whole_limit(to, receiver) : SIZE_MAX;
    const auto encode = [&](Buffer& out) {
        return encode_arguments(spec.serde, invocation.positional, invocation.keyword, out);
    };
    try {
        Payload body;
        if (invocation.body) {
            body = opaque_payload(invocation.body);
            header.is_bytes = invocation.body->kind() == Kind::bytes;
            if (body.bytes.size() > whole) {
                if (receiver == every_worker) return 0;
                if (receiver == any_worker) receiver = choose(spec, invocation.function, true);
                send_in_parts(receiver, invocation, header, std::move(attributes), std::move(body));
                return header.id;
            }
        } else if (invocation.positional.size() == 1 && large_size(invocation.positional[0]) > whole) {
            if (receiver == every_worker) return 0;
            Buffer data(large_size(invocation.positional[0]) + 256);
            header.is_bytes = encode(data);
            if (receiver == any_worker) receiver = choose(spec, invocation.function, true);
            send_in_parts(receiver, invocation, header, std::move(attributes),
                          buffer_payload(std::move(data)));
            return header.id;
        }
        FrameWriter writer(to.out(), options.name, receiver, invocation.function);
        if (!attributes.empty()) {
            header.flag = Flag::extension;
            append_extension_head(ExtKind::request, attributes, writer.data());
        }
        const std::size_t head = writer.data_size();
        try {
            if (!invocation.body) header.is_bytes = encode(writer.data());
        } catch (...) {
            writer.abandon();
            throw;
        }
        const std::size_t size = writer.data_size() - head + body.bytes.size();
        const bool too_large = !wants_reply && size > to.max_frame() - 4096 - head;
        if (receiver == every_worker && (too_large || size > whole)) {
            writer.abandon();
            return 0;
        }
        if (too_large) {
            writer.abandon();
            throw EncodeError("a call that is not answered has at most " +
                              std::to_string(to.max_frame() - 4096 - head) + " bytes on this connection");
        }
        if (size > whole) {
            Buffer data;
            data.append(writer.data().bytes().last(size));
            writer.abandon();
            if (receiver == any_worker) receiver = choose(spec, invocation.function, true);
            send_in_parts(receiver, invocation, header, std::move(attributes),
                          buffer_payload(std::move(data)));
            return header.id;
        }
        if (!writer.finish(header, body.bytes.size()))
            throw EncodeError("the arguments are larger than a message may be (32 MiB)");
        to.sent(std::move(body));
    } catch (const EncodeError& error) {
        throw EncodeError("call " + invocation.function + ": " + error.what());
    }
    return header.id;
}

void ClientState::send_in_parts(const std::string& receiver, const Invocation& invocation, FrameHeader header,
                                std::string attributes, Payload data) {
    if (data.bytes.size() > options.message_limit)
        throw EncodeError("the arguments are larger than this node's message_limit, " +
                          std::to_string(options.message_limit) + " bytes");
    attributes += "size=" + std::to_string(data.bytes.size()) + "\n";
    send_extension(*link, header, Route{options.name, receiver, invocation.function}, ExtKind::request,
                   attributes);
    PartSenders::Message message;
    message.link = link;
    message.header = header;
    message.from = options.name;
    message.to = receiver;
    message.data = std::move(data);
    message.is_request = true;
    runner->senders().start(std::move(message));
}

void ClientState::forget(std::uint16_t id, const std::string& receiver, std::uint32_t order, bool answered,
                         SharedId* shared) noexcept {
    if (shared) shared->erase(shared->find(receiver));
    if (shared && !shared->empty()) {
        pending.set(id, shared->begin()->second);  // its slot is there
    } else {
        pending.erase(id);
    }
    const auto member = members.find(receiver);
    const bool there = member != members.end() && member->second.order == order;
    if (there && member->second.in_flight != 0) --member->second.in_flight;
    if (link) runner->senders().drop(*link, receiver, id, true);
    if (answered) return;
    try {
        if (shared) {
            doubtful_.set(
                id, true);  // several may answer; one id for each cast that somebody did not is too many
        } else if (there) {
            given_up_.set(id, given_up_.get(id) == 0 ? order : several);
        } else if (receiver.empty() || receiver == any_worker) {
            doubtful_.set(id, true);
        }
        // else it has left, and with it what it would have answered
        if (!link || !speaks_weft(receiver)) return;
        FrameHeader header;
        header.id = id;
        header.wants_reply = true;
        send_extension(*link, header, Route{options.name, receiver, {}}, ExtKind::cancel);
    } catch (...) {  // no memory: the id may be used again a little early
    }
}

PendingCall::PendingCall(ClientState& state, std::uint16_t id, std::string& receiver, std::uint64_t begin,
                         SharedId* shared)
    : state_(state), shared_(shared), receiver_(receiver), begin_(begin), id_(id) {
    state.pending.set(id, this);
    if (shared) shared->emplace(receiver, this);
    count();
}

void PendingCall::count() noexcept {
    const auto member = state_.members.find(receiver_);
    if (member == state_.members.end()) return;
    ++member->second.in_flight;
    order_ = member->second.order;
}

PendingCall::~PendingCall() {
    disarm();
    if (!done_) state_.forget(id_, receiver_, order_, false, shared_);
}

void PendingCall::finish(End end) noexcept {
    end_ = end;
    done_ = true;
    disarm();
    state_.forget(id_, receiver_, order_, end == End::answered || end == End::failed, shared_);
    if (waiting()) wake();
}

void PendingCall::answer(Link& link, const Frame& frame) noexcept {
    try {
        if (frame.header.flag == Flag::error) {
            failure = decode_failure(frame.header.serde, frame.header.is_bytes, frame.data);
            return finish(End::failed);
        }
        std::optional<Bytes> payload;
        if (parts_.begun()) {
            parts_.take(link, frame.data);
            payload = parts_.finish();
        } else if (auto place = link.take_payload()) {
            payload = std::move(place->bytes);
        }
        if (payload && frame.header.serde == Serde::opaque && frame.header.is_bytes) {
            value = std::move(*payload);
        } else {
            value = decode_result(frame.header.serde, frame.header.is_bytes,
                                  payload ? std::span<const std::byte>(*payload) : frame.data);
        }
    } catch (...) {
        error = std::current_exception();
    }
    finish(End::answered);
}

PendingCall* PendingCall::of(std::string_view worker) noexcept {
    if (!shared_) return this;
    const auto it = shared_->find(worker);
    return it == shared_->end() ? nullptr : it->second;
}

bool PendingCall::awaits(std::string_view transmitter) const noexcept {
    // A server that answers for somebody else may leave the name out.
    return transmitter == receiver_ || transmitter.empty() || receiver_.empty() || receiver_ == any_worker;
}

bool PendingCall::concerns(std::string_view worker, ExtKind kind) const noexcept {
    return receiver_ == worker || (kind == ExtKind::taken && receiver_ == any_worker);
}

void PendingCall::begin_parts(const Extension& first) {
    if (!parts_.begun())
        parts_.begin(std::min(static_cast<std::size_t>(first.number("size")), state_.options.message_limit));
}

std::optional<Place> PendingCall::place(const Frame& head, const Extension* extension, std::size_t size) {
    if (extension) {
        if (!concerns(head.transmitter, extension->kind)) return std::nullopt;
        begin_parts(*extension);
    } else if (!awaits(head.transmitter)) {
        return std::nullopt;
    }
    if (!parts_.begun() || parts_.size() + size > state_.options.message_limit) return std::nullopt;
    return parts_.lend();
}

void PendingCall::extension(const Frame& frame, const Extension& extension) {
    switch (extension.kind) {
        case ExtKind::part:
            if (parts_.size() + extension.data.size() > state_.options.message_limit) {
                error = std::make_exception_ptr(
                    DecodeError("the answer of " + receiver_ + " is larger than this node's message_limit, " +
                                std::to_string(state_.options.message_limit) + " bytes"));
                return finish(End::refused);
            }
            begin_parts(extension);
            parts_.take(*state_.link, extension.data);
            return receipts_.took(extension.data.size(), *state_.link, id_, false, state_.options.name,
                                  receiver_);
        case ExtKind::got:
            return state_.runner->senders().got(*state_.link, receiver_, id_, true,
                                                static_cast<std::size_t>(extension.number("n")));
        case ExtKind::taken: {
            receiver_ = frame.transmitter;
            return count();
        }
        case ExtKind::credit:
            if (stream) stream->credit(static_cast<std::size_t>(extension.number("n")));
            return;
        case ExtKind::item:
            if (!stream) return;
            try {
                if (!stream->item(frame, extension))
                    throw DecodeError(receiver_ + " sends more values than the window has room for");
            } catch (const Error&) {
                error = std::current_exception();
                finish(End::refused);
            }
            return;
        default:
            return;
    }
}

void PendingCall::lose(const std::string& why, std::uint64_t written) noexcept {
    reason = why;
    sent = written > begin_;
    finish(End::lost);
}

void PendingCall::desert() noexcept {
    try {
        failure =
            make_failure("TransmissionFailure", "daffi.exceptions", receiver_ + " left before it answered");
    } catch (...) {  // no memory: an error without a name is one, too
    }
    finish(End::failed);
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

}  // namespace

Value outcome(PendingCall& call, const std::string& function, std::optional<Duration> limit) {
    const std::string& receiver = call.receiver();
    switch (call.end()) {
        case PendingCall::End::answered:
            if (call.error) std::rethrow_exception(call.error);
            return std::move(call.value);
        case PendingCall::End::refused:
            std::rethrow_exception(call.error);
        case PendingCall::End::failed:
            throw_failure(receiver, function, std::move(call.failure));
        case PendingCall::End::timed_out:
            throw CallTimeout(function, limit.value_or(Duration::zero()),
                              std::vector<std::string>(receiver == any_worker ? 0 : 1, receiver));
        default:
            throw Disconnected("call " + function +
                                   (receiver == any_worker ? std::string() : " of " + receiver) +
                                   ": the connection was lost: " + call.reason +
                                   (call.sent ? "; the request was sent" : "; the request was not sent"),
                               call.sent);
    }
}

namespace {

Task<Value> call_once(std::shared_ptr<ClientState> state, CallSpec spec, const Invocation& invocation,
                      std::optional<TimePoint> deadline) {
    Link& link = state->require_link(invocation.function);
    std::string receiver = state->choose(spec, invocation.function, spec.duplex != nullptr);
    if (spec.duplex && !state->speaks_weft(receiver))
        throw Error("open " + invocation.function + ": " + receiver +
                    " is no node of weft's, or behind a router that is none; use stream()");
    if (deadline) spec.limit = *deadline - Loop::current().now();
    const std::uint64_t begin = link.appended();
    const std::uint16_t id = state->send_request(link, receiver, invocation, spec, true);
    PendingCall call(*state, id, receiver, begin);
    if (spec.duplex) {
        call.stream = spec.duplex;
        spec.duplex->begin(state->link, receiver, id, 0);
    }
    if (deadline) Loop::current().arm(call, *deadline);
    co_await call;
    co_return outcome(call, invocation.function, spec.limit);
}

}  // namespace

void share_body(const CallSpec& spec, Invocation& invocation) {
    if (spec.serde != Serde::opaque || invocation.positional.size() != 1 || !invocation.keyword.empty() ||
        large_size(invocation.positional[0]) < payload_threshold)
        return;
    invocation.body = shared_value(std::move(invocation.positional[0]));
}

// A call without a time limit that is to be made again waits so long for somebody to make it to.
constexpr Duration retry_patience = std::chrono::seconds(30);
// How often a call that reached nobody is made to another.
constexpr unsigned most_elsewhere = 3;

Task<Value> call_one(std::shared_ptr<ClientState> state, CallSpec spec, Invocation invocation) {
    share_body(spec, invocation);
    std::optional<TimePoint> deadline;
    if (spec.limit) deadline = Loop::current().now() + *spec.limit;
    unsigned elsewhere = 0;
    for (unsigned attempt = 0;; ++attempt) {
        std::exception_ptr lost;
        try {
            co_return co_await call_once(state, spec, invocation, deadline);
        } catch (const Evicted&) {
            throw;
        } catch (const Disconnected&) {
            if (attempt >= spec.retries) throw;
            lost = std::current_exception();
        } catch (const ReceiverNotFound&) {
            // Whoever was chosen went, or offers it no longer, and nothing ran: others may be asked.
            const bool others = spec.receivers.empty() && !spec.duplex && elsewhere < most_elsewhere &&
                                !state->candidates(invocation.function).empty();
            if (!others && (attempt == 0 || attempt >= spec.retries)) throw;
            if (!others) lost = std::current_exception();
        }
        if (!lost) {
            ++elsewhere;
            --attempt;
            co_await yield();  // what the server has said about it meanwhile is read first
            continue;
        }
        // A try for each time that somebody is there, not for each look.
        const TimePoint now = Loop::current().now();
        const TimePoint until = deadline ? *deadline : now + retry_patience;
        const bool again = co_await ClientState::callable(state, spec.receivers, invocation.function, until);
        if (!again) std::rethrow_exception(lost);
        // Whoever fails calls as fast as it is asked gets no storm of them.
        co_await sleep(std::chrono::milliseconds(10));
        if (deadline && *deadline <= Loop::current().now()) std::rethrow_exception(lost);
    }
}

namespace {

Task<Value> run_duplex(std::shared_ptr<ClientState> state, CallSpec spec, Invocation invocation) {
    const auto duplex = spec.duplex;
    std::exception_ptr error;
    try {
        Value value = co_await call_one(std::move(state), std::move(spec), std::move(invocation));
        duplex->end(nullptr);
        co_return value;
    } catch (...) {
        error = std::current_exception();
    }
    duplex->end(error);
    std::rethrow_exception(error);
}

}  // namespace

Duplex open_duplex(std::shared_ptr<ClientState> state, CallSpec spec, std::size_t window,
                   Invocation invocation) {
    auto duplex = std::make_shared<DuplexState>(true, state->options.name, spec.serde, window);
    spec.duplex = duplex;
    std::string name = "open " + invocation.function;
    auto call = spawn(run_duplex(std::move(state), std::move(spec), std::move(invocation)), std::move(name));
    return Duplex(std::move(duplex), std::move(call));
}

void send_one(ClientState& state, const CallSpec& spec, const Invocation& invocation) {
    Link& link = state.require_link(invocation.function);
    std::string receiver = state.choose(spec, invocation.function, false);
    state.send_request(link, receiver, invocation, spec, false);
}

std::string pick(ClientState& state, const CallSpec& spec, const std::string& function) {
    (void)state.require_link(function);
    return state.choose(spec, function, true);
}

}  // namespace weft::mesh::detail
