// The devices of these examples: servers on the loopback address that answer "show running-config".
#pragma once

#include <weft/core.hpp>

#include <string>
#include <utility>
#include <vector>

class Device {
public:
    Device(std::string device_name, weft::SocketAddress device_address)
        : name(std::move(device_name)), address(std::move(device_address)) {}
    std::string name;
    weft::SocketAddress address;
};

// Devices that answer, one that accepts and stays silent ("mute"), and one that refuses ("dead").
class Lab {
public:
    Lab() {
        for (const char* name : {"sw1", "sw2", "rtr1"}) {
            auto answer = [name](weft::Connection& connection) -> weft::Task<void> {
                auto command = co_await connection.reader.read_line();
                if (command != "show running-config") co_return;
                connection.writer.write("hostname " + std::string(name) + "\n");
                co_await weft::sleep(std::chrono::milliseconds(5));
                connection.writer.write("interface Ethernet1\n no shutdown\n");
            };
            add(name, std::move(answer));
            devices.emplace_back(name, servers_.back().local_address());
        }
        add("mute",
            [](weft::Connection&) -> weft::Task<void> { co_await weft::sleep(std::chrono::hours(1)); });
        weft::Listener gone(weft::SocketAddress::loopback(0));
        dead.address = gone.local_address();  // its port is free again when this returns
    }

    // Ends the servers.
    weft::Task<void> close() {
        for (weft::Server& server : servers_) co_await server.close();
    }

    std::vector<Device> devices;
    Device mute{"mute", weft::SocketAddress::loopback(0)};
    Device dead{"dead", weft::SocketAddress::loopback(0)};

private:
    void add(const std::string& name, weft::ConnectionHandler handler) {
        servers_.push_back(weft::start_server(std::move(handler), weft::SocketAddress::loopback(0)));
        if (name == "mute") mute.address = servers_.back().local_address();
    }
    std::vector<weft::Server> servers_;
};
