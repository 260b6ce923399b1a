// Actions and their primitives.
#include "loader.hpp"

namespace weft::p4switch {
namespace {

constexpr std::uint32_t max_ops = 1U << 20;

std::int64_t plain_constant(const ExprPool& pool, std::uint32_t node, bool& is_constant) {
    const ExprNode& at = pool.nodes[node];
    is_constant = at.op == ExprOp::constant && at.a == none;
    return at.imm;
}

}  // namespace

void Loader::load_actions() {
    for (const Json* json : root_.list("actions")) {
        Action action;
        action.name = json->at("name").string();
        for (const Json* data : json->list("runtime_data")) {
            Param param;
            param.name = data->at("name").string();
            param.width = data->at("bitwidth").number(8192);
            param.limb = action.limbs;
            action.limbs += std::max(1U, (param.width + 63) / 64);
            if (action.params.size() > 4096) data->fail("an action with too many parameters");
            action.params.push_back(std::move(param));
        }
        load_primitives(json->list("primitives"), &action, action.ops);
        const Json& id = json->at("id");
        if (!action_ids_.emplace(id.integer(), static_cast<std::uint32_t>(out_.actions.size())).second)
            id.fail("a second action has this id");
        out_.actions.push_back(std::move(action));
    }
}

void Loader::load_primitives(const std::vector<const Json*>& list, const Action* action, OpRange& range) {
    if (out_.ops.size() + list.size() > max_ops) root_.fail("the program has too many primitives");
    range.first = static_cast<std::uint32_t>(out_.ops.size());
    range.count = static_cast<std::uint32_t>(list.size());
    std::vector<Op> ops;
    for (const Json* call : list) ops.push_back(primitive(*call, action, list.size(), range.first));
    out_.ops.insert(out_.ops.end(), ops.begin(), ops.end());
}

// The field that an operation writes: known now, or found by an expression with a run-time stack index.
void Loader::target_field(Op& op, const Json& value, const Action* action) {
    const std::uint32_t node = number(value, action);
    const ExprNode& at = out_.expressions.nodes[node];
    if (at.op == ExprOp::field) {
        op.a = at.a;
        return;
    }
    if (at.op != ExprOp::access_field && at.op != ExprOp::stack_last)
        value.fail("expected a field to write to");
    op.a = node;
    op.lvalue = true;
}

Op Loader::assign(const Json& target, const Json& source, const Action* action) {
    Op op;
    target_field(op, target, action);
    if (op.lvalue) {
        op.code = OpCode::assign_wide;
        op.b = number(source, action);
        return op;
    }
    const Field& field = out_.layout.fields[op.a];
    if (field.kind == FieldKind::varbit) {
        const std::uint32_t node = number(source, action);
        const ExprNode& from = out_.expressions.nodes[node];
        if (from.op != ExprOp::field || out_.layout.fields[from.a].kind != FieldKind::varbit)
            source.fail("a variable field is assigned from a variable field only");
        op.code = OpCode::assign_varbit;
        op.b = from.a;
        return op;
    }
    if (field.saturating || field.width > 64) {
        op.code = OpCode::assign_wide;
        op.b = number(source, action);
        return op;
    }
    op.b = number(source, action, field.width);
    const ExprNode& from = out_.expressions.nodes[op.b];
    switch (from.op) {
        case ExprOp::constant:
            op.code = OpCode::assign_const;
            op.imm = from.imm;
            break;
        case ExprOp::param:
            op.code = OpCode::assign_param;
            op.b = from.a;
            break;
        case ExprOp::field:
            op.code = OpCode::assign_field;
            op.b = from.a;
            break;
        default:
            op.code = OpCode::assign_expr;
            break;
    }
    return op;
}

// The P4_14 forms: dst = a op b, or dst = dst op a.
Op Loader::arithmetic(const Json& call, const Action* action, ExprOp code, bool with_target) {
    const Json& parameters = call.at("parameters");
    Op op;
    target_field(op, parameters.at(0), action);
    ExprNode node;
    node.op = code;
    node.left = number_node(parameters.at(with_target ? std::size_t{0} : std::size_t{1}), action);
    node.right = number_node(parameters.at(with_target ? std::size_t{1} : std::size_t{2}), action);
    op.code = OpCode::assign_wide;
    op.b = add_node(node);
    choose_widths(out_.expressions, op.b, 0);
    return op;
}

Op Loader::primitive(const Json& call, const Action* action, std::size_t count, std::uint32_t) {
    const std::string& name = call.at("op").string();
    const Json* list = call.find("parameters");
    const auto arguments = [&](std::size_t wanted) {
        const std::size_t given = list == nullptr ? 0 : list->items().size();
        if (given != wanted)
            call.fail("primitive \"" + name + "\" takes " + std::to_string(wanted) + " arguments, not " +
                      std::to_string(given));
    };
    const auto arg = [&](std::size_t index) -> const Json& { return list->at(index); };
    const auto value = [&](std::size_t index) { return number(arg(index), action, 64); };
    const auto object = [&](std::size_t index, const Names& names, const char* kind) {
        return lookup(names, arg(index).at("value"), kind);
    };
    const auto header = [&](std::size_t index) {
        const std::uint32_t node = header_node(arg(index), action);
        choose_widths(out_.expressions, node, 0);
        return node;
    };
    Op op;
    const auto simple = [&](OpCode code) {
        op.code = code;
        return op;
    };

    if (name == "assign" || name == "modify_field" || name == "set" || name == "assign_VL") {
        arguments(2);
        return assign(arg(0), arg(1), action);
    }
    if (name == "assign_header" || name == "copy_header") {
        arguments(2);
        op.a = header(0);
        op.b = header(1);
        const auto known = [&](std::uint32_t node) {
            const ExprNode& at = out_.expressions.nodes[node];
            if (at.op == ExprOp::header) return at.a;
            if (at.op == ExprOp::deref_stack) return out_.layout.stacks[at.a].front();
            return none;
        };
        const std::uint32_t to = known(op.a), from = known(op.b);
        if (to != none && from != none && out_.layout.headers[to].type != out_.layout.headers[from].type)
            call.fail("the two headers have different types");
        return simple(OpCode::assign_header);
    }
    if (name == "assign_union") {
        arguments(2);
        op.a = union_node(arg(0), action);
        op.b = union_node(arg(1), action);
        return simple(OpCode::assign_union);
    }
    if (name == "assign_header_stack") {
        arguments(2);
        op.a = object(0, stack_names_, "header stack");
        op.b = object(1, stack_names_, "header stack");
        return simple(OpCode::assign_stack);
    }
    if (name == "assign_union_stack") {
        arguments(2);
        op.a = object(0, union_stack_names_, "header union stack");
        op.b = object(1, union_stack_names_, "header union stack");
        return simple(OpCode::assign_union_stack);
    }
    if (name == "push" || name == "pop") {
        arguments(2);
        const bool unions = arg(0).at("type").string() == "header_union_stack";
        op.a = unions ? object(0, union_stack_names_, "header union stack")
                      : object(0, stack_names_, "header stack");
        op.b = value(1);
        if (unions) return simple(name == "push" ? OpCode::push_union : OpCode::pop_union);
        return simple(name == "push" ? OpCode::push : OpCode::pop);
    }
    if (name == "add_header" || name == "add_header_fast" || name == "remove_header") {
        arguments(1);
        op.a = header(0);
        return simple(name == "add_header"        ? OpCode::add_header
                      : name == "add_header_fast" ? OpCode::add_header_fast
                                                  : OpCode::remove_header);
    }
    if (name == "_jump" || name == "_jump_if_zero") {
        const bool conditional = name == "_jump_if_zero";
        arguments(conditional ? 2 : 1);
        const std::uint32_t target = number(arg(conditional ? 1 : 0), action);
        bool constant = false;
        const std::int64_t to = plain_constant(out_.expressions, target, constant);
        if (!constant || to < 0 || static_cast<std::uint64_t>(to) > count)
            call.fail("a jump to a primitive that does not exist");
        op.a = static_cast<std::uint32_t>(to);
        if (conditional) op.b = value(0);
        return simple(conditional ? OpCode::jump_if_zero : OpCode::jump);
    }
    if (name == "exit") return simple(OpCode::exit);
    if (name == "no_op") return simple(OpCode::nothing);
    if (name == "assert" || name == "assume") {
        arguments(1);
        op.b = value(0);
        return simple(OpCode::require);
    }
    if (name == "log_msg") {
        arguments(2);
        LogMessage message;
        message.format = arg(0).at("value").string();
        for (const Json* item : arg(1).at("value").items()) message.values.push_back(number(*item, action));
        op.a = static_cast<std::uint32_t>(out_.messages.size());
        out_.messages.push_back(std::move(message));
        return simple(OpCode::log_message);
    }
    if (name == "mark_to_drop" || name == "drop") return simple(OpCode::mark_to_drop);
    if (name == "clone_ingress_pkt_to_egress" || name == "clone_egress_pkt_to_egress") {
        arguments(2);
        op.a = value(0);
        op.b = value(1);
        return simple(OpCode::clone);
    }
    if (name == "resubmit" || name == "recirculate") {
        arguments(1);
        op.b = value(0);
        return simple(name == "resubmit" ? OpCode::resubmit : OpCode::recirculate);
    }
    if (name == "generate_digest") {
        arguments(2);
        op.b = value(1);
        return simple(OpCode::digest);
    }
    if (name == "truncate") {
        arguments(1);
        op.b = value(0);
        return simple(OpCode::truncate);
    }
    if (name == "modify_field_with_hash_based_offset") {
        arguments(4);
        target_field(op, arg(0), action);
        op.b = value(1);
        op.c = object(2, calculation_names_, "calculation");
        op.d = value(3);
        return simple(OpCode::hash);
    }
    if (name == "modify_field_rng_uniform") {
        arguments(3);
        target_field(op, arg(0), action);
        op.b = value(1);
        op.c = value(2);
        return simple(OpCode::random);
    }
    if (name == "count") {
        arguments(2);
        op.a = object(0, counter_names_, "counter");
        op.b = value(1);
        return simple(OpCode::count);
    }
    if (name == "execute_meter") {
        arguments(3);
        op.c = object(0, meter_names_, "meter");
        op.b = value(1);
        target_field(op, arg(2), action);
        return simple(OpCode::meter);
    }
    if (name == "register_read") {
        arguments(3);
        target_field(op, arg(0), action);
        op.c = object(1, register_names_, "register");
        op.b = value(2);
        return simple(OpCode::register_read);
    }
    if (name == "register_write") {
        arguments(3);
        op.a = object(0, register_names_, "register");
        op.b = value(1);
        op.c = number(arg(2), action, out_.registers[op.a].width);
        return simple(OpCode::register_write);
    }
    static constexpr struct {
        const char* name;
        ExprOp op;
        bool with_target;
    } legacy[] = {
        {"add", ExprOp::add, false},
        {"subtract", ExprOp::sub, false},
        {"bit_and", ExprOp::bit_and, false},
        {"bit_or", ExprOp::bit_or, false},
        {"bit_xor", ExprOp::bit_xor, false},
        {"shift_left", ExprOp::shl, false},
        {"shift_right", ExprOp::shr, false},
        {"add_to_field", ExprOp::add, true},
        {"subtract_from_field", ExprOp::sub, true},
    };
    for (const auto& known : legacy) {
        if (name != known.name) continue;
        arguments(known.with_target ? 2 : 3);
        return arithmetic(call, action, known.op, known.with_target);
    }
    call.fail("primitive \"" + name + "\" is not supported");
}

}  // namespace weft::p4switch
