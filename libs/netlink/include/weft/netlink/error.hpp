// What the kernel refused, with everything that it said about it.
#pragma once

#include <weft/core/error.hpp>

#include <cstdint>
#include <optional>
#include <source_location>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace weft::netlink {

// The kernel answered a request with an error. what() reads like
// "add link 'h1': File exists" or "add route 10.0.0.0/8: Invalid argument (kernel: Invalid prefix for given
// prefix length; attribute 1 at offset 28)". code() compares with std::errc.
class Error : public weft::SystemError {
public:
    struct Details {
        std::string kernel_text;                    // extended ack; empty when the kernel gave none
        std::optional<std::uint32_t> offset;        // of the attribute at fault, in the request
        std::vector<std::uint16_t> attribute_path;  // its type, inside the types around it
        std::optional<std::uint32_t> missing;       // type of an attribute that the kernel missed
        Details() {}
    };

    Error(int error_number, const std::string& tried, Details details,
          std::source_location where = std::source_location::current());

    // The errno, positive.
    [[nodiscard]] int error_number() const noexcept { return code().value(); }
    // What was tried and on which object: "add link 'h1'".
    [[nodiscard]] const std::string& tried() const noexcept { return tried_; }
    [[nodiscard]] const std::string& kernel_text() const noexcept { return details_.kernel_text; }
    [[nodiscard]] std::optional<std::uint32_t> offset() const noexcept { return details_.offset; }
    [[nodiscard]] const std::vector<std::uint16_t>& attribute_path() const noexcept {
        return details_.attribute_path;
    }
    [[nodiscard]] std::optional<std::uint32_t> missing_attribute() const noexcept { return details_.missing; }

private:
    std::string tried_;
    Details details_;
};

// A dump was interrupted by changes each time it was tried, so no consistent list could be had.
class DumpInterruptedError : public weft::Error {
public:
    using weft::Error::Error;
};

// The kernel's answer does not follow the protocol.
class ProtocolError : public weft::Error {
public:
    using weft::Error::Error;
};

// A network namespace cannot be created, opened or entered.
class NamespaceError : public weft::SystemError {
public:
    using SystemError::SystemError;
};

// The system does not let this process have a user namespace of its own; what() says which knob forbids it.
class UserNamespaceForbidden : public NamespaceError {
public:
    using NamespaceError::NamespaceError;
};

}  // namespace weft::netlink
