// The callbacks of a node by name, and who wants to know about new ones.
#pragma once

#include <weft/mesh/callbacks.hpp>

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace weft::mesh::detail {

// Looks strings up by view, without making a string.
struct NameHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view name) const noexcept {
        return std::hash<std::string_view>()(name);
    }
};
template <class T>
using NameMap = std::unordered_map<std::string, T, NameHash, std::equal_to<>>;

class Registry {
public:
    using Listener = std::function<void()>;

    void add(std::string name, std::shared_ptr<Callback> callback);
    // Null when there is none.
    [[nodiscard]] const std::shared_ptr<Callback>* find(std::string_view name) const {
        const auto it = callbacks_.find(name);
        return it == callbacks_.end() ? nullptr : &it->second;
    }
    [[nodiscard]] const std::vector<std::string>& names() const noexcept { return names_; }

    // Called after each add() until `alive` dies.
    void listen(std::weak_ptr<void> alive, Listener listener);

private:
    NameMap<std::shared_ptr<Callback>> callbacks_;
    std::vector<std::string> names_;
    std::vector<std::pair<std::weak_ptr<void>, Listener>> listeners_;
};

}  // namespace weft::mesh::detail
