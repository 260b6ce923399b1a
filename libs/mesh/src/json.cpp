// JSON in Python's dialect. Own code and not a library's, because NaN and Infinity, which Python writes, are
// errors everywhere else, and because it writes and reads Value without a tree between.
#include "codec.hpp"
#include "text.hpp"

#include <weft/mesh/error.hpp>
#include <weft/mesh/frame.hpp>

#include <array>
#include <charconv>
#include <cmath>

namespace weft::mesh {

namespace {

// Room for so many from the start: values are moved whenever a list grows.
constexpr std::size_t first_items = 4;

class JsonReader {
public:
    JsonReader(std::string_view text, std::string& why)
        : at_(text.data()), begin_(at_), end_(at_ + text.size()), why_(why) {}

    bool document(Value& out) {
        if (!value(out, 0)) return false;
        skip_space();
        return at_ == end_ || fail("something follows the value");
    }

private:
    bool fail(std::string_view reason) {
        why_ = "JSON, byte " + std::to_string(at_ - begin_) + ": " + std::string(reason);
        return false;
    }

    void skip_space() {
        while (at_ != end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\t' || *at_ == '\r')) ++at_;
    }

    bool word(std::string_view expected) {
        if (static_cast<std::size_t>(end_ - at_) < expected.size() ||
            std::string_view(at_, expected.size()) != expected)
            return false;
        at_ += expected.size();
        return true;
    }

    bool value(Value& out, int depth) {
        if (depth > max_depth) return fail("nested too deeply");
        if (++values_ > max_values) return fail("more than 8 Mi values");
        skip_space();
        if (at_ == end_) return fail("a value is missing");
        switch (*at_) {
            case '{':
                return object(out, depth);
            case '[':
                return array(out, depth);
            case '"':
                return string(out.emplace<std::string>());
            case 't':
                out = true;
                return word("true") || fail("no such word");
            case 'f':
                out = false;
                return word("false") || fail("no such word");
            case 'n':
                out = nullptr;
                return word("null") || fail("no such word");
            case 'N':
                out = std::nan("");
                return word("NaN") || fail("no such word");
            case 'I':
                out = HUGE_VAL;
                return word("Infinity") || fail("no such word");
            default:
                return number(out);
        }
    }

    bool array(Value& out, int depth) {
        ++at_;
        List& list = out.emplace<List>();
        skip_space();
        if (at_ != end_ && *at_ == ']') {
            ++at_;
            return true;
        }
        list.items.reserve(first_items);
        for (;;) {
            if (!value(list.items.emplace_back(), depth + 1)) return false;
            skip_space();
            if (at_ == end_) return fail("a list without its end");
            const char c = *at_++;
            if (c == ']') break;
            if (c != ',') return --at_, fail("',' or ']' expected");
        }
        return true;
    }

    bool object(Value& out, int depth) {
        ++at_;
        Dict& dict = out.emplace<Dict>();
        skip_space();
        if (at_ != end_ && *at_ == '}') {
            ++at_;
            return true;
        }
        dict.entries.reserve(first_items);
        for (;;) {
            skip_space();
            if (at_ == end_ || *at_ != '"') return fail("a key in quotes expected");
            DictEntry& entry = dict.entries.emplace_back();
            if (!string(entry.key.emplace<std::string>())) return false;
            skip_space();
            if (at_ == end_ || *at_ != ':') return fail("':' expected");
            ++at_;
            if (!value(entry.value, depth + 1)) return false;
            skip_space();
            if (at_ == end_) return fail("an object without its end");
            const char c = *at_++;
            if (c == '}') break;
            if (c != ',') return --at_, fail("',' or '}' expected");
        }
        return true;
    }

    bool hex4(unsigned& out) {
        if (end_ - at_ < 4) return fail("\\u without four digits");
        out = 0;
        for (int i = 0; i < 4; ++i) {
            const char c = *at_++;
            out <<= 4;
            if (c >= '0' && c <= '9') {
                out |= static_cast<unsigned>(c - '0');
            } else if (c >= 'a' && c <= 'f') {
                out |= static_cast<unsigned>(c - 'a' + 10);
            } else if (c >= 'A' && c <= 'F') {
                out |= static_cast<unsigned>(c - 'A' + 10);
            } else {
                return fail("\\u without four digits");
            }
        }
        return true;
    }

    static void append_utf8(std::string& out, unsigned code) {
        if (code < 0x80) {
            out += static_cast<char>(code);
        } else if (code < 0x800) {
            out += static_cast<char>(0xc0 | code >> 6);
            out += static_cast<char>(0x80 | (code & 0x3f));
        } else if (code < 0x10000) {
            out += static_cast<char>(0xe0 | code >> 12);
            out += static_cast<char>(0x80 | (code >> 6 & 0x3f));
            out += static_cast<char>(0x80 | (code & 0x3f));
        } else {
            out += static_cast<char>(0xf0 | code >> 18);
            out += static_cast<char>(0x80 | (code >> 12 & 0x3f));
            out += static_cast<char>(0x80 | (code >> 6 & 0x3f));
            out += static_cast<char>(0x80 | (code & 0x3f));
        }
    }

    bool string(std::string& out) {
        ++at_;
        for (;;) {
            const char* run = at_;
            while (at_ != end_ && *at_ != '"' && *at_ != '\\' && static_cast<unsigned char>(*at_) >= 0x20)
                ++at_;
            if (at_ == end_) return fail("a string without its end");
            out.append(run, at_);
            if (*at_ == '"') {
                ++at_;
                return true;
            }
            if (*at_ != '\\') return fail("a control character in a string");
            ++at_;
            if (at_ == end_) return fail("a string without its end");
            switch (*at_++) {
                case '"':
                    out += '"';
                    break;
                case '\\':
                    out += '\\';
                    break;
                case '/':
                    out += '/';
                    break;
                case 'b':
                    out += '\b';
                    break;
                case 'f':
                    out += '\f';
                    break;
                case 'n':
                    out += '\n';
                    break;
                case 'r':
                    out += '\r';
                    break;
                case 't':
                    out += '\t';
                    break;
                case 'u': {
                    unsigned code = 0;
                    if (!hex4(code)) return false;
                    if (code >= 0xdc00 && code <= 0xdfff) return fail("half of a surrogate pair");
                    if (code >= 0xd800 && code <= 0xdbff) {
                        unsigned low = 0;
                        if (!word("\\u")) return fail("half of a surrogate pair");
                        if (!hex4(low)) return false;
                        if (low < 0xdc00 || low > 0xdfff) return fail("half of a surrogate pair");
                        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
                    }
                    append_utf8(out, code);
                    break;
                }
                default:
                    return --at_, fail("no such escape");
            }
        }
    }

    bool number(Value& out) {
        const char* const start = at_;
        if (*at_ == '-') {
            ++at_;
            if (at_ != end_ && *at_ == 'I') {
                out = -HUGE_VAL;
                return word("Infinity") || fail("no such word");
            }
        }
        const char* const digits = at_;
        while (at_ != end_ && *at_ >= '0' && *at_ <= '9') ++at_;
        if (at_ == digits) return at_ = start, fail("no value begins so");
        if (*digits == '0' && at_ - digits > 1) return at_ = start, fail("a number with a leading zero");
        bool real = false;
        if (at_ != end_ && *at_ == '.') {
            real = true;
            const char* const fraction = ++at_;
            while (at_ != end_ && *at_ >= '0' && *at_ <= '9') ++at_;
            if (at_ == fraction) return fail("a digit expected");
        }
        if (at_ != end_ && (*at_ == 'e' || *at_ == 'E')) {
            real = true;
            ++at_;
            if (at_ != end_ && (*at_ == '+' || *at_ == '-')) ++at_;
            const char* const exponent = at_;
            while (at_ != end_ && *at_ >= '0' && *at_ <= '9') ++at_;
            if (at_ == exponent) return fail("a digit expected");
        }
        if (real) {
            double number = 0;
            const auto result = std::from_chars(start, at_, number);
            // Too large is infinite and too small is zero, as in Python; from_chars tells only that it is out
            // of range.
            if (result.ec == std::errc::result_out_of_range)
                number = std::strtod(std::string(start, at_).c_str(), nullptr);
            out = number;
            return true;
        }
        std::int64_t number = 0;
        if (std::from_chars(start, at_, number).ec == std::errc{}) {
            out = number;
            return true;
        }
        std::uint64_t big = 0;
        if (*start != '-' && std::from_chars(start, at_, big).ec == std::errc{}) {
            out = big;
            return true;
        }
        return fail("an integer beyond 64 bits");
    }

    const char* at_;
    const char* begin_;
    const char* end_;
    std::string& why_;
    std::size_t values_ = 0;
};

void write_key(const Value& key, Buffer& out) {
    // As Python's json.dumps: numbers, booleans and None become strings.
    switch (key.kind()) {
        case Kind::text:
            write_json_text(*key.get_if<std::string>(), out);
            return;
        case Kind::null:
            out.append(std::string_view("\"null\""));
            return;
        case Kind::boolean:
        case Kind::integer:
        case Kind::big:
        case Kind::real:
            out.push('"');
            write_json(key, out);
            out.push('"');
            return;
        default:
            throw EncodeError("a " + std::string(to_string(key.kind())) +
                              " cannot be a key in JSON; use MSGPACK or PICKLE");
    }
}

void write(const Value& value, Buffer& out, int depth) {
    if (depth > max_depth) throw EncodeError("the value is nested deeper than " + std::to_string(max_depth));
    const auto items = [&](const std::vector<Value>& values) {
        out.push('[');
        bool first = true;
        for (const Value& item : values) {
            if (!first) out.append(std::string_view(", "));
            first = false;
            write(item, out, depth + 1);
        }
        out.push(']');
    };
    const auto digits = [&](auto number) {
        std::array<char, 24> text{};
        const auto end = std::to_chars(text.data(), text.data() + text.size(), number).ptr;
        out.append(text.data(), static_cast<std::size_t>(end - text.data()));
    };
    switch (value.kind()) {
        case Kind::null:
            out.append(std::string_view("null"));
            break;
        case Kind::boolean:
            out.append(std::string_view(*value.get_if<bool>() ? "true" : "false"));
            break;
        case Kind::integer:
            digits(*value.get_if<std::int64_t>());
            break;
        case Kind::big:
            digits(*value.get_if<std::uint64_t>());
            break;
        case Kind::real: {
            const double number = *value.get_if<double>();
            if (std::isnan(number)) {
                out.append(std::string_view("NaN"));
            } else if (std::isinf(number)) {
                out.append(std::string_view(number < 0 ? "-Infinity" : "Infinity"));
            } else {
                out.append(std::string_view(real_text(number)));
            }
            break;
        }
        case Kind::text:
            write_json_text(*value.get_if<std::string>(), out);
            break;
        case Kind::list:
            items(value.get_if<List>()->items);
            break;
        case Kind::tuple:
            items(value.get_if<Tuple>()->items);
            break;
        case Kind::dict: {
            out.push('{');
            bool first = true;
            for (const DictEntry& entry : value.get_if<Dict>()->entries) {
                if (!first) out.append(std::string_view(", "));
                first = false;
                write_key(entry.key, out);
                out.append(std::string_view(": "));
                write(entry.value, out, depth + 1);
            }
            out.push('}');
            break;
        }
        case Kind::bytes:
            throw EncodeError("JSON has no bytes; use MSGPACK, PICKLE or OPAQUE");
        case Kind::set:
            throw EncodeError("JSON has no sets; use PICKLE, or a list");
    }
}

}  // namespace

bool read_json(std::string_view text, Value& out, std::string& why) {
    if (!valid_utf8(text)) {
        why = "JSON: the text is not UTF-8";
        return false;
    }
    return JsonReader(text, why).document(out);
}

void write_json(const Value& value, Buffer& out) { write(value, out, 0); }

void write_json_text(std::string_view text, Buffer& out) {
    if (!valid_utf8(text)) throw EncodeError("a text is not UTF-8; send it as Bytes");
    static constexpr char hex[] = "0123456789abcdef";
    out.push('"');
    const char* at = text.data();
    const char* const end = at + text.size();
    while (at != end) {
        const char* run = at;
        while (at != end && *at != '"' && *at != '\\' && static_cast<unsigned char>(*at) >= 0x20) ++at;
        out.append(run, static_cast<std::size_t>(at - run));
        if (at == end) break;
        const char c = *at++;
        out.push('\\');
        switch (c) {
            case '"':
            case '\\':
                out.push(static_cast<std::uint8_t>(c));
                break;
            case '\n':
                out.push('n');
                break;
            case '\r':
                out.push('r');
                break;
            case '\t':
                out.push('t');
                break;
            default:
                out.append(std::string_view("u00"));
                out.push(static_cast<std::uint8_t>(hex[static_cast<unsigned char>(c) >> 4]));
                out.push(static_cast<std::uint8_t>(hex[c & 15]));
        }
    }
    out.push('"');
}

}  // namespace weft::mesh
