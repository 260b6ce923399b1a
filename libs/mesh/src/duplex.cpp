#include "duplex_state.hpp"

#include <weft/core/error.hpp>
#include <weft/mesh/error.hpp>
#include <weft/mesh/serde.hpp>

#include <algorithm>

namespace weft::mesh {

void Duplex::finish() { state_->finish(); }

namespace detail {

Task<void> duplex_send(std::shared_ptr<DuplexState> state, Value value) {
    return DuplexState::send(std::move(state), std::move(value));
}
Task<std::optional<Value>> duplex_next(std::shared_ptr<DuplexState> state) {
    return DuplexState::next(std::move(state));
}

FrameHeader DuplexState::header() const noexcept {
    FrameHeader out;
    out.id = id_;
    out.serde = serde_;
    out.is_bytes = serde_ != Serde::json;
    out.wants_reply = caller_;
    return out;
}

void DuplexState::changed() noexcept {
    changed_.set();
    changed_.clear();
}

void DuplexState::begin(std::shared_ptr<Link> link, std::string peer, std::uint16_t id, std::size_t credit) {
    link_ = std::move(link);
    peer_ = std::move(peer);
    id_ = id;
    credit_ = static_cast<std::int64_t>(std::min(credit, std::size_t{1} << 30));
}

void DuplexState::open() {
    send_extension(*link_, header(), route(), ExtKind::credit, "n=" + std::to_string(window_));
}

bool DuplexState::item(const Frame& frame, const Extension& extension) {
    if (ended_) return true;
    const std::size_t cost = extension.data.size() + item_cost;
    // A sender that has any credit left may send one value more than it has credit for.
    if (waiting_bytes_ > window_) return false;
    Value value;
    if (frame.header.serde == Serde::opaque && !frame.header.is_bytes) {
        value =
            Value(std::string(reinterpret_cast<const char*>(extension.data.data()), extension.data.size()));
    } else {
        value = decode_value(frame.header.serde, extension.data);
    }
    items_.push_back(Item{std::move(value), cost});
    waiting_bytes_ += cost;
    changed();
    return true;
}

void DuplexState::credit(std::size_t n) noexcept {
    credit_ = std::min(credit_ + static_cast<std::int64_t>(std::min(n, std::size_t{1} << 30)),
                       std::int64_t{1} << 31);
    changed();
}

void DuplexState::peer_finished() noexcept {
    peer_finished_ = true;
    changed();
}

void DuplexState::end(std::exception_ptr error) noexcept {
    if (ended_) return;
    ended_ = true;
    error_ = std::move(error);
    link_ = nullptr;
    changed();
}

Task<void> DuplexState::send(std::shared_ptr<DuplexState> self, Value value) {
    if (self->finished_) throw UsageError("send() after finish()");
    while (self->credit_ <= 0 && !self->ended_) co_await self->changed_.wait();
    if (self->ended_) {
        if (self->error_) std::rethrow_exception(self->error_);
        throw ClosedError("the call has ended; nobody takes more values");
    }
    Buffer data;
    encode_value(self->serde_, value, data);
    FrameHeader header = self->header();
    if (self->serde_ == Serde::opaque) header.is_bytes = value.kind() == Kind::bytes;
    const std::size_t limit = self->link_->max_frame() - 4096;
    if (data.size() > limit)
        throw EncodeError("one value of this stream has at most " + std::to_string(limit) +
                          " bytes; send it in pieces");
    self->credit_ -= static_cast<std::int64_t>(data.size() + item_cost);
    send_extension(*self->link_, header, self->route(), ExtKind::item, {}, data.bytes());
}

Task<std::optional<Value>> DuplexState::next(std::shared_ptr<DuplexState> self) {
    while (self->items_.empty()) {
        if (self->ended_ && self->error_) std::rethrow_exception(self->error_);
        if (self->ended_ || self->peer_finished_) co_return std::nullopt;
        co_await self->changed_.wait();
    }
    Item item = std::move(self->items_.front());
    self->items_.pop_front();
    self->waiting_bytes_ -= item.cost;
    self->unreturned_ += item.cost;
    if (self->unreturned_ * 4 >= self->window_ && self->link_) {
        send_extension(*self->link_, self->header(), self->route(), ExtKind::credit,
                       "n=" + std::to_string(self->unreturned_));
        self->unreturned_ = 0;
    }
    co_return std::move(item.value);
}

void DuplexState::finish() {
    if (finished_ || !caller_) return;
    finished_ = true;
    if (link_) send_extension(*link_, header(), route(), ExtKind::end);
}

}  // namespace detail
}  // namespace weft::mesh
