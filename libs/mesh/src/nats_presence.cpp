// Who is there in a NATS cluster: announcements, and what the link hears of them.
#include "nats_stream_state.hpp"

#include <weft/mesh/error.hpp>

#include <algorithm>
#include <charconv>
#include <utility>

namespace weft::mesh {

namespace {
constexpr std::size_t max_members = 100'000;
}

std::string NatsStream::announcement(char kind, std::string known) const {
    Handshake handshake;
    handshake.type = "client;weft=1";
    handshake.members.push_back(self_);
    Buffer json;
    write_handshake(handshake, json);
    return kind + instance_ + known + std::string(json.text());
}

void NatsStream::take_member(std::string_view text, bool joins) {
    if (text.size() < nats_instance_size) return;
    const std::string instance(text.substr(0, nats_instance_size));
    if (instance == instance_) return;
    std::string_view json = text.substr(nats_instance_size);
    std::size_t others = 0;
    const auto number = std::from_chars(json.data(), json.data() + json.size(), others);
    if (number.ec == std::errc()) json.remove_prefix(static_cast<std::size_t>(number.ptr - json.data()));
    Handshake handshake;
    std::string why;
    if (!read_handshake(std::as_bytes(std::span(json)), handshake, why)) return;
    if (handshake.members.size() != 1) return;
    Member& member = handshake.members[0];
    if (member.name == self_.name) {
        if (joins && joined_) event("evicted", self_.name);
        if (joins && announced_) name_taken_ = true;
        return;
    }
    auto it = members_.find(member.name);
    if (joins) {
        const std::size_t known = members_.size() + (it == members_.end() ? 1 : 0);
        publish(node(member.name), {}, announcement('A', std::to_string(known)));
    }
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
    if (joined_) return tell(known.member, is_new);
    news_ = known.heard;
    expected_ = std::max(expected_, std::min(others, max_members));
    if (gathering_ && gathered_all()) gathered();
}

void NatsStream::gathered() {
    gathering_ = false;
    joined_ = true;
    reply_handshake(std::nullopt);
    plain_.append(std::exchange(early_, Buffer()).bytes());
    if (name_taken_) event("evicted", self_.name);
    Loop::current().arm_after(*this, nats_announce_interval);
}

void NatsStream::take_leaver(std::string_view text) {
    if (text.size() < nats_instance_size) return;
    const auto it = members_.find(text.substr(nats_instance_size));
    if (it != members_.end() && it->second.instance == text.substr(0, nats_instance_size))
        remove(std::string(it->first));
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
    std::vector<std::uint16_t> ids;
    for (const auto& [id, asked] : in_flight_)
        if (asked.who == name || asked.waiting.contains(name)) ids.push_back(id);
    for (const std::uint16_t id : ids)
        fail(id, name, "TransmissionFailure", "the receiver left before it answered");
}

void NatsStream::check_casts() noexcept {
    try {
        const TimePoint now = Loop::current().now();
        bool more = false;
        for (auto& [id, asked] : in_flight_) {
            if (asked.who != every_worker || asked.checked) continue;
            asked.checked = now - asked.since >= nats_cast_check;
            more = more || !asked.checked;
            if (!asked.checked) continue;
            for (const std::string& name : asked.waiting)
                publish(node(name), errors() + std::to_string(id) + "." + nats_token(name), "?");
        }
        flush();
        if (more) Loop::current().arm_after(cast_check_, nats_cast_check);
    } catch (...) {  // the link notices what is wrong with the connection
    }
}

void NatsStream::fire() noexcept {
    const TimePoint now = Loop::current().now();
    if (gathering_) {
        const TimePoint until = std::min(news_ + nats_gather_pause, gathering_since_ + nats_gather_limit);
        if (until > now) return Loop::current().arm(*this, until);
        try {
            gathered();
            wake_reader();
        } catch (...) {  // no memory: the handshake's time limit ends it
        }
        return;
    }
    try {
        std::vector<std::string> gone;
        for (const auto& [name, known] : members_)
            if (now - known.heard > nats_member_lifetime) gone.push_back(name);
        for (const std::string& name : gone) remove(name);
        // Its worker died between NATS' choice and its first word.
        std::vector<std::uint16_t> untaken;
        for (const auto& [id, asked] : in_flight_)
            if (asked.who == any_worker && now - asked.since > nats_member_lifetime) untaken.push_back(id);
        for (const std::uint16_t id : untaken)
            fail_all(id, "TransmissionFailure", "no worker has said that it has the call");
        publish(events(), {}, announcement('A'));
        flush();
        if (!plain_.empty()) wake_reader();
    } catch (...) {  // the link notices what is wrong with the connection
    }
    Loop::current().arm_after(*this, nats_announce_interval);
}

void NatsStream::leave() {
    if (!announced_) return;
    announced_ = joined_ = gathering_ = false;
    disarm();
    publish(events(), {}, "L" + instance_ + self_.name);
}

}  // namespace weft::mesh
