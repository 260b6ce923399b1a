// Streams: arbitration, packets, digests, idle timeouts.
#include "packet_header.hpp"
#include "service_core.hpp"

#include <weft/core/loop.hpp>

namespace weft::p4switch {

namespace {
constexpr std::chrono::milliseconds idle_sweep{100};
}  // namespace

std::uint64_t ServiceCore::open_stream(std::shared_ptr<Outbox> outbox) {
    const std::uint64_t stream = next_stream_++;
    if (!device_) outbox->close();
    outboxes_.emplace(stream, std::move(outbox));
    return stream;
}

std::optional<RequestStatus> ServiceCore::receive(std::uint64_t stream,
                                                  const p4::v1::StreamMessageRequest& message) {
    using Message = p4::v1::StreamMessageRequest;
    if (!device_) return RequestStatus{google::rpc::UNAVAILABLE, "the switch is shutting down", {}};
    try {
        switch (message.update_case()) {
            case Message::kArbitration:
                send_all(arbitration_.update(stream, message.arbitration()));
                return std::nullopt;
            case Message::kPacket:
                packet_out(stream, message.packet());
                return std::nullopt;
            case Message::kDigestAck:
                if (arbitration_.is_primary(stream))
                    digest_sender_.acknowledge(message.digest_ack().digest_id(),
                                               message.digest_ack().list_id());
                return std::nullopt;
            default: {
                p4::v1::StreamError error;
                error.set_canonical_code(google::rpc::UNIMPLEMENTED);
                error.set_message("this switch does not know that stream message");
                if (message.has_other()) *error.mutable_other()->mutable_other() = message.other();
                stream_error(stream, std::move(error));
                return std::nullopt;
            }
        }
    } catch (const Refusal& refusal) {
        return refusal.status();
    }
}

void ServiceCore::close_stream(std::uint64_t stream) {
    const auto at = outboxes_.find(stream);
    if (at == outboxes_.end()) return;
    at->second->close();
    outboxes_.erase(at);
    send_all(arbitration_.remove(stream));
}

void ServiceCore::send(std::uint64_t stream, p4::v1::StreamMessageResponse&& message) {
    const auto at = outboxes_.find(stream);
    if (at == outboxes_.end() || !at->second->try_put(std::move(message))) ++service_statistics_.dropped;
}

void ServiceCore::send_to_primaries(const p4::v1::StreamMessageResponse& message) {
    const auto primaries = arbitration_.primaries();
    if (primaries.empty()) ++service_statistics_.dropped;
    for (const auto stream : primaries) send(stream, p4::v1::StreamMessageResponse(message));
}

void ServiceCore::send_all(std::vector<Arbitration::Notice>&& notices) {
    for (auto& notice : notices) {
        p4::v1::StreamMessageResponse message;
        *message.mutable_arbitration() = std::move(notice.update);
        send(notice.stream, std::move(message));
    }
}

void ServiceCore::stream_error(std::uint64_t stream, p4::v1::StreamError&& error) {
    p4::v1::StreamMessageResponse message;
    *message.mutable_error() = std::move(error);
    send(stream, std::move(message));
}

void ServiceCore::packet_out(std::uint64_t stream, const p4::v1::PacketOut& message) {
    p4::v1::StreamError error;
    try {
        if (!arbitration_.is_primary(stream))
            throw Refusal(google::rpc::PERMISSION_DENIED, "only the primary client may send packets");
        if (!committed_) throw Refusal(google::rpc::FAILED_PRECONDITION, "the switch has no pipeline yet");
        const auto packet = pack(committed_->map->header("packet_out"), message);
        ++service_statistics_.packet_outs;
        ++port_statistics_.rx_packets;
        port_statistics_.rx_bytes += packet.size();
        device_->receive(options_.cpu_port, packet);
        return;
    } catch (const Refusal& refusal) {
        error.set_canonical_code(refusal.code());
        error.set_message(refusal.message());
    }
    *error.mutable_packet_out()->mutable_packet_out() = message;
    stream_error(stream, std::move(error));
}

// A packet that leaves the switch by its CPU port.
void ServiceCore::transmit(std::span<const std::byte> packet) noexcept {
    if (!committed_) return;
    ++port_statistics_.tx_packets;
    port_statistics_.tx_bytes += packet.size();
    ++service_statistics_.packet_ins;
    p4::v1::StreamMessageResponse message;
    *message.mutable_packet() = unpack(committed_->map->header("packet_in"), packet);
    send_to_primaries(message);
}

void ServiceCore::fire() noexcept {
    Switch* pipeline = device_ ? device_->pipeline() : nullptr;
    if (!pipeline || !committed_) return;
    const auto now = device_->now();
    p4::v1::StreamMessageResponse message;
    auto& notification = *message.mutable_idle_timeout_notification();
    for (const auto& idle : pipeline->sweep_idle(now)) {
        const auto& table = committed_->map->table(committed_->map->table_id(idle.table));
        auto& entry = *notification.add_table_entry();
        entry = to_message(*committed_->map, table, idle.entry);
        entry.clear_counter_data();
        entry.clear_meter_config();
        entry.clear_action();
    }
    notification.set_timestamp(now.count());
    if (notification.table_entry_size() > 0) send_to_primaries(message);
    Loop::current().arm_after(*this, idle_sweep);
}

}  // namespace weft::p4switch
