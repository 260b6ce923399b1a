#include <weft/mesh/error.hpp>

#include <chrono>

namespace weft::mesh {

RemoteError::RemoteError(std::string type, std::string text)
    : Error(type + ": " + text), type_(std::move(type)), module_("weft"), text_(std::move(text)) {}

RemoteError::RemoteError(std::string peer, std::string function, std::string type, std::string module,
                         std::string text, std::string traceback)
    : Error(peer + "." + function + " failed: " + type + ": " + text),
      peer_(std::move(peer)),
      type_(std::move(type)),
      module_(std::move(module)),
      text_(std::move(text)),
      traceback_(std::move(traceback)) {}

namespace {

std::string timeout_text(const std::string& function, Duration limit,
                         const std::vector<std::string>& receivers) {
    using std::chrono::milliseconds;
    std::string text = "no answer to " + function + " within " +
                       std::to_string(std::chrono::duration_cast<milliseconds>(limit).count()) + " ms";
    for (std::size_t i = 0; i < receivers.size() && i < 8; ++i)
        text += (i == 0 ? " from " : ", ") + receivers[i];
    if (receivers.size() > 8) text += ", …";
    return text;
}

}  // namespace

CallTimeout::CallTimeout(std::string function, Duration limit, std::vector<std::string> receivers)
    : TimeoutError(timeout_text(function, limit, receivers)),
      function_(std::move(function)),
      limit_(limit),
      receivers_(std::move(receivers)) {}

}  // namespace weft::mesh
