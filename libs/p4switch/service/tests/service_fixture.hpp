// A switch with four captured ports, its service, and clients of it.
#pragma once

#include "direct_transport.hpp"

#include <weft/core/loop.hpp>
#include <weft/core/sleep.hpp>
#include <weft/core/spawn.hpp>
#include <weft/p4runtime/client.hpp>
#include <weft/p4switch/service/p4runtime_service.hpp>

#include <gtest/gtest.h>

#ifdef WEFT_TEST_OVER_GRPC
#include <weft/grpc/server.hpp>
#endif

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

// The clock of tests that wait for seconds. Over real sockets it must be the real one: a manual clock jumps
// while the kernel carries the bytes.
#ifdef WEFT_TEST_OVER_GRPC
inline constexpr TimeSource test_clock = TimeSource::steady_clock;
#else
inline constexpr TimeSource test_clock = TimeSource::manual;
#endif

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

#ifdef WEFT_TEST_OVER_GRPC
    static constexpr bool over_grpc = true;
    [[nodiscard]] p4runtime::ClientOptions options(std::uint64_t device_id = 1) const {
        return p4runtime::ClientOptions("127.0.0.1:" + std::to_string(server_.port), device_id);
    }
    [[nodiscard]] p4runtime::Client client(p4runtime::ClientOptions options) {
        return p4runtime::Client(std::move(options));
    }
#else
    static constexpr bool over_grpc = false;
    [[nodiscard]] p4runtime::ClientOptions options(std::uint64_t device_id = 1) const {
        return p4runtime::ClientOptions("direct", device_id);
    }
    [[nodiscard]] p4runtime::Client client(p4runtime::ClientOptions options) {
        const auto core = service.core();
        return p4runtime::make_client(std::make_shared<p4runtime::ClientState>(
            std::move(options), [core](const p4runtime::ClientOptions&) {
                return std::shared_ptr<p4runtime::Transport>(std::make_shared<DirectTransport>(core));
            }));
    }
#endif
    [[nodiscard]] p4runtime::Client client(p4runtime::ElectionId id) {
        return client(options().with_election_id(id));
    }

    void receive(std::uint32_t port, const std::string& hex) { device.receive(port, bytes(hex)); }

    std::map<std::uint32_t, CapturePort> ports;
    SwitchDevice device;
    P4RuntimeService service;

private:
#ifdef WEFT_TEST_OVER_GRPC
    class Server {
    public:
        explicit Server(P4RuntimeService& service) {
            server_.add_service(service.grpc_service());
            port = server_.add_insecure_port("127.0.0.1:0");
            started_ = spawn(server_.start());
        }
        int port = 0;

    private:
        grpc::Server server_;
        TaskHandle<void> started_;
    };
    Server server_{service};
#endif
};

// Everything that was sent before in either direction has arrived: requests and streams share a connection.
inline Task<void> settle(p4runtime::Client& client) { (void)co_await client.capabilities(); }

// For what nothing announces: the other side's notice of a closed connection.
template <class Condition>
Task<bool> becomes_true(Condition condition) {
    for (int i = 0; i < 5000; ++i) {
        const bool holds = condition();
        if (holds) co_return true;
        co_await sleep(std::chrono::milliseconds(1));
    }
    co_return false;
}

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
