// Refusals of the server to typed errors.
#include "status_codec.hpp"

#include <google/rpc/status.pb.h>

#include <climits>

#include <p4/v1/p4runtime.pb.h>

namespace weft::p4runtime {

std::vector<UpdateStatus> parse_update_statuses(std::string_view status_bytes) {
    google::rpc::Status status;
    if (status_bytes.empty() || status_bytes.size() > INT_MAX ||
        !status.ParseFromArray(status_bytes.data(), static_cast<int>(status_bytes.size())))
        return {};
    std::vector<UpdateStatus> statuses;
    statuses.reserve(static_cast<std::size_t>(status.details_size()));
    for (const auto& detail : status.details()) {
        p4::v1::Error error;
        // One foreign detail would shift every later one to the wrong update.
        if (!detail.Is<p4::v1::Error>() || !detail.UnpackTo(&error)) return {};
        statuses.emplace_back(static_cast<Code>(error.canonical_code()), error.message(), error.space(),
                              error.code());
    }
    return statuses;
}

namespace {

std::string describe(const std::string& what, Code code, const std::string& message) {
    return what + ": " + (message.empty() ? to_string(code) : message + " (" + to_string(code) + ")");
}

[[noreturn]] void throw_request(Code code, const std::string& text) {
    switch (code) {
        case Code::already_exists:
            throw DuplicateEntryError(text, code);
        case Code::not_found:
            throw EntryNotFoundError(text, code);
        case Code::permission_denied:
            throw NotPrimaryError(text, code);
        case Code::failed_precondition:
            throw PipelineError(text, code);
        case Code::unavailable:
            throw ConnectionError(text, code);
        case Code::cancelled:
            throw OperationCancelledError(text, code);
        case Code::deadline_exceeded:
            throw TimeoutError(text);
        default:
            throw Error(text, code);
    }
}

// For one update PERMISSION_DENIED means a constant table, FAILED_PRECONDITION a member in use: both are
// about the entry, not about this client's role or the pipeline.
[[noreturn]] void throw_update(Code code, const std::string& text) {
    switch (code) {
        case Code::already_exists:
            throw DuplicateEntryError(text, code);
        case Code::not_found:
            throw EntryNotFoundError(text, code);
        default:
            throw Error(text, code);
    }
}

}  // namespace

void throw_request_failure(const std::string& what, Code code, const std::string& message,
                           std::vector<UpdateStatus> statuses) {
    if (statuses.size() == 1 && !statuses[0].ok())
        throw_update(statuses[0].code, describe(what, statuses[0].code, statuses[0].message));
    if (statuses.size() > 1) {
        std::size_t failed = 0;
        const UpdateStatus* first = nullptr;
        std::size_t first_index = 0;
        for (std::size_t i = 0; i < statuses.size(); ++i) {
            if (statuses[i].ok()) continue;
            if (failed++ == 0) {
                first = &statuses[i];
                first_index = i;
            }
        }
        if (first) {
            const std::string text =
                what + ": " + std::to_string(failed) + " of " + std::to_string(statuses.size()) +
                " updates failed, the first is number " + std::to_string(first_index + 1) + ": " +
                (first->message.empty() ? to_string(first->code)
                                        : first->message + " (" + to_string(first->code) + ")");
            throw BatchError(text, std::move(statuses));
        }
    }
    throw_request(code, describe(what, code, message));
}

}  // namespace weft::p4runtime
