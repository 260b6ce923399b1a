#include "http1_request.hpp"

#include <algorithm>

namespace weft::grpc::http1 {

namespace {

// Extensions of one chunk, or all trailers.
constexpr std::uint32_t max_overhead = 8 * 1024;
// 2^60 - 1 at most, so that sizes can be added without care.
constexpr std::uint32_t max_digits = 15;

char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool same(std::string_view text, std::string_view lower_case) noexcept {
    return std::equal(text.begin(), text.end(), lower_case.begin(), lower_case.end(),
                      [](char x, char y) { return lower(x) == y; });
}

// RFC 9110 5.6.2.
bool is_token(std::string_view text) noexcept {
    constexpr std::string_view others = "!#$%&'*+-.^_`|~";
    return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
        return (c >= '0' && c <= '9') || (lower(c) >= 'a' && lower(c) <= 'z') ||
               others.find(c) != std::string_view::npos;
    });
}

// RFC 9110 5.5: printable bytes, space, tab, and what is not ASCII.
bool is_value(std::string_view text) noexcept {
    return std::all_of(text.begin(), text.end(), [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return (byte >= 0x20 && byte != 0x7F) || c == '\t';
    });
}

bool is_target(std::string_view text) noexcept {
    return !text.empty() &&
           std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7F; });
}

std::string_view trimmed(std::string_view text) noexcept {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
    return text;
}

// One of the elements of "keep-alive, Upgrade".
bool lists(std::string_view value, std::string_view token) noexcept {
    while (!value.empty()) {
        const std::size_t comma = std::min(value.find(','), value.size());
        if (same(trimmed(value.substr(0, comma)), token)) return true;
        value.remove_prefix(std::min(comma + 1, value.size()));
    }
    return false;
}

bool parse_length(std::string_view text, std::uint64_t& out) noexcept {
    if (text.empty() || text.size() > max_digits) return false;
    out = 0;
    for (const char c : text) {
        if (c < '0' || c > '9') return false;
        out = out * 10 + static_cast<std::uint64_t>(c - '0');
    }
    return true;
}

int hex_value(char c) noexcept {
    if (c >= '0' && c <= '9') return c - '0';
    if (lower(c) >= 'a' && lower(c) <= 'f') return lower(c) - 'a' + 10;
    return -1;
}

// What speaks of this connection and not of the request (RFC 9110 7.6.1), or has a field of its own here.
bool is_of_connection(std::string_view name) noexcept {
    constexpr std::string_view names[] = {"connection",        "keep-alive", "proxy-connection", "te",
                                          "transfer-encoding", "trailer",    "upgrade",          "expect",
                                          "content-length",    "host"};
    return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

}  // namespace

std::size_t head_size(std::string_view bytes, std::size_t scanned) noexcept {
    const std::size_t end = bytes.find("\r\n\r\n", scanned < 3 ? 0 : scanned - 3);
    return end == std::string_view::npos ? 0 : end + 4;
}

int Request::parse(std::string_view head) {
    *this = Request();
    text_ = head;
    names_.reserve(head.size());
    std::string_view rest = text_;
    bool first = true;
    for (;;) {
        const std::size_t end = rest.find("\r\n");
        if (end == std::string_view::npos) return 400;
        const std::string_view line = rest.substr(0, end);
        rest.remove_prefix(end + 2);
        if (line.empty() && !first) break;
        if (const int refusal = first ? parse_line(line) : parse_field(line)) return refusal;
        first = false;
    }
    // A body whose end is told twice is read twice differently (request smuggling).
    if (!has_host_ || (chunked_ && has_length_)) return 400;
    return 0;
}

int Request::parse_line(std::string_view line) {
    const std::size_t one = line.find(' ');
    const std::size_t two = line.rfind(' ');
    if (one == std::string_view::npos || two == one) return 400;
    const std::string_view method = line.substr(0, one);
    std::string_view target = line.substr(one + 1, two - one - 1);
    const std::string_view version = line.substr(two + 1);
    if (!is_token(method) || !is_target(target) || !version.starts_with("HTTP/")) return 400;
    if (version != "HTTP/1.1") return 505;
    // The absolute form, as for proxies, must be understood (RFC 9112 3.2.2).
    for (const std::string_view scheme : {"http://", "https://"}) {
        if (!target.starts_with(scheme)) continue;
        const std::size_t path = target.find('/', scheme.size());
        target = path == std::string_view::npos ? "/" : target.substr(path);
    }
    if (target.front() != '/' && target != "*") return 400;
    fields_.push_back({":method", method});
    fields_.push_back({":path", target});
    return 0;
}

int Request::parse_field(std::string_view line) {
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) return 400;
    const std::string_view raw = line.substr(0, colon);
    const std::string_view value = trimmed(line.substr(colon + 1));
    if (!is_token(raw) || !is_value(value)) return 400;
    const std::size_t at = names_.size();
    for (const char c : raw) names_ += lower(c);
    const std::string_view name = std::string_view(names_).substr(at);
    if (name == "host") {
        if (has_host_) return 400;
        has_host_ = true;
        // In front, where HTTP/2 has its pseudo headers.
        fields_.insert(fields_.begin() + 2, {":authority", value});
    } else if (name == "content-length") {
        std::uint64_t length = 0;
        if (!parse_length(value, length) || (has_length_ && length != length_)) return 400;
        has_length_ = true;
        length_ = length;
    } else if (name == "transfer-encoding") {
        if (chunked_) return 400;
        if (!same(value, "chunked")) return 501;
        chunked_ = true;
    } else if (name == "connection") {
        if (lists(value, "close")) keep_alive_ = false;
    } else if (name == "expect") {
        if (same(value, "100-continue")) expects_continue_ = true;
    }
    if (!is_of_connection(name)) fields_.push_back({name, value});
    return 0;
}

std::span<const std::byte> BodyReader::next(std::span<const std::byte>& in) noexcept {
    while (!in.empty()) {
        switch (state_) {
            case State::plain:
            case State::data: {
                const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(left_, in.size()));
                const auto piece = in.first(n);
                in = in.subspan(n);
                left_ -= n;
                if (left_ == 0) state_ = state_ == State::plain ? State::ended : State::data_cr;
                return piece;
            }
            case State::ended:
            case State::broken:
                return {};
            default:
                control(static_cast<char>(in.front()));
                in = in.subspan(1);
        }
    }
    return {};
}

void BodyReader::control(char c) noexcept {
    const auto expect = [&](char wanted, State then) { state_ = c == wanted ? then : State::broken; };
    switch (state_) {
        case State::size: {
            const int value = hex_value(c);
            if (value >= 0 && digits_ < max_digits) {
                ++digits_;
                left_ = left_ * 16 + static_cast<std::uint64_t>(value);
            } else if (digits_ != 0 && c == '\r') {
                state_ = State::size_lf;
            } else if (digits_ != 0 && (c == ';' || c == ' ' || c == '\t')) {
                state_ = State::extension;
            } else {
                state_ = State::broken;
            }
            break;
        }
        case State::extension:
            if (c == '\r') {
                state_ = State::size_lf;
            } else if (c == '\n' || ++overhead_ > max_overhead) {
                state_ = State::broken;
            }
            break;
        case State::size_lf:
            overhead_ = 0;
            expect('\n', left_ == 0 ? State::trailer : State::data);
            break;
        case State::data_cr:
            expect('\r', State::data_lf);
            break;
        case State::data_lf:
            digits_ = 0;
            expect('\n', State::size);
            break;
        case State::trailer:
        case State::trailer_line:
            if (c == '\r') {
                state_ = state_ == State::trailer ? State::last_lf : State::trailer_lf;
            } else {
                state_ = c == '\n' || ++overhead_ > max_overhead ? State::broken : State::trailer_line;
            }
            break;
        case State::trailer_lf:
            expect('\n', State::trailer);
            break;
        case State::last_lf:
            expect('\n', State::ended);
            break;
        default:
            break;
    }
}

}  // namespace weft::grpc::http1
