// Socket: netlink requests and answers as coroutines, for any netlink protocol.
//
// RouteSocket is what most programs want; this is the layer below, for messages that have no typed call.
// Answers are matched by sequence number: any number of requests may be in flight, and dumps (of which the
// kernel runs one a socket at a time) wait for each other without the caller seeing it. Requests that tasks
// make in one turn of the loop leave in one system call, and their answers are read in the same turn.
#pragma once

#include <weft/core/task.hpp>
#include <weft/netlink/netns.hpp>
#include <weft/netlink/wire.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace weft::netlink {

class SocketState;  // private: src/socket_state.hpp

// NETLINK_…: the protocol of a socket.
enum class Protocol : int { route = 0, netfilter = 12, generic = 16 };

struct SocketOptions {
    SocketOptions() {}
    SocketOptions with_receive_buffer(std::size_t bytes) && {
        return receive_buffer = bytes, static_cast<SocketOptions&&>(*this);
    }
    SocketOptions with_dump_retries(unsigned count) && {
        return dump_retries = count, static_cast<SocketOptions&&>(*this);
    }

    // SO_RCVBUFFORCE, or SO_RCVBUF without the right to force. 4 MiB: 10,000 small events at the 832 bytes
    // that the kernel charges for each.
    std::size_t receive_buffer = 4 << 20;
    // How often a dump that changed under the kernel's hands is asked for again.
    unsigned dump_retries = 10;
    // Events that may wait for next(); further ones are dropped and reported as an overflow.
    std::size_t event_limit = 65536;
};

// A message that owns its bytes.
class Message {
public:
    explicit Message(const MessageView& view)
        : header_(view.header()), payload_(view.payload().begin(), view.payload().end()) {}
    // Valid as long as the message lives and is not moved.
    [[nodiscard]] MessageView view() const noexcept { return MessageView(header_, payload_); }

private:
    MessageHeader header_;
    std::vector<std::uint8_t> payload_;
};

// A message that the kernel sent to a multicast group, or the news that some were lost.
class Event {
public:
    // Messages were lost: the program reads too slowly for its receive buffer. Ask for the state anew.
    Event() = default;
    explicit Event(Message message) : message_(std::move(message)) {}
    [[nodiscard]] bool overflow() const noexcept { return !message_; }
    // Only when !overflow().
    [[nodiscard]] MessageView view() const noexcept { return message_->view(); }

private:
    std::optional<Message> message_;
};

// Belongs to the loop on which it is first used. Move-only; the destructor closes.
class Socket {
public:
    // In the namespace of the calling thread, or in `where`. Throws SystemError.
    [[nodiscard]] static Socket open(Protocol protocol, SocketOptions options = SocketOptions());
    [[nodiscard]] static Socket open(Protocol protocol, const Namespace& where,
                                     SocketOptions options = SocketOptions());
    explicit Socket(std::shared_ptr<SocketState> state) noexcept;
    Socket(Socket&&) noexcept;
    Socket& operator=(Socket&&) noexcept;
    ~Socket();

    // Sends a request and gives the messages of its answer, none for a mere acknowledgement. With
    // flag::dump it is a dump (restarted when interrupted, see SocketOptions); with flag::ack it ends with
    // the acknowledgement; with neither, with the first message. `tried` names the request in errors: "get
    // family 'ethtool'". Throws netlink::Error, DumpInterruptedError, ClosedError. A request that is
    // cancelled before it was sent is not sent; one that was sent keeps its sequence number until answered.
    Task<std::vector<Message>> request(MessageBuilder message, std::string tried) const;

    // Joins a multicast group (a number, also above 31), whose messages next_event() gives. Throws
    // SystemError.
    void join(std::uint32_t group) const;
    // The next event; nullopt after close(). One task at a time.
    [[nodiscard]] Task<std::optional<Event>> next_event() const;

    // Everything that waits gets ClosedError. Harmless twice.
    void close() noexcept;
    // Where it was opened.
    [[nodiscard]] const Namespace& network_namespace() const noexcept;
    [[nodiscard]] const std::shared_ptr<SocketState>& state() const noexcept { return state_; }

private:
    std::shared_ptr<SocketState> state_;
};

}  // namespace weft::netlink
