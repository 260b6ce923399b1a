// A switch with four captured ports, its service, and clients of it.
#pragma once

#include "direct_transport.hpp"

#include <weft/core/loop.hpp>
#include <weft/p4runtime/client.hpp>
#include <weft/p4switch/service/p4runtime_service.hpp>

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

namespace weft::p4switch_test {

using p4switch::P4RuntimeService;
using p4switch::ServiceOptions;
using p4switch::SwitchDevice;

class CapturePort final : public p4switch::Port {
public:
    void transmit(std::span<const std::byte> packet) noexcept override {
        packets.emplace_back(packet.begin(), packet.end());
    }
    [[nodiscard]] p4switch::PortStatistics statistics() const noexcept override { return {}; }

    std::vector<std::vector<std::byte>> packets;
};

inline std::vector<std::byte> bytes(const std::string& hex) {
    std::vector<std::byte> result;
    std::string digits;
    for (const char c : hex)
        if (c != ' ') digits += c;
    for (std::size_t i = 0; i + 1 < digits.size(); i += 2)
        result.push_back(static_cast<std::byte>(std::stoi(digits.substr(i, 2), nullptr, 16)));
    return result;
}

inline p4runtime::Bytes payload(const std::string& hex) {
    p4runtime::Bytes result;
    for (const auto byte : bytes(hex)) result.push_back(static_cast<std::uint8_t>(byte));
    return result;
}

inline std::string file_of(const std::string& program, const std::string& suffix) {
    return std::string(WEFT_P4_DIR) + "/" + program + "/" + program + suffix;
}

inline p4runtime::PipelineConfig config_of(const std::string& program) {
    return p4runtime::PipelineConfig::load(file_of(program, ".p4info.txtpb"), file_of(program, ".json"));
}

// Made inside of a running loop.
class Rig {
public:
    explicit Rig(ServiceOptions options = ServiceOptions()) : service(device, std::move(options)) {
        for (std::uint32_t port = 1; port <= 4; ++port) device.attach(port, ports[port]);
    }

    [[nodiscard]] p4runtime::Client client(p4runtime::ClientOptions options) {
        const auto core = service.core();
        return p4runtime::make_client(std::make_shared<p4runtime::ClientState>(
            std::move(options), [core](const p4runtime::ClientOptions&) {
                return std::shared_ptr<p4runtime::Transport>(std::make_shared<DirectTransport>(core));
            }));
    }
    [[nodiscard]] p4runtime::Client client(p4runtime::ElectionId id) {
        return client(p4runtime::ClientOptions("direct").with_election_id(id));
    }

    void receive(std::uint32_t port, const std::string& hex) { device.receive(port, bytes(hex)); }

    std::map<std::uint32_t, CapturePort> ports;
    SwitchDevice device;
    P4RuntimeService service;
};

// A client that is primary of a switch that runs the program.
class Session {
public:
    Session() : client(rig.client(p4runtime::ElectionId{1, 0})) {}

    Task<void> start(std::string program) {
        co_await client.connect();
        co_await client.set_pipeline_config(config_of(program));
    }

    Rig rig;
    p4runtime::Client client;
};

template <class Body>
void run(Body body) {
    Loop loop;
    loop.run(body());
}

// Did the task throw E? Other exceptions pass.
template <class E, class T>
Task<bool> throws(Task<T> task) {
    try {
        (void)co_await std::move(task);
    } catch (const E&) {
        co_return true;
    }
    co_return false;
}
template <class E>
Task<bool> throws(Task<void> task) {
    try {
        co_await std::move(task);
    } catch (const E&) {
        co_return true;
    }
    co_return false;
}

}  // namespace weft::p4switch_test
