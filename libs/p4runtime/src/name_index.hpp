// Finds an object by full name, alias or unambiguous dotted end of its full name, and suggests close names.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace weft::p4runtime {

class NameIndex {
public:
    static constexpr std::uint32_t absent = UINT32_MAX;
    static constexpr std::uint32_t ambiguous = UINT32_MAX - 1;

    // False when another object has that full name already.
    bool add(const std::string& full_name, const std::string& alias, std::uint32_t position);

    // A position, or absent, or ambiguous.
    [[nodiscard]] std::uint32_t find(std::string_view name) const;

private:
    // A full name hides an alias, an alias hides the ends of other names.
    enum class Rank : std::uint8_t { suffix, alias, full };
    struct Hit {
        std::uint32_t position;
        Rank rank;
    };
    struct Hash {
        using is_transparent = void;
        std::size_t operator()(std::string_view text) const noexcept {
            return std::hash<std::string_view>{}(text);
        }
    };

    bool insert(std::string_view name, std::uint32_t position, Rank rank);

    std::unordered_map<std::string, Hit, Hash, std::equal_to<>> hits_;
};

// True when name is suffix, or ends in "." + suffix.
[[nodiscard]] bool has_dotted_suffix(std::string_view name, std::string_view suffix) noexcept;

// The up to three candidates closest to name (edit distance, case ignored); none when nothing is close.
[[nodiscard]] std::vector<std::string> closest_names(std::string_view name,
                                                     const std::vector<std::string_view>& candidates);

}  // namespace weft::p4runtime
