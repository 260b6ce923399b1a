#include "codec.hpp"

#include <weft/mesh/frame.hpp>
#include <weft/mesh/handshake.hpp>

namespace weft::mesh {

namespace {

constexpr std::size_t max_methods = 65536;

std::string_view as_text(std::span<const std::byte> data) noexcept {
    return {reinterpret_cast<const char*>(data.data()), data.size()};
}

void write_head(std::string_view type, const std::optional<std::string>& error, Buffer& out) {
    out.append(std::string_view("{\"meta\":{\"type\":"));
    write_json_text(type, out);
    out.append(std::string_view(",\"error\":"));
    if (error) {
        write_json_text(*error, out);
    } else {
        out.append(std::string_view("null"));
    }
    out.append(std::string_view("},\"members\":["));
}

}  // namespace

void begin_handshake(std::string_view type, Buffer& out) { write_head(type, std::nullopt, out); }

void write_member(const Member& member, Buffer& out) {
    out.append(std::string_view("{\"name\":"));
    write_json_text(member.name, out);
    out.append(std::string_view(",\"methods\":"));
    if (member.methods.empty()) {
        out.append(std::string_view("null}"));
        return;
    }
    bool first = true;
    out.push('[');
    for (const std::string& method : member.methods) {
        if (!first) out.push(',');
        first = false;
        write_json_text(method, out);
    }
    out.append(std::string_view("]}"));
}

namespace {

bool take_text(const Value* value, std::string& out) {
    const auto* text = value ? value->get_if<std::string>() : nullptr;
    if (!text) return false;
    out = *text;
    return true;
}

}  // namespace

void write_handshake(const Handshake& handshake, Buffer& out) {
    write_head(handshake.type, handshake.error, out);
    bool first = true;
    for (const Member& member : handshake.members) {
        if (!first) out.push(',');
        first = false;
        write_member(member, out);
    }
    out.append(handshake_end);
}

void write_handshake(std::string_view type, std::span<const Member* const> members, Buffer& out) {
    write_head(type, std::nullopt, out);
    bool first = true;
    for (const Member* member : members) {
        if (!first) out.push(',');
        first = false;
        write_member(*member, out);
    }
    out.append(handshake_end);
}

bool read_handshake(std::span<const std::byte> data, Handshake& out, std::string& why) {
    Value root;
    if (!read_json(as_text(data), root, why)) return false;
    const auto fail = [&](std::string_view reason) {
        why = "handshake: " + std::string(reason);
        return false;
    };
    const auto* top = root.get_if<Dict>();
    if (!top) return fail("no object");
    const Value* meta_value = top->find("meta");
    const auto* meta = meta_value ? meta_value->get_if<Dict>() : nullptr;
    if (!meta || !take_text(meta->find("type"), out.type)) return fail("no meta.type");
    if (const Value* error = meta->find("error"); error && !error->is_null()) {
        std::string text;
        if (!take_text(error, text)) return fail("meta.error is no text");
        out.error = std::move(text);
    }
    const Value* members_value = top->find("members");
    const auto* members = members_value ? members_value->get_if<List>() : nullptr;
    if (!members) {
        if (out.error) return true;
        return fail("no list of members");
    }
    for (const Value& item : members->items) {
        const auto* entry = item.get_if<Dict>();
        Member& member = out.members.emplace_back();
        if (!entry || !take_text(entry->find("name"), member.name)) return fail("a member without a name");
        if (!valid_name(member.name))
            return fail(
                "a member's name is empty, longer than 255 bytes, or holds '|', ',' or a control character");
        const Value* methods = entry->find("methods");
        if (!methods || methods->is_null()) continue;
        const auto* list = methods->get_if<List>();
        if (!list) return fail("the methods of " + member.name + " are no list");
        if (list->items.size() > max_methods) return fail(member.name + " has more than 65536 methods");
        for (const Value& method : list->items) {
            std::string& name = member.methods.emplace_back();
            if (!take_text(&method, name) || !valid_name(name))
                return fail("a method of " + member.name + " has a name that the wire cannot carry");
        }
    }
    return true;
}

std::optional<std::string> type_option(std::string_view type, std::string_view key) {
    std::size_t at = type.find(';');
    while (at != std::string_view::npos) {
        const std::size_t next = type.find(';', at + 1);
        const std::string_view option =
            type.substr(at + 1, next == std::string_view::npos ? next : next - at - 1);
        if (option.size() > key.size() && option.substr(0, key.size()) == key && option[key.size()] == '=')
            return std::string(option.substr(key.size() + 1));
        at = next;
    }
    return std::nullopt;
}

void write_event(std::string_view type, std::string_view member, Buffer& out) {
    out.append(std::string_view("{\"type\":"));
    write_json_text(type, out);
    out.append(std::string_view(",\"member\":"));
    write_json_text(member, out);
    out.push('}');
}

bool read_event(std::span<const std::byte> data, EventText& out) {
    Value root;
    std::string why;
    if (!read_json(as_text(data), root, why)) return false;
    const auto* top = root.get_if<Dict>();
    return top && take_text(top->find("type"), out.type) && take_text(top->find("member"), out.member);
}

}  // namespace weft::mesh
