// Where statuses come from on the wire: trailers, HTTP status codes, HTTP/2 error codes.
#pragma once

#include <weft/grpc/status.hpp>
#include <weft/http2/exchange.hpp>
#include <weft/http2/header.hpp>

#include <optional>
#include <string_view>

namespace weft::grpc::wire {

// grpc-status of a block; nullopt when the block has none. Unreadable and unknown numbers are UNKNOWN.
[[nodiscard]] std::optional<Status> status_of(http2::HeaderBlock fields);

// The HTTP status of a response without grpc-status (grpc's http-grpc-status-mapping).
[[nodiscard]] StatusCode code_of_http(std::string_view http_status) noexcept;

// A stream that ended by RST_STREAM, GOAWAY or with its connection (PROTOCOL-HTTP2, "Errors").
[[nodiscard]] Status status_of(const http2::CloseReason& reason);

}  // namespace weft::grpc::wire
