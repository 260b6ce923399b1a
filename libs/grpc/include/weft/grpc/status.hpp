// Status of a call: code, message and binary details; and the error that carries it.
#pragma once

#include <weft/core/error.hpp>
#include <weft/grpc/metadata.hpp>

#include <cstdint>
#include <source_location>
#include <string>
#include <string_view>
#include <utility>

namespace weft::grpc {

enum class StatusCode : std::uint8_t {
    ok = 0,
    cancelled = 1,
    unknown = 2,
    invalid_argument = 3,
    deadline_exceeded = 4,
    not_found = 5,
    already_exists = 6,
    permission_denied = 7,
    resource_exhausted = 8,
    failed_precondition = 9,
    aborted = 10,
    out_of_range = 11,
    unimplemented = 12,
    internal = 13,
    unavailable = 14,
    data_loss = 15,
    unauthenticated = 16,
};

// The standard's name: "NOT_FOUND".
[[nodiscard]] std::string_view to_string(StatusCode code) noexcept;

class Status {
public:
    Status() = default;
    explicit Status(StatusCode code, std::string details = {}, std::string details_bin = {})
        : code_(code), details_(std::move(details)), details_bin_(std::move(details_bin)) {}

    [[nodiscard]] bool ok() const noexcept { return code_ == StatusCode::ok; }
    [[nodiscard]] StatusCode code() const noexcept { return code_; }
    // The message for people (grpc-message).
    [[nodiscard]] const std::string& details() const noexcept { return details_; }
    // A serialised google.rpc.Status (grpc-status-details-bin); empty when the peer sent none.
    [[nodiscard]] const std::string& details_bin() const noexcept { return details_bin_; }
    // "NOT_FOUND: no such table"
    [[nodiscard]] std::string to_string() const;

    friend bool operator==(const Status&, const Status&) = default;

private:
    StatusCode code_ = StatusCode::ok;
    std::string details_;
    std::string details_bin_;
};

// A call ended with a status other than OK. On the client it comes out of the call; a server's handler throws
// it to answer with that status. what() is "<method>: <code>: <details>".
class RpcError : public Error {
public:
    explicit RpcError(StatusCode code, std::string details = {}, std::string details_bin = {},
                      std::source_location where = std::source_location::current());
    // With the call's method and metadata; what the client throws.
    RpcError(std::string_view method, Status status, Metadata initial, Metadata trailing,
             std::source_location where = std::source_location::current());

    [[nodiscard]] StatusCode code() const noexcept { return status_.code(); }
    [[nodiscard]] const std::string& details() const noexcept { return status_.details(); }
    [[nodiscard]] const std::string& details_bin() const noexcept { return status_.details_bin(); }
    [[nodiscard]] const Status& status() const noexcept { return status_; }
    [[nodiscard]] const Metadata& initial_metadata() const noexcept { return initial_; }
    [[nodiscard]] const Metadata& trailing_metadata() const noexcept { return trailing_; }

private:
    Status status_;
    Metadata initial_;
    Metadata trailing_;
};

}  // namespace weft::grpc
