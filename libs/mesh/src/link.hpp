// Link: one connection as frames. Reads many frames with one system call, and writes everything that a loop
// turn produced with one.
#pragma once

#include "out_queue.hpp"

#include <weft/core/event.hpp>
#include <weft/core/loop.hpp>
#include <weft/core/splice_pipe.hpp>
#include <weft/core/stream.hpp>
#include <weft/core/task.hpp>
#include <weft/mesh/frame.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weft::mesh {

class Link;
struct Extension;
struct WebAccess;

// Where a link reads the data of a large frame to: behind the first `filled` bytes, over those that follow.
struct Place {
    explicit Place(Bytes b, std::size_t n = 0) noexcept : bytes(std::move(b)), filled(n) {}
    Bytes bytes;
    std::size_t filled;
};

// What owns links. Called on the loop's thread.
class LinkHandler {
public:
    // A large frame has begun, which has `size` bytes of data (of an extension, behind its attributes) that
    // are still to come; `head` and `extension`, null for other frames, have what stands before them. With a
    // place the frame is given as usual when it is whole, and link.take_payload() gives the place back.
    virtual std::optional<Place> place(Link& link, const Frame& head, const Extension* extension,
                                       std::size_t size) {
        (void)link, (void)head, (void)extension, (void)size;
        return std::nullopt;
    }
    // A frame; its views are good until the return. Exceptions end the link.
    virtual void on_frame(Link& link, const Frame& frame) = 0;
    // A frame of weft's own, on a link that take_extensions() was called for. Pings are answered already.
    virtual void on_extension(Link& link, const Frame& frame, const Extension& extension) = 0;
    // The last thing that is heard of a link; once. It is closed already.
    virtual void on_end(Link& link, const std::string& reason) noexcept = 0;

protected:
    ~LinkHandler() = default;
};

// How a link ends whose peer has taken nothing for its stall_limit.
inline constexpr std::string_view stalled_reason = "it has not read for too long";

// Whose first bytes are to be expected.
enum class LinkRole { client, server };

// Held by shared_ptr: the tasks that read and write hold it, too.
class Link final : private TurnEnd {
public:
    // `names`: those that the peer's certificate proves.
    Link(std::unique_ptr<Stream> stream, LinkRole role, Duration stall_limit,
         std::vector<std::string> names = std::vector<std::string>());
    Link(const Link&) = delete;
    Link& operator=(const Link&) = delete;

    // What may come by HTTP; null: every WebSocket.
    void allow_web(std::shared_ptr<const WebAccess> access) noexcept { web_ = std::move(access); }

    // Starts reading; `handler` is part of what `owner` keeps alive.
    static void start(const std::shared_ptr<Link>& self, std::shared_ptr<LinkHandler> handler);

    // Appending a frame: out() gives the buffer, sent() schedules its writing. Nothing happens on a link that
    // is closed.
    [[nodiscard]] Buffer& out() { return out_.tail(); }
    void sent() noexcept;
    // The same, for a frame whose data lies elsewhere (or the rest of it: see FrameWriter::finish()).
    void sent(Payload payload);
    // A whole frame, copied.
    void forward(std::span<const std::byte> raw);
    // The buffer of the frame that the handler was given, when it has one of its own (large frames do).
    [[nodiscard]] std::optional<Buffer> take_frame_buffer() noexcept;
    void forward(Buffer frame);
    // The frame that on_frame() was given, as bytes that may be kept without copying them: for a moment,
    // since more than the frame is kept.
    [[nodiscard]] Payload share_frame(const Frame& frame) const;
    void forward(Payload frame);

    // Of the frame that the handler was given: the place that it had for the data, filled.
    [[nodiscard]] std::optional<Place> take_payload() noexcept { return std::exchange(place_, std::nullopt); }

    // Parts of messages come to the handler when the kernel has all of them, most of their data unread: it
    // calls pass_on() or lets them go.
    void leave_parts_unread() noexcept { leaves_unread_ = true; }
    // The frame that on_extension() was given goes to `to` without being copied, when both are sockets and
    // nothing waits there. False: it is to be forwarded like others, and take_frame_buffer() has it.
    [[nodiscard]] bool pass_on(Link& to);

    // Lets extension frames in, which otherwise end the link.
    void take_extensions() noexcept { extended_ = true; }
    // The peer is weft's, too: asks it after `interval` of silence whether it lives. 0: never.
    void watch(Duration interval);
    [[nodiscard]] bool extended() const noexcept { return extended_; }

    // The largest frame that the way takes: less than a frame may be where NATS is in between.
    void limit_frames(std::size_t bytes) noexcept { max_frame_ = bytes; }
    [[nodiscard]] std::size_t max_frame() const noexcept { return max_frame_; }

    // Bytes that wait.
    [[nodiscard]] std::size_t queued() const noexcept { return out_.size(); }
    // Positions in the stream that is written: the end of what was appended, and of what was given to the
    // kernel.
    [[nodiscard]] std::uint64_t appended() const noexcept { return appended_; }
    [[nodiscard]] std::uint64_t written() const noexcept { return written_; }

    // Writes what it can, and closes. The first reason given is the one that on_end() hears.
    void close(std::string reason) noexcept;
    [[nodiscard]] bool closed() const noexcept { return closed_; }
    // Writes what waits and tells the peer that nothing more comes; closes when the peer does, or after
    // `limit`. Closing at once could destroy what the peer has not read yet: the kernel resets a connection
    // with unread input.
    void finish(Duration limit, std::string reason);
    // Closes when `limit` has passed, unless keep() is called before.
    void close_after(Duration limit, std::string reason);
    void keep() noexcept { deadline_.disarm(); }

    [[nodiscard]] Event& ended() noexcept { return ended_; }
    [[nodiscard]] const std::string& peer() const noexcept { return peer_; }
    // Whether the peer's certificate holds the name.
    [[nodiscard]] bool proves(std::string_view name) const noexcept;

private:
    class Deadline final : public Timer {
    public:
        explicit Deadline(Link& link) noexcept : link_(link) {}
        void fire() noexcept override { link_.close(reason); }
        std::string reason;

    private:
        Link& link_;
    };

    class Heartbeat final : public Timer {
    public:
        explicit Heartbeat(Link& link) noexcept : link_(link) {}
        void fire() noexcept override { link_.beat(); }

    private:
        Link& link_;
    };

    void beat() noexcept;
    static Task<void> read_loop(std::shared_ptr<Link> self, std::shared_ptr<LinkHandler> handler);
    static Task<void> write_when_possible(std::shared_ptr<Link> self);
    IoResult::Status read_once(LinkHandler& handler);
    void begin_large(const FrameHeader& header, std::span<const std::byte> begin, LinkHandler& handler);
    IoResult::Status read_large(LinkHandler& handler);
    IoResult::Status read_payload();
    bool part_is_there();
    void read_rest();
    // The whole frame, into the pipe; false: it is in large_, as far as it was taken.
    bool fill_whole(SplicePipe& pipe);
    [[nodiscard]] bool idle() const noexcept { return !closed_ && !finishing_ && !blocked_ && out_.empty(); }
    void send_from(SplicePipe& pipe);
    void finish_large(LinkHandler& handler);
    void expect(std::size_t bytes, std::size_t left) noexcept;
    void expect_anything() noexcept;
    // Handles the frames in `bytes`; gives how many bytes they were.
    std::size_t dispatch(std::span<const std::byte> bytes, LinkHandler& handler);
    void dispatch_one(std::span<const std::byte> raw, const FrameHeader& header, LinkHandler& handler);
    std::size_t skip_preamble(std::span<const std::byte> bytes);
    void flush() noexcept;
    void abort(std::string reason) noexcept;
    void on_turn_end() noexcept override { flush(); }

    std::unique_ptr<Stream> stream_;
    std::string peer_;
    std::vector<std::string> names_;
    std::shared_ptr<const WebAccess> web_;
    std::string reason_;
    std::weak_ptr<Link> self_;
    Loop* loop_;
    OutQueue out_;
    Buffer partial_;  // the beginning of a frame, between two reads
    // A frame that is larger than the read buffer, while it comes in; of a separated one what stands before
    // the payload.
    Buffer large_;
    std::optional<Place> place_;
    std::size_t place_begin_ = 0;  // of the frame's data in place_
    std::size_t place_end_ = 0;
    FrameHeader large_header_;
    std::size_t large_size_ = 0;  // what goes into large_; 0: none
    std::size_t expected_ = 1;    // see Stream::expect()
    // Whether the frame may stay unread until the kernel has all of it.
    enum class Unread : std::uint8_t { no, possible, awaited };
    Unread unread_ = Unread::no;
    bool leaves_unread_ = false;
    bool after_large_ = false;
    std::uint64_t appended_ = 0;
    std::uint64_t written_ = 0;
    Duration stall_limit_;
    Deadline deadline_;
    Deadline stall_;
    Heartbeat heartbeat_;
    Duration heartbeat_interval_{};
    std::size_t max_frame_ = header_size + max_message_size;
    TimePoint heard_{};
    Event ended_;
    std::uint8_t preamble_left_;
    bool blocked_ = false;
    bool writer_runs_ = false;
    bool finishing_ = false;
    bool extended_ = false;
    bool closed_ = false;
};

}  // namespace weft::mesh
