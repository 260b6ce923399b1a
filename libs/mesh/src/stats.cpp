#include <weft/mesh/stats.hpp>

#include <charconv>
#include <chrono>

namespace weft::mesh {

namespace {

std::string escaped(const std::string& label) {
    std::string out;
    for (const char c : label) {
        if (c == '\\' || c == '"') out += '\\';
        if (c == '\n') {
            out += "\\n";
        } else {
            out += c;
        }
    }
    return out;
}

// With a point, whatever the program's locale is.
std::string seconds(Duration time) {
    char text[40];
    const auto [end, error] = std::to_chars(
        text, text + sizeof text, std::chrono::duration<double>(time).count(), std::chars_format::fixed, 6);
    return error == std::errc() ? std::string(text, end) : "0";
}

}  // namespace

std::string NodeStats::prometheus() const {
    std::string out;
    const std::string label = "node=\"" + escaped(node) + "\"";
    const auto head = [&](const std::string& name, const char* type, const char* help) {
        out += "# HELP weft_mesh_" + name + " " + help + "\n# TYPE weft_mesh_" + name + " " + type + "\n";
    };
    const auto metric = [&](const char* name, const char* type, const char* help, std::uint64_t value) {
        head(name, type, help);
        out += std::string("weft_mesh_") + name + "{" + label + "} " + std::to_string(value) + "\n";
    };
    metric("members", "gauge", "Members that are connected.", members);
    metric("frames_total", "counter", "Frames that came in.", frames);
    metric("bytes_total", "counter", "Bytes of the frames that came in.", bytes);
    metric("unroutable_total", "counter", "Requests without a receiver.", unroutable);
    metric("dropped_total", "counter", "Answers that nobody waited for.", dropped);
    metric("evicted_total", "counter", "Peers given up or replaced.", evicted);
    const auto family = [&](const char* name, const char* help, auto value) {
        if (methods.empty()) return;
        head(name, "counter", help);
        for (const auto& [method, stats] : methods)
            out += std::string("weft_mesh_") + name + "{" + label + ",method=\"" + escaped(method) + "\"} " +
                   value(stats) + "\n";
    };
    family("calls_total", "Calls that ended, those with an error too.",
           [](const MethodStats& s) { return std::to_string(s.calls); });
    family("errors_total", "Calls that ended with an error.",
           [](const MethodStats& s) { return std::to_string(s.errors); });
    family("busy_total", "Calls that ended with an error because a limit was reached.",
           [](const MethodStats& s) { return std::to_string(s.busy); });
    family("seconds_total",
           "Time in the callback, waits included; of a router, from forwarding a request to its answer.",
           [](const MethodStats& s) { return seconds(s.time); });
    return out;
}

}  // namespace weft::mesh
