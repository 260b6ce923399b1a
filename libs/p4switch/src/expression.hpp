// Expressions: trees in one flat array, each node marked at load time as 64-bit or wide.
//
// BMv2 computes with unlimited integers and cuts a value only where it is stored. The loader works out, from
// the widths of the leaves, which range each node can have, and, from the masks above it, how many of its low
// bits anybody looks at. A node whose exact value fits into 64 bits, or of which at most 64 low bits matter
// and whose operator works modulo 2^64, is evaluated in machine arithmetic; the rest in WideInt.
#pragma once

#include "phv.hpp"

#include <cstdint>
#include <vector>

namespace weft::p4switch {

enum class ExprOp : std::uint8_t {
    constant,    // imm, or wide_constants[a]
    field,       // a = field
    param,       // a = limb index, width
    stack_last,  // a = stack, b = field ordinal of its last element
    stack_next,  // a = stack: its `next`
    stack_last_index,
    access_field,       // left = header node, a = field ordinal
    header,             // a = header
    deref_stack,        // a = stack, right = index
    union_ref,          // a = union
    deref_union_stack,  // a = union stack, right = index
    access_union,       // left = union node, a = member ordinal
    add,
    sub,
    mul,
    div,
    mod,
    shl,
    shr,
    bit_and,
    bit_or,
    bit_xor,
    bit_not,
    eq,
    ne,
    lt,
    gt,
    le,
    ge,
    logic_and,
    logic_or,
    logic_not,
    select,
    eq_header,
    eq_union,
    valid_header,
    valid_union,
    is_true,  // number -> bool
    two_comp,
    usat,
    sat,  // width
};

struct ExprNode {
    ExprOp op = ExprOp::constant;
    bool wide = false;
    std::uint32_t left = none, right = none, cond = none;
    std::uint32_t a = none, b = none;
    std::uint32_t width = 0;
    std::int64_t imm = 0;
    // Range of the exact value, used by the loader.
    std::uint32_t bits = 1;  // signed width
    bool nonnegative = true;
};

struct ExprPool {
    std::vector<ExprNode> nodes;
    std::vector<WideInt> constants;
};

struct EvalContext {
    const ExprPool& pool;
    const Layout& layout;
    const Phv& phv;
    const std::uint64_t* params;  // limbs of the action's arguments
};

// The value, or its low 64 bits when more were not asked for.
[[nodiscard]] std::int64_t evaluate(const EvalContext& context, std::uint32_t node);
[[nodiscard]] WideInt evaluate_wide(const EvalContext& context, std::uint32_t node);

// The header (union, field) that a reference node names; none when a run-time index is out of range.
[[nodiscard]] std::uint32_t evaluate_header(const EvalContext& context, std::uint32_t node);
[[nodiscard]] std::uint32_t evaluate_union(const EvalContext& context, std::uint32_t node);
[[nodiscard]] std::uint32_t evaluate_field(const EvalContext& context, std::uint32_t node);

[[nodiscard]] bool headers_equal(const Layout& layout, const Phv& phv, std::uint32_t a, std::uint32_t b);

// Sets the ranges of `node` from its children, which have theirs.
void infer_range(ExprPool& pool, const Layout& layout, std::uint32_t node);

// Marks the tree below `node`, of whose value the low `demand` bits matter; 0 = all of it.
void choose_widths(ExprPool& pool, std::uint32_t node, std::uint32_t demand);

}  // namespace weft::p4switch
