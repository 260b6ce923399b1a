#include <weft/netlink/error.hpp>

namespace weft::netlink {

namespace {

// SystemError appends the text of the errno, so what the kernel added goes in front of that.
std::string context(const std::string& tried, const Error::Details& details) {
    std::string more;
    const auto add = [&](const std::string& text) { more += (more.empty() ? "" : "; ") + text; };
    if (!details.kernel_text.empty()) add("kernel: " + details.kernel_text);
    if (!details.attribute_path.empty()) {
        std::string path;
        for (const std::uint16_t type : details.attribute_path)
            path += (path.empty() ? "" : "/") + std::to_string(type);
        add("attribute " + path);
    }
    if (details.offset) add("offset " + std::to_string(*details.offset));
    if (details.missing) add("attribute " + std::to_string(*details.missing) + " is missing");
    return more.empty() ? tried : tried + " (" + more + ")";
}

}  // namespace

Error::Error(int error_number, const std::string& tried, Details details, std::source_location where)
    : SystemError(std::error_code(error_number, std::generic_category()), context(tried, details), where),
      tried_(tried),
      details_(std::move(details)) {}

}  // namespace weft::netlink
