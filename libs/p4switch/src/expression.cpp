#include "expression.hpp"

namespace weft::p4switch {
namespace {

using U64 = std::uint64_t;

std::int64_t sign_extend(U64 value, std::uint32_t width) {
    if (width == 0) return 0;
    if (width >= 64) return static_cast<std::int64_t>(value);
    const U64 sign = U64{1} << (width - 1);
    value &= low_mask(width);
    return static_cast<std::int64_t>((value ^ sign) - sign);
}

std::int64_t as_signed(U64 value) { return static_cast<std::int64_t>(value); }

std::uint32_t last_of_stack(const EvalContext& context, std::uint32_t stack) {
    const std::uint32_t next = context.phv.next[stack];
    const auto& elements = context.layout.stacks[stack];
    return next == 0 || next > elements.size() ? none : elements[next - 1];
}

bool unions_equal(const EvalContext& context, std::uint32_t a, std::uint32_t b) {
    if (a == none || b == none) return false;
    const auto& left = context.layout.unions[a];
    const auto& right = context.layout.unions[b];
    for (std::size_t i = 0; i < left.size() && i < right.size(); ++i)
        if (context.phv.valid[left[i]] != 0)
            return headers_equal(context.layout, context.phv, left[i], right[i]);
    return false;
}

bool union_valid(const EvalContext& context, std::uint32_t index) {
    if (index == none) return false;
    for (std::uint32_t header : context.layout.unions[index])
        if (context.phv.valid[header] != 0) return true;
    return false;
}

bool comparison(ExprOp op, std::strong_ordering order) {
    switch (op) {
        case ExprOp::eq:
            return std::is_eq(order);
        case ExprOp::ne:
            return std::is_neq(order);
        case ExprOp::lt:
            return std::is_lt(order);
        case ExprOp::gt:
            return std::is_gt(order);
        case ExprOp::le:
            return std::is_lteq(order);
        default:
            return std::is_gteq(order);
    }
}

// Booleans whose operands are wide are still computed here: the result is 0 or 1.
bool compare_wide(const EvalContext& context, const ExprNode& node) {
    return comparison(node.op, evaluate_wide(context, node.left) <=> evaluate_wide(context, node.right));
}

}  // namespace

bool headers_equal(const Layout& layout, const Phv& phv, std::uint32_t a, std::uint32_t b) {
    if (a == none || b == none || phv.valid[a] == 0 || phv.valid[b] == 0) return false;
    const Header& left = layout.headers[a];
    const Header& right = layout.headers[b];
    if (left.type != right.type) return false;
    const std::uint8_t* x = phv.bytes.data() + left.offset;
    const std::uint8_t* y = phv.bytes.data() + right.offset;
    if (left.var_field == none) return std::memcmp(x, y, left.storage) == 0;
    const std::uint32_t length = phv.var_bytes[a];
    const std::uint32_t after = left.var_offset + left.var_max;
    return length == phv.var_bytes[b] && std::memcmp(x, y, left.var_offset + length) == 0 &&
           std::memcmp(x + after, y + after, left.storage - after) == 0;
}

std::uint32_t evaluate_union(const EvalContext& context, std::uint32_t index) {
    const ExprNode& node = context.pool.nodes[index];
    if (node.op == ExprOp::union_ref) return node.a;
    const auto& unions = context.layout.union_stacks[node.a];
    const std::int64_t at = evaluate(context, node.right);
    return at < 0 || static_cast<U64>(at) >= unions.size() ? none : unions[static_cast<std::size_t>(at)];
}

std::uint32_t evaluate_header(const EvalContext& context, std::uint32_t index) {
    const ExprNode& node = context.pool.nodes[index];
    switch (node.op) {
        case ExprOp::header:
            return node.a;
        case ExprOp::access_union: {
            const std::uint32_t which = evaluate_union(context, node.left);
            if (which == none || node.a >= context.layout.unions[which].size()) return none;
            return context.layout.unions[which][node.a];
        }
        default: {
            const auto& elements = context.layout.stacks[node.a];
            const std::int64_t at = evaluate(context, node.right);
            return at < 0 || static_cast<U64>(at) >= elements.size() ? none
                                                                     : elements[static_cast<std::size_t>(at)];
        }
    }
}

std::uint32_t evaluate_field(const EvalContext& context, std::uint32_t index) {
    const ExprNode& node = context.pool.nodes[index];
    std::uint32_t header = none, ordinal = node.a;
    switch (node.op) {
        case ExprOp::field:
            return node.a;
        case ExprOp::access_field:
            header = evaluate_header(context, node.left);
            break;
        case ExprOp::stack_last:
            header = last_of_stack(context, node.a);
            ordinal = node.b;
            break;
        default:
            return none;
    }
    if (header == none || ordinal >= context.layout.headers[header].field_count) return none;
    return context.layout.headers[header].first_field + ordinal;
}

std::int64_t evaluate(const EvalContext& context, std::uint32_t index) {
    const ExprNode& node = context.pool.nodes[index];
    if (node.wide) return evaluate_wide(context, index).low();
    const auto left = [&] { return evaluate(context, node.left); };
    const auto right = [&] { return evaluate(context, node.right); };
    // Compared through wide operands when one of them does not fit.
    const auto wide_operands = [&] {
        return context.pool.nodes[node.left].wide || context.pool.nodes[node.right].wide;
    };
    switch (node.op) {
        case ExprOp::constant:
            return node.imm;
        case ExprOp::field:
            return as_signed(load(context.phv, context.layout.fields[node.a]));
        case ExprOp::param:
            return as_signed(context.params[node.a]);
        case ExprOp::stack_last:
        case ExprOp::access_field: {
            const std::uint32_t field = evaluate_field(context, index);
            return field == none ? 0 : as_signed(load(context.phv, context.layout.fields[field]));
        }
        case ExprOp::stack_next:
            return context.phv.next[node.a];
        case ExprOp::stack_last_index:
            return static_cast<std::int64_t>(context.phv.next[node.a]) - 1;
        case ExprOp::add:
            return as_signed(static_cast<U64>(left()) + static_cast<U64>(right()));
        case ExprOp::sub:
            return as_signed(static_cast<U64>(left()) - static_cast<U64>(right()));
        case ExprOp::mul:
            return as_signed(static_cast<U64>(left()) * static_cast<U64>(right()));
        case ExprOp::div:
        case ExprOp::mod: {
            const std::int64_t a = left(), b = right();
            if (a < 0 || b <= 0) return 0;
            return node.op == ExprOp::div ? a / b : a % b;
        }
        case ExprOp::shl: {
            const std::int64_t by = right();
            return by < 0 || by >= 64 ? 0 : as_signed(static_cast<U64>(left()) << by);
        }
        case ExprOp::shr: {
            const std::int64_t by = right(), value = left();
            if (by < 0) return 0;
            return by >= 64 ? (value < 0 ? -1 : 0) : value >> by;
        }
        case ExprOp::bit_and:
            return left() & right();
        case ExprOp::bit_or:
            return left() | right();
        case ExprOp::bit_xor:
            return left() ^ right();
        case ExprOp::bit_not:
            return ~left();
        case ExprOp::eq:
        case ExprOp::ne:
        case ExprOp::lt:
        case ExprOp::gt:
        case ExprOp::le:
        case ExprOp::ge:
            return (wide_operands() ? compare_wide(context, node) : comparison(node.op, left() <=> right()))
                       ? 1
                       : 0;
        case ExprOp::logic_and:
            return left() != 0 && right() != 0 ? 1 : 0;
        case ExprOp::logic_or:
            return left() != 0 || right() != 0 ? 1 : 0;
        case ExprOp::logic_not:
            return left() == 0 ? 1 : 0;
        case ExprOp::is_true:
            if (context.pool.nodes[node.left].wide) return evaluate_wide(context, node.left).zero() ? 0 : 1;
            return left() != 0 ? 1 : 0;
        case ExprOp::select:
            return evaluate(context, node.cond) != 0 ? left() : right();
        case ExprOp::eq_header:
            return headers_equal(context.layout, context.phv, evaluate_header(context, node.left),
                                 evaluate_header(context, node.right))
                       ? 1
                       : 0;
        case ExprOp::eq_union:
            return unions_equal(context, evaluate_union(context, node.left),
                                evaluate_union(context, node.right))
                       ? 1
                       : 0;
        case ExprOp::valid_header: {
            const std::uint32_t header = evaluate_header(context, node.left);
            return header != none && context.phv.valid[header] != 0 ? 1 : 0;
        }
        case ExprOp::valid_union:
            return union_valid(context, evaluate_union(context, node.left)) ? 1 : 0;
        case ExprOp::two_comp:
            return sign_extend(static_cast<U64>(left()), node.width);
        case ExprOp::usat: {
            const std::int64_t value = left(), top = as_signed(low_mask(node.width));
            return value < 0 ? 0 : value > top ? top : value;
        }
        case ExprOp::sat: {
            const std::int64_t value = left(), top = as_signed(low_mask(node.width - 1));
            return value < ~top ? ~top : value > top ? top : value;
        }
        default:
            return 0;
    }
}

WideInt evaluate_wide(const EvalContext& context, std::uint32_t index) {
    const ExprNode& node = context.pool.nodes[index];
    if (!node.wide) return WideInt(evaluate(context, index));
    const auto left = [&] { return evaluate_wide(context, node.left); };
    const auto right = [&] { return evaluate_wide(context, node.right); };
    switch (node.op) {
        case ExprOp::constant:
            return context.pool.constants[node.a];
        case ExprOp::field:
        case ExprOp::stack_last:
        case ExprOp::access_field: {
            const std::uint32_t field = evaluate_field(context, index);
            return field == none ? WideInt() : load_wide(context.phv, context.layout.fields[field]);
        }
        case ExprOp::param:
            return WideInt::from_limbs(context.params + node.a, (node.width + 63) / 64);
        case ExprOp::add:
            return left() + right();
        case ExprOp::sub:
            return left() - right();
        case ExprOp::mul:
            return left() * right();
        case ExprOp::div:
        case ExprOp::mod: {
            WideInt quotient, remainder;
            WideInt::divide(left(), right(), quotient, remainder);
            return node.op == ExprOp::div ? quotient : remainder;
        }
        case ExprOp::shl:
        case ExprOp::shr: {
            const WideInt by = right();
            if (by.negative()) return WideInt();
            const std::size_t amount =
                by.fits_int64() && by.low() < static_cast<std::int64_t>(WideInt::max_bits)
                    ? static_cast<std::size_t>(by.low())
                    : WideInt::max_bits;
            return node.op == ExprOp::shl ? left().shifted_left(amount) : left().shifted_right(amount);
        }
        case ExprOp::bit_and:
            return left() & right();
        case ExprOp::bit_or:
            return left() | right();
        case ExprOp::bit_xor:
            return left() ^ right();
        case ExprOp::bit_not:
            return ~left();
        case ExprOp::select:
            return evaluate(context, node.cond) != 0 ? left() : right();
        case ExprOp::two_comp:
            return left().sign_extended(node.width);
        case ExprOp::usat:
        case ExprOp::sat: {
            const WideInt value = left();
            const WideInt top = WideInt::ones(node.op == ExprOp::usat ? node.width : node.width - 1);
            const WideInt bottom = node.op == ExprOp::usat ? WideInt() : ~top;
            return value < bottom ? bottom : value > top ? top : value;
        }
        default:
            return WideInt();
    }
}

void infer_range(ExprPool& pool, const Layout& layout, std::uint32_t index) {
    ExprNode& node = pool.nodes[index];
    const ExprNode zero;
    const ExprNode& left = node.left == none ? zero : pool.nodes[node.left];
    const ExprNode& right = node.right == none ? zero : pool.nodes[node.right];
    constexpr auto cap = static_cast<std::uint32_t>(WideInt::max_bits);
    const auto set = [&](std::uint64_t bits, bool nonnegative) {
        node.bits = static_cast<std::uint32_t>(std::min<std::uint64_t>(bits, cap));
        node.nonnegative = nonnegative;
    };
    const auto of_field = [&](const Field& field) {
        if (field.kind == FieldKind::validity) return set(2, true);
        set(field.is_signed ? field.width : field.width + 1ULL, !field.is_signed);
    };
    const bool both = left.nonnegative && right.nonnegative;
    const std::uint64_t widest = std::max(left.bits, right.bits);
    switch (node.op) {
        case ExprOp::constant: {
            const WideInt value = node.a == none ? WideInt(node.imm) : pool.constants[node.a];
            set(value.signed_bits(), !value.negative());
            break;
        }
        case ExprOp::field:
            of_field(layout.fields[node.a]);
            break;
        case ExprOp::param:
            set(node.width + 1ULL, true);
            break;
        case ExprOp::stack_last:
            of_field(layout.fields[layout.headers[layout.stacks[node.a].front()].first_field + node.b]);
            break;
        case ExprOp::access_field: {
            const ExprNode& base = pool.nodes[node.left];
            std::uint32_t header = base.a;
            if (base.op == ExprOp::deref_stack) header = layout.stacks[base.a].front();
            if (base.op == ExprOp::access_union) {
                const ExprNode& which = pool.nodes[base.left];
                const std::uint32_t first =
                    which.op == ExprOp::union_ref ? which.a : layout.union_stacks[which.a].front();
                header = layout.unions[first][base.a];
            }
            of_field(layout.fields[layout.headers[header].first_field + node.a]);
            break;
        }
        case ExprOp::stack_next:
            set(33, true);
            break;
        case ExprOp::stack_last_index:
            set(34, false);
            break;
        case ExprOp::add:
            set(widest + 1, both);
            break;
        case ExprOp::sub:
            set(widest + 1, false);
            break;
        case ExprOp::mul:
            set(std::uint64_t{left.bits} + right.bits, both);
            break;
        case ExprOp::div:
        case ExprOp::mod:
            set(widest, true);
            break;
        case ExprOp::shl: {
            const bool fixed = right.op == ExprOp::constant && right.a == none && right.imm >= 0;
            set(left.bits + (fixed ? static_cast<std::uint64_t>(right.imm) : cap), left.nonnegative);
            break;
        }
        case ExprOp::shr:
            set(left.bits, left.nonnegative);
            break;
        case ExprOp::bit_and:
            if (both)
                set(std::min(left.bits, right.bits), true);
            else if (left.nonnegative)
                set(left.bits, true);
            else if (right.nonnegative)
                set(right.bits, true);
            else
                set(widest, false);
            break;
        case ExprOp::bit_or:
        case ExprOp::bit_xor:
            set(widest, both);
            break;
        case ExprOp::bit_not:
            set(left.bits, false);
            break;
        case ExprOp::select:
            set(widest, both);
            break;
        case ExprOp::two_comp:
        case ExprOp::sat:
            set(node.width, false);
            break;
        case ExprOp::usat:
            set(node.width + 1ULL, true);
            break;
        default:
            set(2, true);
            break;
    }
}

void choose_widths(ExprPool& pool, std::uint32_t index, std::uint32_t demand) {
    ExprNode& node = pool.nodes[index];
    const auto fits = [&](std::uint32_t child) { return child == none || pool.nodes[child].bits <= 64; };
    const auto visit = [&](std::uint32_t child, std::uint32_t bits) {
        if (child != none) choose_widths(pool, child, bits);
    };
    const bool partial = demand != 0 && demand <= 64;
    const std::uint32_t wanted = partial ? demand : 0;
    switch (node.op) {
        case ExprOp::constant:
        case ExprOp::field:
        case ExprOp::param:
        case ExprOp::stack_last:
            node.wide = !partial && node.bits > 64;
            return;
        case ExprOp::access_field:
            node.wide = !partial && node.bits > 64;
            visit(node.left, 0);
            return;
        case ExprOp::bit_and: {
            // Of the other operand only the bits under a non-negative one matter.
            const ExprNode& left = pool.nodes[node.left];
            const ExprNode& right = pool.nodes[node.right];
            std::uint32_t most = wanted;
            for (const ExprNode* side : {&left, &right})
                if (side->nonnegative && side->bits <= 64 && (most == 0 || side->bits - 1 < most))
                    most = std::max<std::uint32_t>(side->bits - 1, 1);
            node.wide = most == 0;
            visit(node.left, most);
            visit(node.right, most);
            return;
        }
        case ExprOp::add:
        case ExprOp::sub:
        case ExprOp::mul:
        case ExprOp::bit_or:
        case ExprOp::bit_xor:
        case ExprOp::bit_not:
            node.wide = !partial && !(node.bits <= 64 && fits(node.left) && fits(node.right));
            visit(node.left, wanted);
            visit(node.right, wanted);
            return;
        case ExprOp::shl:
            node.wide = (!partial && !(node.bits <= 64 && fits(node.left))) || !fits(node.right);
            visit(node.left, node.wide ? 0 : wanted);
            visit(node.right, 0);
            return;
        case ExprOp::select:
            node.wide = !partial && node.bits > 64;
            visit(node.cond, 0);
            visit(node.left, wanted);
            visit(node.right, wanted);
            return;
        case ExprOp::two_comp:
            node.wide = node.width > 64 && !partial;
            visit(node.left, node.width <= 64 ? node.width : wanted);
            return;
        case ExprOp::shr:
        case ExprOp::div:
        case ExprOp::mod:
            node.wide = !(fits(node.left) && fits(node.right));
            visit(node.left, 0);
            visit(node.right, 0);
            return;
        case ExprOp::usat:
        case ExprOp::sat:
            node.wide = !fits(node.left) || node.width > 63;
            visit(node.left, 0);
            return;
        default:
            visit(node.cond, 0);
            visit(node.left, 0);
            visit(node.right, 0);
            return;
    }
}

}  // namespace weft::p4switch
