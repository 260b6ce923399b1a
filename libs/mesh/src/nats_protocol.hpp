// What a NATS server says: its lines and messages, from any pieces. No I/O here.
#pragma once

#include <weft/mesh/buffer.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace weft::mesh {

struct NatsMessage {
    std::string_view subject;
    std::string_view headers;  // "NATS/1.0 503\r\n\r\n"; empty when there are none
    std::span<const std::byte> payload;
};

class NatsParser {
public:
    class Handler {
    public:
        virtual void on_info(std::string_view json) = 0;
        virtual void on_message(const NatsMessage& message) = 0;
        virtual void on_ping() = 0;
        virtual void on_pong() = 0;
        // -ERR; most of them are followed by the end of the connection.
        virtual void on_error(std::string_view text) = 0;

    protected:
        ~Handler() = default;
    };
    // Throws DecodeError for what no NATS server says.
    void feed(std::span<const std::byte> bytes, Handler& handler);

private:
    // Takes one line or message from the front of `text`; gives its size, or 0 when it is not whole.
    std::size_t take(std::string_view text, Handler& handler);
    Buffer pending_;
};

// The address of "nats://user:password@host:4222/prefix". Throws InitializationError.
struct NatsUrl {
    explicit NatsUrl(std::string_view url);
    std::string host;
    std::string user;  // or a token, when there is no password
    std::string password;
    std::string prefix = "weft";
    std::uint16_t port = 4222;
};

// A name as one token of a subject: what is neither letter, digit, '-' nor '_' becomes "=XX".
[[nodiscard]] std::string nats_token(std::string_view name);

}  // namespace weft::mesh
