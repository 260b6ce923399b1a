#include "parts.hpp"

#include <algorithm>

namespace weft::mesh {

bool PartSenders::pump(Entry& entry) {
    Message& m = entry.message;
    const std::size_t size = m.data.bytes.size();
    while (entry.on_the_way < parts_window && entry.offset < size && !m.link->closed()) {
        const std::size_t left = size - entry.offset;
        const std::size_t n = std::min({left, part_size, m.link->max_frame() - 4096});
        const Payload part = m.data.part(entry.offset, n);
        const bool first = entry.offset == 0;
        entry.offset += n;
        entry.on_the_way += n;
        if (n == left && !m.is_request) {
            FrameWriter writer(m.link->out(), m.from, m.to, m.function);
            if (writer.finish(m.header, n)) m.link->sent(part);
            return true;
        }
        FrameHeader header;
        header.id = m.header.id;
        header.wants_reply = m.is_request;
        const std::string attributes =
            first && !m.is_request ? "size=" + std::to_string(size) : std::string();
        send_extension(*m.link, header, Route{m.from, m.to, {}}, ExtKind::part, attributes, part);
    }
    return entry.offset == size || m.link->closed();
}

void PartSenders::start(Message message) {
    Key key(message.link.get(), message.to, message.header.id, message.is_request);
    Entry entry;
    entry.message = std::move(message);
    if (!pump(entry)) entries_.insert_or_assign(std::move(key), std::move(entry));
}

void PartSenders::got(const Link& link, std::string_view peer, std::uint16_t id, bool is_request,
                      std::size_t bytes) {
    const auto it = entries_.find(Key(&link, peer, id, is_request));
    if (it == entries_.end()) return;
    it->second.on_the_way -= std::min(bytes, it->second.on_the_way);
    if (!pump(it->second)) return;
    entries_.erase(it);
    told();
}

void PartSenders::told() noexcept {
    if (!entries_.empty()) return;
    emptied_.set();
    emptied_.clear();
}

bool PartSenders::drop(const Link& link, std::string_view peer, std::uint16_t id, bool is_request) noexcept {
    if (entries_.empty() || entries_.erase(Key(&link, peer, id, is_request)) == 0) return false;
    told();
    return true;
}

void PartSenders::drop_link(const Link& link) noexcept {
    std::erase_if(entries_, [&](const auto& e) { return std::get<0>(e.first) == &link; });
    told();
}

void PartSenders::drop_peer(std::string_view peer) noexcept {
    std::erase_if(entries_, [&](const auto& e) { return std::get<1>(e.first) == peer; });
    told();
}

std::optional<Place> place_for_whole(const FrameHeader& header, std::size_t size) {
    const bool is_call = header.flag == Flag::request || header.flag == Flag::response;
    if (!is_call || header.serde != Serde::opaque || !header.is_bytes) return std::nullopt;
    return Place(spare_bytes(size));
}

void PartsReceived::take(Link& link, std::span<const std::byte> data) {
    const std::size_t end = filled_ + data.size();
    auto place = link.take_payload();
    if (place && place->filled == end) {
        bytes_ = std::move(place->bytes);
    } else {
        const std::size_t over = std::min(data.size(), bytes_.size() - filled_);
        std::copy_n(data.begin(), over, bytes_.begin() + static_cast<std::ptrdiff_t>(filled_));
        bytes_.insert(bytes_.end(), data.begin() + static_cast<std::ptrdiff_t>(over), data.end());
    }
    filled_ = end;
}

void PartReceipts::took(std::size_t n, Link& link, std::uint16_t id, bool is_request, std::string_view self,
                        std::string_view peer) {
    untold_ += n;
    if (untold_ < parts_step) return;
    FrameHeader header;
    header.id = id;
    header.wants_reply = !is_request;
    send_extension(link, header, Route{self, peer, {}}, ExtKind::got, "n=" + std::to_string(untold_));
    untold_ = 0;
}

}  // namespace weft::mesh
