// Messages in parts: what is larger than a frame, or too large for a router to hold. Parts of several
// messages, and other frames, mix on one link; how much is on its way is bounded by what the receiver has
// said that it got.
#pragma once

#include "extension.hpp"
#include "link.hpp"
#include "payload.hpp"

#include <weft/core/event.hpp>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>

namespace weft::mesh {

// Data in one part: what a reader can wait for, and what others' frames wait for.
inline constexpr std::size_t part_size = std::size_t{252} << 10;
// Bytes on their way, and how many the receiver takes before it says so.
inline constexpr std::size_t parts_window = std::size_t{4} << 20;
inline constexpr std::size_t parts_step = std::size_t{1} << 20;

// One end's messages that go out in parts.
class PartSenders {
public:
    struct Message {
        Message() {}
        std::shared_ptr<Link> link;
        FrameHeader header;  // a response's own; of a request, id and tail
        std::string from;
        std::string to;
        std::string function;
        Payload data;
        bool is_request = false;
    };
    // Sends the first parts; a response's first tells its size, and it ends with a RESPONSE frame that holds
    // the last of it.
    void start(Message message);
    // `peer` has taken `bytes` more.
    void got(const Link& link, std::string_view peer, std::uint16_t id, bool is_request, std::size_t bytes);
    // True when there was one.
    bool drop(const Link& link, std::string_view peer, std::uint16_t id, bool is_request) noexcept;
    void drop_link(const Link& link) noexcept;
    void drop_peer(std::string_view peer) noexcept;
    [[nodiscard]] bool empty() const noexcept { return entries_.empty(); }
    // Set and cleared at once when the last message has gone.
    [[nodiscard]] Event& emptied() noexcept { return emptied_; }

private:
    using Key = std::tuple<const Link*, std::string, std::uint16_t, bool>;
    struct Entry {
        Message message;
        std::size_t offset = 0;
        std::size_t on_the_way = 0;
    };
    // True when all of it has been sent.
    static bool pump(Entry& entry);
    void told() noexcept;
    Event emptied_;
    std::map<Key, Entry> entries_;
};

// The place for the data of a message that comes as one frame, when its bytes are the value.
[[nodiscard]] std::optional<Place> place_for_whole(const FrameHeader& header, std::size_t size);

// One message that comes in parts, put together. Its bytes are lent to the link while it reads a large part.
class PartsReceived {
public:
    // `size`: of the whole message, as far as it is known; memory is taken when the bytes come.
    void begin(std::size_t size) {
        bytes_ = spare_bytes(size);
        begun_ = true;
    }
    [[nodiscard]] bool begun() const noexcept { return begun_; }
    [[nodiscard]] std::size_t size() const noexcept { return filled_; }
    [[nodiscard]] Place lend() noexcept { return Place(std::move(bytes_), filled_); }
    // The next part: `data`, or what the link has read to where it was lent.
    void take(Link& link, std::span<const std::byte> data);
    [[nodiscard]] Bytes finish() {
        bytes_.resize(filled_);
        return std::move(bytes_);
    }

private:
    Bytes bytes_;  // those behind filled_ are an earlier message's
    std::size_t filled_ = 0;
    bool begun_ = false;
};

// Tells the sender of parts what was taken, in steps.
class PartReceipts {
public:
    // `n` more bytes came; sends a receipt when it is time.
    void took(std::size_t n, Link& link, std::uint16_t id, bool is_request, std::string_view self,
              std::string_view peer);

private:
    std::size_t untold_ = 0;
};

}  // namespace weft::mesh
