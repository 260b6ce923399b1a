// Pipelines, tables and primitives.
#include "engine.hpp"
#include "hash.hpp"

namespace weft::p4switch {
namespace {

constexpr std::uint32_t op_limit = 20000;  // of one action, which may loop

}  // namespace

void Engine::run_pipeline(Packet& packet, std::uint32_t at) {
    // A pipeline has no loops, so no node runs twice, unless somebody wrote the JSON by hand.
    std::size_t limit = program->nodes.size();
    while (at != none) {
        if (packet.exit || packet.failed) return;
        if (limit-- == 0) {
            ++statistics.limited;
            packet.failed = true;
            return;
        }
        const Node& node = program->nodes[at];
        switch (node.kind) {
            case Node::Kind::condition: {
                const EvalContext context{program->expressions, program->layout, packet.phv, nullptr};
                at = evaluate(context, node.index) != 0 ? node.on_true : node.on_false;
                break;
            }
            case Node::Kind::action:
                run_ops(packet, program->actions[node.index].ops, node.data.data());
                at = node.on_true;
                break;
            case Node::Kind::table:
                at = apply(packet, *tables[node.index]);
                break;
        }
    }
}

std::uint32_t Engine::apply(Packet& packet, Table& table) {
    const TableDef& definition = table.definition();
    Entry* entry = nullptr;
    if (!definition.key.empty()) {
        std::uint64_t* words = key_.data();
        words[definition.key_words - 1] = 0;
        auto* bytes = reinterpret_cast<std::uint8_t*>(words);
        for (const KeyPart& part : definition.key) {
            const Field& field = program->layout.fields[part.field];
            // A field of an invalid header counts as zero; its validity does not.
            const bool readable = field.kind == FieldKind::validity || packet.phv.valid[field.header] != 0;
            if (part.wide) {
                if (!readable)
                    std::memset(bytes + part.offset, 0, part.bytes);
                else if (field.bit % 8 == 0 && field.width % 8 == 0)
                    std::memcpy(bytes + part.offset, packet.phv.bytes.data() + field.bit / 8, part.bytes);
                else
                    load_wide(packet.phv, field)
                        .low_bits(part.width)
                        .to_bytes(bytes + part.offset, part.bytes);
            } else {
                const std::uint64_t value = readable ? load(packet.phv, field) & low_mask(part.width) : 0;
                store_be64(bytes + part.offset, value << (64 - 8 * part.bytes));
            }
            for (std::size_t i = 0; i < part.mask.size(); ++i) bytes[part.offset + i] &= part.mask[i];
        }
        const KeyPart& last = definition.key.back();
        const std::uint32_t used = last.offset + last.bytes;
        std::memset(bytes + used, 0, definition.key_words * 8 - used);
        entry = table.lookup(words);
    }
    if (entry == nullptr) {
        if (table.default_slot == none) return definition.next_miss;
        const TableAction& action = definition.actions[table.default_slot];
        run_ops(packet, program->actions[action.action].ops, table.default_data.data());
        return definition.by_hit ? definition.next_miss : action.next;
    }
    ++entry->counter.packets;
    entry->counter.bytes += packet.received;
    entry->last_hit = now;
    if (definition.meter != none) {
        const MeterDef& meter = program->meters[definition.meter];
        const MeterCell::Colour colour = entry->meter.execute(meter.bytes ? packet.received : 1, now);
        set(packet, meter.result, colour);
    }
    const BoundAction* action = &entry->bound;
    std::uint32_t next = entry->next;
    if (definition.profile != none) {
        action = nullptr;
        if (entry->member != nullptr) {
            action = &entry->member->bound;
        } else {
            const std::uint32_t calculation = table.profile()->definition().calculation;
            const std::uint64_t hash = calculation == none ? 0 : calculate(packet, calculation);
            action = entry->group != nullptr ? entry->group->choice.choose(hash)
                                             : entry->one_shot->choice.choose(hash);
        }
        // An empty group, or one whose ports are all down: as a miss without a default action.
        if (action == nullptr) return definition.next_miss;
        next = table.next_of(action->action);
    }
    run_ops(packet, program->actions[action->action].ops, action->data.data());
    return next;
}

void Engine::run_ops(Packet& packet, OpRange range, const std::uint64_t* params) {
    const EvalContext context{program->expressions, program->layout, packet.phv, params};
    const Op* ops = program->ops.data() + range.first;
    std::uint32_t limit = op_limit;
    for (std::uint32_t i = 0; i < range.count;) {
        const Op& op = ops[i];
        if (limit-- == 0) {
            ++statistics.limited;
            packet.failed = true;
        }
        if (packet.failed) return;
        switch (op.code) {
            case OpCode::jump:
                i = op.a;
                continue;
            case OpCode::jump_if_zero:
                i = static_cast<std::int32_t>(evaluate(context, op.b)) == 0 ? op.a : i + 1;
                continue;
            case OpCode::assign_const:
                write(packet, op.a, static_cast<std::uint64_t>(op.imm));
                break;
            case OpCode::assign_param:
                write(packet, op.a, params[op.b]);
                break;
            case OpCode::assign_field:
                write(packet, op.a, load(packet.phv, program->layout.fields[op.b]));
                break;
            case OpCode::assign_expr:
                write(packet, op.a, static_cast<std::uint64_t>(evaluate(context, op.b)));
                break;
            default:
                run_op(packet, op, context);
                break;
        }
        ++i;
    }
}

void Engine::write(Packet& packet, std::uint32_t field, std::uint64_t value) {
    if (field == none) return;
    const Field& at = program->layout.fields[field];
    if (at.saturating)
        store_wide(packet.phv, at, WideInt::from_limbs(&value, 1));
    else
        store(packet.phv, at, value);
}

void Engine::run_op(Packet& packet, const Op& op, const EvalContext& context) {
    const Layout& layout = program->layout;
    switch (op.code) {
        case OpCode::assign_const:
            write(packet, op.a, static_cast<std::uint64_t>(op.imm));
            return;
        case OpCode::assign_param:
            write(packet, op.a, context.params[op.b]);
            return;
        case OpCode::assign_field:
            write(packet, op.a, load(packet.phv, layout.fields[op.b]));
            return;
        case OpCode::assign_expr:
            write(packet, op.a, static_cast<std::uint64_t>(evaluate(context, op.b)));
            return;
        case OpCode::assign_wide: {
            const WideInt value = evaluate_wide(context, op.b);
            const std::uint32_t field = target(op, context);
            if (field != none) store_wide(packet.phv, layout.fields[field], value);
            return;
        }
        case OpCode::assign_varbit: {
            const Field& to = layout.fields[op.a];
            const Field& from = layout.fields[op.b];
            const std::uint32_t bytes =
                std::min(packet.phv.var_bytes[from.header], layout.headers[to.header].var_max);
            std::memmove(packet.phv.bytes.data() + to.bit / 8, packet.phv.bytes.data() + from.bit / 8, bytes);
            packet.phv.var_bytes[to.header] = bytes;
            return;
        }
        case OpCode::exit:
            packet.exit = true;
            return;
        case OpCode::require:
            if (evaluate(context, op.b) != 0) return;
            ++statistics.failed_assertions;
            packet.failed = true;
            return;
        case OpCode::log_message:
            if (on_log) log_message(program->messages[op.a], context);
            return;
        case OpCode::mark_to_drop:
            set(packet, program->standard.egress_spec, options.drop_port);
            set(packet, program->standard.mcast_grp, 0);
            return;
        case OpCode::clone:
            packet.clone_session = static_cast<std::uint32_t>(evaluate(context, op.a)) & 0x7fff;
            packet.clone_list = static_cast<std::uint32_t>(evaluate(context, op.b));
            return;
        case OpCode::resubmit:
            packet.resubmit_list = static_cast<std::uint32_t>(evaluate(context, op.b));
            return;
        case OpCode::recirculate:
            packet.recirculate_list = static_cast<std::uint32_t>(evaluate(context, op.b));
            return;
        case OpCode::digest:
            packet.digest_list = static_cast<std::uint32_t>(evaluate(context, op.b));
            return;
        case OpCode::truncate:
            packet.truncate = std::min(packet.truncate, static_cast<std::uint32_t>(evaluate(context, op.b)));
            return;
        case OpCode::hash:
        case OpCode::random:
        case OpCode::count:
        case OpCode::meter:
        case OpCode::register_read:
        case OpCode::register_write:
            run_extern_op(packet, op, context);
            return;
        default:
            run_header_op(packet, op, context);
            return;
    }
}

void Engine::make_valid(Packet& packet, std::uint32_t index) {
    const std::uint32_t in_union = program->layout.headers[index].in_union;
    if (in_union != none)
        for (std::uint32_t member : program->layout.unions[in_union]) packet.phv.valid[member] = 0;
    packet.phv.valid[index] = 1;
}

void Engine::assign_header(Packet& packet, std::uint32_t to, std::uint32_t from) {
    if (to == none || from == none || to == from) return;
    const Layout& layout = program->layout;
    if (layout.headers[to].type != layout.headers[from].type) return;
    if (packet.phv.valid[from] == 0) {
        packet.phv.valid[to] = 0;
        return;
    }
    copy_header(layout, packet.phv, to, packet.phv, from);
    make_valid(packet, to);
}

// by > 0: towards higher indexes (push); by < 0: towards lower ones (pop).
void Engine::shift_stack(Packet& packet, const std::vector<std::uint32_t>& elements, std::uint32_t& next,
                         std::int64_t by, bool unions) {
    const Layout& layout = program->layout;
    const auto size = static_cast<std::int64_t>(elements.size());
    by = std::clamp(by, -size, size);
    const auto move = [&](std::int64_t to, std::int64_t from) {
        const std::uint32_t target = elements[static_cast<std::size_t>(to)];
        const bool inside = from >= 0 && from < size;
        const std::uint32_t source = inside ? elements[static_cast<std::size_t>(from)] : none;
        if (!unions) {
            if (inside)
                copy_header(layout, packet.phv, target, packet.phv, source);
            else
                packet.phv.valid[target] = 0;
            return;
        }
        for (std::size_t i = 0; i < layout.unions[target].size(); ++i) {
            if (inside)
                copy_header(layout, packet.phv, layout.unions[target][i], packet.phv,
                            layout.unions[source][i]);
            else
                packet.phv.valid[layout.unions[target][i]] = 0;
        }
    };
    if (by > 0)
        for (std::int64_t i = size - 1; i >= 0; --i) move(i, i - by);
    if (by < 0)
        for (std::int64_t i = 0; i < size; ++i) move(i, i - by);
    next = static_cast<std::uint32_t>(std::clamp<std::int64_t>(next + by, 0, size));
}

void Engine::run_header_op(Packet& packet, const Op& op, const EvalContext& context) {
    const Layout& layout = program->layout;
    Phv& phv = packet.phv;
    const auto count = [&] { return std::clamp<std::int64_t>(evaluate(context, op.b), 0, 1 << 20); };
    switch (op.code) {
        case OpCode::add_header:
        case OpCode::add_header_fast: {
            const std::uint32_t index = evaluate_header(context, op.a);
            if (index == none || phv.valid[index] != 0) return;
            const Header& header = layout.headers[index];
            if (op.code == OpCode::add_header) {
                std::memset(phv.bytes.data() + header.offset, 0, header.storage);
                phv.var_bytes[index] = 0;
            }
            make_valid(packet, index);
            packet.length += wire_bytes(phv, header, index);
            return;
        }
        case OpCode::remove_header: {
            const std::uint32_t index = evaluate_header(context, op.a);
            if (index == none || phv.valid[index] == 0) return;
            packet.length -= wire_bytes(phv, layout.headers[index], index);
            phv.valid[index] = 0;
            return;
        }
        case OpCode::assign_header:
            assign_header(packet, evaluate_header(context, op.a), evaluate_header(context, op.b));
            return;
        case OpCode::assign_union: {
            const std::uint32_t to = evaluate_union(context, op.a), from = evaluate_union(context, op.b);
            if (to == none || from == none) return;
            const std::size_t members = std::min(layout.unions[to].size(), layout.unions[from].size());
            for (std::size_t i = 0; i < members; ++i)
                assign_header(packet, layout.unions[to][i], layout.unions[from][i]);
            return;
        }
        case OpCode::assign_stack: {
            const auto& to = layout.stacks[op.a];
            const auto& from = layout.stacks[op.b];
            for (std::size_t i = 0; i < std::min(to.size(), from.size()); ++i)
                assign_header(packet, to[i], from[i]);
            phv.next[op.a] = std::min(phv.next[op.b], static_cast<std::uint32_t>(to.size()));
            return;
        }
        case OpCode::assign_union_stack: {
            const auto& to = layout.union_stacks[op.a];
            const auto& from = layout.union_stacks[op.b];
            for (std::size_t i = 0; i < std::min(to.size(), from.size()); ++i)
                for (std::size_t m = 0; m < layout.unions[to[i]].size(); ++m)
                    if (m < layout.unions[from[i]].size())
                        assign_header(packet, layout.unions[to[i]][m], layout.unions[from[i]][m]);
            phv.union_next[op.a] = std::min(phv.union_next[op.b], static_cast<std::uint32_t>(to.size()));
            return;
        }
        case OpCode::push:
            shift_stack(packet, layout.stacks[op.a], phv.next[op.a], count(), false);
            return;
        case OpCode::pop:
            shift_stack(packet, layout.stacks[op.a], phv.next[op.a], -count(), false);
            return;
        case OpCode::push_union:
            shift_stack(packet, layout.union_stacks[op.a], phv.union_next[op.a], count(), true);
            return;
        case OpCode::pop_union:
            shift_stack(packet, layout.union_stacks[op.a], phv.union_next[op.a], -count(), true);
            return;
        default:
            return;
    }
}

void Engine::run_extern_op(Packet& packet, const Op& op, const EvalContext& context) {
    const auto value = [&](std::uint32_t node) {
        return static_cast<std::uint64_t>(evaluate(context, node));
    };
    const auto index = [&] { return static_cast<std::uint32_t>(evaluate(context, op.b)); };
    switch (op.code) {
        case OpCode::hash: {
            const std::uint64_t base = value(op.b), size = std::max<std::uint64_t>(value(op.d), 1);
            write(packet, target(op, context), base + calculate(packet, op.c) % size);
            return;
        }
        case OpCode::random: {
            const std::uint64_t low = value(op.b), high = value(op.c);
            if (low <= high)
                write(packet, target(op, context),
                      std::uniform_int_distribution<std::uint64_t>(low, high)(random_));
            return;
        }
        case OpCode::count: {
            const std::uint32_t at = index();
            if (at >= counters[op.a].size()) return;
            ++counters[op.a][at].packets;
            counters[op.a][at].bytes += packet.received;
            return;
        }
        case OpCode::meter: {
            const std::uint32_t at = index();
            if (at >= meters[op.c].size()) return;
            const std::uint64_t cost = program->meters[op.c].bytes ? packet.received : 1;
            write(packet, target(op, context), meters[op.c][at].execute(cost, now));
            return;
        }
        case OpCode::register_read: {
            const RegisterArray& array = registers[op.c];
            const std::size_t at = std::size_t{index()} * array.limbs;
            const std::uint32_t field = target(op, context);
            if (at >= array.cells.size() || field == none) return;
            const Field& to = program->layout.fields[field];
            if (to.kind == FieldKind::wide || to.saturating)
                store_wide(packet.phv, to, WideInt::from_limbs(&array.cells[at], array.limbs));
            else
                store(packet.phv, to, array.cells[at]);
            return;
        }
        default: {
            RegisterArray& array = registers[op.a];
            const std::size_t at = std::size_t{index()} * array.limbs;
            if (at >= array.cells.size()) return;
            const std::uint32_t width = program->registers[op.a].width;
            if (width <= 64) {
                array.cells[at] = value(op.c) & low_mask(width);
                return;
            }
            const WideInt wide = evaluate_wide(context, op.c).low_bits(width);
            for (std::uint32_t i = 0; i < array.limbs; ++i) array.cells[at + i] = wide.limb(i);
            return;
        }
    }
}

void Engine::log_message(const LogMessage& message, const EvalContext& context) {
    std::string text;
    std::size_t next = 0;
    const std::string& format = message.format;
    for (std::size_t i = 0; i < format.size(); ++i) {
        if (format[i] == '\\' && i + 1 < format.size() && (format[i + 1] == '{' || format[i + 1] == '}')) {
            text.push_back(format[++i]);
        } else if (format[i] == '{') {
            const std::size_t end = format.find('}', i);
            if (end == std::string::npos) break;
            text += next < message.values.size() ? evaluate_wide(context, message.values[next]).to_decimal()
                                                 : "?";
            ++next;
            i = end;
        } else {
            text.push_back(format[i]);
        }
    }
    on_log(text);
}

std::uint64_t Engine::calculate(const Packet& packet, std::uint32_t index) {
    const Calculation& calculation = program->calculations[index];
    if (calculation.round_robin != none) return round_robin_[calculation.round_robin]++;
    const Phv& phv = packet.phv;
    std::size_t bits = 0;
    const auto room = [&](std::size_t more) {
        const std::size_t bytes = (bits + more + 7) / 8 + 1;
        if (hash_input_.size() < bytes) hash_input_.resize(bytes * 2);
    };
    for (const CalcInput& part : calculation.input) {
        switch (part.kind) {
            case CalcInput::Kind::bits:
                if (phv.valid[part.header] == 0) break;
                room(part.width);
                copy_bits(hash_input_.data(), bits, phv.bytes.data(), part.bit, part.width);
                bits += part.width;
                break;
            case CalcInput::Kind::varbit: {
                if (phv.valid[part.header] == 0) break;
                const std::size_t width = std::size_t{phv.var_bytes[part.header]} * 8;
                room(width);
                copy_bits(hash_input_.data(), bits, phv.bytes.data(), part.bit, width);
                bits += width;
                break;
            }
            case CalcInput::Kind::constant:
                room(part.width);
                copy_bits(hash_input_.data(), bits, part.bytes.data(), 0, part.width);
                bits += part.width;
                break;
            case CalcInput::Kind::payload:
                break;
        }
    }
    room(8);
    if (bits % 8 != 0) write_bits(hash_input_.data(), bits, static_cast<unsigned>(8 - bits % 8), 0);
    std::size_t bytes = (bits + 7) / 8;
    for (const CalcInput& part : calculation.input) {
        if (part.kind != CalcInput::Kind::payload) continue;
        const std::size_t length =
            std::min<std::size_t>(packet.input.size() - packet.position, packet.truncate);
        bits = bytes * 8;
        room(length * 8);
        std::copy_n(packet.input.data() + packet.position, length, hash_input_.data() + bytes);
        bytes += length;
    }
    return hash_bytes(calculation.algorithm, std::span<const std::uint8_t>(hash_input_).first(bytes));
}

void Engine::verify_checksums(Packet& packet) {
    const Layout& layout = program->layout;
    bool wrong = false;
    for (const Checksum& checksum : program->verify) {
        const Field& target_field = layout.fields[checksum.target];
        if (packet.phv.valid[target_field.header] == 0) continue;
        const EvalContext context{program->expressions, layout, packet.phv, nullptr};
        if (checksum.condition != none && evaluate(context, checksum.condition) == 0) continue;
        const std::uint64_t found = load(packet.phv, target_field) & low_mask(target_field.width);
        if (calculate(packet, checksum.calculation) != found) wrong = true;
    }
    if (wrong) set(packet, program->standard.checksum_error, 1);
}

void Engine::update_checksums(Packet& packet) {
    for (const Checksum& checksum : program->update) {
        const EvalContext context{program->expressions, program->layout, packet.phv, nullptr};
        if (checksum.condition != none && evaluate(context, checksum.condition) == 0) continue;
        write(packet, checksum.target, calculate(packet, checksum.calculation));
    }
}

}  // namespace weft::p4switch
