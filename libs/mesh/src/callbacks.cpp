#include "registry.hpp"

#include <weft/core/task_local.hpp>
#include <weft/mesh/callbacks.hpp>
#include <weft/mesh/error.hpp>

#include <algorithm>

namespace weft::mesh {

namespace detail {

std::vector<Value> Callback::bind(Arguments args, std::size_t count, const bool* optional) const {
    if (args.positional.size() > count)
        throw ConversionError("takes " + std::to_string(count) + " arguments but " +
                              std::to_string(args.positional.size()) + " were given");
    const std::size_t given = args.positional.size();
    std::vector<Value> values = std::move(args.positional);
    values.resize(count);
    std::vector<bool> bound(count);
    std::fill_n(bound.begin(), given, true);
    for (DictEntry& entry : args.keyword.entries) {
        const auto* name = entry.key.get_if<std::string>();
        const auto it = name ? std::find(parameters_.begin(), parameters_.end(), *name) : parameters_.end();
        if (it == parameters_.end())
            throw ConversionError("got an unexpected keyword argument " + entry.key.to_string(60));
        const auto index = static_cast<std::size_t>(it - parameters_.begin());
        if (bound[index]) throw ConversionError("got multiple values for argument '" + *name + "'");
        bound[index] = true;
        values[index] = std::move(entry.value);
    }
    for (std::size_t i = 0; i < count; ++i)
        if (!bound[i] && !optional[i])
            throw ConversionError("missing argument " +
                                  (i < parameters_.size()
                                       ? "'" + parameters_[i] + "'"
                                       : std::to_string(i + 1) + " of " + std::to_string(count)));
    return values;
}

void Registry::add(std::string name, std::shared_ptr<Callback> callback) {
    if (!valid_name(name))
        throw InitializationError(
            "offer '" + name +
            "': a name is 1 to 255 bytes of UTF-8 without '|', ',' and control characters");
    if (name.starts_with("weft."))
        throw InitializationError("offer '" + name + "': names that begin with 'weft.' are the nodes' own");
    if (callbacks_.contains(name))
        throw InitializationError("offer '" + name + "': there is a callback of that name already");
    names_.push_back(name);
    callbacks_.emplace(std::move(name), std::move(callback));
    std::erase_if(listeners_, [](const auto& entry) { return entry.first.expired(); });
    for (const auto& [alive, listener] : listeners_) listener();
}

void Registry::listen(std::weak_ptr<void> alive, Listener listener) {
    listeners_.emplace_back(std::move(alive), std::move(listener));
}

}  // namespace detail

namespace {
const TaskLocal<std::string> current_trace;
}

std::string traceparent() {
    const std::string* found = current_trace.find();
    return found ? *found : std::string();
}

void set_traceparent(std::string value) { current_trace.set(std::move(value)); }

Duplex CallInfo::duplex() const {
    if (!stream) throw ConversionError("is called with open(), as a stream");
    return Duplex(stream);
}

Callbacks::Callbacks() : registry_(std::make_shared<detail::Registry>()) {}

std::vector<std::string> Callbacks::names() const { return registry_->names(); }

void Callbacks::add_erased(std::string name, std::shared_ptr<detail::Callback> callback) {
    registry_->add(std::move(name), std::move(callback));
}

}  // namespace weft::mesh
