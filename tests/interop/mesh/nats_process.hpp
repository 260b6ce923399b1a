// nats-server (Debian) as a child, on free ports of the loopback.
#pragma once

#include <weft/core.hpp>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <signal.h>
#include <stdlib.h>

namespace weft::mesh {

class NatsProcess {
public:
    // `config`: what else its configuration file says.
    static Task<std::unique_ptr<NatsProcess>> start(
        std::vector<std::string> more = std::vector<std::string>(), std::string config = std::string()) {
        auto server = std::make_unique<NatsProcess>(free_port(), std::move(more), config);
        std::string said;
        std::byte room[4096];
        while (said.find("Server is ready") == std::string::npos) {
            const std::size_t n = co_await server->process_->err()->read_some(room);
            if (n == 0) throw Error("nats-server ended: " + said);
            said.append(reinterpret_cast<const char*>(room), n);
        }
        co_return server;
    }
    NatsProcess(std::uint16_t p, std::vector<std::string> more, const std::string& config) : port(p) {
        std::string name = "/tmp/weft-nats-XXXXXX";
        if (!::mkdtemp(name.data())) throw_errno("make a folder");
        folder_ = name;
        std::vector<std::string> command = {WEFT_NATS_SERVER, "-a", "127.0.0.1", "-p", std::to_string(p)};
        if (!config.empty()) {
            write("nats.conf", config);
            command.insert(command.end(), {"-c", (folder_ / "nats.conf").string()});
        }
        command.insert(command.end(), more.begin(), more.end());
        process_.emplace(std::move(command), ProcessOptions().stdio(Stdio::null, Stdio::null, Stdio::pipe));
    }
    NatsProcess(const NatsProcess&) = delete;
    NatsProcess& operator=(const NatsProcess&) = delete;
    ~NatsProcess() {
        process_.reset();
        std::error_code ignored;
        std::filesystem::remove_all(folder_, ignored);
    }

    [[nodiscard]] static std::uint16_t free_port() { return Listener(SocketAddress::loopback(0)).port(); }
    [[nodiscard]] std::string place() const { return "127.0.0.1:" + std::to_string(port); }
    [[nodiscard]] std::string url(const std::string& who = "") const { return "nats://" + who + place(); }
    void kill() { process_->signal(SIGKILL); }
    const std::uint16_t port;

private:
    void write(const std::string& name, const std::string& text) const {
        std::ofstream out(folder_ / name);
        out << text;
    }
    std::filesystem::path folder_;
    std::optional<Process> process_;
};

// A NATS client of few words, which may say what the mesh's would not.
class NatsTalker {
public:
    explicit NatsTalker(std::unique_ptr<Stream> stream) : stream_(std::move(stream)) {}
    static Task<NatsTalker> connect(std::uint16_t port) {
        auto stream = co_await weft::connect(SocketAddress::loopback(port));
        NatsTalker talker(std::move(stream));
        co_await talker.hear("INFO ");
        co_await talker.say("CONNECT {\"verbose\":false}\r\nPING\r\n");
        co_await talker.hear("PONG");
        co_return talker;
    }
    Task<void> say(std::string text) { co_await stream_->write_all(text); }
    Task<void> publish(std::string subject, std::string data) {
        co_await say("PUB " + subject + " " + std::to_string(data.size()) + "\r\n" + data + "\r\nPING\r\n");
        co_await hear("PONG");
    }
    // Waits until `text` is in what the server has said; gives all of that, and forgets it.
    Task<std::string> hear(std::string text) {
        std::byte room[4096];
        while (heard_.find(text) == std::string::npos) {
            const std::size_t n = co_await stream_->read_some(room);
            if (n == 0) throw Error("nats-server went after " + heard_);
            heard_.append(reinterpret_cast<const char*>(room), n);
        }
        co_return std::exchange(heard_, std::string());
    }

private:
    std::unique_ptr<Stream> stream_;
    std::string heard_;
};

}  // namespace weft::mesh
