#include "nats_stream.hpp"

#include "adapter_stream.hpp"
#include "call_runner.hpp"
#include "codec.hpp"
#include "extension.hpp"

#include <weft/core/loop.hpp>
#include <weft/mesh/error.hpp>
#include <weft/mesh/handshake.hpp>

#include <algorithm>
#include <chrono>
#include <map>
#include <random>

namespace weft::mesh {

namespace {

using namespace std::chrono_literals;

// Nodes say that they are there this often, and are taken for gone when they have not for so long.
constexpr Duration announce_interval = 2s;
constexpr Duration member_lifetime = 7s;
constexpr std::size_t instance_size = 16;
constexpr std::size_t max_members = 100'000;

std::string new_instance() {
    static constexpr char hex[] = "0123456789abcdef";
    std::random_device random;
    std::string out;
    for (std::size_t i = 0; i < instance_size; i += 8)
        for (unsigned bits = random(), j = 0; j < 8; ++j, bits >>= 4) out += hex[bits & 15];
    return out;
}

std::string_view text_of(std::span<const std::byte> bytes) noexcept {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

class NatsStream final : public AdapterStream, private NatsParser::Handler, private Timer {
public:
    NatsStream(NatsConnection connection, NatsServer server, std::string prefix,
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
    ~NatsStream() override { disarm(); }

    IoResult try_read(std::span<std::byte> buffer) override {
        if (!seen_.empty()) {
            const std::string seen = std::exchange(seen_, std::string());
            from_peer(std::as_bytes(std::span(seen)));
        }
        return AdapterStream::try_read(buffer);
    }

    void close() noexcept override {
        disarm();
        try {
            leave();
            flush();
        } catch (...) {  // it is lost already
        }
        AdapterStream::close();
    }

private:
    struct Known {
        Member member;
        std::string instance;
        TimePoint heard;
    };

    void from_peer(std::span<const std::byte> bytes) override {
        parser_.feed(bytes, *this);
        flush();
    }
    void from_link(std::span<const std::byte> bytes) override;
    void say_goodbye() override { leave(); }
    [[nodiscard]] bool ended() const noexcept override { return refused_; }
    void fire() noexcept override;

    void on_info(std::string_view json) override;
    void on_message(const NatsMessage& message) override;
    void on_ping() override { out_.append(std::string_view("PONG\r\n")); }
    void on_pong() override;
    void on_error(std::string_view text) override;

    // What the link sends.
    void frame(const Frame& frame);
    void introduce(const Frame& frame);
    void answer_failure(const Frame& request, const std::string& type, const std::string& text);
    // What others publish.
    void take_frame(std::span<const std::byte> raw);
    void take_member(std::string_view text, bool joins);
    void take_leaver(std::string_view text);
    void no_responders(std::string_view subject);
    void forbidden(std::string_view text);

    void learn(const NatsInfo& info);
    void join();
    void leave();
    void remove(const std::string& name);
    void fail_calls_to(const std::string& name);
    void tell(const Member& member, bool is_new);
    void event(std::string_view type, std::string_view member);
    void reply_handshake(const std::optional<std::string>& error);
    [[nodiscard]] std::string announcement(char kind) const;
    [[nodiscard]] std::string node(std::string_view name) const {
        return prefix_ + ".node." + nats_token(name);
    }
    [[nodiscard]] std::string events() const { return prefix_ + ".ev"; }
    [[nodiscard]] std::string errors() const { return prefix_ + ".err." + nats_token(self_.name) + "."; }
    void publish(std::string_view subject, std::string_view reply, std::string_view head,
                 std::span<const std::byte> data = {});

    NatsServer server_;
    std::shared_ptr<NatsServers> servers_;
    std::string prefix_;
    std::string seen_;  // of the server's, while it was connected to
    std::size_t max_frame_;
    std::string instance_;
    NatsParser parser_;
    Buffer in_;  // a frame of the link's, while it is cut
    std::size_t syn_left_ = syn.size();
    Member self_;
    std::uint16_t handshake_id_ = 0;
    std::map<std::string, Known, std::less<>> members_;
    std::map<std::uint16_t, std::string> in_flight_;  // calls of ours: who has them
    std::size_t pings_ = 0;                           // of the link's, passed on
    bool introduced_ = false;
    bool joined_ = false;
    bool refused_ = false;
};

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

std::string NatsStream::announcement(char kind) const {
    Handshake handshake;
    handshake.type = "client;weft=1";
    handshake.members.push_back(self_);
    Buffer json;
    write_handshake(handshake, json);
    return kind + instance_ + std::string(json.text());
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
    connect += "SUB " + events() + " 1\r\nSUB " + node(self_.name) + " 2\r\nSUB " + errors() + "* 3\r\n";
    out_.append(std::string_view(connect));
    publish(events(), {}, announcement('H'));
    out_.append(std::string_view("PING\r\n"));
}

void NatsStream::on_pong() {
    if (!joined_) {
        joined_ = true;
        reply_handshake(std::nullopt);
        Loop::current().arm_after(*this, announce_interval);
        return;
    }
    if (pings_ == 0) return;
    --pings_;
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
    for (auto it = in_flight_.begin(); it != in_flight_.end();) {
        if (text.find('"' + node(it->second) + '"') == std::string_view::npos) {
            ++it;
            continue;
        }
        Frame request;
        request.header.id = it->first;
        const std::string name = it->second;
        it = in_flight_.erase(it);
        answer_failure(request, "ReceiverNotFound", "the NATS server lets nobody here call '" + name + "'");
    }
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
    if (!joined_ || frame.receiver != self_.name) return;
    switch (header.flag) {
        case Flag::response:
        case Flag::error: {
            // As a router does: only the one that was asked may answer, and once.
            const auto asked = in_flight_.find(header.id);
            if (asked == in_flight_.end() || asked->second != frame.transmitter) return;
            in_flight_.erase(asked);
            break;
        }
        case Flag::request:
            break;
        case Flag::extension: {
            Extension extension;
            if (!parse_extension(frame.data, extension)) return;
            if (extension.kind >= ExtKind::ping) return;
            break;
        }
        default:
            return;
    }
    plain_.append(raw);
}

void NatsStream::take_member(std::string_view text, bool joins) {
    if (text.size() < instance_size) return;
    const std::string instance(text.substr(0, instance_size));
    if (instance == instance_) return;
    Handshake handshake;
    std::string why;
    if (!read_handshake(std::as_bytes(std::span(text.substr(instance_size))), handshake, why)) return;
    if (handshake.members.size() != 1) return;
    Member& member = handshake.members[0];
    if (member.name == self_.name) {
        if (joins && joined_) event("evicted", self_.name);
        return;
    }
    if (joins) publish(node(member.name), {}, announcement('A'));
    auto it = members_.find(member.name);
    if (it != members_.end() && it->second.instance != instance) {
        remove(std::string(member.name));
        it = members_.end();
    }
    const bool is_new = it == members_.end();
    if (is_new && members_.size() >= max_members) return;
    Known& known = members_[member.name];
    known.heard = Loop::current().now();
    known.instance = instance;
    if (!is_new && known.member.methods == member.methods) return;
    known.member = std::move(member);
    if (joined_) tell(known.member, is_new);
}

void NatsStream::take_leaver(std::string_view text) {
    if (text.size() < instance_size) return;
    const auto it = members_.find(text.substr(instance_size));
    if (it != members_.end() && it->second.instance == text.substr(0, instance_size))
        remove(std::string(it->first));
}

void NatsStream::no_responders(std::string_view subject) {
    const std::string prefix = errors();
    if (!subject.starts_with(prefix)) return;
    std::uint32_t id = 0;
    for (const char c : subject.substr(prefix.size())) {
        if (c < '0' || c > '9' || id > 65535) return;
        id = id * 10 + static_cast<std::uint32_t>(c - '0');
    }
    const auto asked = in_flight_.find(static_cast<std::uint16_t>(id));
    if (asked == in_flight_.end()) return;
    const std::string name = asked->second;
    in_flight_.erase(asked);
    Frame request;
    request.header.id = static_cast<std::uint16_t>(id);
    answer_failure(request, "ReceiverNotFound", "'" + name + "' is gone; the call was not delivered");
    remove(name);
}

void NatsStream::tell(const Member& member, bool is_new) {
    FrameHeader header;
    header.flag = Flag::extension;
    if (is_new) {
        FrameWriter peers(plain_, "", "", "");
        append_extension_head(ExtKind::peers, {}, plain_);
        plain_.append(std::string_view(member.name));
        (void)peers.finish(header);
    }
    const Member* const one[] = {&member};
    FrameWriter writer(plain_, "", "", "");
    write_handshake("router;weft=1", one, plain_);
    header.flag = Flag::handshake;
    header.serde = Serde::json;
    (void)writer.finish(header);
    if (is_new) event("connected", member.name);
}

void NatsStream::event(std::string_view type, std::string_view member) {
    FrameWriter writer(plain_, "", "", "");
    write_event(type, member, plain_);
    FrameHeader header;
    header.flag = Flag::events;
    header.serde = Serde::json;
    (void)writer.finish(header);
}

void NatsStream::remove(const std::string& name) {
    if (members_.erase(name) != 0 && joined_) event("disconnected", name);
    fail_calls_to(name);
}

void NatsStream::fail_calls_to(const std::string& name) {
    for (auto it = in_flight_.begin(); it != in_flight_.end();) {
        if (it->second != name) {
            ++it;
            continue;
        }
        Frame request;
        request.header.id = it->first;
        it = in_flight_.erase(it);
        answer_failure(request, "TransmissionFailure", "the receiver left before it answered");
    }
}

void NatsStream::fire() noexcept {
    try {
        const TimePoint now = Loop::current().now();
        std::vector<std::string> gone;
        for (const auto& [name, known] : members_)
            if (now - known.heard > member_lifetime) gone.push_back(name);
        for (const std::string& name : gone) remove(name);
        publish(events(), {}, announcement('A'));
        flush();
        if (!plain_.empty()) wake_reader();
    } catch (...) {  // the link notices what is wrong with the connection
    }
    Loop::current().arm_after(*this, announce_interval);
}

void NatsStream::leave() {
    if (!joined_) return;
    joined_ = false;
    disarm();
    publish(events(), {}, "L" + instance_ + self_.name);
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
        publish(events(), {}, announcement('A'));
        reply_handshake(std::nullopt);
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
            ++pings_;
            out_.append(std::string_view("PING\r\n"));
            return;
        }
        is_request = extension.kind == ExtKind::request;
    }
    const bool answered = is_request && header.wants_reply;
    if (frame.receiver.empty() || frame.raw.size() > max_frame_) {
        if (answered)
            answer_failure(frame, "ReceiverNotFound",
                           frame.receiver.empty() ? "there is no router to ask in a NATS cluster"
                                                  : "the message is larger than NATS takes");
        return;
    }
    std::string reply;
    if (answered) {
        in_flight_.insert_or_assign(header.id, std::string(frame.receiver));
        reply = errors() + std::to_string(header.id);
    }
    publish(node(frame.receiver), reply, "F", frame.raw);
}

}  // namespace

std::unique_ptr<Stream> make_nats_stream(NatsConnection connection, NatsServer server, std::string prefix,
                                         std::shared_ptr<NatsServers> servers) {
    return std::make_unique<NatsStream>(std::move(connection), std::move(server), std::move(prefix),
                                        std::move(servers));
}

}  // namespace weft::mesh
