// What the switch refuses, and why: one type for programs, a family for the control plane.
//
// Packets never cause an exception: what a packet breaks is dropped and counted (see Statistics).
#pragma once

#include <weft/core/error.hpp>

#include <cstdint>
#include <string>

namespace weft::p4switch {

// A BMv2 JSON document that this switch cannot run: not JSON, not the format, or a feature that it does not
// have. path() is a JSON pointer to the offending value ("/pipelines/0/tables/3/key/0").
class ProgramError : public Error {
public:
    ProgramError(std::string path, const std::string& problem,
                 std::source_location where = std::source_location::current());

    [[nodiscard]] const std::string& path() const noexcept { return path_; }

private:
    std::string path_;
};

// The root of what the control interface refuses. Nothing was changed when it is thrown.
class ControlError : public Error {
public:
    using Error::Error;
};

// No object of that kind has that name. suggestion() is the nearest name, empty when none is near.
class UnknownNameError : public ControlError {
public:
    UnknownNameError(std::string kind, std::string name, std::string suggestion,
                     std::source_location where = std::source_location::current());

    [[nodiscard]] const std::string& kind() const noexcept { return kind_; }
    [[nodiscard]] const std::string& name() const noexcept { return name_; }
    [[nodiscard]] const std::string& suggestion() const noexcept { return suggestion_; }

private:
    std::string kind_, name_, suggestion_;
};

// The object to create exists: an entry with the same key and the same priority, a member, a group.
class DuplicateError : public ControlError {
public:
    using ControlError::ControlError;
};

// The object to change, read or delete does not exist.
class NotFoundError : public ControlError {
public:
    using ControlError::ControlError;
};

// The table, profile, group or value set has no room.
class FullError : public ControlError {
public:
    using ControlError::ControlError;
};

// The program fixed it: entries of a constant table, a constant default action.
class ConstantError : public ControlError {
public:
    using ControlError::ControlError;
};

// A value is wrong in itself: too wide, a missing key field, a mask that does not cover its value,
// an action that the table does not have.
class InvalidError : public ControlError {
public:
    using ControlError::ControlError;
};

// A member or group that something still refers to.
class InUseError : public ControlError {
public:
    using ControlError::ControlError;
};

// An index beyond the size of its array.
class OutOfRangeError : public ControlError {
public:
    using ControlError::ControlError;
};

}  // namespace weft::p4switch
