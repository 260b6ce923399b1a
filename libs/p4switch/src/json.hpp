// A small JSON tree in which every value knows where it stands, so that errors can name the place.
//
// Accessors throw ProgramError when the value is missing or of another kind. The parser itself is in
// json.cpp.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

namespace weft::p4switch {

class Json {
public:
    enum class Kind : std::uint8_t { null, boolean, integer, number, string, array, object };

    [[nodiscard]] Kind kind() const { return kind_; }
    [[nodiscard]] bool is_null() const { return kind_ == Kind::null; }
    [[nodiscard]] bool is_string() const { return kind_ == Kind::string; }
    [[nodiscard]] bool is_object() const { return kind_ == Kind::object; }
    [[nodiscard]] bool is_array() const { return kind_ == Kind::array; }
    [[nodiscard]] bool is_integer() const { return kind_ == Kind::integer; }

    // JSON pointer of this value.
    [[nodiscard]] std::string path() const;
    [[noreturn]] void fail(const std::string& problem) const;

    [[nodiscard]] bool boolean() const;
    [[nodiscard]] std::int64_t integer() const;
    // An integer in 0 … `most`.
    [[nodiscard]] std::uint32_t number(std::uint32_t most) const;
    [[nodiscard]] const std::string& string() const;

    // Elements of an array; null counts as an empty one.
    [[nodiscard]] const std::vector<const Json*>& items() const;
    [[nodiscard]] const Json& at(std::size_t index) const;
    [[nodiscard]] std::size_t size() const { return children_.size(); }

    // nullptr when the object has no such key.
    [[nodiscard]] const Json* find(std::string_view key) const;
    [[nodiscard]] const Json& at(std::string_view key) const;
    [[nodiscard]] const std::vector<const Json*>& members() const;
    [[nodiscard]] const std::string& key() const { return key_; }

    // Elements of the array at `key`; empty when it is missing.
    [[nodiscard]] const std::vector<const Json*>& list(std::string_view key) const;
    // False when missing.
    [[nodiscard]] bool flag(std::string_view key, bool otherwise = false) const;

private:
    friend class JsonDocument;
    friend class JsonBuilder;

    Kind kind_ = Kind::null;
    bool boolean_ = false;
    std::int64_t integer_ = 0;
    std::string string_;
    std::string key_;
    std::size_t index_ = 0;
    const Json* parent_ = nullptr;
    std::vector<const Json*> children_;
};

class JsonDocument {
public:
    // Throws ProgramError on text that is not JSON, is nested deeper than 200 levels or longer than 64 MiB.
    explicit JsonDocument(std::string_view text);
    JsonDocument(const JsonDocument&) = delete;
    JsonDocument& operator=(const JsonDocument&) = delete;

    [[nodiscard]] const Json& root() const { return *root_; }

private:
    friend class JsonBuilder;
    std::deque<Json> values_;
    const Json* root_ = nullptr;
};

}  // namespace weft::p4switch
