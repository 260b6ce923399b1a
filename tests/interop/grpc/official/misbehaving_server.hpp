// A gRPC server that breaks HTTP/2's manners on purpose, in the ways of the official negative test cases
// (https://github.com/grpc/grpc/blob/master/doc/negative-http2-interop-test-descriptions.md). It writes its
// frames itself, and obeys flow control, so that it hangs when a client does not give windows back.
#pragma once

#include <weft/core.hpp>

#include <cstdint>
#include <map>
#include <string>

namespace interop {

enum class Misbehaviour {
    none,
    goaway,              // GOAWAY after the first answer of a connection
    rst_after_header,    // RST_STREAM after the response's headers
    rst_during_data,     // … within the message
    rst_after_data,      // … after the message, in place of the trailers
    ping,                // PINGs before, within and behind the message
    max_streams,         // one stream at a time
    data_frame_padding,  // 5 bytes of the message in each frame, and 255 of padding
};

// What it saw, over all connections.
class Seen {
public:
    Seen() {}
    int connections = 0;
    int calls = 0;
    int open = 0;
    int most_open = 0;
    int pings_sent = 0;
    int ping_acks = 0;
    int padding_frames = 0;
};

// One connection.
class Misbehaver {
public:
    // Answers every call with `message` (serialised).
    Misbehaver(weft::Connection& connection, Misbehaviour kind, const std::string& message, Seen& seen)
        : connection_(connection), kind_(kind), message_(message), seen_(seen) {}

    weft::Task<void> serve() {
        ++seen_.connections;
        co_await connection_.reader.read_exactly(24);  // the preface
        std::string settings;
        if (kind_ == Misbehaviour::max_streams) settings = setting(0x3, 1);
        frame(type_settings, 0, 0, settings);
        auto read = [this](weft::TaskGroup& tasks) { return read_frames(tasks); };
        try {
            co_await weft::with_task_group(read);
        } catch (const weft::IncompleteRead&) {
            // The client is gone.
        }
    }

private:
    enum Type : std::uint8_t {
        type_data = 0,
        type_headers = 1,
        type_reset = 3,
        type_settings = 4,
        type_ping = 6,
        type_goaway = 7,
        type_window_update = 8
    };
    static constexpr std::uint8_t end_stream = 1;
    static constexpr std::uint8_t ack = 1;
    static constexpr std::uint8_t end_headers = 4;
    static constexpr std::uint8_t padded = 8;

    static std::string number(std::uint64_t value, int bytes) {
        std::string out;
        for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) out += static_cast<char>(value >> shift);
        return out;
    }
    static std::uint32_t read_number(std::string_view bytes) {
        std::uint32_t value = 0;
        for (const char c : bytes) value = value << 8 | static_cast<std::uint8_t>(c);
        return value;
    }
    static std::string setting(std::uint64_t id, std::uint64_t value) {
        return number(id, 2) + number(value, 4);
    }
    // RFC 7541 6.2.2: a literal without indexing, with a new name.
    static std::string field(const std::string& name, const std::string& value) {
        return std::string(1, '\0') + static_cast<char>(name.size()) + name +
               static_cast<char>(value.size()) + value;
    }
    void frame(std::uint8_t type, std::uint8_t flags, std::uint32_t stream, const std::string& payload) {
        std::string out = number(payload.size(), 3);
        out += static_cast<char>(type);
        out += static_cast<char>(flags);
        out += number(stream, 4);
        connection_.writer.write(out + payload);
    }
    void send_headers(std::uint32_t stream) {
        frame(type_headers, end_headers, stream,
              field(":status", "200") + field("content-type", "application/grpc"));
    }
    void send_trailers(std::uint32_t stream) {
        frame(type_headers, end_headers | end_stream, stream, field("grpc-status", "0"));
    }
    void send_reset(std::uint32_t stream) { frame(type_reset, 0, stream, number(0, 4)); }
    void send_ping() {
        frame(type_ping, 0, 0, "pingping");
        ++seen_.pings_sent;
    }

    weft::Task<void> read_frames(weft::TaskGroup& tasks) {
        for (;;) {
            const std::string head = co_await connection_.reader.read_exactly(9);
            const auto size = read_number(head.substr(0, 3));
            const auto type = static_cast<std::uint8_t>(head[3]);
            const auto flags = static_cast<std::uint8_t>(head[4]);
            const auto stream = read_number(head.substr(5)) & 0x7fffffff;
            const std::string payload = co_await connection_.reader.read_exactly(size);
            if (type == type_settings && (flags & ack) == 0) {
                take_settings(payload);
                frame(type_settings, ack, 0, "");
            } else if (type == type_ping && (flags & ack) == 0) {
                frame(type_ping, ack, 0, payload);
            } else if (type == type_ping) {
                ++seen_.ping_acks;
            } else if (type == type_window_update) {
                windows_[stream] += read_number(payload) & 0x7fffffff;
                window_grew_.set();
            } else if (type == type_headers) {
                windows_.try_emplace(stream, initial_window_);
                seen_.most_open = std::max(seen_.most_open, ++seen_.open);
            } else if (type == type_data && size > 0) {
                frame(type_window_update, 0, 0, number(size, 4));
                if ((flags & end_stream) == 0) frame(type_window_update, 0, stream, number(size, 4));
            }
            if ((type == type_data || type == type_headers) && (flags & end_stream) != 0)
                tasks.spawn(answer(stream));
        }
    }
    void take_settings(const std::string& payload) {
        for (std::size_t at = 0; at + 6 <= payload.size(); at += 6) {
            const std::string_view one(payload.data() + at, 6);
            if (read_number(one.substr(0, 2)) == 0x4) initial_window_ = read_number(one.substr(2));
        }
    }

    weft::Task<void> answer(std::uint32_t stream) {
        ++seen_.calls;
        std::string body = std::string(1, '\0') + number(message_.size(), 4) + message_;
        if (kind_ == Misbehaviour::ping) send_ping();
        send_headers(stream);
        if (kind_ == Misbehaviour::ping) send_ping();
        if (kind_ != Misbehaviour::rst_after_header) {
            if (kind_ == Misbehaviour::rst_during_data) body.resize(body.size() / 2);
            co_await send_body(stream, std::move(body));
        }
        if (kind_ == Misbehaviour::ping) send_ping();
        --seen_.open;
        switch (kind_) {
            case Misbehaviour::rst_after_header:
            case Misbehaviour::rst_during_data:
            case Misbehaviour::rst_after_data:
                send_reset(stream);
                break;
            default:
                send_trailers(stream);
        }
        if (kind_ == Misbehaviour::goaway) frame(type_goaway, 0, 0, number(stream, 4) + number(0, 4));
        co_await connection_.writer.drain();
    }

    weft::Task<void> send_body(std::uint32_t stream, std::string body) {
        const bool pad = kind_ == Misbehaviour::data_frame_padding;
        const std::size_t most = pad ? 5 : 16384;
        for (std::size_t at = 0; at < body.size();) {
            const std::size_t n = std::min(most, body.size() - at);
            const auto cost = static_cast<std::int64_t>(pad ? n + 256 : n);
            while (windows_[0] < cost || windows_[stream] < cost) {
                window_grew_.clear();
                co_await window_grew_.wait();
            }
            windows_[0] -= cost;
            windows_[stream] -= cost;
            if (pad) {
                frame(type_data, padded, stream,
                      std::string(1, '\xff') + body.substr(at, n) + std::string(255, '\0'));
                ++seen_.padding_frames;
            } else {
                frame(type_data, 0, stream, body.substr(at, n));
            }
            at += n;
            if (kind_ == Misbehaviour::ping) send_ping();
            co_await connection_.writer.drain();
        }
    }

    weft::Connection& connection_;
    Misbehaviour kind_;
    const std::string& message_;
    Seen& seen_;
    std::int64_t initial_window_ = 65535;
    std::map<std::uint32_t, std::int64_t> windows_{{0, 65535}};
    weft::Event window_grew_;
};

}  // namespace interop
