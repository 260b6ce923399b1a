// Everything that a P4Runtime client throws, as a tree: catch Error for all of it, a leaf for one cause.
//
// A server answers a refused batch with one status per update; BatchError keeps them all, in the order of
// the updates. A refused single update becomes the leaf of its own status instead.
#pragma once

#include <weft/core/error.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace weft::p4runtime {

// The canonical codes of google.rpc.Code, which p4.v1.Error and gRPC share.
enum class Code : std::int32_t {
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

// "NOT_FOUND"; a number that is no canonical code gives "CODE_<number>".
[[nodiscard]] std::string to_string(Code code);

// What became of one update of a write, or of one entity of a read: p4.v1.Error.
class UpdateStatus {
public:
    UpdateStatus() = default;
    explicit UpdateStatus(Code code_, std::string message_ = std::string(),
                          std::string space_ = std::string(), std::int32_t target_code_ = 0)
        : code(code_), message(std::move(message_)), space(std::move(space_)), target_code(target_code_) {}

    [[nodiscard]] bool ok() const noexcept { return code == Code::ok; }

    Code code = Code::ok;
    std::string message;           // for people; empty when the server gave none
    std::string space;             // name space of target_code, "" when the server gave none
    std::int32_t target_code = 0;  // the target's own code, 0 when it gave none

    friend bool operator==(const UpdateStatus&, const UpdateStatus&) = default;
};

// The root. code() is the server's answer; Code::unknown where the failure arose on our side.
class Error : public weft::Error {
public:
    explicit Error(const std::string& what, Code code = Code::unknown,
                   std::source_location where = std::source_location::current())
        : weft::Error(what, where), code_(code) {}

    [[nodiscard]] Code code() const noexcept { return code_; }

private:
    Code code_;
};

// The switch cannot be reached, the stream ended, or the server does not answer as P4Runtime.
class ConnectionError : public Error {
public:
    using Error::Error;
};

// Only the primary may do this, and this client is not (or no longer) primary.
class NotPrimaryError : public Error {
public:
    using Error::Error;
};

// The pipeline was refused, or the request needs one and the switch has none.
class PipelineError : public Error {
public:
    using Error::Error;
};

// INSERT of an entity that exists already.
class DuplicateEntryError : public Error {
public:
    using Error::Error;
};

// MODIFY or DELETE of an entity that does not exist.
class EntryNotFoundError : public Error {
public:
    using Error::Error;
};

// The operation was abandoned while it was under way (client closed, call cancelled by the peer); whether
// the switch carried it out is unknown.
class OperationCancelledError : public Error {
public:
    using Error::Error;
};

// A user's value does not fit the field it is meant for; or bytes from the switch do not.
class EncodingError : public Error {
public:
    EncodingError(std::string field, const std::string& what)
        : Error(what, Code::invalid_argument), field_(std::move(field)) {}

    // The match field, parameter or metadata field, as P4Info names it.
    [[nodiscard]] const std::string& field() const noexcept { return field_; }

private:
    std::string field_;
};

// A P4Info text or binary cannot be read, or contradicts itself.
class P4InfoError : public Error {
public:
    explicit P4InfoError(const std::string& what) : Error(what, Code::invalid_argument) {}
};

// A name (or ID) that P4Info does not have, or that fits several objects.
class NoSuchNameError : public Error {
public:
    // kind: "table", "action"...; scope: where it was looked up, "" for the whole program.
    NoSuchNameError(std::string_view kind, std::string name, std::string_view scope,
                    std::vector<std::string> suggestions, bool ambiguous = false);

    [[nodiscard]] const std::string& name() const noexcept { return name_; }

    // Close names, best first; for an ambiguous name the objects that it fits.
    [[nodiscard]] const std::vector<std::string>& suggestions() const noexcept { return suggestions_; }

private:
    std::string name_;
    std::vector<std::string> suggestions_;
};

class NoSuchTableError : public NoSuchNameError {
public:
    using NoSuchNameError::NoSuchNameError;
};

class NoSuchActionError : public NoSuchNameError {
public:
    using NoSuchNameError::NoSuchNameError;
};

// A match field, an action parameter, a packet metadata field or a struct member.
class NoSuchFieldError : public NoSuchNameError {
public:
    using NoSuchNameError::NoSuchNameError;
};

class NoSuchCounterError : public NoSuchNameError {
public:
    using NoSuchNameError::NoSuchNameError;
};

class NoSuchMeterError : public NoSuchNameError {
public:
    using NoSuchNameError::NoSuchNameError;
};

class NoSuchRegisterError : public NoSuchNameError {
public:
    using NoSuchNameError::NoSuchNameError;
};

class NoSuchActionProfileError : public NoSuchNameError {
public:
    using NoSuchNameError::NoSuchNameError;
};

class NoSuchDigestError : public NoSuchNameError {
public:
    using NoSuchNameError::NoSuchNameError;
};

class NoSuchValueSetError : public NoSuchNameError {
public:
    using NoSuchNameError::NoSuchNameError;
};

// The program declares no such controller header ("packet_in", "packet_out").
class NoSuchPacketHeaderError : public NoSuchNameError {
public:
    using NoSuchNameError::NoSuchNameError;
};

// A batch in which at least one update failed.
class BatchError : public Error {
public:
    BatchError(const std::string& what, std::vector<UpdateStatus> statuses)
        : Error(what), statuses_(std::move(statuses)) {}

    // One per update, in the order in which they were written; those that were carried out are ok().
    [[nodiscard]] const std::vector<UpdateStatus>& statuses() const noexcept { return statuses_; }

    [[nodiscard]] std::size_t failed() const noexcept;

private:
    std::vector<UpdateStatus> statuses_;
};

}  // namespace weft::p4runtime
