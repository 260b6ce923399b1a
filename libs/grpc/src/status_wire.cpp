#include "status_wire.hpp"

#include "wire.hpp"

#include <string>

namespace weft::grpc::wire {

namespace {

StatusCode parse_code(std::string_view text) noexcept {
    int value = 0;
    if (text.empty() || text.size() > 2) return StatusCode::unknown;
    for (const char c : text) {
        if (c < '0' || c > '9') return StatusCode::unknown;
        value = value * 10 + (c - '0');
    }
    return value <= 16 ? static_cast<StatusCode>(value) : StatusCode::unknown;
}

StatusCode code_of_reset(http2::ErrorCode code) noexcept {
    switch (code) {
        case http2::ErrorCode::refused_stream:
            return StatusCode::unavailable;
        case http2::ErrorCode::cancel:
            return StatusCode::cancelled;
        case http2::ErrorCode::enhance_your_calm:
            return StatusCode::resource_exhausted;
        case http2::ErrorCode::inadequate_security:
            return StatusCode::permission_denied;
        default:
            return StatusCode::internal;
    }
}

}  // namespace

std::optional<Status> status_of(http2::HeaderBlock fields) {
    std::optional<StatusCode> code;
    std::string message;
    std::string details;
    for (const auto& field : fields) {
        if (field.name == "grpc-status") {
            code = parse_code(field.value);
        } else if (field.name == "grpc-message") {
            message = percent_decode(field.value);
        } else if (field.name == "grpc-status-details-bin") {
            details = base64_decode(field.value).value_or(std::string());
        }
    }
    if (!code) return std::nullopt;
    return Status(*code, std::move(message), std::move(details));
}

StatusCode code_of_http(std::string_view http_status) noexcept {
    if (http_status == "400" || http_status == "431") return StatusCode::internal;
    if (http_status == "401") return StatusCode::unauthenticated;
    if (http_status == "403") return StatusCode::permission_denied;
    if (http_status == "404") return StatusCode::unimplemented;
    if (http_status == "429" || http_status == "502" || http_status == "503" || http_status == "504")
        return StatusCode::unavailable;
    return StatusCode::unknown;
}

Status status_of(const http2::CloseReason& reason) {
    std::string text;
    if (reason.connection_lost) {
        text = "the connection ended: ";
        text += reason.text;
        return Status(StatusCode::unavailable, std::move(text));
    }
    text = "the stream was reset with ";
    text += http2::to_string(reason.code);
    if (reason.code == http2::ErrorCode::refused_stream && !reason.text.empty())
        text.append("; ").append(reason.text);
    return Status(code_of_reset(reason.code), std::move(text));
}

}  // namespace weft::grpc::wire
