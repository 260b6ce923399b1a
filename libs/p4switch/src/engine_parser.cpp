// Parser and deparser.
#include "engine.hpp"

namespace weft::p4switch {
namespace {

constexpr std::uint64_t no_error = 0;
constexpr std::uint32_t state_limit = 1024;  // beyond one state for each byte of the packet

}  // namespace

void Engine::parse(Packet& packet) {
    const std::uint64_t error = run_parser(packet);
    if (error != no_error) ++statistics.parser_errors;
    set(packet, program->standard.parser_error, error);
}

std::uint64_t Engine::run_parser(Packet& packet) {
    std::uint32_t at = program->first_state;
    // A loop that consumes nothing would never end.
    std::size_t limit = packet.input.size() + state_limit;
    while (at != none) {
        if (limit-- == 0) return program->timeout_error;
        const ParserState& state = program->states[at];
        for (std::uint32_t i = 0; i < state.ops.count; ++i) {
            const std::uint64_t error = run_parser_op(packet, program->ops[state.ops.first + i]);
            if (error != no_error) return error;
        }
        const Transition* taken = state.transitions.empty() ? nullptr : select(packet, state);
        at = taken != nullptr ? taken->next : state.otherwise;
    }
    return no_error;
}

std::uint64_t Engine::extract(Packet& packet, std::uint32_t index, std::uint32_t var_bytes) {
    const Header& header = program->layout.headers[index];
    const std::uint32_t bytes = header.fixed_bytes + var_bytes;
    if (packet.input.size() - packet.position < bytes) return program->too_short_error;
    const std::uint8_t* from = packet.input.data() + packet.position;
    std::uint8_t* to = packet.phv.bytes.data() + header.offset;
    if (header.var_field == none) {
        std::copy_n(from, bytes, to);
    } else {
        const std::uint32_t after = header.var_offset + header.var_max;
        std::memcpy(to, from, header.var_offset + var_bytes);
        std::memset(to + header.var_offset + var_bytes, 0, header.var_max - var_bytes);
        std::memcpy(to + after, from + header.var_offset + var_bytes, header.storage - after);
        packet.phv.var_bytes[index] = var_bytes;
    }
    packet.position += bytes;
    make_valid(packet, index);
    return no_error;
}

std::uint64_t Engine::run_parser_op(Packet& packet, const Op& op) {
    const EvalContext context{program->expressions, program->layout, packet.phv, nullptr};
    const Layout& layout = program->layout;
    Phv& phv = packet.phv;
    const std::size_t left = packet.input.size() - packet.position;
    switch (op.code) {
        case OpCode::extract:
            return extract(packet, op.a, 0);
        case OpCode::extract_stack:
        case OpCode::extract_varbit_stack:
        case OpCode::extract_varbit: {
            const bool stack = op.code != OpCode::extract_varbit;
            if (stack && phv.next[op.a] >= layout.stacks[op.a].size()) return program->stack_error;
            const std::uint32_t header = stack ? layout.stacks[op.a][phv.next[op.a]] : op.a;
            std::uint32_t bytes = 0;
            if (op.code != OpCode::extract_stack) {
                const std::int64_t bits = evaluate(context, op.b);
                if (bits < 0 || bits % 8 != 0) return program->argument_error;
                const auto wanted = static_cast<std::uint64_t>(bits / 8);
                if (wanted + layout.headers[header].fixed_bytes > left) return program->too_short_error;
                if (wanted > layout.headers[header].var_max) return program->header_error;
                bytes = static_cast<std::uint32_t>(wanted);
            }
            const std::uint64_t error = extract(packet, header, bytes);
            if (error == no_error && stack) ++phv.next[op.a];
            return error;
        }
        case OpCode::extract_union_stack: {
            if (phv.union_next[op.a] >= layout.union_stacks[op.a].size()) return program->stack_error;
            const auto& members = layout.unions[layout.union_stacks[op.a][phv.union_next[op.a]]];
            const std::uint64_t error = extract(packet, members[op.b], 0);
            if (error == no_error) ++phv.union_next[op.a];
            return error;
        }
        case OpCode::lookahead: {
            const Field& field = layout.fields[op.a];
            // BMv2 asks for the width only; the offset can still reach beyond the end.
            const std::size_t need = (std::size_t{op.b} + op.c + 7) / 8;
            if (left < (op.c + 7) / 8 || left < need) return program->too_short_error;
            if (op.c <= 64 && !field.saturating) {
                write(packet, op.a, read_bits(packet.input.data() + packet.position, op.b, op.c));
            } else {
                std::vector<std::uint8_t> bytes((op.c + 7) / 8);
                copy_bits(bytes.data(), bytes.size() * 8 - op.c, packet.input.data() + packet.position, op.b,
                          op.c);
                store_wide(phv, field, WideInt::from_bytes(bytes.data(), bytes.size()));
            }
            return no_error;
        }
        case OpCode::verify:
            return evaluate(context, op.a) != 0 ? no_error
                                                : static_cast<std::uint64_t>(evaluate(context, op.b));
        case OpCode::advance: {
            const std::int64_t bits = evaluate(context, op.b);
            if (bits < 0 || bits % 8 != 0) return program->argument_error;
            if (static_cast<std::uint64_t>(bits / 8) > left) return program->too_short_error;
            packet.position += static_cast<std::uint32_t>(bits / 8);
            return no_error;
        }
        default:
            run_op(packet, op, context);
            return no_error;
    }
}

const Transition* Engine::select(const Packet& packet, const ParserState& state) {
    const Layout& layout = program->layout;
    std::uint8_t* key = transition_key_.data();
    std::uint32_t offset = 0;
    for (const KeyElement& element : state.key) {
        const std::uint32_t bytes = (element.width + 7) / 8;
        std::uint32_t field = none;
        switch (element.kind) {
            case KeyElement::Kind::field:
                field = element.a;
                break;
            case KeyElement::Kind::stack_field: {
                const std::uint32_t next = packet.phv.next[element.a];
                if (next != 0)
                    field = layout.headers[layout.stacks[element.a][next - 1]].first_field + element.b;
                break;
            }
            case KeyElement::Kind::union_stack_field: {
                const std::uint32_t next = packet.phv.union_next[element.a];
                if (next == 0) break;
                const auto& members = layout.unions[layout.union_stacks[element.a][next - 1]];
                const Header& header = layout.headers[members[element.b]];
                if (element.c < header.field_count) field = header.first_field + element.c;
                break;
            }
            case KeyElement::Kind::lookahead: {
                std::memset(key + offset, 0, bytes);
                const std::size_t left = packet.input.size() - packet.position;
                if ((std::size_t{element.a} + element.width + 7) / 8 <= left)
                    copy_bits(key + offset, bytes * 8 - element.width, packet.input.data() + packet.position,
                              element.a, element.width);
                offset += bytes;
                continue;
            }
        }
        if (field == none) {
            std::memset(key + offset, 0, bytes);
        } else if (const Field& at = layout.fields[field]; at.kind == FieldKind::wide) {
            load_wide(packet.phv, at).to_bytes(key + offset, bytes);
        } else if (bytes != 0) {
            store_be64(key + offset, (load(packet.phv, at) & low_mask(at.width)) << (64 - 8 * bytes));
        }
        offset += bytes;
    }
    const std::uint32_t total = state.key_bytes;
    const std::uint64_t key64 = total == 0 || total > 8 ? 0 : load_be64(key) >> (64 - 8 * total);
    bool compressed = false;
    for (const Transition& transition : state.transitions) {
        if (transition.value_set == none) {
            if (total <= 8) {
                if ((key64 & transition.mask64) == transition.value64) return &transition;
                continue;
            }
            bool equal = true;
            for (std::uint32_t i = 0; i < total && equal; ++i)
                equal = (key[i] & transition.mask[i]) == transition.value[i];
            if (equal) return &transition;
            continue;
        }
        if (!compressed) {
            std::fill(compressed_key_.begin(), compressed_key_.end(), std::uint8_t{0});
            std::size_t from = 0, to = 0;
            for (const KeyElement& element : state.key) {
                const std::size_t bytes = (element.width + 7) / 8;
                copy_bits(compressed_key_.data(), to, key, (from + bytes) * 8 - element.width, element.width);
                from += bytes;
                to += element.width;
            }
            compressed = true;
        }
        for (const auto& member : value_sets[transition.value_set]) {
            bool equal = true;
            for (std::size_t i = 0; i < transition.mask.size() && equal; ++i)
                equal = ((compressed_key_[i] ^ member[i]) & transition.mask[i]) == 0;
            if (equal) return &transition;
        }
    }
    return nullptr;
}

std::span<const std::uint8_t> Engine::deparse(Packet& packet) {
    update_checksums(packet);
    if (program->deparser_ops.count != 0) run_ops(packet, program->deparser_ops, nullptr);
    const Layout& layout = program->layout;
    const Phv& phv = packet.phv;
    std::size_t total = packet.input.size() - packet.position;
    for (std::uint32_t index : program->deparser)
        if (phv.valid[index] != 0) total += wire_bytes(phv, layout.headers[index], index);
    if (output_.size() < total) output_.resize(total);
    std::uint8_t* out = output_.data();
    for (std::uint32_t index : program->deparser) {
        if (phv.valid[index] == 0) continue;
        const Header& header = layout.headers[index];
        const std::uint8_t* from = phv.bytes.data() + header.offset;
        if (header.var_field == none) {
            out = std::copy_n(from, header.storage, out);
            continue;
        }
        const std::uint32_t after = header.var_offset + header.var_max;
        out = std::copy_n(from, header.var_offset + phv.var_bytes[index], out);
        out = std::copy_n(from + after, header.storage - after, out);
    }
    std::copy(packet.input.begin() + packet.position, packet.input.end(), out);
    return std::span<const std::uint8_t>(output_).first(total);
}

}  // namespace weft::p4switch
