// Lines of STF to commands.
#include "wide_int.hpp"

#include <weft/p4switch/stf.hpp>

#include <algorithm>
#include <array>
#include <charconv>

namespace weft::p4switch {
namespace {

constexpr std::size_t max_digits = 4096;
constexpr std::size_t max_packet = 65536 * 2;

int hex_value(char digit) {
    if (digit >= '0' && digit <= '9') return digit - '0';
    if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
    if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
    return -1;
}

bool blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

// A cursor over one line.
class Line {
public:
    Line(std::string_view text, unsigned number) : text_(text), number_(number) {}

    [[noreturn]] void fail(const std::string& problem) const { throw StfError(number_, problem); }

    void skip() {
        while (!text_.empty() && blank(text_.front())) text_.remove_prefix(1);
    }
    bool done() {
        skip();
        return text_.empty();
    }
    void end() {
        if (!done()) fail("unexpected \"" + std::string(text_.substr(0, 40)) + "\"");
    }
    bool take(std::string_view token) {
        skip();
        if (!text_.starts_with(token)) return false;
        text_.remove_prefix(token.size());
        return true;
    }
    void need(std::string_view token) {
        if (!take(token)) fail("expected \"" + std::string(token) + "\"");
    }

    // A name may hold [n]; $n stands for [n], and a name may be quoted.
    std::string name() {
        skip();
        std::string result;
        if (take("\"")) {
            const std::size_t close = text_.find('"');
            if (close == std::string_view::npos) fail("a quoted name without an end");
            result = text_.substr(0, close);
            text_.remove_prefix(close + 1);
            return result;
        }
        const auto letter = [](char c) {
            return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
                   c == '$' || c == '.' || c == '[' || c == ']';
        };
        std::size_t length = 0;
        while (length < text_.size() && letter(text_[length])) ++length;
        if (length == 0) fail("expected a name");
        for (std::size_t i = 0; i < length; ++i) {
            const bool index =
                text_[i] == '$' && i + 1 < length && text_[i + 1] >= '0' && text_[i + 1] <= '9';
            if (!index) {
                result.push_back(text_[i]);
                continue;
            }
            result.push_back('[');
            while (i + 1 < length && text_[i + 1] >= '0' && text_[i + 1] <= '9') result.push_back(text_[++i]);
            result.push_back(']');
        }
        text_.remove_prefix(length);
        return result;
    }

    bool at_number() {
        skip();
        return !text_.empty() && text_.front() >= '0' && text_.front() <= '9';
    }

    StfNumber number() {
        skip();
        if (text_.starts_with("0x") || text_.starts_with("0X")) return digits(4);
        if (text_.starts_with("0b") || text_.starts_with("0B")) return digits(1);
        std::size_t length = 0;
        while (length < text_.size() && text_[length] >= '0' && text_[length] <= '9') ++length;
        if (length == 0 || length > max_digits) fail("expected a number");
        WideInt value;
        const WideInt ten(10);
        for (std::size_t i = 0; i < length; ++i) value = value * ten + WideInt(text_[i] - '0');
        text_.remove_prefix(length);
        StfNumber number;
        number.value.resize(value.signed_bits() / 8 + 1);
        value.to_bytes(reinterpret_cast<std::uint8_t*>(number.value.data()), number.value.size());
        number.mask.assign(number.value.size(), '\xff');
        return number;
    }

    std::uint64_t plain() {
        const StfNumber value = number();
        if (value.open != 0 || value.value.find_first_not_of('\0') + 8 < value.value.size())
            fail("a plain number of up to 64 bits is needed");
        return to_number(value.value);
    }

    std::uint32_t port() {
        const std::uint64_t value = plain();
        if (value > 0xffffffff) fail("a port number is needed");
        return static_cast<std::uint32_t>(value);
    }

    double real() {
        skip();
        std::size_t length = 0;
        while (length < text_.size() && !blank(text_[length]) && text_[length] != ':') ++length;
        double value = 0;
        const auto result = std::from_chars(text_.data(), text_.data() + length, value);
        if (length == 0 || result.ec != std::errc() || result.ptr != text_.data() + length)
            fail("expected a rate");
        text_.remove_prefix(length);
        return value;
    }

    std::string packet_digits(bool wildcards, bool& whole) {
        std::string result;
        while (!done() && !whole) {
            const char c = text_.front();
            if (c == '$' && wildcards)
                whole = true;
            else if (c == '*' && wildcards)
                result.push_back('*');
            else if (hex_value(c) >= 0)
                result.push_back("0123456789abcdef"[hex_value(c)]);
            else
                fail("expected hexadecimal digits");
            text_.remove_prefix(1);
            if (result.size() > max_packet) fail("the packet is too long");
        }
        return result;
    }

private:
    StfNumber digits(unsigned bits_each) {
        text_.remove_prefix(2);
        StfNumber number;
        std::size_t length = 0;
        const auto accepted = [&](char c) {
            const int value = hex_value(c);
            return c == '*' || (value >= 0 && value < (1 << bits_each));
        };
        while (length < text_.size() && accepted(text_[length])) ++length;
        if (length == 0 || length > max_digits) fail("expected digits");
        number.bits = static_cast<std::uint32_t>(length) * bits_each;
        number.value.assign((number.bits + 7) / 8, '\0');
        number.mask.assign(number.value.size(), '\0');
        for (std::size_t i = 0; i < length; ++i) {
            const char c = text_[length - 1 - i];
            const std::size_t bit = i * bits_each;
            const std::size_t byte = number.value.size() - 1 - bit / 8;
            if (c == '*') {
                if (number.open == bit) number.open += bits_each;
                continue;
            }
            const int value = hex_value(c) << (bit % 8);
            const int mask = ((1 << bits_each) - 1) << (bit % 8);
            number.value[byte] = static_cast<char>(number.value[byte] | value);
            number.mask[byte] = static_cast<char>(number.mask[byte] | mask);
        }
        text_.remove_prefix(length);
        return number;
    }

    std::string_view text_;
    unsigned number_;
};

using Kind = StfCommand::Kind;

void parse_call(Line& line, StfCommand& command) {
    command.action = line.name();
    line.need("(");
    if ((command.action == "member" || command.action == "group") && line.at_number()) {
        command.arguments.push_back({"", line.number()});
        line.need(")");
        return;
    }
    if (line.take(")")) return;
    do {
        StfArgument argument;
        argument.name = line.name();
        line.need(":");
        argument.value = line.number();
        command.arguments.push_back(std::move(argument));
    } while (line.take(","));
    line.need(")");
}

void parse_add(Line& line, StfCommand& command) {
    command.name = line.name();
    if (line.at_number()) {
        const std::uint64_t priority = line.plain();
        if (priority > 0x7fffffff) line.fail("the priority is too large");
        command.priority = static_cast<std::int64_t>(priority);
    }
    for (;;) {
        // Either `field:value` or the action; the character after the name tells.
        Line ahead = line;
        static_cast<void>(ahead.name());
        if (!ahead.take(":")) break;
        StfMatch match;
        match.field = line.name();
        line.need(":");
        match.value = line.number();
        if (line.take("/")) {
            match.kind = StfMatch::Kind::prefix;
            match.second = line.number();
        } else if (line.take("..")) {
            match.kind = StfMatch::Kind::range;
            match.second = line.number();
        }
        command.matches.push_back(std::move(match));
    }
    parse_call(line, command);
    if (line.take("=")) command.label = line.name();
}

void parse_index(Line& line, StfCommand& command) {
    command.name = line.name();
    if (!line.take("(")) {
        command.numbers.push_back(line.plain());
        return;
    }
    if (line.at_number())
        command.numbers.push_back(line.plain());
    else {
        line.need("$");
        command.label = line.name();
    }
    line.need(")");
}

void parse_check(Line& line, StfCommand& command) {
    parse_index(line, command);
    if (line.done()) return;
    if (command.kind == Kind::check_counter) {
        command.unit = line.name();
        if (command.unit != "packets" && command.unit != "bytes")
            line.fail("a counter has packets and bytes");
    }
    for (const char* comparison : {"==", "!=", "<=", ">=", "<", ">"})
        if (command.comparison.empty() && line.take(comparison)) command.comparison = comparison;
    if (command.comparison.empty()) line.fail("expected a comparison");
    command.value = line.number();
}

void parse_rates(Line& line, StfCommand& command) {
    while (!line.done()) {
        const double rate = line.real();
        line.need(":");
        command.rates.emplace_back(rate, line.plain());
    }
    if (command.rates.size() != 2) line.fail("a meter has two rates, the committed and the peak one");
}

void parse_digest(Line& line, StfCommand& command) {
    command.name = line.name();
    while (!line.done()) {
        StfArgument field;
        field.name = line.name();
        line.need(":");
        field.value = line.number();
        command.arguments.push_back(std::move(field));
    }
}

struct Keyword {
    const char* name;
    Kind kind;
};
constexpr Keyword keywords[] = {
    {"add", Kind::add},
    {"setdefault", Kind::set_default},
    {"remove", Kind::remove_all},
    {"packet", Kind::packet},
    {"expect", Kind::expect},
    {"no_packet", Kind::no_packet},
    {"wait", Kind::wait},
    {"check_counter", Kind::check_counter},
    {"check_register", Kind::check_register},
    {"register_write", Kind::register_write},
    {"register_reset", Kind::register_reset},
    {"meter_set_rates", Kind::meter_set_rates},
    {"meter_array_set_rates", Kind::meter_array_set_rates},
    {"mirroring_add", Kind::mirroring_add},
    {"mirroring_add_mc", Kind::mirroring_add_mc},
    {"mirroring_delete", Kind::mirroring_delete},
    {"mc_mgrp_create", Kind::mc_mgrp_create},
    {"mc_node_create", Kind::mc_node_create},
    {"mc_node_update", Kind::mc_node_update},
    {"mc_node_associate", Kind::mc_node_associate},
    {"counter_write", Kind::counter_write},
    {"member", Kind::member},
    {"group", Kind::group},
    {"value_set_add", Kind::value_set_add},
    {"expect_digest", Kind::expect_digest},
};

StfCommand parse_line(Line& line, unsigned number) {
    StfCommand command;
    command.line = number;
    std::string word = line.name();
    std::transform(word.begin(), word.end(), word.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    const auto* known = std::find_if(std::begin(keywords), std::end(keywords),
                                     [&](const Keyword& at) { return word == at.name; });
    if (known == std::end(keywords)) line.fail("unknown command \"" + word + "\"");
    command.kind = known->kind;
    const auto numbers = [&](std::size_t least) {
        while (!line.done()) command.numbers.push_back(line.port());
        if (command.numbers.size() < least)
            line.fail("expected at least " + std::to_string(least) + " numbers");
    };
    switch (command.kind) {
        case Kind::add:
            parse_add(line, command);
            break;
        case Kind::set_default:
            command.name = line.name();
            parse_call(line, command);
            break;
        case Kind::remove_all:
            static_cast<void>(line.take("all"));
            break;
        case Kind::packet:
            command.numbers.push_back(line.port());
            command.digits = line.packet_digits(false, command.whole);
            if (command.digits.size() % 2 != 0) line.fail("an odd number of digits");
            break;
        case Kind::expect:
            command.numbers.push_back(line.port());
            command.digits = line.packet_digits(true, command.whole);
            break;
        case Kind::no_packet:
        case Kind::wait:
            break;
        case Kind::check_counter:
        case Kind::check_register:
            parse_check(line, command);
            break;
        case Kind::register_write:
            parse_index(line, command);
            command.value = line.number();
            break;
        case Kind::register_reset:
            command.name = line.name();
            break;
        case Kind::meter_set_rates:
            parse_index(line, command);
            parse_rates(line, command);
            break;
        case Kind::meter_array_set_rates:
            command.name = line.name();
            parse_rates(line, command);
            break;
        case Kind::counter_write:
            parse_index(line, command);
            numbers(3);
            break;
        case Kind::mirroring_add:
        case Kind::mirroring_add_mc:
        case Kind::mc_node_associate:
            numbers(2);
            break;
        case Kind::mirroring_delete:
        case Kind::mc_mgrp_create:
        case Kind::mc_node_create:
        case Kind::mc_node_update:
            numbers(1);
            break;
        case Kind::member:
            command.name = line.name();
            command.numbers.push_back(line.port());
            parse_call(line, command);
            break;
        case Kind::group:
            command.name = line.name();
            numbers(1);
            break;
        case Kind::value_set_add:
            command.name = line.name();
            while (!line.done()) command.arguments.push_back({"", line.number()});
            break;
        case Kind::expect_digest:
            parse_digest(line, command);
            break;
    }
    line.end();
    return command;
}

}  // namespace

StfError::StfError(unsigned line, const std::string& problem, std::source_location where)
    : Error("STF line " + std::to_string(line) + ": " + problem, where), line_(line) {}

StfScript StfScript::parse(std::string_view text) {
    StfScript script;
    unsigned number = 0;
    while (!text.empty()) {
        ++number;
        const std::size_t end = text.find('\n');
        std::string_view line = text.substr(0, end);
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
        line = line.substr(0, line.find('#'));
        Line cursor(line, number);
        if (cursor.done()) continue;
        script.commands.push_back(parse_line(cursor, number));
    }
    return script;
}

}  // namespace weft::p4switch
