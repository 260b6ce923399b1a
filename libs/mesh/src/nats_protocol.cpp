#include "nats_protocol.hpp"

#include <weft/mesh/error.hpp>
#include <weft/mesh/frame.hpp>

#include <algorithm>
#include <array>
#include <charconv>

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

NatsUrl::NatsUrl(std::string_view url) {
    const auto fail = [&] {
        throw InitializationError("'" + std::string(url) +
                                  "' is no NATS address: it is nats://[user:password@]host[:port][/prefix]");
    };
    std::string_view rest = url;
    if (!rest.starts_with("nats://")) fail();
    rest.remove_prefix(7);
    if (const std::size_t at = rest.rfind('@'); at != std::string_view::npos) {
        const std::string_view who = rest.substr(0, at);
        const std::size_t colon = std::min(who.find(':'), who.size());
        user = who.substr(0, colon);
        password = who.substr(std::min(colon + 1, who.size()));
        rest.remove_prefix(at + 1);
    }
    if (const std::size_t slash = rest.find('/'); slash != std::string_view::npos) {
        if (slash + 1 < rest.size()) prefix = nats_token(rest.substr(slash + 1));
        rest = rest.substr(0, slash);
    }
    if (const std::size_t colon = rest.rfind(':');
        colon != std::string_view::npos && rest.find(']', colon) == std::string_view::npos) {
        if (!number(rest.substr(colon + 1), port)) fail();
        rest = rest.substr(0, colon);
    }
    if (rest.size() > 2 && rest.front() == '[' && rest.back() == ']') rest = rest.substr(1, rest.size() - 2);
    if (rest.empty()) fail();
    host = rest;
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
