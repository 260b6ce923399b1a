// How a request ended: the status that the transport sends.
#pragma once

#include <google/rpc/code.pb.h>

#include <exception>
#include <string>

namespace weft::p4switch {

struct RequestStatus {
    google::rpc::Code code = google::rpc::OK;
    std::string message;
    std::string details;  // a serialised google.rpc.Status, or empty

    [[nodiscard]] bool ok() const noexcept { return code == google::rpc::OK; }
};

// What is wrong with a request or with one update of it.
class Refusal final : public std::exception {
public:
    Refusal(google::rpc::Code code, std::string message) : code_(code), message_(std::move(message)) {}

    [[nodiscard]] google::rpc::Code code() const noexcept { return code_; }
    [[nodiscard]] const std::string& message() const noexcept { return message_; }
    [[nodiscard]] const char* what() const noexcept override { return message_.c_str(); }
    [[nodiscard]] RequestStatus status() const { return RequestStatus{code_, message_, {}}; }

private:
    google::rpc::Code code_;
    std::string message_;
};

// The refusal that the exception in flight means: one of this switch's ControlErrors, or a Refusal.
[[nodiscard]] Refusal current_refusal();

}  // namespace weft::p4switch
