#include "nats_protocol.hpp"

#include "codec.hpp"

#include <weft/core/socket_address.hpp>
#include <weft/mesh/error.hpp>
#include <weft/mesh/frame.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <random>

namespace weft::mesh {

namespace {

constexpr std::size_t max_line = std::size_t{64} << 10;     // INFO lists the servers of a cluster
constexpr std::size_t max_payload = std::size_t{64} << 20;  // the server's own ceiling

template <class T>
bool number(std::string_view text, T& out) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
    return error == std::errc() && end == text.data() + text.size() && !text.empty();
}

}  // namespace

std::size_t NatsParser::take(std::string_view text, Handler& handler) {
    const std::size_t end = text.find("\r\n");
    if (std::min(end, text.size()) > max_line) throw DecodeError("NATS: a line that does not end");
    if (end == std::string_view::npos) return 0;
    const std::string_view line = text.substr(0, end);
    const std::size_t used = end + 2;
    const bool headers = line.starts_with("HMSG ");
    if (!headers && !line.starts_with("MSG ")) {
        if (line == "PING") {
            handler.on_ping();
        } else if (line == "PONG") {
            handler.on_pong();
        } else if (line.starts_with("INFO ")) {
            handler.on_info(line.substr(5));
        } else if (line.starts_with("-ERR")) {
            handler.on_error(line.substr(std::min<std::size_t>(5, line.size())));
        } else if (line != "+OK") {
            throw DecodeError("NATS: '" + std::string(line.substr(0, 40)) + "' is none of its words");
        }
        return used;
    }
    // MSG subject sid [reply] size; HMSG subject sid [reply] headers total.
    std::array<std::string_view, 5> words;
    std::size_t count = 0;
    std::string_view rest = line.substr(headers ? 5 : 4);
    while (!rest.empty() && count < words.size()) {
        const std::size_t n = std::min(rest.find(' '), rest.size());
        if (n != 0) words[count++] = rest.substr(0, n);
        rest.remove_prefix(std::min(n + 1, rest.size()));
    }
    const std::size_t least = headers ? 4 : 3;
    std::size_t size = 0;
    std::size_t head = 0;
    if (!rest.empty() || count < least || count > least + 1 || !number(words[count - 1], size) ||
        size > max_payload || (headers && (!number(words[count - 2], head) || head > size)))
        throw DecodeError("NATS: a message with a broken head");
    if (text.size() - used < size + 2) return 0;
    if (text.substr(used + size, 2) != "\r\n")
        throw DecodeError("NATS: a message that is longer than it says");
    NatsMessage message;
    message.subject = words[0];
    message.headers = text.substr(used, head);
    message.payload = std::as_bytes(std::span(text.substr(used + head, size - head)));
    handler.on_message(message);
    return used + size + 2;
}

void NatsParser::feed(std::span<const std::byte> bytes, Handler& handler) {
    const bool joined = !pending_.empty();
    if (joined) pending_.append(bytes);
    const std::span<const std::byte> all = joined ? pending_.bytes() : bytes;
    const std::string_view text(reinterpret_cast<const char*>(all.data()), all.size());
    std::size_t done = 0;
    while (done < text.size()) {
        const std::size_t n = take(text.substr(done), handler);
        if (n == 0) break;
        done += n;
    }
    if (joined && done == 0) return;
    Buffer left;
    left.append(all.subspan(done));
    pending_ = std::move(left);
}

std::string NatsServer::place() const {
    const bool v6 = host.find(':') != std::string::npos;
    return (v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

namespace {

// "%2C" and the like, as in every URL; anything else stays what it is.
std::string unescape(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        unsigned code = 0;
        const char* const end = text.data() + std::min(i + 3, text.size());
        if (text[i] == '%' && i + 2 < text.size() &&
            std::from_chars(text.data() + i + 1, end, code, 16).ptr == end) {
            out += static_cast<char>(code);
            i += 2;
        } else {
            out += text[i];
        }
    }
    return out;
}

// "host", "host:port", "[::1]:port".
bool read_place(std::string_view text, NatsServer& out) {
    if (const std::size_t colon = text.rfind(':');
        colon != std::string_view::npos && text.find(']', colon) == std::string_view::npos) {
        if (!number(text.substr(colon + 1), out.port)) return false;
        text = text.substr(0, colon);
    }
    if (text.size() > 2 && text.front() == '[' && text.back() == ']') text = text.substr(1, text.size() - 2);
    out.host = text;
    return !text.empty();
}

bool read_server(std::string_view text, bool tls, NatsServer& out) {
    out.tls = tls;
    if (const std::size_t scheme = text.find("://"); scheme != std::string_view::npos) {
        const std::string_view name = text.substr(0, scheme);
        if (name != "nats" && name != "tls") return false;
        out.tls = name == "tls";
        text.remove_prefix(scheme + 3);
    }
    if (const std::size_t at = text.rfind('@'); at != std::string_view::npos) {
        const std::string_view who = text.substr(0, at);
        const std::size_t colon = std::min(who.find(':'), who.size());
        out.user = unescape(who.substr(0, colon));
        out.password = unescape(who.substr(std::min(colon + 1, who.size())));
        text.remove_prefix(at + 1);
    }
    return read_place(text, out);
}

}  // namespace

NatsUrl::NatsUrl(std::string_view url) {
    const auto fail = [&] {
        // Not the address itself: it may hold a password, and messages end up in logs.
        const std::size_t end = url.rfind('@');
        const std::string_view shown = end == std::string_view::npos ? url : url.substr(end + 1);
        throw InitializationError("'" + std::string(shown) +
                                  "' is no NATS address: it is nats://[user:password@]host[:port][,host…]"
                                  "[/prefix], or tls:// for TLS");
    };
    std::string_view rest = url;
    // Behind the last server's name or password.
    std::size_t slash = rest.rfind('/');
    const std::size_t last = rest.rfind("://");
    if (last == std::string_view::npos) fail();
    if (slash > last + 2 && rest.find('@', slash) == std::string_view::npos) {
        if (slash + 1 < rest.size()) prefix = nats_token(rest.substr(slash + 1));
        rest = rest.substr(0, slash);
    }
    bool tls = false;
    do {
        const std::size_t comma = std::min(rest.find(','), rest.size());
        NatsServer server;
        if (!read_server(rest.substr(0, comma), tls, server)) fail();
        tls = server.tls;
        servers.push_back(std::move(server));
        rest.remove_prefix(comma);
        if (rest == ",") fail();
        rest.remove_prefix(std::min<std::size_t>(1, rest.size()));
    } while (!rest.empty());
    const auto known = std::find_if(servers.begin(), servers.end(),
                                    [](const NatsServer& server) { return !server.user.empty(); });
    if (known == servers.end()) return;
    const NatsServer who = *known;
    for (NatsServer& server : servers) {
        if (!server.user.empty()) continue;
        server.user = who.user;
        server.password = who.password;
    }
}

NatsInfo::NatsInfo(std::string_view json) {
    Value info;
    std::string why;
    const bool read = read_json(json, info, why);
    const auto* dict = read ? info.get_if<Dict>() : nullptr;
    if (!dict) throw DecodeError("NATS: INFO cannot be read: " + why);
    const auto flag = [&](const char* key) {
        const Value* value = dict->find(key);
        return value && *value == Value(true);
    };
    headers = flag("headers");
    tls_required = flag("tls_required");
    tls_available = flag("tls_available");
    const Value* limit = dict->find("max_payload");
    if (const auto* bytes = limit ? limit->get_if<std::int64_t>() : nullptr; bytes && *bytes > 0)
        max_payload = static_cast<std::size_t>(*bytes);
    const Value* urls = dict->find("connect_urls");
    if (const auto* list = urls ? urls->get_if<List>() : nullptr)
        for (const Value& url : list->items)
            if (const auto* text = url.get_if<std::string>()) connect_urls.push_back(*text);
}

void NatsServers::shuffle(std::uint64_t random) {
    std::shuffle(servers_.begin(), servers_.end(), std::minstd_rand(random % 0x7fffffff + 1));
}

const NatsServer& NatsServers::next() noexcept {
    if (next_ >= servers_.size()) next_ = 0;
    return servers_[next_++];
}

void NatsServers::learn(const NatsServer& from, const std::vector<std::string>& urls) {
    constexpr std::size_t most = 256;
    std::vector<NatsServer> said;
    for (const std::string& url : urls) {
        NatsServer server;
        if (said.size() == most || !read_place(url, server)) continue;
        server.user = from.user;
        server.password = from.password;
        server.tls = from.tls;
        server.discovered = true;
        // Servers tell each other addresses; certificates hold names.
        const std::string& name = from.tls_name.empty() ? from.host : from.tls_name;
        const bool is_address = SocketAddress::from_ip(server.host, 0).has_value();
        if (is_address && !SocketAddress::from_ip(name, 0)) server.tls_name = name;
        said.push_back(std::move(server));
    }
    const auto has = [](const std::vector<NatsServer>& servers, const NatsServer& wanted) {
        return std::any_of(servers.begin(), servers.end(),
                           [&](const NatsServer& server) { return server.same_place(wanted); });
    };
    // In place, so that the circle goes on where it was.
    for (std::size_t i = 0; i < servers_.size();) {
        const NatsServer& server = servers_[i];
        if (!server.discovered || has(said, server)) {
            ++i;
            continue;
        }
        servers_.erase(servers_.begin() + static_cast<std::ptrdiff_t>(i));
        if (next_ > i) --next_;
    }
    for (NatsServer& server : said)
        if (!has(servers_, server)) servers_.push_back(std::move(server));
}

std::string nats_token(std::string_view name) {
    static constexpr char hex[] = "0123456789ABCDEF";
    std::string out;
    for (const char c : name) {
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                           c == '-' || c == '_';
        if (plain) {
            out += c;
        } else {
            out += '=';
            out += hex[static_cast<unsigned char>(c) >> 4];
            out += hex[static_cast<unsigned char>(c) & 15];
        }
    }
    return out;
}

}  // namespace weft::mesh
