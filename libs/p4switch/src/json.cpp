// The only file that includes the JSON library: its events build our own tree.
#include "json.hpp"

#include <weft/p4switch/error.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>

namespace weft::p4switch {
namespace {

constexpr std::size_t max_text = std::size_t{64} << 20;
constexpr std::size_t max_depth = 200;

const char* name_of(Json::Kind kind) {
    switch (kind) {
        case Json::Kind::null:
            return "null";
        case Json::Kind::boolean:
            return "a boolean";
        case Json::Kind::integer:
            return "an integer";
        case Json::Kind::number:
            return "a number";
        case Json::Kind::string:
            return "a string";
        case Json::Kind::array:
            return "an array";
        default:
            return "an object";
    }
}

const std::vector<const Json*> empty_list;

}  // namespace

class JsonBuilder : public nlohmann::json_sax<nlohmann::json> {
public:
    explicit JsonBuilder(JsonDocument& document) : document_(document) {}

    bool null() override { return add(Json::Kind::null) != nullptr; }
    bool boolean(bool value) override {
        Json* json = add(Json::Kind::boolean);
        if (json != nullptr) json->boolean_ = value;
        return json != nullptr;
    }
    bool number_integer(number_integer_t value) override {
        Json* json = add(Json::Kind::integer);
        if (json != nullptr) json->integer_ = value;
        return json != nullptr;
    }
    bool number_unsigned(number_unsigned_t value) override {
        if (value > static_cast<number_unsigned_t>(INT64_MAX)) return add(Json::Kind::number) != nullptr;
        return number_integer(static_cast<number_integer_t>(value));
    }
    bool number_float(number_float_t, const string_t&) override { return add(Json::Kind::number) != nullptr; }
    bool string(string_t& value) override {
        Json* json = add(Json::Kind::string);
        if (json != nullptr) json->string_ = std::move(value);
        return json != nullptr;
    }
    bool binary(binary_t&) override { return false; }
    bool start_object(std::size_t) override { return open(Json::Kind::object); }
    bool start_array(std::size_t) override { return open(Json::Kind::array); }
    bool end_object() override { return close(); }
    bool end_array() override { return close(); }
    bool key(string_t& name) override {
        key_ = std::move(name);
        return true;
    }
    bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception&) override {
        problem_ = "not JSON: syntax error at byte " + std::to_string(position);
        return false;
    }

    [[nodiscard]] const std::string& problem() const { return problem_; }

private:
    Json* add(Json::Kind kind) {
        Json& json = document_.values_.emplace_back();
        json.kind_ = kind;
        if (stack_.empty()) {
            document_.root_ = &json;
            return &json;
        }
        Json* parent = stack_.back();
        json.parent_ = parent;
        json.index_ = parent->children_.size();
        if (parent->kind_ == Json::Kind::object) json.key_ = std::move(key_);
        parent->children_.push_back(&json);
        return &json;
    }
    bool open(Json::Kind kind) {
        if (stack_.size() >= max_depth) {
            problem_ = "nested deeper than " + std::to_string(max_depth) + " levels";
            return false;
        }
        stack_.push_back(add(kind));
        return true;
    }
    bool close() {
        stack_.pop_back();
        return true;
    }

    JsonDocument& document_;
    std::vector<Json*> stack_;
    std::string key_;
    std::string problem_;
};

JsonDocument::JsonDocument(std::string_view text) {
    if (text.size() > max_text) throw ProgramError("", "longer than 64 MiB");
    JsonBuilder builder(*this);
    const bool done = nlohmann::json::sax_parse(text.begin(), text.end(), &builder);
    if (!done || root_ == nullptr)
        throw ProgramError("", builder.problem().empty() ? "not JSON" : builder.problem());
}

std::string Json::path() const {
    if (parent_ == nullptr) return "";
    return parent_->path() + "/" + (parent_->is_object() ? key_ : std::to_string(index_));
}

void Json::fail(const std::string& problem) const { throw ProgramError(path(), problem); }

bool Json::boolean() const {
    if (kind_ == Kind::integer) return integer_ != 0;
    if (kind_ != Kind::boolean) fail(std::string("expected a boolean, found ") + name_of(kind_));
    return boolean_;
}

std::int64_t Json::integer() const {
    if (kind_ != Kind::integer) fail(std::string("expected an integer, found ") + name_of(kind_));
    return integer_;
}

std::uint32_t Json::number(std::uint32_t most) const {
    const std::int64_t value = integer();
    if (value < 0 || value > static_cast<std::int64_t>(most))
        fail("expected a number from 0 to " + std::to_string(most) + ", found " + std::to_string(value));
    return static_cast<std::uint32_t>(value);
}

const std::string& Json::string() const {
    if (kind_ != Kind::string) fail(std::string("expected a string, found ") + name_of(kind_));
    return string_;
}

const std::vector<const Json*>& Json::items() const {
    if (kind_ == Kind::null) return empty_list;
    if (kind_ != Kind::array) fail(std::string("expected an array, found ") + name_of(kind_));
    return children_;
}

const Json& Json::at(std::size_t index) const {
    const auto& list = items();
    if (index >= list.size())
        fail("expected at least " + std::to_string(index + 1) + " elements, found " +
             std::to_string(list.size()));
    return *list[index];
}

const Json* Json::find(std::string_view key) const {
    if (kind_ != Kind::object) fail(std::string("expected an object, found ") + name_of(kind_));
    for (const Json* child : children_)
        if (child->key_ == key) return child;
    return nullptr;
}

const Json& Json::at(std::string_view key) const {
    const Json* found = find(key);
    if (found == nullptr) fail("\"" + std::string(key) + "\" is missing");
    return *found;
}

const std::vector<const Json*>& Json::members() const {
    if (kind_ != Kind::object) fail(std::string("expected an object, found ") + name_of(kind_));
    return children_;
}

const std::vector<const Json*>& Json::list(std::string_view key) const {
    const Json* found = find(key);
    return found == nullptr ? empty_list : found->items();
}

bool Json::flag(std::string_view key, bool otherwise) const {
    const Json* found = find(key);
    return found == nullptr || found->is_null() ? otherwise : found->boolean();
}

}  // namespace weft::p4switch
