#include "names.hpp"

#include <algorithm>

namespace weft::p4switch {
namespace {

std::size_t edit_distance(const std::string& a, const std::string& b) {
    std::vector<std::size_t> row(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t above = row[j];
            row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
            diagonal = above;
        }
    }
    return row[b.size()];
}

}  // namespace

std::string nearest_name(const std::string& name, const std::vector<std::string>& known) {
    if (name.empty() || name.size() > 200) return "";
    std::string best;
    std::size_t least = std::max<std::size_t>(2, name.size() / 4) + 1;
    for (const std::string& candidate : known) {
        if (candidate.size() > 200) continue;
        if (candidate.ends_with("." + name) || name.ends_with("." + candidate)) return candidate;
        const std::size_t distance = edit_distance(name, candidate);
        if (distance < least) {
            least = distance;
            best = candidate;
        }
    }
    return best;
}

}  // namespace weft::p4switch
