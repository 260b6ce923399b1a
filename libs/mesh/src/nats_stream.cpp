// A NATS server's connection: joining, calls, what the server says of them.
#include "nats_stream.hpp"

#include "call_runner.hpp"
#include "codec.hpp"
#include "nats_stream_state.hpp"

#include <weft/mesh/error.hpp>

#include <algorithm>
#include <charconv>
#include <random>

namespace weft::mesh {

namespace {

std::string new_instance() {
    static constexpr char hex[] = "0123456789abcdef";
    std::random_device random;
    std::string out;
    for (std::size_t i = 0; i < nats_instance_size; i += 8)
        for (unsigned bits = random(), j = 0; j < 8; ++j, bits >>= 4) out += hex[bits & 15];
    return out;
}

std::string_view text_of(std::span<const std::byte> bytes) noexcept {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

NatsStream::NatsStream(NatsConnection connection, NatsServer server, std::string prefix,
                       std::shared_ptr<NatsServers> servers)
    : AdapterStream(std::move(connection.stream)),
      server_(std::move(server)),
      servers_(std::move(servers)),
      prefix_(std::move(prefix)),
      seen_(std::move(connection.rest)),
      max_frame_(nats_frame_limit(connection.info.max_payload)),
      instance_(new_instance()) {
    learn(connection.info);
}

IoResult NatsStream::try_read(std::span<std::byte> buffer) {
    if (!seen_.empty()) {
        const std::string seen = std::exchange(seen_, std::string());
        from_peer(std::as_bytes(std::span(seen)));
    }
    return AdapterStream::try_read(buffer);
}

void NatsStream::close() noexcept {
    disarm();
    cast_check_.disarm();
    try {
        leave();
        flush();
    } catch (...) {  // it is lost already
    }
    AdapterStream::close();
}

void NatsStream::publish(std::string_view subject, std::string_view reply, std::string_view head,
                         std::span<const std::byte> data) {
    out_.append(std::string_view("PUB "));
    out_.append(subject);
    out_.push(' ');
    if (!reply.empty()) {
        out_.append(reply);
        out_.push(' ');
    }
    out_.append(std::string_view(std::to_string(head.size() + data.size())));
    out_.append(std::string_view("\r\n"));
    out_.append(head);
    out_.append(data);
    out_.append(std::string_view("\r\n"));
}

// --- the server ---------------------------------------------------------------------------------------

void NatsStream::learn(const NatsInfo& info) {
    // A server without a cluster names none, and none of the others is gone then.
    if (!info.connect_urls.empty()) servers_->learn(server_, info.connect_urls);
}

void NatsStream::on_info(std::string_view json) {
    learn(NatsInfo(json));  // the cluster has changed
}

void NatsStream::join() {
    if (!introduced_ || joined_) return;
    const auto text = [](std::string_view s) {
        Buffer out;
        write_json_text(s, out);
        return std::string(out.text());
    };
    std::string connect =
        R"(CONNECT {"verbose":false,"pedantic":false,"lang":"c++","version":"weft","protocol":1,)"
        R"("headers":true,"no_responders":true,"name":)" +
        text(self_.name);
    if (!server_.password.empty()) {
        connect += ",\"user\":" + text(server_.user) + ",\"pass\":" + text(server_.password);
    } else if (!server_.user.empty()) {
        connect += ",\"auth_token\":" + text(server_.user);
    }
    connect += "}\r\n";
    out_.append(std::string_view(connect));
    // Before we hear it ourselves: whether anybody does (no_responders).
    publish(events(), errors() + "0", "?");
    connect = "SUB " + events() + " 1\r\nSUB " + node(self_.name) + " 2\r\nSUB " + errors() + "> 3\r\n";
    out_.append(std::string_view(connect));
    subscribe_functions();
    publish(events(), {}, announcement('H'));
    announced_ = true;
    ping(PongFor::joining);
}

void NatsStream::ping(PongFor what) {
    pings_.push_back(what);
    out_.append(std::string_view("PING\r\n"));
}

// One queue group a function: NATS gives each call to one of those that are there now. And a subject that all
// of them take.
void NatsStream::subscribe_functions() {
    const auto& offered = self_.methods;
    for (auto it = functions_.begin(); it != functions_.end();) {
        if (std::find(offered.begin(), offered.end(), it->first) != offered.end()) {
            ++it;
            continue;
        }
        out_.append(std::string_view("UNSUB " + std::to_string(it->second) + "\r\nUNSUB " +
                                     std::to_string(it->second + 1) + "\r\n"));
        it = functions_.erase(it);
    }
    for (const std::string& function : offered) {
        const auto [it, is_new] = functions_.emplace(function, last_subscription_ + 1);
        if (!is_new) continue;
        last_subscription_ += 2;
        out_.append(std::string_view("SUB " + group(function) + " workers " + std::to_string(it->second) +
                                     "\r\nSUB " + everyone(function) + " " + std::to_string(it->second + 1) +
                                     "\r\n"));
    }
}

void NatsStream::on_pong() {
    if (pings_.empty()) return;
    const PongFor what = pings_.front();
    pings_.pop_front();
    if (what == PongFor::joining) {
        if (gathered_all()) return gathered();
        gathering_ = true;
        gathering_since_ = news_ = Loop::current().now();
        Loop::current().arm_after(*this, nats_gather_pause);
        return;
    }
    if (what == PongFor::introduction) {
        // The answer to the last one is for all of them.
        if (std::find(pings_.begin(), pings_.end(), what) == pings_.end()) reply_handshake(std::nullopt);
        return;
    }
    FrameWriter writer(plain_, "", "", "");
    append_extension_head(ExtKind::pong, {}, plain_);
    FrameHeader header;
    header.flag = Flag::extension;
    (void)writer.finish(header);
}

void NatsStream::on_error(std::string_view text) {
    if (joined_ && text.starts_with("'Permissions Violation for Publish")) return forbidden(text);
    if (joined_) throw Error("the NATS server says " + std::string(text));
    reply_handshake("NATS: " + std::string(valid_utf8(text) ? text : "an error"));
}

// "'Permissions Violation for Publish to "a.b"'": the connection lives, what was published there does not.
void NatsStream::forbidden(std::string_view text) {
    std::vector<std::uint16_t> ids;
    for (const auto& [id, asked] : in_flight_)
        if (text.find('"' + asked.subject + '"') != std::string_view::npos) ids.push_back(id);
    for (const std::uint16_t id : ids)
        fail_all(id, "ReceiverNotFound",
                 "the NATS server lets nobody here publish to " + in_flight_.at(id).subject);
}

bool NatsStream::answered(std::uint16_t id, std::string_view by) {
    const auto it = in_flight_.find(id);
    if (it == in_flight_.end()) return false;
    Asked& asked = it->second;
    if (asked.who == every_worker) {
        const auto one = asked.waiting.find(by);
        if (one == asked.waiting.end()) return false;
        asked.waiting.erase(one);
        if (!asked.waiting.empty()) return true;
    } else if (asked.who != by) {
        return false;
    }
    in_flight_.erase(it);
    return true;
}

void NatsStream::fail(std::uint16_t id, const std::string& who, const std::string& type,
                      const std::string& text) {
    Frame request;
    request.header.id = id;
    request.receiver = who;
    if (answered(id, who)) answer_failure(request, type, text);
}

void NatsStream::fail_all(std::uint16_t id, const std::string& type, const std::string& text) {
    const Asked asked = in_flight_.at(id);
    if (asked.who != every_worker) return fail(id, asked.who, type, text);
    for (const std::string& who : asked.waiting) fail(id, who, type, text);
}

void NatsStream::reply_handshake(const std::optional<std::string>& error) {
    if (!error && !members_.empty()) {
        std::string names;
        for (const auto& [name, known] : members_) names += name + "|";
        FrameWriter writer(plain_, "", "", "");
        append_extension_head(ExtKind::peers, {}, plain_);
        plain_.append(std::string_view(names));
        FrameHeader header;
        header.flag = Flag::extension;
        (void)writer.finish(header);
    }
    Handshake reply;
    reply.type = "router;weft=1";
    reply.error = error;
    if (!error) {
        for (const auto& [name, known] : members_) reply.members.push_back(known.member);
        reply.members.push_back(self_);
    }
    FrameWriter writer(plain_, self_.name, "", "");
    write_handshake(reply, plain_);
    FrameHeader header;
    header.id = handshake_id_;
    header.serde = Serde::json;
    header.wants_reply = true;
    (void)writer.finish(header);
}

void NatsStream::on_message(const NatsMessage& message) {
    if (message.headers.starts_with("NATS/1.0 503")) return no_responders(message.subject);
    const std::string_view text = text_of(message.payload);
    if (text.empty()) return;
    if (text[0] == 'F') {
        const auto below = message.subject.substr(std::min(prefix_.size(), message.subject.size()));
        if (below.starts_with(".fn.")) return take_shared(message.payload.subspan(1));
        if (below.starts_with(".all.")) return take_cast(message.payload.subspan(1));
    }
    switch (text[0]) {
        case 'F':
            return take_frame(message.payload.subspan(1));
        case 'H':
        case 'A':
            return take_member(text.substr(1), text[0] == 'H');
        case 'L':
            return take_leaver(text.substr(1));
        default:
            return;
    }
}

// Anyone may publish anything here: what is no frame for us is passed over.
void NatsStream::take_frame(std::span<const std::byte> raw) {
    FrameHeader header;
    Frame frame;
    if (raw.size() < header_size || parse_header(raw.data(), header) != FrameFault::none) return;
    if (header.frame_size() != raw.size() || parse_frame(raw, header, frame) != FrameFault::none) return;
    if (!announced_ || frame.receiver != self_.name) return;
    switch (header.flag) {
        case Flag::response:
        case Flag::error: {
            // As a router does: only the one that was asked may answer, and once.
            if (!answered(header.id, frame.transmitter)) return;
            break;
        }
        case Flag::request:
            break;
        case Flag::extension: {
            Extension extension;
            if (!parse_extension(frame.data, extension)) return;
            if (extension.kind == ExtKind::taken ? !take_claim(frame) : extension.kind >= ExtKind::ping)
                return;
            break;
        }
        default:
            return;
    }
    deliver(raw);
}

// The link knows no calls before it has joined: they wait, and end the waiting when they become many.
void NatsStream::deliver(std::span<const std::byte> frame) {
    if (joined_) return plain_.append(frame);
    early_.append(frame);
    if (gathering_ && early_.size() > max_frame_) gathered();
}

// A call of the queue group's: ours now, as if it had been for us from the beginning.
void NatsStream::take_shared(std::span<const std::byte> raw) {
    FrameHeader header;
    Frame frame;
    if (raw.size() < header_size || parse_header(raw.data(), header) != FrameFault::none) return;
    if (header.frame_size() != raw.size() || parse_frame(raw, header, frame) != FrameFault::none) return;
    if (!announced_ || frame.receiver != any_worker) return;
    if (header.flag == Flag::extension) {
        Extension extension;
        if (!parse_extension(frame.data, extension) || extension.kind != ExtKind::request) return;
    } else if (header.flag != Flag::request) {
        return;
    }
    if (header.wants_reply) {
        FrameHeader claim;
        claim.id = header.id;
        say(frame.transmitter, claim, ExtKind::taken);
    }
    take_over(frame);
}

// A call for several: ours when it names us.
void NatsStream::take_cast(std::span<const std::byte> raw) {
    FrameHeader header;
    Frame frame;
    if (raw.size() < header_size || parse_header(raw.data(), header) != FrameFault::none) return;
    if (header.frame_size() != raw.size() || parse_frame(raw, header, frame) != FrameFault::none) return;
    Extension extension;
    if (!announced_ || frame.receiver != every_worker || header.flag != Flag::extension ||
        !parse_extension(frame.data, extension) || extension.kind != ExtKind::request)
        return;
    std::string_view names = extension.attribute("to").value_or("");
    while (!names.empty()) {
        const std::size_t end = std::min(names.find('|'), names.size());
        if (names.substr(0, end) == self_.name) return take_over(frame);
        names.remove_prefix(std::min(end + 1, names.size()));
    }
}

void NatsStream::take_over(const Frame& frame) {
    Buffer ours;
    FrameWriter writer(ours, frame.transmitter, self_.name, frame.function);
    ours.append(frame.data);
    if (writer.finish(frame.header)) deliver(ours.bytes());
}

// A worker says that it has a call of ours. False when that is nothing for the link.
bool NatsStream::take_claim(const Frame& frame) {
    const auto asked = in_flight_.find(frame.header.id);
    if (asked == in_flight_.end() || asked->second.who != any_worker) return false;
    asked->second.who = frame.transmitter;
    if (!asked->second.cancelled) return true;
    FrameHeader header;
    header.id = frame.header.id;
    header.wants_reply = true;
    say(frame.transmitter, header, ExtKind::cancel);
    return false;
}

void NatsStream::say(std::string_view to, FrameHeader header, ExtKind kind) {
    Buffer frame;
    FrameWriter writer(frame, self_.name, to, "");
    append_extension_head(kind, {}, frame);
    header.flag = Flag::extension;
    if (writer.finish(header)) publish(node(to), {}, "F", frame.bytes());
}

void NatsStream::no_responders(std::string_view subject) {
    const std::string prefix = errors();
    if (!subject.starts_with(prefix)) return;
    subject.remove_prefix(prefix.size());
    std::uint16_t id = 0;
    const auto number = std::from_chars(subject.data(), subject.data() + subject.size(), id);
    subject.remove_prefix(static_cast<std::size_t>(number.ptr - subject.data()));
    if (number.ec != std::errc() || (!subject.empty() && subject[0] != '.')) return;
    if (id == 0) {
        nobody_ = true;
        return;
    }
    const auto asked = in_flight_.find(id);
    if (asked == in_flight_.end()) return;
    std::string name = asked->second.who;
    if (!subject.empty()) {  // one of those who have not answered a cast
        const auto& waiting = asked->second.waiting;
        const auto gone = std::find_if(waiting.begin(), waiting.end(), [&](const std::string& who) {
            return nats_token(who) == subject.substr(1);
        });
        if (gone == waiting.end()) return;
        name = *gone;
    } else if (name == any_worker || name == every_worker) {
        return fail_all(id, "ReceiverNotFound", "nobody offers it any more; the call was not delivered");
    }
    fail(id, name, "ReceiverNotFound", "'" + name + "' is gone; the call was not delivered");
    remove(name);
}

// --- the link -----------------------------------------------------------------------------------------

void NatsStream::from_link(std::span<const std::byte> bytes) {
    if (syn_left_ != 0) {
        const std::size_t n = std::min(syn_left_, bytes.size());
        syn_left_ -= n;
        bytes = bytes.subspan(n);
    }
    const bool joined = !in_.empty();
    if (joined) in_.append(bytes);
    const std::span<const std::byte> all = joined ? in_.bytes() : bytes;
    std::size_t done = 0;
    while (all.size() - done >= header_size) {
        FrameHeader header;
        Frame one;
        if (parse_header(all.data() + done, header) != FrameFault::none)
            throw Error("a frame of ours is broken");
        if (all.size() - done < header.frame_size()) break;
        if (parse_frame(all.subspan(done, header.frame_size()), header, one) != FrameFault::none)
            throw Error("a frame of ours is broken");
        frame(one);
        done += header.frame_size();
    }
    if (joined && done == 0) return;
    Buffer left;
    left.append(all.subspan(done));
    in_ = std::move(left);
}

void NatsStream::introduce(const Frame& frame) {
    Handshake handshake;
    std::string why;
    if (!read_handshake(frame.data, handshake, why) || handshake.members.size() != 1) return;
    self_ = std::move(handshake.members[0]);
    handshake_id_ = frame.header.id;
    introduced_ = true;
    if (joined_) {
        subscribe_functions();
        publish(events(), {}, announcement('A'));
        // Behind the PONG come no more calls of functions that are not offered any more.
        ping(PongFor::introduction);
    } else {
        join();
    }
}

void NatsStream::answer_failure(const Frame& request, const std::string& type, const std::string& text) {
    FrameWriter writer(plain_, request.receiver, self_.name, request.function);
    FrameHeader header;
    header.id = request.header.id;
    header.flag = Flag::error;
    header.serde = Serde::json;
    header.is_bytes = encode_failure(header.serde, make_failure(type, "daffi.exceptions", text), plain_);
    (void)writer.finish(header);
}

void NatsStream::frame(const Frame& frame) {
    const FrameHeader& header = frame.header;
    if (header.flag == Flag::handshake) return introduce(frame);
    Extension extension;
    bool is_request = header.flag == Flag::request;
    if (header.flag == Flag::extension) {
        if (!parse_extension(frame.data, extension)) return;
        if (extension.kind == ExtKind::ping) {
            return ping(PongFor::link);
        }
        is_request = extension.kind == ExtKind::request;
        if (extension.kind == ExtKind::cancel && frame.receiver == any_worker) return cancel_untaken(frame);
    }
    const bool answered = is_request && header.wants_reply;
    if (frame.receiver.empty() || frame.raw.size() > max_frame_) {
        if (answered)
            answer_failure(frame, "ReceiverNotFound",
                           frame.receiver.empty() ? "there is no router to ask in a NATS cluster"
                                                  : "the message is larger than NATS takes");
        return;
    }
    const std::string subject = frame.receiver == any_worker     ? group(frame.function)
                                : frame.receiver == every_worker ? everyone(frame.function)
                                                                 : node(frame.receiver);
    std::string reply;
    if (answered) {
        Asked& asked = in_flight_[header.id];
        asked = Asked();
        asked.who = frame.receiver;
        asked.subject = subject;
        asked.since = Loop::current().now();
        reply = errors() + std::to_string(header.id);
    }
    publish(subject, reply, "F", frame.raw);
    if (answered && frame.receiver == every_worker)
        expect_everyone(header.id, extension.attribute("to").value_or(""));
}

void NatsStream::expect_everyone(std::uint16_t id, std::string_view names) {
    Asked& asked = in_flight_[id];
    while (!names.empty()) {
        const std::size_t end = std::min(names.find('|'), names.size());
        asked.waiting.emplace(names.substr(0, end));
        names.remove_prefix(std::min(end + 1, names.size()));
    }
    // The link has not heard yet that they went.
    std::vector<std::string> gone;
    for (const std::string& name : asked.waiting)
        if (!members_.contains(name)) gone.push_back(name);
    for (const std::string& name : gone)
        fail(id, name, "TransmissionFailure", "the receiver left before it answered");
    if (!cast_check_.armed()) Loop::current().arm_after(cast_check_, nats_cast_check);
}

// The caller gave up before it heard who has the call.
void NatsStream::cancel_untaken(const Frame& frame) {
    const auto asked = in_flight_.find(frame.header.id);
    if (asked == in_flight_.end()) return;
    asked->second.cancelled = true;
    if (asked->second.who != any_worker) say(asked->second.who, frame.header, ExtKind::cancel);
}

std::unique_ptr<Stream> make_nats_stream(NatsConnection connection, NatsServer server, std::string prefix,
                                         std::shared_ptr<NatsServers> servers) {
    return std::make_unique<NatsStream>(std::move(connection), std::move(server), std::move(prefix),
                                        std::move(servers));
}

}  // namespace weft::mesh
