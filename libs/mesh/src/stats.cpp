#include <weft/mesh/stats.hpp>

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

}  // namespace

std::string NodeStats::prometheus() const {
    std::string out;
    const std::string label = "node=\"" + escaped(node) + "\"";
    const auto metric = [&](const char* name, const char* type, std::uint64_t value) {
        out += std::string("# TYPE weft_mesh_") + name + " " + type + "\nweft_mesh_" + name + "{" + label +
               "} " + std::to_string(value) + "\n";
    };
    metric("members", "gauge", members);
    metric("frames_total", "counter", frames);
    metric("bytes_total", "counter", bytes);
    metric("unroutable_total", "counter", unroutable);
    metric("dropped_total", "counter", dropped);
    metric("evicted_total", "counter", evicted);
    const auto family = [&](const char* name, auto value) {
        if (methods.empty()) return;
        out += std::string("# TYPE weft_mesh_") + name + " counter\n";
        for (const auto& [method, stats] : methods)
            out += std::string("weft_mesh_") + name + "{" + label + ",method=\"" + escaped(method) + "\"} " +
                   value(stats) + "\n";
    };
    family("calls_total", [](const MethodStats& s) { return std::to_string(s.calls); });
    family("errors_total", [](const MethodStats& s) { return std::to_string(s.errors); });
    family("busy_total", [](const MethodStats& s) { return std::to_string(s.busy); });
    family("seconds_total", [](const MethodStats& s) {
        return std::to_string(std::chrono::duration<double>(s.time).count());
    });
    return out;
}

}  // namespace weft::mesh
