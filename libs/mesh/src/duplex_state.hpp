// One end of a call's two streams.
#pragma once

#include "extension.hpp"
#include "link.hpp"

#include <weft/core/event.hpp>
#include <weft/mesh/duplex.hpp>

#include <cstdint>
#include <deque>
#include <exception>
#include <memory>
#include <string>

namespace weft::mesh::detail {

class DuplexState {
public:
    // What one value costs of the window beside its bytes.
    static constexpr std::size_t item_cost = 64;
    static constexpr std::size_t default_window = std::size_t{1} << 20;

    // The caller's end knows its id and receiver only when the request is sent: see begin().
    DuplexState(bool caller, std::string self, Serde serde, std::size_t window)
        : self_(std::move(self)), window_(window), serde_(serde), caller_(caller) {}

    // The call is on its way; the other end may send `credit` bytes of items to us from now on.
    void begin(std::shared_ptr<Link> link, std::string peer, std::uint16_t id, std::size_t credit);
    // The worker's end: tells the caller how much it may send.
    void open();

    // From the link. False: the peer sends more than it may.
    [[nodiscard]] bool item(const Frame& frame, const Extension& extension);
    void credit(std::size_t n) noexcept;
    void peer_finished() noexcept;
    // The call has ended, well or with an error.
    void end(std::exception_ptr error) noexcept;

    static Task<void> send(std::shared_ptr<DuplexState> self, Value value);
    static Task<std::optional<Value>> next(std::shared_ptr<DuplexState> self);
    void finish();

    [[nodiscard]] std::size_t window() const noexcept { return window_; }

private:
    struct Item {
        Value value;
        std::size_t cost;
    };
    [[nodiscard]] Route route() const noexcept { return Route{self_, peer_, {}}; }
    [[nodiscard]] FrameHeader header() const noexcept;
    void changed() noexcept;

    std::shared_ptr<Link> link_;
    std::string self_;
    std::string peer_;
    std::deque<Item> items_;
    Event changed_;
    std::exception_ptr error_;
    std::size_t window_;
    std::size_t waiting_bytes_ = 0;  // of items_
    std::size_t unreturned_ = 0;     // taken from items_, and not yet told
    std::int64_t credit_ = 0;
    std::uint16_t id_ = 0;
    Serde serde_;
    bool caller_;
    bool finished_ = false;       // here
    bool peer_finished_ = false;  // there
    bool ended_ = false;
};

}  // namespace weft::mesh::detail
