#include <weft/grpc/status.hpp>

namespace weft::grpc {

std::string_view to_string(StatusCode code) noexcept {
    switch (code) {
        case StatusCode::ok:
            return "OK";
        case StatusCode::cancelled:
            return "CANCELLED";
        case StatusCode::unknown:
            return "UNKNOWN";
        case StatusCode::invalid_argument:
            return "INVALID_ARGUMENT";
        case StatusCode::deadline_exceeded:
            return "DEADLINE_EXCEEDED";
        case StatusCode::not_found:
            return "NOT_FOUND";
        case StatusCode::already_exists:
            return "ALREADY_EXISTS";
        case StatusCode::permission_denied:
            return "PERMISSION_DENIED";
        case StatusCode::resource_exhausted:
            return "RESOURCE_EXHAUSTED";
        case StatusCode::failed_precondition:
            return "FAILED_PRECONDITION";
        case StatusCode::aborted:
            return "ABORTED";
        case StatusCode::out_of_range:
            return "OUT_OF_RANGE";
        case StatusCode::unimplemented:
            return "UNIMPLEMENTED";
        case StatusCode::internal:
            return "INTERNAL";
        case StatusCode::unavailable:
            return "UNAVAILABLE";
        case StatusCode::data_loss:
            return "DATA_LOSS";
        case StatusCode::unauthenticated:
            return "UNAUTHENTICATED";
    }
    return "UNKNOWN";
}

std::string Status::to_string() const {
    std::string text(grpc::to_string(code_));
    if (!details_.empty()) text.append(": ").append(details_);
    return text;
}

RpcError::RpcError(StatusCode code, std::string details, std::string details_bin, std::source_location where)
    : Error(std::string(to_string(code)) + (details.empty() ? "" : ": ") + details, where),
      status_(code, std::move(details), std::move(details_bin)) {}

RpcError::RpcError(std::string_view method, Status status, Metadata initial, Metadata trailing,
                   std::source_location where)
    : Error(std::string(method) + ": " + status.to_string(), where),
      status_(std::move(status)),
      initial_(std::move(initial)),
      trailing_(std::move(trailing)) {}

}  // namespace weft::grpc
