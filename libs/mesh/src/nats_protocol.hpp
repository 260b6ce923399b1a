// What a NATS server says: its lines and messages, from any pieces. No I/O here.
#pragma once

#include <weft/mesh/buffer.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

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

// Where one server of a cluster is, and who we are there.
struct NatsServer {
    std::string host;
    std::string user;  // or a token, when there is no password
    std::string password;
    std::string tls_name;  // to be in its certificate; empty: the host
    std::uint16_t port = 4222;
    bool tls = false;  // demanded by tls://
    bool discovered = false;
    // "127.0.0.1:4222"
    [[nodiscard]] std::string place() const;
    [[nodiscard]] bool same_place(const NatsServer& other) const noexcept {
        return host == other.host && port == other.port;
    }
};

// "nats://user:password@host:4222,host2/prefix": servers of one cluster, each with nats:// or tls:// before
// it or as the one before. Those that name no user are asked as the first that does. Throws
// InitializationError.
struct NatsUrl {
    explicit NatsUrl(std::string_view url);
    [[nodiscard]] static bool is_one(std::string_view url) noexcept {
        return url.starts_with("nats://") || url.starts_with("tls://");
    }
    std::vector<NatsServer> servers;
    std::string prefix = "weft";
};

// What INFO says, as far as it matters here. Throws DecodeError.
struct NatsInfo {
    NatsInfo() {}
    explicit NatsInfo(std::string_view json);
    std::size_t max_payload = 0;
    bool headers = false;
    bool tls_required = false;
    bool tls_available = false;
    std::vector<std::string> connect_urls;  // "host:port" of the cluster's servers
};

// The servers that may be tried, one after another; those that a server names are added.
class NatsServers {
public:
    // The order is the caller's: shuffle() makes a thousand clients begin everywhere.
    explicit NatsServers(const NatsUrl& url) : servers_(url.servers) {}
    void shuffle(std::uint64_t random);
    // The next one in the circle.
    [[nodiscard]] const NatsServer& next() noexcept;
    [[nodiscard]] std::size_t size() const noexcept { return servers_.size(); }
    // Adds those that are new, with the user of `from`, and forgets those found earlier that are gone.
    void learn(const NatsServer& from, const std::vector<std::string>& urls);

private:
    std::vector<NatsServer> servers_;
    std::size_t next_ = 0;
};

// A name as one token of a subject: what is neither letter, digit, '-' nor '_' becomes "=XX".
[[nodiscard]] std::string nats_token(std::string_view name);

}  // namespace weft::mesh
