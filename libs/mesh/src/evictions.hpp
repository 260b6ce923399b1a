// Evictions: why members were given up, to tell them when they come back. A connection that is closed because
// its peer does not read has no room for the reason.
#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace weft::mesh {

class Evictions {
public:
    // The latest ones; of those before nobody will hear.
    static constexpr std::size_t most = 256;

    void add(std::string name, std::string reason) {
        (void)take(name);
        if (list_.size() == most) list_.pop_front();
        list_.emplace_back(std::move(name), std::move(reason));
    }
    // The reason, once.
    std::optional<std::string> take(std::string_view name) {
        for (auto it = list_.begin(); it != list_.end(); ++it) {
            if (it->first != name) continue;
            std::string reason = std::move(it->second);
            list_.erase(it);
            return reason;
        }
        return std::nullopt;
    }

private:
    std::deque<std::pair<std::string, std::string>> list_;
};

}  // namespace weft::mesh
