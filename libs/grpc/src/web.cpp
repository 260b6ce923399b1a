#include "web.hpp"

#include "wire.hpp"

#include <algorithm>

namespace weft::grpc::web {

Mode mode_of(std::string_view value) noexcept {
    constexpr std::string_view web = "application/grpc-web";
    if (!value.starts_with(web)) return Mode::none;
    value.remove_prefix(web.size());
    const bool text = value.starts_with("-text");
    if (text) value.remove_prefix(5);
    if (!value.empty() && value[0] != '+' && value[0] != ';') return Mode::none;
    return text ? Mode::text : Mode::binary;
}

std::string_view content_type(Mode mode) noexcept {
    return mode == Mode::text ? "application/grpc-web-text+proto" : "application/grpc-web+proto";
}

std::string base64(std::span<const std::byte> bytes) {
    std::string out = wire::base64_encode({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    out.append((4 - out.size() % 4) % 4, '=');
    return out;
}

bool Base64Reader::read(std::span<const std::byte> text, std::vector<std::byte>& out) {
    for (const std::byte b : text) {
        group_[count_++] = static_cast<char>(b);
        if (count_ < group_.size()) continue;
        count_ = 0;
        const auto decoded = wire::base64_decode({group_.data(), group_.size()});
        if (!decoded) return false;
        for (const char c : *decoded) out.push_back(static_cast<std::byte>(c));
    }
    return true;
}

std::string trailer_frame(http2::HeaderBlock fields) {
    std::string text;
    for (const auto& field : fields) {
        text += field.name;
        text += ": ";
        text += field.value;
        text += "\r\n";
    }
    std::string out(1, '\x80');
    for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(text.size() >> shift);
    return out + text;
}

void Origin::read(const http2::HeaderField& field) {
    if (field.name == "origin") name = field.value;
    if (field.name == "access-control-request-method") method = field.value;
    if (field.name == "access-control-request-headers") headers = field.value;
}

bool Origin::allowed(const std::vector<std::string>& origins) const noexcept {
    return !name.empty() && std::any_of(origins.begin(), origins.end(), [this](const std::string& origin) {
        return origin == "*" || origin == name;
    });
}

void add_cors_fields(std::vector<http2::HeaderField>& fields, const Origin& origin, std::string& exposed) {
    exposed = "grpc-status,grpc-message,grpc-status-details-bin,grpc-encoding";
    for (const auto& field : fields) {
        if (field.name.starts_with(':') || field.name.starts_with("grpc-")) continue;
        exposed += ',';
        exposed += field.name;
    }
    fields.push_back({"access-control-allow-origin", origin.name});
    fields.push_back({"access-control-expose-headers", exposed});
    // The answer depends on who asks: caches must not give it to another.
    fields.push_back({"vary", "origin"});
}

std::vector<http2::HeaderField> preflight_fields(const Origin& origin, bool allowed) {
    if (!allowed) return {{":status", "403"}};
    std::vector<http2::HeaderField> fields{{":status", "204"},
                                           {"access-control-allow-origin", origin.name},
                                           {"access-control-allow-methods", "POST"},
                                           {"access-control-max-age", "86400"},
                                           {"vary", "origin"}};
    if (!origin.headers.empty()) fields.push_back({"access-control-allow-headers", origin.headers});
    return fields;
}

}  // namespace weft::grpc::web
