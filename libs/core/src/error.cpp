#include <weft/core/error.hpp>

#include <cerrno>

namespace weft {

SystemError::SystemError(std::error_code code, const std::string& context, std::source_location where)
    : Error(context + ": " + code.message(), where), code_(code) {}

void throw_errno(const std::string& context, std::source_location where) {
    throw_errno(errno, context, where);
}

void throw_errno(int error_number, const std::string& context, std::source_location where) {
    throw SystemError(std::error_code(error_number, std::generic_category()), context, where);
}

}  // namespace weft
