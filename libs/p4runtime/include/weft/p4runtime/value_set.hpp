// Parser value sets: the values with which `select` of a parser state compares.
#pragma once

#include <weft/p4runtime/named_values.hpp>

#include <string>
#include <vector>

namespace weft::p4runtime {

// The whole content of a value set: MODIFY replaces all members.
class ValueSetEntry {
public:
    ValueSetEntry() = default;
    explicit ValueSetEntry(std::string value_set_) : value_set(std::move(value_set_)) {}

    ValueSetEntry& add(Match member) & {
        members.push_back(std::move(member));
        return *this;
    }
    ValueSetEntry&& add(Match member) && { return std::move(add(std::move(member))); }

    std::string value_set;
    std::vector<Match> members;

    friend bool operator==(const ValueSetEntry&, const ValueSetEntry&) = default;
};

}  // namespace weft::p4runtime
