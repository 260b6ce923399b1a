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
    if (large_size_ == 0 || place_end_ != 0) return std::nullopt;
    large_size_ = 0;
    return std::move(large_);
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
                    stall_.reason = stalled_reason;
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

void Link::dispatch_one(std::span<const std::byte> raw, const FrameHeader& header, LinkHandler& handler) {
    Frame frame;
    if (const FrameFault fault = parse_frame(raw, header, frame); fault != FrameFault::none)
        throw DecodeError("it broke the protocol: " + std::string(to_string(fault)));
    const bool elsewhere = place_.has_value();
    const auto data = elsewhere ? std::span(place_->bytes).first(place_end_).subspan(place_begin_)
                                : std::span<const std::byte>();
    if (frame.header.flag != Flag::extension) {
        if (elsewhere) frame.data = data;
        return handler.on_frame(*this, frame);
    }
    Extension extension;
    if (!extended_) throw DecodeError("it broke the protocol: an extension that was not agreed upon");
    if (!parse_extension(frame.data, extension)) throw DecodeError("it broke the protocol: a cut extension");
    if (elsewhere) extension.data = data;
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
            begin_large(header, bytes.subspan(done), handler);
            return bytes.size();
        }
        dispatch_one(bytes.subspan(done, size), header, handler);
        done += size;
    }
    return done;
}

namespace {

// What stands before a frame's data, when all of that is in `begin` and well formed.
struct Head {
    Frame frame;
    std::optional<Extension> extension;
};

std::optional<Head> parse_head(const FrameHeader& header, std::span<const std::byte> begin) {
    const std::size_t size = header_size + header.metadata_size;
    Head head;
    if (begin.size() < size || parse_frame(begin, header, head.frame) != FrameFault::none)
        return std::nullopt;
    std::size_t data = size;
    if (header.flag == Flag::extension) {
        Extension& extension = head.extension.emplace();
        if (!parse_extension(head.frame.data, extension)) return std::nullopt;
        data = begin.size() - extension.data.size();
    }
    head.frame.raw = begin.first(data);
    return head;
}

}  // namespace

void Link::begin_large(const FrameHeader& header, std::span<const std::byte> begin, LinkHandler& handler) {
    large_header_ = header;
    large_size_ = header.frame_size();
    unread_ = Unread::no;
    if (auto head = parse_head(header, begin)) {
        const Extension* const extension = head->extension ? &*head->extension : nullptr;
        const std::size_t before = head->frame.raw.size();
        const std::size_t data_size = large_size_ - before;
        if (!extension || extended_) place_ = handler.place(*this, head->frame, extension, data_size);
        if (place_) {
            large_size_ = before;
            place_begin_ = place_->filled;
            place_end_ = place_begin_ + data_size;
        }
        if (leaves_unread_ && stream_->socket() >= 0 && extended_ && extension &&
            extension->kind == ExtKind::part)
            unread_ = Unread::possible;
    }
    // Announced, not yet sent: the pages are the kernel's until bytes come.
    large_ = spare_buffer(large_size_);
    large_.append(begin.first(std::min(large_size_, begin.size())));
    if (!place_) return;
    const auto rest = begin.subspan(large_size_);
    Bytes& bytes = place_->bytes;
    if (bytes.size() < place_->filled + rest.size()) bytes.resize(place_->filled + rest.size());
    std::copy(rest.begin(), rest.end(), bytes.begin() + static_cast<std::ptrdiff_t>(place_->filled));
    place_->filled += rest.size();
}

// In steps: a vector's new bytes are zeroes, which cost little when they are overwritten while in the cache.
IoResult::Status Link::read_payload() {
    Bytes& to = place_->bytes;
    std::size_t& filled = place_->filled;
    std::size_t bytes = 0;
    while (bytes < bytes_per_turn && filled < place_end_) {
        if (to.size() == filled) to.resize(std::min(filled + payload_step, place_end_));
        const std::size_t most = std::min(to.size(), place_end_) - filled;
        const IoResult result = stream_->try_read(std::span(to).subspan(filled, most));
        if (result.status != IoResult::Status::ok) {
            if (bytes == 0) return result.status;
            break;  // what was read before counts; what ends the reading shows itself again
        }
        filled += result.bytes;
        bytes += result.bytes;
    }
    expect(bytes, place_end_ - filled);
    return IoResult::Status::ok;
}

// A part is of no use before all of it has come, so it waits in the kernel. Should the socket be readable
// earlier (its buffer is full, the heartbeat doubts, the stream ends), the part is read as it comes.
bool Link::part_is_there() {
    const std::size_t left = large_size_ - large_.size();
    if (stream_->waiting() >= left) return true;
    if (unread_ == Unread::possible && left <= most_expected && stream_->expect(left)) {
        unread_ = Unread::awaited;
        expected_ = left;
        stream_->read_readiness().forget();
        if (stream_->waiting() >= left) return true;
        if (!SplicePipe::ended(*stream_)) return false;
    }
    unread_ = Unread::no;
    return false;
}

void Link::read_rest() {
    while (large_.size() < large_size_) {
        const IoResult result =
            stream_->try_read({large_.data() + large_.size(), large_size_ - large_.size()});
        // Urgent data cuts what had come already.
        if (result.status != IoResult::Status::ok) throw DecodeError("it broke the protocol: a cut part");
        large_.resize(large_.size() + result.bytes);
    }
}

bool Link::pass_on(Link& to) {
    if (large_size_ == 0 || large_.size() == large_size_) return false;
    to.flush();
    thread_local std::unique_ptr<SplicePipe> pipe;
    try {
        if (to.idle() && SplicePipe::joins(*stream_, *to.stream_)) {
            if (!pipe) pipe = std::make_unique<SplicePipe>();
            // All of it is in the pipe before the first byte goes out: nobody gets half a frame.
            if (fill_whole(*pipe)) {
                to.send_from(*pipe);
                large_.resize(large_size_);
                return true;
            }
        }
        read_rest();
    } catch (...) {
        pipe = nullptr;  // with what it holds
        throw;
    }
    return false;
}

bool Link::fill_whole(SplicePipe& pipe) {
    if (!pipe.put(large_.bytes())) return false;
    while (pipe.size() < large_size_) {
        if (pipe.fill(*stream_, large_size_ - pipe.size()).status == IoResult::Status::ok) continue;
        // It is full, or an urgent mark is in the way.
        large_.resize(pipe.size());
        (void)pipe.read({large_.data(), large_.size()});
        return false;
    }
    return true;
}

void Link::send_from(SplicePipe& pipe) {
    appended_ += pipe.size();
    try {
        while (pipe.size() != 0) {
            const IoResult result = pipe.drain(*stream_);
            if (result.status == IoResult::Status::would_block) break;
            written_ += result.bytes;
        }
    } catch (const Error& error) {
        abort(error.what());
    }
    if (pipe.size() == 0) return;
    Buffer rest(pipe.size());
    rest.resize(pipe.size());
    (void)pipe.read({rest.data(), rest.size()});
    if (closed_) return;
    out_.push(std::move(rest));
    flush();
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
    if (unread_ != Unread::no) {
        if (part_is_there()) {
            finish_large(handler);
            return IoResult::Status::ok;
        }
        if (unread_ == Unread::awaited) return IoResult::Status::would_block;
    }
    const std::size_t have = large_.size();
    IoResult::Status status = IoResult::Status::ok;
    if (have < large_size_) {
        const IoResult result = stream_->try_read({large_.data() + have, large_size_ - have});
        if (result.status != IoResult::Status::ok) return result.status;
        large_.resize(have + result.bytes);
        if (!place_) expect(result.bytes, large_size_ - large_.size());
    } else {
        status = read_payload();
    }
    if (large_.size() == large_size_ && (!place_ || place_->filled == place_end_)) finish_large(handler);
    return status;
}

void Link::finish_large(LinkHandler& handler) {
    dispatch_one(large_.bytes(), large_header_, handler);
    if (unread_ != Unread::no) {
        // Taken back: the next frame's first bytes are waited for.
        expect_anything();
        if (large_size_ != 0) read_rest();  // what nobody wanted
    }
    large_size_ = 0;
    after_large_ = true;
    recycle(std::exchange(large_, Buffer()));
    place_.reset();
    place_begin_ = place_end_ = 0;
    unread_ = Unread::no;
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
