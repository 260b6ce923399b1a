// Texts of the P4Runtime errors.
#include <weft/p4runtime/error.hpp>

#include <algorithm>
#include <array>

namespace weft::p4runtime {

std::string to_string(Code code) {
    static constexpr std::array<const char*, 17> names{
        "OK",        "CANCELLED",      "UNKNOWN",           "INVALID_ARGUMENT",   "DEADLINE_EXCEEDED",
        "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
        "ABORTED",   "OUT_OF_RANGE",   "UNIMPLEMENTED",     "INTERNAL",           "UNAVAILABLE",
        "DATA_LOSS", "UNAUTHENTICATED"};
    const auto number = static_cast<std::int32_t>(code);
    if (number >= 0 && static_cast<std::size_t>(number) < names.size())
        return names[static_cast<std::size_t>(number)];
    return "CODE_" + std::to_string(number);
}

namespace {

std::string describe_missing(std::string_view kind, const std::string& name, std::string_view scope,
                             const std::vector<std::string>& suggestions, bool ambiguous) {
    std::string text(kind);
    text += " '" + name + "'";
    if (!scope.empty()) text.append(" of ").append(scope);
    text += ambiguous ? " is ambiguous; it fits " : " does not exist";
    if (!suggestions.empty()) {
        if (!ambiguous) text += "; did you mean ";
        for (std::size_t i = 0; i < suggestions.size(); ++i) {
            if (i > 0) text += i + 1 == suggestions.size() ? (ambiguous ? " and " : " or ") : ", ";
            text += "'" + suggestions[i] + "'";
        }
        if (!ambiguous) text += "?";
    }
    return text;
}

}  // namespace

NoSuchNameError::NoSuchNameError(std::string_view kind, std::string name, std::string_view scope,
                                 std::vector<std::string> suggestions, bool ambiguous)
    : Error(describe_missing(kind, name, scope, suggestions, ambiguous), Code::not_found),
      name_(std::move(name)),
      suggestions_(std::move(suggestions)) {}

std::size_t BatchError::failed() const noexcept {
    return static_cast<std::size_t>(
        std::count_if(statuses_.begin(), statuses_.end(), [](const auto& status) { return !status.ok(); }));
}

}  // namespace weft::p4runtime
