#include "text.hpp"

#include <weft/mesh/error.hpp>
#include <weft/mesh/value.hpp>

#include <array>
#include <charconv>
#include <cmath>

namespace weft::mesh {

List::List() noexcept = default;
List::List(const List&) = default;
List::List(List&&) noexcept = default;
List& List::operator=(const List&) = default;
List& List::operator=(List&&) noexcept = default;
List::~List() = default;
Tuple::Tuple() noexcept = default;
Tuple::Tuple(const Tuple&) = default;
Tuple::Tuple(Tuple&&) noexcept = default;
Tuple& Tuple::operator=(const Tuple&) = default;
Tuple& Tuple::operator=(Tuple&&) noexcept = default;
Tuple::~Tuple() = default;
Set::Set() noexcept = default;
Set::Set(const Set&) = default;
Set::Set(Set&&) noexcept = default;
Set& Set::operator=(const Set&) = default;
Set& Set::operator=(Set&&) noexcept = default;
Set::~Set() = default;
Dict::Dict() noexcept = default;
Dict::Dict(const Dict&) = default;
Dict::Dict(Dict&&) noexcept = default;
Dict& Dict::operator=(const Dict&) = default;
Dict& Dict::operator=(Dict&&) noexcept = default;
Dict::~Dict() = default;
std::size_t Dict::size() const noexcept { return entries.size(); }
bool Dict::empty() const noexcept { return entries.empty(); }

List::List(std::initializer_list<Value> values) : items(values) {}
List::List(std::vector<Value> values) noexcept : items(std::move(values)) {}
Tuple::Tuple(std::initializer_list<Value> values) : items(values) {}
Tuple::Tuple(std::vector<Value> values) noexcept : items(std::move(values)) {}
Set::Set(std::initializer_list<Value> values) : items(values) {}
Set::Set(std::vector<Value> values) noexcept : items(std::move(values)) {}
Dict::Dict(std::initializer_list<DictEntry> values) : entries(values) {}

Value::Value(std::nullptr_t) noexcept {}
Value::Value(double number) noexcept : data_(number) {}
Value::Value(std::string text) noexcept : data_(std::move(text)) {}
Value::Value(std::string_view text) : data_(std::string(text)) {}
Value::Value(const char* text) : data_(std::string(text)) {}
Value::Value(Bytes bytes) noexcept : data_(std::move(bytes)) {}
Value::Value(std::span<const std::byte> bytes) : data_(Bytes(bytes.begin(), bytes.end())) {}
Value::Value(List list) noexcept : data_(std::move(list)) {}
Value::Value(Tuple tuple) noexcept : data_(std::move(tuple)) {}
Value::Value(Dict dict) noexcept : data_(std::move(dict)) {}
Value::Value(Set set) noexcept : data_(std::move(set)) {}
Value::Value(const Value&) = default;
Value::Value(Value&&) noexcept = default;
Value& Value::operator=(const Value&) = default;
Value& Value::operator=(Value&&) noexcept = default;
Value::~Value() = default;

bool operator==(const List& a, const List& b) noexcept { return a.items == b.items; }
bool operator==(const Tuple& a, const Tuple& b) noexcept { return a.items == b.items; }

bool operator==(const Set& a, const Set& b) noexcept {
    if (a.items.size() != b.items.size()) return false;
    for (const Value& wanted : a.items) {
        bool found = false;
        for (const Value& item : b.items) found = found || item == wanted;
        if (!found) return false;
    }
    return true;
}

bool operator==(const Dict& a, const Dict& b) noexcept {
    if (a.size() != b.size()) return false;
    for (const DictEntry& entry : a.entries) {
        const Value* other = b.find_key(entry.key);
        if (!other || !(*other == entry.value)) return false;
    }
    return true;
}

const Value* Dict::find(std::string_view key) const noexcept {
    for (auto it = entries.rbegin(); it != entries.rend(); ++it) {
        const auto* text = it->key.get_if<std::string>();
        if (text && *text == key) return &it->value;
    }
    return nullptr;
}

const Value* Dict::find_key(const Value& key) const noexcept {
    for (auto it = entries.rbegin(); it != entries.rend(); ++it)
        if (it->key == key) return &it->value;
    return nullptr;
}

void Dict::set(Value key, Value value) {
    if (const Value* old = find_key(key)) {
        *const_cast<Value*>(old) = std::move(value);
        return;
    }
    append(std::move(key), std::move(value));
}

void Dict::append(Value key, Value value) { entries.push_back(DictEntry{std::move(key), std::move(value)}); }

namespace {

bool is_number(Kind kind) noexcept {
    return kind == Kind::boolean || kind == Kind::integer || kind == Kind::big || kind == Kind::real;
}

// 2^64 at most, where a double still orders integers exactly enough to tell them apart or not.
long double number_of(const Value& value) noexcept {
    switch (value.kind()) {
        case Kind::boolean:
            return *value.get_if<bool>() ? 1 : 0;
        case Kind::integer:
            return static_cast<long double>(*value.get_if<std::int64_t>());
        case Kind::big:
            return static_cast<long double>(*value.get_if<std::uint64_t>());
        default:
            return *value.get_if<double>();
    }
}

}  // namespace

bool operator==(const Value& a, const Value& b) noexcept {
    if (a.kind() == b.kind()) return a.data_ == b.data_;
    return is_number(a.kind()) && is_number(b.kind()) && number_of(a) == number_of(b);
}

std::string_view to_string(Kind kind) noexcept {
    constexpr std::array<std::string_view, 11> names = {"None",  "bool", "int",   "int",  "float", "str",
                                                        "bytes", "list", "tuple", "dict", "set"};
    return names[static_cast<std::size_t>(kind)];
}

const Value& Value::at(std::string_view key) const {
    const auto* dict = get_if<Dict>();
    if (!dict)
        throw ConversionError("look up '" + std::string(key) + "' in a " +
                              std::string(mesh::to_string(kind())) + ": it is no dict");
    const Value* found = dict->find(key);
    if (!found) throw ConversionError("the dict has no key '" + std::string(key) + "'");
    return *found;
}

const Value& Value::at(std::size_t index) const {
    const std::vector<Value>* items = nullptr;
    if (const auto* list = get_if<List>()) items = &list->items;
    if (const auto* tuple = get_if<Tuple>()) items = &tuple->items;
    if (!items)
        throw ConversionError("take item " + std::to_string(index) + " of a " +
                              std::string(mesh::to_string(kind())) + ": it is no list");
    if (index >= items->size())
        throw ConversionError("take item " + std::to_string(index) + " of a list of " +
                              std::to_string(items->size()));
    return (*items)[index];
}

std::size_t Value::size() const noexcept {
    switch (kind()) {
        case Kind::text:
            return get_if<std::string>()->size();
        case Kind::bytes:
            return get_if<Bytes>()->size();
        case Kind::list:
            return get_if<List>()->items.size();
        case Kind::tuple:
            return get_if<Tuple>()->items.size();
        case Kind::dict:
            return get_if<Dict>()->size();
        case Kind::set:
            return get_if<Set>()->items.size();
        default:
            return 0;
    }
}

std::string real_text(double number) {
    if (std::isnan(number)) return "nan";
    if (std::isinf(number)) return number < 0 ? "-inf" : "inf";
    std::array<char, 40> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
    std::string text(digits.data(), end);
    if (text.find_first_of(".e") == std::string::npos) text += ".0";
    return text;
}

namespace {

constexpr char hex[] = "0123456789abcdef";

class Printer {
public:
    explicit Printer(std::size_t limit) : limit_(limit) {}

    void print(const Value& value) {
        if (full()) return;
        switch (value.kind()) {
            case Kind::null:
                out += "None";
                break;
            case Kind::boolean:
                out += *value.get_if<bool>() ? "True" : "False";
                break;
            case Kind::integer:
                out += std::to_string(*value.get_if<std::int64_t>());
                break;
            case Kind::big:
                out += std::to_string(*value.get_if<std::uint64_t>());
                break;
            case Kind::real:
                out += real_text(*value.get_if<double>());
                break;
            case Kind::text:
                quote(*value.get_if<std::string>(), false);
                break;
            case Kind::bytes: {
                const auto& bytes = *value.get_if<Bytes>();
                out += 'b';
                quote({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, true);
                break;
            }
            case Kind::list:
                items(value.get_if<List>()->items, '[', ']');
                break;
            case Kind::tuple:
                items(value.get_if<Tuple>()->items, '(', 0);
                out += value.size() == 1 ? ",)" : ")";
                break;
            case Kind::set:
                if (value.size() == 0) {
                    out += "set()";
                } else {
                    items(value.get_if<Set>()->items, '{', '}');
                }
                break;
            case Kind::dict: {
                out += '{';
                bool first = true;
                for (const DictEntry& entry : value.get_if<Dict>()->entries) {
                    if (full()) return;
                    if (!first) out += ", ";
                    first = false;
                    print(entry.key);
                    out += ": ";
                    print(entry.value);
                }
                out += '}';
                break;
            }
        }
    }

    std::string finish() {
        if (full()) {
            std::size_t cut = limit_;
            while (cut > 0 && (static_cast<unsigned char>(out[cut]) & 0xc0) == 0x80) --cut;
            out.resize(cut);
            out += "…";
        }
        return std::move(out);
    }

private:
    [[nodiscard]] bool full() const { return out.size() > limit_; }

    void items(const std::vector<Value>& values, char open, char close) {
        out += open;
        bool first = true;
        for (const Value& value : values) {
            if (full()) return;
            if (!first) out += ", ";
            first = false;
            print(value);
        }
        if (close) out += close;
    }

    void quote(std::string_view text, bool ascii) {
        const char mark =
            text.find('\'') != std::string_view::npos && text.find('"') == std::string_view::npos ? '"'
                                                                                                  : '\'';
        out += mark;
        for (const char c : text) {
            if (full()) return;
            const auto byte = static_cast<unsigned char>(c);
            if (c == mark || c == '\\') {
                out += '\\';
                out += c;
            } else if (c == '\n') {
                out += "\\n";
            } else if (c == '\r') {
                out += "\\r";
            } else if (c == '\t') {
                out += "\\t";
            } else if (byte < 0x20 || byte == 0x7f || (ascii && byte >= 0x80)) {
                out += "\\x";
                out += hex[byte >> 4];
                out += hex[byte & 15];
            } else {
                out += c;
            }
        }
        out += mark;
    }

    std::size_t limit_;
    std::string out;
};

}  // namespace

std::string Value::to_string(std::size_t limit) const {
    Printer printer(limit);
    printer.print(*this);
    return printer.finish();
}

}  // namespace weft::mesh
