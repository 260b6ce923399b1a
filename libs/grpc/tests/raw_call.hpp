// A client of HTTP/2 only, for requests that no gRPC client would send.
#pragma once

#include "echo_service.hpp"

#include <weft/core/connect.hpp>
#include <weft/http2/session.hpp>

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace weft::test {

class RawCall final : public http2::Exchange {
public:
    std::map<std::string, std::string> fields;
    std::string body;
    bool ended = false;
    bool reset = false;
    Event changed;

    void on_headers(http2::HeaderBlock block, bool, bool) noexcept override {
        for (const auto& field : block) fields.emplace(field.name, field.value);
    }
    void on_data(std::span<const std::byte> bytes) noexcept override {
        body.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
        release_window(bytes.size());
    }
    void on_remote_end() noexcept override {
        ended = true;
        changed.set();
    }
    void on_closed(const http2::CloseReason&) noexcept override {
        reset = !ended;
        ended = true;
        changed.set();
    }
    void send(std::string_view bytes, bool end = true) {
        output().append(bytes);
        output_changed();
        if (end) end_output();
    }
    Task<void> wait() {
        while (!ended) {
            changed.clear();
            co_await changed.wait();
        }
    }
    std::string status() { return reset ? "reset" : fields["grpc-status"]; }
};

using Headers = std::map<std::string, std::string>;

// One connection. Requests are sound calls of Echo/Say but for `changes`; an empty value leaves a field out.
class RawClient {
public:
    Task<void> connect(std::string target) {
        auto stream = co_await weft::connect(SocketAddress::parse(target));
        session_ = std::make_unique<http2::Session>(std::move(stream), http2::Role::client, side_);
        running_ = spawn(session_->run());
    }
    void start(RawCall& call, Headers changes, std::string body, bool end = true) {
        Headers headers{{":method", "POST"}, {":scheme", "http"}, {":path", "/weft.test.Echo/Say"},
                        {":authority", "x"}, {"te", "trailers"},  {"content-type", "application/grpc"}};
        for (const auto& [name, value] : changes) headers[name] = value;
        std::vector<http2::HeaderField> fields;
        for (const auto& [name, value] : headers)
            if (!value.empty()) fields.push_back({name, value});
        session_->start(call, fields, true);
        call.send(body, end);
    }
    [[nodiscard]] http2::Session& session() noexcept { return *session_; }
    Task<void> close() {
        session_->shut_down();
        co_await running_;
    }

private:
    class Side final : public http2::SessionHandler {};
    Side side_;
    std::unique_ptr<http2::Session> session_;
    TaskHandle<void> running_;
};

inline std::string framed(std::string payload, char flag = 0) {
    std::string out(1, flag);
    for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(payload.size() >> shift);
    return out + payload;
}

}  // namespace weft::test
