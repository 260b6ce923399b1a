// Members of the entity values that are more than setters: lookups and texts.
#include <weft/p4runtime/data.hpp>
#include <weft/p4runtime/error.hpp>
#include <weft/p4runtime/table_entry.hpp>

namespace weft::p4runtime {

namespace {

template <class V>
std::vector<std::string> names_of(const NamedValues<V>& values) {
    std::vector<std::string> names;
    for (const auto& item : values) names.push_back(item.first);
    return names;
}

}  // namespace

const Value& ActionCall::param(std::string_view name) const {
    if (const Value* value = params_.find(name)) return *value;
    throw NoSuchFieldError("parameter", std::string(name), "'" + name_ + "'", names_of(params_));
}

std::string ActionCall::to_string() const {
    std::string text = name_ + "(";
    const char* separator = "";
    for (const auto& [name, value] : params_) {
        text += separator + name + "=" + value.to_string();
        separator = ", ";
    }
    return text + ")";
}

TableEntry& TableEntry::param(std::string name, Value value) & {
    auto* call = std::get_if<ActionCall>(&action_);
    if (!call)
        throw UsageError("entry of table '" + table_ + "': set an action before its parameter '" + name +
                         "'");
    call->param(std::move(name), std::move(value));
    return *this;
}

const MatchValue& TableEntry::match(std::string_view field) const {
    if (const MatchValue* value = match_.find(field)) return *value;
    throw NoSuchFieldError("match field", std::string(field), "this entry of '" + table_ + "'",
                           names_of(match_));
}

std::string TableEntry::to_string() const {
    std::string text = table_;
    if (is_default_) text += " default";
    for (const auto& [name, value] : match_) text += " " + name + "=" + value.to_string();
    if (priority_ != 0) text += " priority=" + std::to_string(priority_);
    if (const auto* call = std::get_if<ActionCall>(&action_)) {
        text += " -> " + call->to_string();
    } else if (const auto* member = std::get_if<MemberId>(&action_)) {
        text += " -> member " + std::to_string(member->value);
    } else if (const auto* group = std::get_if<GroupId>(&action_)) {
        text += " -> group " + std::to_string(group->value);
    } else if (const auto* set = std::get_if<ActionSet>(&action_)) {
        const char* separator = " -> one of ";
        for (const auto& choice : set->actions) {
            text += separator + choice.action.to_string() + "*" + std::to_string(choice.weight);
            separator = ", ";
        }
    }
    if (counter_)
        text += " [" + std::to_string(counter_->packet_count) + " packets, " +
                std::to_string(counter_->byte_count) + " bytes]";
    return text;
}

Data Data::composite(bool valid) {
    Data data;
    data.kind_ = Kind::composite;
    data.valid_ = valid;
    return data;
}

Data& Data::member(std::string name, Data value) & {
    kind_ = Kind::composite;
    members_.emplace_back(std::move(name), std::move(value));
    return *this;
}

Data&& Data::member(std::string name, Data value) && {
    return std::move(member(std::move(name), std::move(value)));
}

const Data& Data::operator[](std::string_view name) const {
    std::vector<std::string> names;
    for (const auto& [member_name, data] : members_) {
        if (member_name == name) return data;
        names.push_back(member_name);
    }
    throw NoSuchFieldError("member", std::string(name), "this value", std::move(names));
}

std::string Data::to_string() const {
    if (kind_ == Kind::boolean) return value_.to_uint64() != 0 ? "true" : "false";
    if (kind_ == Kind::value) return value_.to_string();
    if (!valid_) return "invalid";
    std::string text = "{";
    const char* separator = "";
    for (const auto& [name, data] : members_) {
        text += separator;
        if (!name.empty()) text += name + "=";
        text += data.to_string();
        separator = ", ";
    }
    return text + "}";
}

bool operator==(const Data& left, const Data& right) {
    return left.kind_ == right.kind_ && left.valid_ == right.valid_ && left.value_ == right.value_ &&
           left.members_ == right.members_;
}

}  // namespace weft::p4runtime
