// Value sets, the parser and the deparser.
#include "loader.hpp"

#include <algorithm>

namespace weft::p4switch {

void Loader::load_value_sets() {
    for (const Json* json : root_.list("parse_vsets")) {
        ValueSetDef set;
        set.name = json->at("name").string();
        set.bits = json->at("compressed_bitwidth").number(65536);
        if (const Json* size = json->find("max_size")) set.max_size = size->number(1U << 24);
        claim(value_set_names_, *json, static_cast<std::uint32_t>(out_.value_sets.size()), "value set");
        out_.value_sets.push_back(std::move(set));
    }
}

void Loader::load_parsers() {
    const Json* parser = nullptr;
    for (const Json* json : root_.list("parsers"))
        if (json->at("name").string() == "parser") parser = json;
    if (parser == nullptr) root_.fail("there is no parser called \"parser\", which v1model needs");
    Names states;
    const auto& list = parser->list("parse_states");
    for (const Json* json : list)
        claim(states, *json, static_cast<std::uint32_t>(states.size()), "parser state");
    for (const Json* json : list) {
        ParserState state;
        load_state(*json, state, states);
        out_.max_transition_bytes = std::max(out_.max_transition_bytes, state.key_bytes);
        out_.states.push_back(std::move(state));
    }
    const Json& first = parser->at("init_state");
    if (!first.is_null()) out_.first_state = lookup(states, first, "parser state");
}

KeyElement Loader::key_element(const Json& json) {
    const std::string& type = json.at("type").string();
    const Json& value = json.at("value");
    const Layout& layout = out_.layout;
    KeyElement element;
    if (type == "field") {
        element.a = field_ref(value);
        element.width = layout.fields[element.a].width;
        if (layout.fields[element.a].kind == FieldKind::varbit) json.fail("a variable field cannot be a key");
    } else if (type == "stack_field") {
        element.kind = KeyElement::Kind::stack_field;
        element.a = lookup(stack_names_, value.at(0), "header stack");
        const Header& header = layout.headers[layout.stacks[element.a].front()];
        const std::uint32_t field = field_named(header.name, value.at(1).string());
        if (field == none || layout.fields[field].kind == FieldKind::varbit)
            value.fail("the elements of the stack have no such field");
        element.b = field - header.first_field;
        element.width = layout.fields[field].width;
    } else if (type == "union_stack_field") {
        element.kind = KeyElement::Kind::union_stack_field;
        element.a = lookup(union_stack_names_, value.at(0), "header union stack");
        const auto& members = layout.unions[layout.union_stacks[element.a].front()];
        const std::string suffix = "." + value.at(1).string();
        for (std::size_t i = 0; i < members.size(); ++i) {
            const Header& header = layout.headers[members[i]];
            if (!header.name.ends_with(suffix)) continue;
            const std::uint32_t field = field_named(header.name, value.at(2).string());
            if (field == none || layout.fields[field].kind == FieldKind::varbit) continue;
            element.b = static_cast<std::uint32_t>(i);
            element.c = field - header.first_field;
            element.width = layout.fields[field].width;
        }
        if (element.b == none) value.fail("the elements of the union stack have no such field");
    } else if (type == "lookahead") {
        element.kind = KeyElement::Kind::lookahead;
        element.a = value.at(0).number(1U << 20);
        element.width = value.at(1).number(8192);
    } else {
        json.fail("a key of type \"" + type + "\" is not supported");
    }
    return element;
}

void Loader::load_state(const Json& json, ParserState& state, const Names& states) {
    state.name = json.at("name").string();
    const auto& ops = json.list("parser_ops");
    std::vector<Op> compiled;
    for (const Json* op : ops) compiled.push_back(parser_op(*op));
    state.ops.first = static_cast<std::uint32_t>(out_.ops.size());
    state.ops.count = static_cast<std::uint32_t>(compiled.size());
    out_.ops.insert(out_.ops.end(), compiled.begin(), compiled.end());

    std::vector<std::uint32_t> widths;
    for (const Json* item : json.list("transition_key")) {
        const KeyElement element = key_element(*item);
        state.key_bytes += (element.width + 7) / 8;
        state.key_bits += element.width;
        if (state.key_bytes > 65536) item->fail("the key is too long");
        widths.push_back(element.width);
        state.key.push_back(element);
    }
    for (const Json* item : json.list("transitions")) {
        const Json& next = item->at("next_state");
        Transition transition;
        if (!next.is_null()) transition.next = lookup(states, next, "parser state");
        const Json* kind = item->find("type");
        const Json& value = item->at("value");
        std::string type = kind != nullptr ? kind->string() : "hexstr";
        if (kind == nullptr && value.is_string() && value.string() == "default") type = "default";
        if (type == "default") {
            state.otherwise = transition.next;
            continue;
        }
        if (state.key.empty()) continue;  // BMv2 takes the default when there is no key
        const Json* mask = item->find("mask");
        const bool masked = mask != nullptr && !mask->is_null();
        transition.mask.assign(state.key_bytes, 0xff);
        if (masked) transition.mask = hex_bytes(*mask, state.key_bytes);
        if (type == "parse_vset") {
            transition.value_set = lookup(value_set_names_, value, "value set");
            ValueSetDef& set = out_.value_sets[transition.value_set];
            if (set.bits != state.key_bits)
                value.fail("the value set holds " + std::to_string(set.bits) + " bits, the key has " +
                           std::to_string(state.key_bits));
            if (set.widths.empty()) set.widths = widths;
            // Members are stored without padding, so the mask is too.
            std::vector<std::uint8_t> compressed((state.key_bits + 7) / 8);
            std::size_t from = 0, to = 0;
            for (std::uint32_t width : widths) {
                const std::size_t bytes = (width + 7) / 8;
                copy_bits(compressed.data(), to, transition.mask.data(), from * 8 + bytes * 8 - width, width);
                from += bytes;
                to += width;
            }
            transition.mask = std::move(compressed);
        } else if (type == "hexstr") {
            transition.value = hex_bytes(value, state.key_bytes);
            for (std::size_t i = 0; i < transition.value.size(); ++i)
                transition.value[i] &= transition.mask[i];
            if (state.key_bytes <= 8) {
                transition.value64 = read_bits(transition.value.data(), 0, state.key_bytes * 8);
                transition.mask64 = read_bits(transition.mask.data(), 0, state.key_bytes * 8);
            }
        } else {
            item->fail("a transition of type \"" + type + "\" is not supported");
        }
        state.transitions.push_back(std::move(transition));
    }
}

Op Loader::parser_op(const Json& json) {
    const std::string& name = json.at("op").string();
    const Json& parameters = json.at("parameters");
    Op op;
    if (name == "extract" || name == "extract_VL") {
        const Json& target = parameters.at(std::size_t{0});
        const std::string& type = target.at("type").string();
        const Json& value = target.at("value");
        const bool variable = name == "extract_VL";
        std::uint32_t sample = none;
        if (type == "regular") {
            op.code = variable ? OpCode::extract_varbit : OpCode::extract;
            sample = op.a = lookup(header_names_, value, "header");
        } else if (type == "stack") {
            op.code = variable ? OpCode::extract_varbit_stack : OpCode::extract_stack;
            op.a = lookup(stack_names_, value, "header stack");
            sample = out_.layout.stacks[op.a].front();
        } else if (type == "union_stack" && !variable) {
            op.code = OpCode::extract_union_stack;
            op.a = lookup(union_stack_names_, value.at(0), "header union stack");
            const auto& members = out_.layout.unions[out_.layout.union_stacks[op.a].front()];
            const std::string suffix = "." + value.at(1).string();
            for (std::size_t i = 0; i < members.size(); ++i)
                if (out_.layout.headers[members[i]].name.ends_with(suffix))
                    op.b = static_cast<std::uint32_t>(i);
            if (op.b == none) value.fail("the union has no such member");
        } else {
            target.fail("extraction to \"" + type + "\" is not supported");
        }
        if (variable) {
            if (out_.layout.headers[sample].var_field == none)
                target.fail("the header has no variable field");
            op.b = number(parameters.at(1), nullptr);
        }
        return op;
    }
    if (name == "set") {
        const Json& source = parameters.at(1);
        if (source.is_object() && source.at("type").string() == "lookahead") {
            op.code = OpCode::lookahead;
            op.a = field_ref(parameters.at(std::size_t{0}).at("value"));
            op.b = source.at("value").at(0).number(1U << 20);
            op.c = source.at("value").at(1).number(8192);
            return op;
        }
        return assign(parameters.at(std::size_t{0}), source, nullptr);
    }
    if (name == "verify") {
        op.code = OpCode::verify;
        op.a = condition(parameters.at(std::size_t{0}), nullptr);
        const Json& error = parameters.at(1);
        op.b = error.is_integer() ? constant_node(WideInt(error.integer())) : number(error, nullptr, 64);
        return op;
    }
    if (name == "advance" || name == "shift") {
        op.code = OpCode::advance;
        const Json& amount = parameters.at(std::size_t{0});
        op.b = amount.is_integer() ? constant_node(WideInt(amount.number(1U << 20) * 8LL))
                                   : number(amount, nullptr);
        return op;
    }
    if (name == "primitive") return primitive(parameters.at(std::size_t{0}), nullptr, 0, 0);
    json.fail("parser operation \"" + name + "\" is not supported");
}

void Loader::load_deparser() {
    const Json* deparser = nullptr;
    for (const Json* json : root_.list("deparsers"))
        if (json->at("name").string() == "deparser") deparser = json;
    if (deparser == nullptr) root_.fail("there is no deparser called \"deparser\", which v1model needs");
    for (const Json* name : deparser->list("order"))
        out_.deparser.push_back(lookup(header_names_, *name, "header"));
    load_primitives(deparser->list("primitives"), nullptr, out_.deparser_ops);
}

}  // namespace weft::p4switch
