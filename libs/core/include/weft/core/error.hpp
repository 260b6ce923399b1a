// The root of every error that weft throws, and the leaves that belong to no module.
//
// `catch (const weft::Error&)` catches every failure and no cancellation: Cancelled is deliberately
// outside the tree, because the one who cancels has already decided what happens next.
#pragma once

#include <exception>
#include <source_location>
#include <stdexcept>
#include <string>
#include <system_error>

namespace weft {

// The root. what() names what was tried, on which object, and what the peer or the kernel said,
// outermost context first: "create veth h1: File exists". where() is the place in weft that threw.
class Error : public std::runtime_error {
public:
    explicit Error(const std::string& what, std::source_location where = std::source_location::current())
        : std::runtime_error(what), where_(where) {}

    [[nodiscard]] const std::source_location& where() const noexcept { return where_; }

private:
    std::source_location where_;
};

// A system call failed. code() compares with std::errc; what() is "<context>: <text of the code>".
class SystemError : public Error {
public:
    SystemError(std::error_code code, const std::string& context,
                std::source_location where = std::source_location::current());

    [[nodiscard]] const std::error_code& code() const noexcept { return code_; }

private:
    std::error_code code_;
};

// SystemError from the calling thread's errno.
[[noreturn]] void throw_errno(const std::string& context,
                              std::source_location where = std::source_location::current());

// The same for an errno value at hand (positive).
[[noreturn]] void throw_errno(int error_number, const std::string& context,
                              std::source_location where = std::source_location::current());

// A time limit of ours passed. The operation was cancelled and joined before this was thrown.
class TimeoutError : public Error {
public:
    using Error::Error;
};

// The object was closed, by us or by its peer, before or while the operation ran.
class ClosedError : public Error {
public:
    using Error::Error;
};

// The program used an object in a way its documentation excludes (two readers at once, no running loop).
class UsageError : public Error {
public:
    using Error::Error;
};

// Thrown at the co_await in which a cancelled task waits. Not an Error: the caller gave up, nothing failed.
// Let it pass; code that must clean up catches it, cleans up (it may await) and rethrows.
class Cancelled final : public std::exception {
public:
    [[nodiscard]] const char* what() const noexcept override { return "the task was cancelled"; }
};

}  // namespace weft
