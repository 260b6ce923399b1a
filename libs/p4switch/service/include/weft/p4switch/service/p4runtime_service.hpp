// The P4Runtime server in front of a software switch: one object, one device.
//
// Arbitration as the specification has it (any number of clients and roles), all entity kinds that the
// switch has, pipelines as P4Info + BMv2 JSON, packet-in and packet-out through the CPU port, digests, idle
// timeouts.
#pragma once

#include <weft/core/task.hpp>
#include <weft/p4switch/switch_device.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace weft::grpc {
class Service;
}

namespace weft::p4switch {

class ServiceCore;  // private: src/service_core.hpp

class ServiceOptions {
public:
    explicit ServiceOptions(std::uint64_t device_id_ = 1) : device_id(device_id_) {}

    // The switch's port that leads to the controller.
    ServiceOptions&& with_cpu_port(std::uint32_t port) && {
        cpu_port = port;
        return std::move(*this);
    }
    ServiceOptions&& with_max_streams(std::size_t streams) && {
        max_streams = streams;
        return std::move(*this);
    }
    // Messages that wait for a slow client; what comes on top is dropped and counted.
    ServiceOptions&& with_stream_queue(std::size_t messages) && {
        stream_queue = messages;
        return std::move(*this);
    }

    std::uint64_t device_id = 1;
    std::uint32_t cpu_port = p4switch::cpu_port;
    std::size_t max_streams = 64;
    std::size_t stream_queue = 4096;
};

struct ServiceStatistics {
    std::uint64_t packet_ins = 0;
    std::uint64_t packet_outs = 0;
    std::uint64_t dropped = 0;  // messages to clients that were too slow, packets without a primary
    std::size_t streams = 0;    // open now
};

// Belongs to the loop of its device, which must outlive it. While it lives it owns the device's CPU port.
class P4RuntimeService {
public:
    // Throws UsageError when the CPU port of the device is taken.
    explicit P4RuntimeService(SwitchDevice& device, ServiceOptions options = ServiceOptions());
    P4RuntimeService(const P4RuntimeService&) = delete;
    P4RuntimeService& operator=(const P4RuntimeService&) = delete;
    ~P4RuntimeService();

    // Installs a pipeline without a controller, as a switch that is started with a program does.
    // p4info is text or binary. Throws ProgramError and InvalidError.
    void install(const std::string& p4info, const std::string& device_config);

    [[nodiscard]] ServiceStatistics statistics() const noexcept;

    // p4.v1.P4Runtime, for Server::add_service(). This object must outlive that server.
    [[nodiscard]] grpc::Service& grpc_service() noexcept { return *binding_; }

    // For tests and other transports.
    [[nodiscard]] const std::shared_ptr<ServiceCore>& core() const noexcept { return core_; }

private:
    std::shared_ptr<ServiceCore> core_;
    std::unique_ptr<grpc::Service> binding_;
};

}  // namespace weft::p4switch
