// Typed values and expressions of the JSON to expression nodes.
#include "loader.hpp"

#include <algorithm>

namespace weft::p4switch {
namespace {

struct BinaryName {
    const char* name;
    ExprOp op;
};
constexpr BinaryName numeric_operators[] = {
    {"+", ExprOp::add},    {"-", ExprOp::sub},     {"*", ExprOp::mul},  {"/", ExprOp::div},
    {"%", ExprOp::mod},    {"<<", ExprOp::shl},    {">>", ExprOp::shr}, {"&", ExprOp::bit_and},
    {"|", ExprOp::bit_or}, {"^", ExprOp::bit_xor},
};
constexpr BinaryName comparisons[] = {
    {"<", ExprOp::lt},
    {">", ExprOp::gt},
    {"<=", ExprOp::le},
    {">=", ExprOp::ge},
};

bool is_operator(const Json& value) { return value.is_object() && value.find("op") != nullptr; }

}  // namespace

// Strips the wrappers {"type":"expression","value":…} down to an operator node or a typed value.
const Json& Loader::unwrapped(const Json& value) const {
    const Json* at = &value;
    while (!is_operator(*at) && at->at("type").string() == "expression") at = &at->at("value");
    return *at;
}

WideInt Loader::hexstr(const Json& value) const {
    std::string_view text = value.string();
    const bool negative = !text.empty() && text.front() == '-';
    if (negative) text.remove_prefix(1);
    if (text.size() > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) text.remove_prefix(2);
    if (text.empty()) value.fail("an empty number");
    if (text.size() > WideInt::max_bits / 8) value.fail("a number with too many digits");
    std::vector<std::uint8_t> bytes((text.size() + 1) / 2);
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char digit = text[text.size() - 1 - i];
        unsigned number = 0;
        if (digit >= '0' && digit <= '9')
            number = static_cast<unsigned>(digit - '0');
        else if (digit >= 'a' && digit <= 'f')
            number = static_cast<unsigned>(digit - 'a' + 10);
        else if (digit >= 'A' && digit <= 'F')
            number = static_cast<unsigned>(digit - 'A' + 10);
        else
            value.fail("not a hexadecimal number");
        bytes[bytes.size() - 1 - i / 2] |= static_cast<std::uint8_t>(number << (4 * (i % 2)));
    }
    WideInt number = WideInt::from_bytes(bytes.data(), bytes.size());
    return negative ? WideInt() - number : number;
}

std::vector<std::uint8_t> Loader::hex_bytes(const Json& value, std::size_t count) const {
    const WideInt number = hexstr(value);
    if (number.negative() || number.signed_bits() > count * 8 + 1)
        value.fail("does not fit into " + std::to_string(count) + " bytes");
    std::vector<std::uint8_t> bytes(count);
    number.to_bytes(bytes.data(), count);
    return bytes;
}

std::uint32_t Loader::add_node(ExprNode node) {
    auto& nodes = out_.expressions.nodes;
    nodes.push_back(node);
    const auto index = static_cast<std::uint32_t>(nodes.size() - 1);
    infer_range(out_.expressions, out_.layout, index);
    return index;
}

std::uint32_t Loader::constant_node(const WideInt& value) {
    ExprNode node;
    node.op = ExprOp::constant;
    node.imm = value.low();
    if (!value.fits_int64()) {
        node.a = static_cast<std::uint32_t>(out_.expressions.constants.size());
        out_.expressions.constants.push_back(value);
    }
    return add_node(node);
}

std::uint32_t Loader::number(const Json& value, const Action* action, std::uint32_t demand) {
    std::uint32_t node = number_node(value, action);
    // The store cuts the value anyway, so a mask of at least that width at the root does nothing.
    while (demand != 0 && demand <= 64 && out_.expressions.nodes[node].op == ExprOp::bit_and) {
        const ExprNode& mask = out_.expressions.nodes[out_.expressions.nodes[node].right];
        if (mask.op != ExprOp::constant || (~static_cast<std::uint64_t>(mask.imm) & low_mask(demand)) != 0)
            break;
        node = out_.expressions.nodes[node].left;
    }
    choose_widths(out_.expressions, node, demand);
    return node;
}

std::uint32_t Loader::condition(const Json& value, const Action* action) {
    const std::uint32_t node = boolean_node(value, action);
    choose_widths(out_.expressions, node, 0);
    return node;
}

std::uint32_t Loader::number_node(const Json& wrapped, const Action* action) {
    const Json& json = unwrapped(wrapped);
    if (is_operator(json)) return operator_node(json, action);
    const std::string& type = json.at("type").string();
    const Json& value = json.at("value");
    ExprNode node;
    if (type == "hexstr") return constant_node(hexstr(value));
    if (type == "bool") return constant_node(WideInt(value.boolean() ? 1 : 0));
    if (type == "field") {
        node.op = ExprOp::field;
        node.a = field_ref(value);
        return add_node(node);
    }
    if (type == "runtime_data" || type == "local") {
        if (action == nullptr) json.fail("there are no action parameters here");
        const std::uint32_t index = value.number(65535);
        if (index >= action->params.size()) value.fail("the action has no parameter of that number");
        node.op = ExprOp::param;
        node.a = action->params[index].limb;
        node.width = action->params[index].width;
        return add_node(node);
    }
    if (type == "stack_field") {
        node.op = ExprOp::stack_last;
        node.a = lookup(stack_names_, value.at(0), "header stack");
        const Header& header = out_.layout.headers[out_.layout.stacks[node.a].front()];
        const std::uint32_t field = field_named(header.name, value.at(1).string());
        if (field == none) value.fail("the elements of the stack have no such field");
        node.b = field - header.first_field;
        return add_node(node);
    }
    json.fail("a value of type \"" + type + "\" is not supported here");
}

std::uint32_t Loader::boolean_node(const Json& value, const Action* action) {
    return number_node(value, action);
}

std::uint32_t Loader::header_node(const Json& wrapped, const Action* action) {
    const Json& json = unwrapped(wrapped);
    ExprNode node;
    if (is_operator(json)) {
        const std::string& op = json.at("op").string();
        if (op == "dereference_header_stack" || op == "dereference_stack") {
            const Json& stack = unwrapped(json.at("left"));
            node.op = ExprOp::deref_stack;
            node.a = lookup(stack_names_, stack.at("value"), "header stack");
            node.right = number_node(json.at("right"), action);
            return add_node(node);
        }
        if (op == "access_union_header") {
            node.op = ExprOp::access_union;
            node.left = union_node(json.at("left"), action);
            const Json& ordinal = json.at("right");
            const Json& plain = ordinal.is_object() ? ordinal.at("value") : ordinal;
            const ExprNode& base = out_.expressions.nodes[node.left];
            const std::uint32_t first =
                base.op == ExprOp::union_ref ? base.a : out_.layout.union_stacks[base.a].front();
            node.a = plain.number(static_cast<std::uint32_t>(out_.layout.unions[first].size() - 1));
            return add_node(node);
        }
        json.fail("operator \"" + op + "\" does not give a header");
    }
    if (json.at("type").string() != "header") json.fail("expected a header");
    node.op = ExprOp::header;
    node.a = lookup(header_names_, json.at("value"), "header");
    return add_node(node);
}

std::uint32_t Loader::union_node(const Json& wrapped, const Action* action) {
    const Json& json = unwrapped(wrapped);
    ExprNode node;
    if (is_operator(json)) {
        if (json.at("op").string() != "dereference_union_stack") json.fail("expected a header union");
        node.op = ExprOp::deref_union_stack;
        node.a = lookup(union_stack_names_, unwrapped(json.at("left")).at("value"), "header union stack");
        node.right = number_node(json.at("right"), action);
        return add_node(node);
    }
    if (json.at("type").string() != "header_union") json.fail("expected a header union");
    node.op = ExprOp::union_ref;
    node.a = lookup(union_names_, json.at("value"), "header union");
    return add_node(node);
}

std::uint32_t Loader::compare_node(const Json& json, const Action* action) {
    const Json& left = unwrapped(json.at("left"));
    std::string kind;
    if (is_operator(left)) {
        const std::string& op = left.at("op").string();
        if (op == "dereference_header_stack" || op == "dereference_stack" || op == "access_union_header")
            kind = "header";
        if (op == "dereference_union_stack") kind = "header_union";
    } else {
        kind = left.at("type").string();
    }
    ExprNode node;
    if (kind == "header" || kind == "header_union") {
        node.op = kind == "header" ? ExprOp::eq_header : ExprOp::eq_union;
        node.left = kind == "header" ? header_node(left, action) : union_node(left, action);
        node.right =
            kind == "header" ? header_node(json.at("right"), action) : union_node(json.at("right"), action);
        const std::uint32_t equal = add_node(node);
        if (json.at("op").string() == "==") return equal;
        ExprNode negated;
        negated.op = ExprOp::logic_not;
        negated.left = equal;
        return add_node(negated);
    }
    node.op = json.at("op").string() == "==" ? ExprOp::eq : ExprOp::ne;
    node.left = number_node(left, action);
    node.right = number_node(json.at("right"), action);
    return add_node(node);
}

std::uint32_t Loader::operator_node(const Json& json, const Action* action) {
    const std::string& op = json.at("op").string();
    const Json* left = json.find("left");
    if (left != nullptr && left->is_null()) left = nullptr;
    const auto right = [&]() -> const Json& { return json.at("right"); };
    const auto need_left = [&]() -> const Json& { return json.at("left"); };
    ExprNode node;
    for (const BinaryName& known : numeric_operators) {
        if (op != known.name) continue;
        node.op = known.op;
        node.left = left == nullptr ? constant_node(WideInt()) : number_node(*left, action);
        node.right = number_node(right(), action);
        if (node.op == ExprOp::bit_and) {
            // The compiler widens by masks that cover the whole operand.
            const ExprNode& operand = out_.expressions.nodes[node.left];
            const ExprNode& mask = out_.expressions.nodes[node.right];
            if (mask.op == ExprOp::constant && mask.a == none && mask.imm > 0 && operand.nonnegative &&
                operand.bits <= 64 &&
                (low_mask(operand.bits - 1) & ~static_cast<std::uint64_t>(mask.imm)) == 0)
                return node.left;
        }
        return add_node(node);
    }
    for (const BinaryName& known : comparisons) {
        if (op != known.name) continue;
        node.op = known.op;
        node.left = number_node(need_left(), action);
        node.right = number_node(right(), action);
        return add_node(node);
    }
    if (op == "==" || op == "!=") return compare_node(json, action);
    if (op == "and" || op == "or") {
        node.op = op == "and" ? ExprOp::logic_and : ExprOp::logic_or;
        node.left = boolean_node(need_left(), action);
        node.right = boolean_node(right(), action);
        return add_node(node);
    }
    if (op == "not" || op == "d2b" || op == "b2d" || op == "~") {
        const std::uint32_t operand = number_node(right(), action);
        if (op == "b2d") return operand;
        // One bit is its own truth.
        const ExprNode& bit = out_.expressions.nodes[operand];
        if (op == "d2b" && bit.nonnegative && bit.bits <= 2) return operand;
        node.op = op == "not" ? ExprOp::logic_not : op == "d2b" ? ExprOp::is_true : ExprOp::bit_not;
        node.left = operand;
        return add_node(node);
    }
    if (op == "?") {
        node.op = ExprOp::select;
        node.cond = boolean_node(json.at("cond"), action);
        node.left = number_node(need_left(), action);
        node.right = number_node(right(), action);
        return add_node(node);
    }
    if (op == "two_comp_mod" || op == "usat_cast" || op == "sat_cast") {
        node.op = op == "two_comp_mod" ? ExprOp::two_comp : op == "usat_cast" ? ExprOp::usat : ExprOp::sat;
        node.left = number_node(need_left(), action);
        const Json& width = unwrapped(right());
        const WideInt bits = hexstr(width.at("value"));
        if (!bits.fits_int64() || bits.low() < 1 || bits.low() > 8192) width.fail("a width from 1 to 8192");
        node.width = static_cast<std::uint32_t>(bits.low());
        return add_node(node);
    }
    if (op == "valid") {
        node.op = ExprOp::valid_header;
        node.left = header_node(right(), action);
        return add_node(node);
    }
    if (op == "valid_union") {
        node.op = ExprOp::valid_union;
        node.left = union_node(right(), action);
        return add_node(node);
    }
    if (op == "last_stack_index" || op == "size_stack") {
        node.op = op == "size_stack" ? ExprOp::stack_next : ExprOp::stack_last_index;
        node.a =
            lookup(stack_names_, unwrapped(left != nullptr ? *left : right()).at("value"), "header stack");
        return add_node(node);
    }
    if (op == "access_field") {
        node.op = ExprOp::access_field;
        node.left = header_node(need_left(), action);
        const Json& ordinal = right();
        const Json& plain = ordinal.is_object() ? ordinal.at("value") : ordinal;
        const ExprNode& base = out_.expressions.nodes[node.left];
        std::uint32_t header = base.a;
        if (base.op == ExprOp::deref_stack) header = out_.layout.stacks[base.a].front();
        if (base.op == ExprOp::access_union) {
            const ExprNode& which = out_.expressions.nodes[base.left];
            const std::uint32_t first =
                which.op == ExprOp::union_ref ? which.a : out_.layout.union_stacks[which.a].front();
            header = out_.layout.unions[first][base.a];
        }
        node.a = plain.number(out_.layout.headers[header].field_count - 1);
        return add_node(node);
    }
    json.fail("operator \"" + op + "\" is not supported");
}

}  // namespace weft::p4switch
