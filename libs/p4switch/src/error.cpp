#include <weft/p4switch/error.hpp>

namespace weft::p4switch {

ProgramError::ProgramError(std::string path, const std::string& problem, std::source_location where)
    : Error("P4 program: at " + (path.empty() ? std::string("/") : path) + ": " + problem, where),
      path_(std::move(path)) {}

UnknownNameError::UnknownNameError(std::string kind, std::string name, std::string suggestion,
                                   std::source_location where)
    : ControlError("no " + kind + " is called \"" + name + "\"" +
                       (suggestion.empty() ? std::string() : "; did you mean \"" + suggestion + "\"?"),
                   where),
      kind_(std::move(kind)),
      name_(std::move(name)),
      suggestion_(std::move(suggestion)) {}

}  // namespace weft::p4switch
