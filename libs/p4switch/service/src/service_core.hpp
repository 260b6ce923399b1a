// The P4Runtime server without a transport: requests in, answers out, one outbox per stream.
#pragma once

#include "arbitration.hpp"
#include "digest_sender.hpp"
#include "entity_io.hpp"
#include "request_status.hpp"

#include <weft/core/queue.hpp>
#include <weft/core/timer.hpp>
#include <weft/p4switch/service/p4runtime_service.hpp>
#include <weft/p4switch/switch_device.hpp>

#include <functional>
#include <map>
#include <memory>
#include <optional>

namespace weft::p4switch {

class ServiceCore final : private Port, private Timer {
public:
    // What the server has to say on one stream. The transport drains it, in order.
    using Outbox = Queue<p4::v1::StreamMessageResponse>;

    ServiceCore(SwitchDevice& device, ServiceOptions options);
    ServiceCore(const ServiceCore&) = delete;
    ServiceCore& operator=(const ServiceCore&) = delete;
    ~ServiceCore() override;

    [[nodiscard]] RequestStatus write(const p4::v1::WriteRequest& request);
    // Calls emit for each part of the answer; nothing when it fails.
    [[nodiscard]] RequestStatus read(const p4::v1::ReadRequest& request,
                                     const std::function<void(p4::v1::ReadResponse&&)>& emit);
    [[nodiscard]] RequestStatus set_pipeline(const p4::v1::SetForwardingPipelineConfigRequest& request);
    [[nodiscard]] RequestStatus get_pipeline(const p4::v1::GetForwardingPipelineConfigRequest& request,
                                             p4::v1::GetForwardingPipelineConfigResponse& answer) const;
    [[nodiscard]] RequestStatus capabilities(const p4::v1::CapabilitiesRequest& request,
                                             p4::v1::CapabilitiesResponse& answer) const;

    // A stream from its opening to close_stream(). The outbox is closed when the stream has ended.
    [[nodiscard]] std::uint64_t open_stream(std::shared_ptr<Outbox> outbox);
    // A message of the client. A status means: end the stream with it.
    [[nodiscard]] std::optional<RequestStatus> receive(std::uint64_t stream,
                                                       const p4::v1::StreamMessageRequest& message);
    void close_stream(std::uint64_t stream);

    // Throws Refusal.
    void install(const p4::v1::ForwardingPipelineConfig& config);
    // The service is going away: ends every stream, leaves the device.
    void shut_down() noexcept;

    [[nodiscard]] ServiceStatistics service_statistics() const noexcept;
    [[nodiscard]] const ServiceOptions& options() const noexcept { return options_; }

private:
    void transmit(std::span<const std::byte> packet) noexcept override;
    [[nodiscard]] PortStatistics statistics() const noexcept override { return port_statistics_; }
    void fire() noexcept override;

    void require_device(std::uint64_t device_id) const;
    template <class Request>
    void require_primary(const Request& request) const;
    [[nodiscard]] Target target();
    void commit(Pipeline pipeline);
    void send(std::uint64_t stream, p4::v1::StreamMessageResponse&& message);
    void send_to_primaries(const p4::v1::StreamMessageResponse& message);
    void send_all(std::vector<Arbitration::Notice>&& notices);
    void packet_out(std::uint64_t stream, const p4::v1::PacketOut& message);
    void stream_error(std::uint64_t stream, p4::v1::StreamError&& error);

    SwitchDevice* device_;  // null after shut_down()
    ServiceOptions options_;
    Arbitration arbitration_;
    std::map<std::uint64_t, std::shared_ptr<Outbox>> outboxes_;
    std::uint64_t next_stream_ = 1;
    std::optional<Pipeline> committed_;
    std::optional<Pipeline> saved_;
    DigestConfigs digests_;
    DigestConfigs saved_digests_;
    DigestSender digest_sender_;
    PortStatistics port_statistics_;
    ServiceStatistics service_statistics_;
};

}  // namespace weft::p4switch
