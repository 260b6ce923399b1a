// Name lookup of the control interface, with a suggestion for names that are not there.
#pragma once

#include <string>
#include <vector>

namespace weft::p4switch {

// The nearest of `known`: one that ends in ".name" or differs by few letters; empty when none is near.
[[nodiscard]] std::string nearest_name(const std::string& name, const std::vector<std::string>& known);

}  // namespace weft::p4switch
