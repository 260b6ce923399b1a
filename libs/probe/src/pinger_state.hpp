// PingerState: the two sockets of a Pinger and the probes in flight on them.
//
// No task of its own: the loop calls on_events(), and on_turn_end() sends what the turn's tasks asked for
// and reads what came. A probe's sequence number is its place in its channel's table; a tag in the payload
// keeps replies of others, of earlier probes with the number, and forged ones out.
#pragma once

#include "icmp.hpp"

#include <weft/core/loop.hpp>
#include <weft/core/semaphore.hpp>
#include <weft/core/timer.hpp>
#include <weft/core/unique_fd.hpp>
#include <weft/netlink/netns.hpp>
#include <weft/probe/ping.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

struct msghdr;

namespace weft::probe {

class Probe;

// One socket: ICMP or ICMPv6.
class PingChannel final : public FdHandler, public TurnEnd {
public:
    // Opens in the calling thread's namespace. error_number() tells when that failed.
    explicit PingChannel(IpFamily family);
    PingChannel(const PingChannel&) = delete;
    PingChannel& operator=(const PingChannel&) = delete;
    ~PingChannel() { close(); }

    [[nodiscard]] bool is_open() const noexcept { return static_cast<bool>(fd_); }
    [[nodiscard]] bool is_raw() const noexcept { return raw_; }
    // Why it could not be opened; 0 otherwise.
    [[nodiscard]] int error_number() const noexcept { return error_number_; }

    // Registers with the running loop, once. Throws UsageError on a second loop.
    void attach();
    void enqueue(Probe& probe) noexcept;
    void forget(Probe& probe) noexcept;
    void close() noexcept;

    void on_events(std::uint32_t events) noexcept override;
    void on_turn_end() noexcept override;

private:
    // Tries again when the device's queue was full: no event tells when it has room.
    class Retry final : public Timer {
    public:
        explicit Retry(PingChannel& channel) noexcept : channel_(channel) {}
        void fire() noexcept override { channel_.loop_->at_turn_end(channel_); }

    private:
        PingChannel& channel_;
    };

    void filter();
    void flush();
    void refuse(Probe& probe, int error_number) noexcept;
    void receive();
    void receive_errors();
    void take_reply(msghdr& header, std::size_t size);
    void take_error(msghdr& header, std::size_t size);

    IpFamily family_;
    UniqueFd fd_;
    bool raw_ = false;
    int error_number_ = 0;
    std::uint16_t id_ = 0;  // the kernel's own for datagram sockets
    std::uint64_t secret_ = 0;
    std::uint64_t last_number_ = 0;
    std::uint16_t last_sequence_ = 0;
    Loop* loop_ = nullptr;
    bool readable_ = false;
    bool blocked_ = false;

    IntrusiveList<Probe> outbox_;
    std::unordered_map<std::uint16_t, Probe*> pending_;
    std::vector<std::uint8_t> send_buffer_;
    std::vector<std::uint8_t> receive_buffer_;
    Retry retry_{*this};
};

// One request and what comes of it:  PingResult result = co_await probe;
class Probe final : public detail::Waiter, public ListHook<>, public Timer {
public:
    Probe(PingChannel& channel, const IpAddress& target, const PingOptions& options) noexcept
        : channel_(channel), target_(target), options_(options) {}
    ~Probe() { channel_.forget(*this); }

    bool await_ready() {
        if (cancel_pending()) return true;
        if (!channel_.is_open()) {
            closed_ = true;
            return true;
        }
        channel_.attach();
        return false;
    }
    void await_suspend(std::coroutine_handle<> frame) noexcept {
        park(frame);
        channel_.enqueue(*this);
    }
    PingResult await_resume() {
        throw_if_cancelled();
        if (closed_) throw ClosedError("the pinger was closed");
        return std::move(result_);
    }
    void fire() noexcept override;

private:
    friend class PingChannel;
    enum class Phase : std::uint8_t { idle, queued, pending };

    void unlink_wait() noexcept override { channel_.forget(*this); }
    // Leaves every list and wakes the one who waits.
    void finish(PingResult result) noexcept;

    PingChannel& channel_;
    const IpAddress& target_;
    const PingOptions& options_;
    PingResult result_;
    Tag tag_;
    std::chrono::nanoseconds sent_wall_{};  // CLOCK_REALTIME, which the kernel's time stamps count in
    TimePoint sent_steady_;
    std::uint16_t sequence_ = 0;
    Phase phase_ = Phase::idle;
    bool retried_ = false;
    bool closed_ = false;
};

class PingerState {
public:
    // Fewer than there are sequence numbers, so that one is always free.
    static constexpr std::size_t limit = 32768;

    explicit PingerState(const netlink::Namespace& where);

    [[nodiscard]] PingChannel& channel(IpFamily family) noexcept {
        return *channels_[family == IpFamily::v6];
    }
    [[nodiscard]] Semaphore& permits() noexcept { return permits_; }
    [[nodiscard]] bool closed() const noexcept { return closed_; }
    void close() noexcept;

private:
    std::array<std::unique_ptr<PingChannel>, 2> channels_;
    Semaphore permits_{limit};
    bool closed_ = false;
};

}  // namespace weft::probe
