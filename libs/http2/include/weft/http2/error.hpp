// HTTP/2 error codes (RFC 9113 section 7) and the error of this module.
#pragma once

#include <weft/core/error.hpp>

#include <cstdint>
#include <string_view>

namespace weft::http2 {

enum class ErrorCode : std::uint32_t {
    no_error = 0x0,
    protocol_error = 0x1,
    internal_error = 0x2,
    flow_control_error = 0x3,
    settings_timeout = 0x4,
    stream_closed = 0x5,
    frame_size_error = 0x6,
    refused_stream = 0x7,
    cancel = 0x8,
    compression_error = 0x9,
    connect_error = 0xa,
    enhance_your_calm = 0xb,
    inadequate_security = 0xc,
    http_1_1_required = 0xd,
};

// "CANCEL", "REFUSED_STREAM", …; "unknown error code" for codes outside of the table.
[[nodiscard]] std::string_view to_string(ErrorCode code) noexcept;

// A session could not be made or used.
class Error : public weft::Error {
public:
    using weft::Error::Error;
};

}  // namespace weft::http2
