// Routing rules: which table is asked for which packets.
#pragma once

#include <weft/core/task.hpp>
#include <weft/netlink/ip_address.hpp>
#include <weft/netlink/routes.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace weft::netlink {

// FR_ACT_….
enum class RuleAction : std::uint8_t {
    lookup = 1,
    goto_ = 2,
    nop = 3,
    blackhole = 6,
    unreachable = 7,
    prohibit = 8
};

struct Rule {
    Rule() {}
    Rule(std::uint32_t at_priority, std::uint32_t lookup_table)
        : priority(at_priority), table(lookup_table) {}

    Rule from(IpPrefix prefix) && { return family = prefix.family(), source = prefix, std::move(*this); }
    Rule to(IpPrefix prefix) && { return family = prefix.family(), destination = prefix, std::move(*this); }
    Rule on_input(std::string name) && { return input = std::move(name), std::move(*this); }
    Rule on_output(std::string name) && { return output = std::move(name), std::move(*this); }
    Rule with_mark(std::uint32_t value) && { return mark = value, std::move(*this); }

    IpFamily family = IpFamily::v4;
    std::uint32_t priority = 0;  // lower is asked first
    std::optional<IpPrefix> source;
    std::optional<IpPrefix> destination;
    std::string input;  // interface names; empty is any
    std::string output;
    std::optional<std::uint32_t> mark;
    std::uint32_t table = route_table::main;
    RuleAction action = RuleAction::lookup;
    bool operator==(const Rule&) const = default;
};

// Every member throws netlink::Error when the kernel refuses.
class Rules {
public:
    explicit Rules(std::shared_ptr<SocketState> state) noexcept;

    // Both families, IPv4 first, in the order in which they are asked.
    [[nodiscard]] Task<std::vector<Rule>> list() const;
    Task<void> add(Rule rule) const;
    // Throws ENOENT when no rule matches all that `rule` gives.
    Task<void> remove(Rule rule) const;

private:
    std::shared_ptr<SocketState> state_;
};

}  // namespace weft::netlink
