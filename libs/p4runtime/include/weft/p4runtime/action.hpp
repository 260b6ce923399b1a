// What a table entry does: one action, or a set of weighted actions that the switch chooses from.
#pragma once

#include <weft/p4runtime/named_values.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace weft::p4runtime {

// An action with its arguments: ActionCall("set_nexthop", Params("port", 2)), or
// ActionCall("set_nexthop").param("port", 2).
class ActionCall {
public:
    ActionCall() = default;
    explicit ActionCall(std::string name, Params params = Params())
        : name_(std::move(name)), params_(std::move(params)) {}

    ActionCall& param(std::string name, Value value) & {
        params_.set(std::move(name), std::move(value));
        return *this;
    }
    ActionCall&& param(std::string name, Value value) && {
        return std::move(param(std::move(name), std::move(value)));
    }

    [[nodiscard]] const std::string& name() const noexcept { return name_; }
    [[nodiscard]] const Params& params() const noexcept { return params_; }

    // Throws NoSuchFieldError when the call has no such parameter.
    [[nodiscard]] const Value& param(std::string_view name) const;

    // "MyIngress.set_nexthop(port=2)".
    [[nodiscard]] std::string to_string() const;

    friend bool operator==(const ActionCall&, const ActionCall&) = default;

private:
    std::string name_;
    Params params_;
};

// One choice of a set: it is taken while watch_port is up (always, without one).
class WeightedAction {
public:
    WeightedAction() = default;
    explicit WeightedAction(ActionCall action_, std::int32_t weight_ = 1,
                            std::optional<Value> watch_port_ = std::nullopt)
        : action(std::move(action_)), weight(weight_), watch_port(std::move(watch_port_)) {}

    ActionCall action;
    std::int32_t weight = 1;
    std::optional<Value> watch_port;

    friend bool operator==(const WeightedAction&, const WeightedAction&) = default;
};

// One-shot programming of an action selector: members and group made with the entry.
class ActionSet {
public:
    ActionSet() = default;
    explicit ActionSet(std::vector<WeightedAction> actions_) : actions(std::move(actions_)) {}

    ActionSet& add(ActionCall action, std::int32_t weight = 1,
                   std::optional<Value> watch_port = std::nullopt) & {
        actions.emplace_back(std::move(action), weight, std::move(watch_port));
        return *this;
    }
    ActionSet&& add(ActionCall action, std::int32_t weight = 1,
                    std::optional<Value> watch_port = std::nullopt) && {
        return std::move(add(std::move(action), weight, std::move(watch_port)));
    }

    std::vector<WeightedAction> actions;

    friend bool operator==(const ActionSet&, const ActionSet&) = default;
};

}  // namespace weft::p4runtime
