// Name lookup and suggestions.
#include "name_index.hpp"

#include <algorithm>
#include <cctype>
#include <utility>

namespace weft::p4runtime {

bool NameIndex::add(const std::string& full_name, const std::string& alias, std::uint32_t position) {
    if (!insert(full_name, position, Rank::full)) return false;
    if (!alias.empty()) insert(alias, position, Rank::alias);
    for (auto dot = full_name.find('.'); dot != std::string::npos; dot = full_name.find('.', dot + 1))
        insert(std::string_view(full_name).substr(dot + 1), position, Rank::suffix);
    return true;
}

bool NameIndex::insert(std::string_view name, std::uint32_t position, Rank rank) {
    const auto [at, added] = hits_.try_emplace(std::string(name), Hit{position, rank});
    if (added) return true;
    Hit& hit = at->second;
    if (rank > hit.rank) {
        hit = Hit{position, rank};
    } else if (rank == hit.rank && hit.position != position) {
        if (rank == Rank::full) return false;
        hit.position = ambiguous;
    }
    return true;
}

std::uint32_t NameIndex::find(std::string_view name) const {
    const auto at = hits_.find(name);
    return at == hits_.end() ? absent : at->second.position;
}

bool has_dotted_suffix(std::string_view name, std::string_view suffix) noexcept {
    if (!name.ends_with(suffix) || suffix.empty()) return false;
    return name.size() == suffix.size() || name[name.size() - suffix.size() - 1] == '.';
}

namespace {

char lower(char c) { return static_cast<char>(std::tolower(static_cast<unsigned char>(c))); }

// Levenshtein's distance with neighbouring letters swapped counting once.
std::size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> before(b.size() + 1), previous(b.size() + 1), current(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j) previous[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        current[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t cost = lower(a[i - 1]) == lower(b[j - 1]) ? 0 : 1;
            current[j] = std::min({previous[j] + 1, current[j - 1] + 1, previous[j - 1] + cost});
            if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) && lower(a[i - 2]) == lower(b[j - 1]))
                current[j] = std::min(current[j], before[j - 2] + 1);
        }
        std::swap(before, previous);
        std::swap(previous, current);
    }
    return previous[b.size()];
}

}  // namespace

std::vector<std::string> closest_names(std::string_view name,
                                       const std::vector<std::string_view>& candidates) {
    // A name longer than this is no typing error of ours; comparing it would only cost time.
    if (name.empty() || name.size() > 128) return {};
    const std::size_t limit = std::max<std::size_t>(2, name.size() / 3);
    std::vector<std::pair<std::size_t, std::string_view>> ranked;
    for (const auto candidate : candidates) {
        if (candidate.size() > 256) continue;
        // "ipv4_lmp" is meant for "MyIngress.ipv4_lpm": compare with the last part as well.
        const auto dot = candidate.rfind('.');
        std::size_t distance = edit_distance(name, candidate);
        if (dot != std::string_view::npos)
            distance = std::min(distance, edit_distance(name, candidate.substr(dot + 1)));
        const auto own_dot = name.rfind('.');
        if (own_dot != std::string_view::npos && dot != std::string_view::npos)
            distance =
                std::min(distance, edit_distance(name.substr(own_dot + 1), candidate.substr(dot + 1)) + 1);
        if (distance <= limit) ranked.emplace_back(distance, candidate);
    }
    std::stable_sort(ranked.begin(), ranked.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    std::vector<std::string> names;
    for (const auto& [distance, candidate] : ranked) {
        if (names.size() == 3) break;
        names.emplace_back(candidate);
    }
    return names;
}

}  // namespace weft::p4runtime
