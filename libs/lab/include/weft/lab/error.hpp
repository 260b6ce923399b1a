// What can go wrong in a lab.
#pragma once

#include <weft/core/error.hpp>

#include <string>
#include <vector>

namespace weft::lab {

// Root of the module's errors.
class Error : public weft::Error {
public:
    using weft::Error::Error;
};

// A topology that cannot be built. Holds every problem that was found, not only the first.
class TopologyError : public Error {
public:
    explicit TopologyError(std::vector<std::string> problems);

    [[nodiscard]] const std::vector<std::string>& problems() const noexcept { return problems_; }

private:
    std::vector<std::string> problems_;
};

// The system does not let this user build networks. The message says what is missing and how to get it.
class PrivilegeError : public Error {
public:
    using Error::Error;
};

}  // namespace weft::lab
