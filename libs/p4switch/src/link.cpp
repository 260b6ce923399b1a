#include "packet_queue.hpp"

#include <weft/core/loop.hpp>
#include <weft/p4switch/link.hpp>

namespace weft::p4switch {

// One end: what is transmitted here is delivered to the other side at the end of the turn. A packet never
// runs through two switches in one call, so a forwarding loop costs turns of the loop and not its stack.
class Link::End final : public Port, private TurnEnd {
public:
    End(PacketReceiver& far, std::uint32_t far_port, std::size_t queue_packets)
        : loop_(Loop::current()),
          far_(far),
          far_port_(far_port),
          queue_(queue_packets),
          delivering_(queue_packets) {}

    void transmit(std::span<const std::byte> packet) noexcept override {
        if (!up || !queue_.push(packet)) {
            ++statistics_.tx_dropped;
            return;
        }
        ++statistics_.tx_packets;
        statistics_.tx_bytes += packet.size();
        loop_.at_turn_end(*this);
    }

    [[nodiscard]] PortStatistics statistics() const noexcept override {
        PortStatistics all = statistics_;
        all.rx_packets = opposite->statistics_.tx_packets;
        all.rx_bytes = opposite->statistics_.tx_bytes;
        return all;
    }

    void drop_queue() noexcept {
        statistics_.tx_dropped += queue_.size();
        queue_.clear();
    }

    bool up = true;
    End* opposite = nullptr;

private:
    void on_turn_end() noexcept override {
        delivering_.swap(queue_);
        for (std::size_t i = 0; i < delivering_.size(); ++i) far_.receive(far_port_, delivering_[i]);
        delivering_.clear();
    }

    Loop& loop_;
    PacketReceiver& far_;
    std::uint32_t far_port_;
    PacketQueue queue_;
    PacketQueue delivering_;
    PortStatistics statistics_;
};

Link::Link(PacketReceiver& receiver_a, std::uint32_t port_a, PacketReceiver& receiver_b, std::uint32_t port_b,
           std::size_t queue_packets)
    : a_(std::make_unique<End>(receiver_b, port_b, queue_packets)),
      b_(std::make_unique<End>(receiver_a, port_a, queue_packets)) {
    a_->opposite = b_.get();
    b_->opposite = a_.get();
}

Link::Link(Link&&) noexcept = default;
Link::~Link() = default;

Port& Link::a() noexcept { return *a_; }
Port& Link::b() noexcept { return *b_; }

void Link::set_up(bool up) noexcept {
    for (End* end : {a_.get(), b_.get()}) {
        end->up = up;
        if (!up) end->drop_queue();
    }
}

bool Link::up() const noexcept { return a_->up; }

}  // namespace weft::p4switch
