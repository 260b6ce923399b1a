#include "link.hpp"

#include "extension.hpp"
#include "websocket_stream.hpp"

#include <weft/core/error.hpp>
#include <weft/core/sleep.hpp>
#include <weft/core/spawn.hpp>
#include <weft/mesh/error.hpp>

#include <algorithm>
#include <cstring>

namespace weft::mesh {

namespace {

// For all links of a thread: what a read brings is handled before anyone else reads.
constexpr std::size_t read_buffer_size = std::size_t{256} << 10;
// Frames above this that do not come as a whole get a buffer of their own, into which the kernel writes.
constexpr std::size_t large_frame = std::size_t{32} << 10;
// Reads in a row before other tasks get their turn.
constexpr int reads_per_turn = 4;
constexpr std::size_t bytes_per_turn = std::size_t{2} << 20;
constexpr std::size_t fast_bytes = std::size_t{64} << 10;
constexpr std::size_t most_expected = std::size_t{256} << 10;
constexpr std::size_t head_read = std::size_t{4} << 10;
constexpr std::size_t payload_step = std::size_t{128} << 10;

// Where reads go: the first buffer of which no frame is still to be written, so mostly the same one.
struct ReadBuffers {
    static constexpr std::size_t most = 16;
    std::vector<std::shared_ptr<std::byte[]>> all;
    std::shared_ptr<std::byte[]> current;

    std::span<std::byte> room() {
        if (!current || current.use_count() > own_uses) pick();
        return {current.get(), read_buffer_size};
    }

private:
    void pick() {
        current = nullptr;
        own_uses = 2;
        for (const auto& buffer : all)
            if (buffer.use_count() == 1) {
                current = buffer;
                return;
            }
        current.reset(new std::byte[read_buffer_size]);
        if (all.size() < most) {
            all.push_back(current);
        } else {
            own_uses = 1;
        }
    }
    long own_uses = 0;  // of `current`, when no frame points to it
};

ReadBuffers& read_buffers() {
    thread_local ReadBuffers buffers;
    return buffers;
}

}  // namespace

Link::Link(std::unique_ptr<Stream> stream, LinkRole role, Duration stall_limit,
           std::vector<std::string> names)
    : stream_(std::move(stream)),
      peer_(stream_->peer()),
      names_(std::move(names)),
      loop_(&Loop::current()),
      stall_limit_(stall_limit),
      deadline_(*this),
      stall_(*this),
      heartbeat_(*this),
      preamble_left_(role == LinkRole::server ? syn.size() : 0) {}

void Link::start(const std::shared_ptr<Link>& self, std::shared_ptr<LinkHandler> handler) {
    self->self_ = self;
    auto task = weft::detail::start_task(*self->loop_, self->loop_->root(),
                                         read_loop(self, std::move(handler)), "mesh link to " + self->peer_);
    task->mark_retrieved();
}

bool Link::proves(std::string_view name) const noexcept {
    return std::find(names_.begin(), names_.end(), name) != names_.end();
}

void Link::sent() noexcept {
    appended_ += out_.appended();
    if (closed_) {
        out_.clear();
        return;
    }
    if (finishing_) return;  // what comes after the end stays where it is, and goes with the link
    if (!blocked_) loop_->at_turn_end(*this);
}

void Link::sent(Payload payload) {
    sent();
    if (closed_) return;
    appended_ += payload.bytes.size();
    out_.push(std::move(payload));
}

void Link::forward(std::span<const std::byte> raw) {
    if (closed_ || finishing_) return;
    out_.tail().append(raw);
    sent();
}

std::optional<Buffer> Link::take_frame_buffer() noexcept {
    if (large_size_ == 0 || has_payload_) return std::nullopt;
    large_size_ = 0;
    return std::move(large_);
}

std::optional<Bytes> Link::take_payload() noexcept {
    if (large_size_ == 0 || !has_payload_) return std::nullopt;
    return std::exchange(payload_, Bytes());
}

void Link::forward(Buffer frame) {
    if (closed_ || finishing_) return;
    appended_ += frame.size();
    out_.push(std::move(frame));
    if (!blocked_) loop_->at_turn_end(*this);
}

Payload Link::share_frame(const Frame& frame) const { return {read_buffers().current, frame.raw}; }

void Link::forward(Payload frame) {
    if (closed_ || finishing_) return;
    appended_ += frame.bytes.size();
    out_.push(std::move(frame));
    if (!blocked_) loop_->at_turn_end(*this);
}

void Link::flush() noexcept {
    if (closed_ || blocked_) return;
    try {
        while (!out_.empty()) {
            std::array<ConstBuffer, OutQueue::max_gather> buffers;
            const std::size_t count = out_.gather(buffers);
            const IoResult result = stream_->try_write({buffers.data(), count});
            if (result.status == IoResult::Status::would_block) {
                blocked_ = true;
                if (!stall_.armed()) {
                    stall_.reason = "it has not read for too long";
                    loop_->arm_after(stall_, stall_limit_);
                }
                if (!writer_runs_) {
                    writer_runs_ = true;
                    weft::detail::start_task(*loop_, loop_->root(), write_when_possible(self_.lock()),
                                             "mesh writer")
                        ->mark_retrieved();
                }
                return;
            }
            written_ += result.bytes;
            out_.consume(result.bytes);
            stall_.disarm();
        }
        if (finishing_) stream_->shutdown_write();
    } catch (const std::exception& error) {
        abort(error.what());
    } catch (...) {
        abort("writing failed");
    }
}

Task<void> Link::write_when_possible(std::shared_ptr<Link> self) {
    try {
        while (self->blocked_ && !self->closed_) {
            co_await self->stream_->write_readiness().wait();
            self->blocked_ = false;
            self->flush();
        }
    } catch (const Cancelled&) {
        self->close("the loop ends");
    } catch (const std::exception& error) {
        self->close(error.what());
    }
    self->writer_runs_ = false;
}

void Link::close(std::string reason) noexcept {
    flush();  // which may abort, with a reason of its own
    abort(std::move(reason));
}

void Link::abort(std::string reason) noexcept {
    if (closed_) return;
    closed_ = true;
    if (reason_.empty()) reason_ = std::move(reason);
    deadline_.disarm();
    stall_.disarm();
    heartbeat_.disarm();
    TurnEnd::unlink();
    out_.clear();
    // Wakes the reader, which tells the handler.
    stream_->close();
}

void Link::close_after(Duration limit, std::string reason) {
    deadline_.reason = std::move(reason);
    loop_->arm_after(deadline_, limit);
}

void Link::finish(Duration limit, std::string reason) {
    if (closed_ || finishing_) return;
    finishing_ = true;
    if (reason_.empty()) reason_ = reason;
    close_after(limit, std::move(reason));
    flush();
}

std::size_t Link::skip_preamble(std::span<const std::byte> bytes) {
    // Any nine bytes are a SYN to daffi, in any number of pieces here; but HTTP is a browser's WebSocket.
    if (preamble_left_ == syn.size() && !bytes.empty()) {
        const auto first = std::to_integer<char>(bytes[0]);
        if (first == 'G' || first == 'g') {
            stream_ = make_websocket_stream(std::move(stream_), bytes, std::move(web_));
            preamble_left_ = 0;  // no SYN there
            return bytes.size();
        }
    }
    const std::size_t n = std::min<std::size_t>(preamble_left_, bytes.size());
    preamble_left_ = static_cast<std::uint8_t>(preamble_left_ - n);
    return n;
}

void Link::dispatch_one(std::span<const std::byte> raw, const FrameHeader& header, LinkHandler& handler,
                        const Bytes* payload) {
    Frame frame;
    if (const FrameFault fault = parse_frame(raw, header, frame); fault != FrameFault::none)
        throw DecodeError("it broke the protocol: " + std::string(to_string(fault)));
    if (payload) frame.data = *payload;
    if (frame.header.flag != Flag::extension) return handler.on_frame(*this, frame);
    Extension extension;
    if (!extended_) throw DecodeError("it broke the protocol: an extension that was not agreed upon");
    if (!parse_extension(frame.data, extension)) throw DecodeError("it broke the protocol: a cut extension");
    if (extension.kind == ExtKind::pong) return;
    if (extension.kind != ExtKind::ping) return handler.on_extension(*this, frame, extension);
    if (queued() < OutQueue::buffer_size) send_extension(*this, FrameHeader(), Route(), ExtKind::pong);
}

void Link::watch(Duration interval) {
    heartbeat_interval_ = interval;
    heard_ = loop_->now();
    if (interval > Duration::zero()) loop_->arm_after(heartbeat_, interval);
}

void Link::beat() noexcept {
    const Duration silence = loop_->now() - heard_;
    if (silence >= 3 * heartbeat_interval_) return close("it has not answered for too long");
    if (silence >= heartbeat_interval_) expect_anything();  // it may have become slow
    try {
        if (silence >= heartbeat_interval_) send_extension(*this, FrameHeader(), Route(), ExtKind::ping);
    } catch (...) {  // no memory: the next beat tries again
    }
    loop_->arm_after(heartbeat_, heartbeat_interval_);
}

std::size_t Link::dispatch(std::span<const std::byte> bytes, LinkHandler& handler) {
    std::size_t done = preamble_left_ != 0 ? skip_preamble(bytes) : 0;
    while (bytes.size() - done >= header_size && !closed_) {
        FrameHeader header;
        if (const FrameFault fault = parse_header(bytes.data() + done, header); fault != FrameFault::none)
            throw DecodeError("it broke the protocol: " + std::string(to_string(fault)));
        const std::size_t size = header.frame_size();
        if (bytes.size() - done < size) {
            if (size <= large_frame) break;
            begin_large(header, bytes.subspan(done));
            return bytes.size();
        }
        dispatch_one(bytes.subspan(done, size), header, handler);
        done += size;
    }
    return done;
}

void Link::begin_large(const FrameHeader& header, std::span<const std::byte> begin) {
    has_payload_ = separate_ && header.serde == Serde::opaque && header.is_bytes &&
                   (header.flag == Flag::request || header.flag == Flag::response);
    large_header_ = header;
    large_size_ = has_payload_ ? header_size + header.metadata_size : header.frame_size();
    // Announced, not yet sent: the pages are the kernel's until bytes come.
    large_ = spare_buffer(large_size_);
    large_.append(begin.first(std::min(large_size_, begin.size())));
    if (!has_payload_) return;
    payload_ = spare_bytes(header.message_size - header.metadata_size);
    if (begin.size() <= large_size_) return;
    const auto rest = begin.subspan(large_size_);
    if (payload_.size() < rest.size()) payload_.resize(rest.size());
    std::copy(rest.begin(), rest.end(), payload_.begin());
    payload_size_ = rest.size();
}

// In steps: a vector's new bytes are zeroes, which cost little when they are overwritten while in the cache.
IoResult::Status Link::read_payload(std::size_t size) {
    std::size_t bytes = 0;
    while (bytes < bytes_per_turn && payload_size_ < size) {
        if (payload_.size() == payload_size_) payload_.resize(std::min(payload_size_ + payload_step, size));
        const IoResult result = stream_->try_read(std::span(payload_).subspan(payload_size_));
        if (result.status != IoResult::Status::ok) {
            if (bytes == 0) return result.status;
            break;  // what was read before counts; what ends the reading shows itself again
        }
        payload_size_ += result.bytes;
        bytes += result.bytes;
    }
    expect(bytes, size - payload_size_);
    return IoResult::Status::ok;
}

void Link::expect_anything() noexcept {
    if (expected_ == 1) return;
    stream_->expect(1);
    expected_ = 1;
}

// A peer that sends fast is not waited for in pieces of a packet each: most of a wake-up's cost is the
// waking.
void Link::expect(std::size_t bytes, std::size_t left) noexcept {
    std::size_t wanted = bytes >= fast_bytes ? most_expected : expected_;
    wanted = std::max<std::size_t>(1, std::min(wanted, left));
    if (wanted == expected_) return;
    stream_->expect(wanted);
    expected_ = wanted;
}

IoResult::Status Link::read_large(LinkHandler& handler) {
    const std::size_t have = large_.size();
    const std::size_t payload_size =
        has_payload_ ? large_header_.message_size - large_header_.metadata_size : 0;
    IoResult::Status status = IoResult::Status::ok;
    if (have < large_size_) {
        const IoResult result = stream_->try_read({large_.data() + have, large_size_ - have});
        if (result.status != IoResult::Status::ok) return result.status;
        large_.resize(have + result.bytes);
        if (!has_payload_) expect(result.bytes, large_size_ - large_.size());
    } else {
        status = read_payload(payload_size);
    }
    if (large_.size() < large_size_ || payload_size_ < payload_size) return status;
    dispatch_one(large_.bytes(), large_header_, handler, has_payload_ ? &payload_ : nullptr);
    large_size_ = 0;
    after_large_ = true;
    recycle(std::exchange(large_, Buffer()));
    payload_ = Bytes();
    payload_size_ = 0;
    return status;
}

IoResult::Status Link::read_once(LinkHandler& handler) {
    if (large_size_ != 0) return read_large(handler);
    const std::span<std::byte> room = read_buffers().room();
    const std::size_t have = partial_.size();
    // After a large frame comes another, most of the time: of that only the head is read here.
    const std::size_t most = after_large_ ? have + head_read : room.size();
    const IoResult result = stream_->try_read(room.first(most).subspan(have));
    if (result.status != IoResult::Status::ok) return result.status;
    if (have != 0) std::memcpy(room.data(), partial_.data(), have);
    const std::span<const std::byte> bytes = room.first(have + result.bytes);
    partial_.clear();
    after_large_ = false;
    const std::size_t done = dispatch(bytes, handler);
    if (done < bytes.size()) {
        partial_.append(bytes.subspan(done));
    } else if (partial_.capacity() != 0) {
        partial_ = Buffer();
    }
    return result.status;
}

Task<void> Link::read_loop(std::shared_ptr<Link> self, std::shared_ptr<LinkHandler> handler) {
    std::string reason;
    try {
        int reads = 0;
        while (!self->closed_) {
            const IoResult::Status status = self->read_once(*handler);
            if (status == IoResult::Status::end) {
                reason = "it closed the connection";
                break;
            }
            if (status == IoResult::Status::ok) self->heard_ = self->loop_->now();
            if (status == IoResult::Status::would_block) {
                reads = 0;
                co_await self->stream_->read_readiness().wait();
            } else if (++reads == reads_per_turn) {
                reads = 0;
                co_await yield();
            }
        }
    } catch (const Cancelled&) {
        reason = "the loop ends";
    } catch (const std::exception& error) {
        reason = error.what();
    }
    self->close(std::move(reason));
    handler->on_end(*self, self->reason_);
    self->ended_.set();
}

}  // namespace weft::mesh
