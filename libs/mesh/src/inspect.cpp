#include "inspect.hpp"

#include <weft/mesh/convert.hpp>

#include <chrono>

namespace weft::mesh {

Value describe(const NodeStats& stats) {
    Dict methods;
    for (const auto& [name, method] : stats.methods)
        methods.append(name, Dict{{"calls", method.calls},
                                  {"errors", method.errors},
                                  {"busy", method.busy},
                                  {"seconds", std::chrono::duration<double>(method.time).count()}});
    return Dict{{"node", stats.node},       {"members", stats.members},       {"frames", stats.frames},
                {"bytes", stats.bytes},     {"unroutable", stats.unroutable}, {"dropped", stats.dropped},
                {"evicted", stats.evicted}, {"methods", std::move(methods)}};
}

Value describe(const detail::Registry& registry) {
    List out;
    for (const std::string& name : registry.names()) {
        const auto* callback = registry.find(name);
        if (!callback) continue;
        out.items.push_back(Dict{{"name", name},
                                 {"parameters", to_value((*callback)->parameters())},
                                 {"coroutine", (*callback)->is_coroutine()}});
    }
    return out;
}

}  // namespace weft::mesh
