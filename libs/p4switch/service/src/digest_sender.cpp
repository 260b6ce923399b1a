// Digest lists: collecting, suppressing repeats, sending.
#include "digest_sender.hpp"

#include <algorithm>

namespace weft::p4switch {

namespace {

// A list may not grow without end when its configuration asks for no limit.
constexpr int largest_list = 1000;
// Lists that nobody acknowledges are forgotten, oldest first.
constexpr std::size_t most_unacknowledged = 1000;

p4::v1::P4Data to_data(const p4::config::v1::Digest& info, const Digest& digest) {
    p4::v1::P4Data data;
    if (info.type_spec().has_bitstring() && digest.values.size() == 1) {
        data.set_bitstring(digest.values[0]);
        return data;
    }
    auto& members = info.type_spec().has_tuple() ? *data.mutable_tuple() : *data.mutable_struct_();
    for (const auto& value : digest.values) members.add_members()->set_bitstring(value);
    return data;
}

}  // namespace

void DigestSender::sample(const PipelineMap& map, const DigestConfigs& configs, const Digest& digest) {
    const std::uint32_t id = map.digest_id(digest.name);
    const auto config = configs.find(id);
    if (config == configs.end()) return;
    State& state = states_[id];
    const TimePoint now = Loop::current().now();
    state.ack_timeout = std::chrono::nanoseconds(config->second.ack_timeout_ns());
    forget_expired(state);
    const p4::v1::P4Data data = to_data(map.digest(id), digest);
    std::string key = data.SerializeAsString();
    if (!state.suppressed.insert(key).second) return;
    if (state.open.data_size() == 0)
        state.send_at = now + std::chrono::nanoseconds(config->second.max_timeout_ns());
    *state.open.add_data() = data;
    state.open_samples.push_back(std::move(key));
    const int limit = config->second.max_list_size() > 0
                          ? std::min(config->second.max_list_size(), largest_list)
                          : largest_list;
    if (state.open.data_size() >= limit || config->second.max_timeout_ns() == 0)
        flush(id, state);
    else
        arm_next();
}

void DigestSender::flush(std::uint32_t id, State& state) {
    if (state.open.data_size() == 0) return;
    const TimePoint now = Loop::current().now();
    p4::v1::DigestList list = std::move(state.open);
    state.open.Clear();
    list.set_digest_id(id);
    list.set_list_id(next_list_id_++);
    list.set_timestamp(std::chrono::nanoseconds(now.time_since_epoch()).count());
    state.sent.push_back(SentList{list.list_id(), now, std::move(state.open_samples)});
    state.open_samples.clear();
    if (state.sent.size() > most_unacknowledged) {
        for (const auto& key : state.sent.front().samples) state.suppressed.erase(key);
        state.sent.erase(state.sent.begin());
    }
    send_(std::move(list));
}

void DigestSender::forget_expired(State& state) {
    const TimePoint now = Loop::current().now();
    while (!state.sent.empty() && state.sent.front().sent_at + state.ack_timeout <= now) {
        for (const auto& key : state.sent.front().samples) state.suppressed.erase(key);
        state.sent.erase(state.sent.begin());
    }
}

void DigestSender::acknowledge(std::uint32_t digest_id, std::uint64_t list_id) {
    const auto state = states_.find(digest_id);
    if (state == states_.end()) return;
    auto& sent = state->second.sent;
    const auto list =
        std::find_if(sent.begin(), sent.end(), [&](const auto& s) { return s.list_id == list_id; });
    if (list == sent.end()) return;
    for (const auto& key : list->samples) state->second.suppressed.erase(key);
    sent.erase(list);
}

void DigestSender::reset() {
    states_.clear();
    disarm();
}

void DigestSender::arm_next() {
    const TimePoint* next = nullptr;
    for (const auto& [id, state] : states_)
        if (state.open.data_size() > 0 && (!next || state.send_at < *next)) next = &state.send_at;
    if (next) Loop::current().arm(*this, *next);
}

void DigestSender::fire() noexcept {
    const TimePoint now = Loop::current().now();
    for (auto& [id, state] : states_)
        if (state.open.data_size() > 0 && state.send_at <= now) flush(id, state);
    arm_next();
}

}  // namespace weft::p4switch
