// Header types, header instances, stacks, unions, and the fields that the architecture knows by name.
#include "loader.hpp"

#include <weft/p4switch/error.hpp>

namespace weft::p4switch {
namespace {

constexpr std::uint32_t max_width = 8192;       // bits of a field
constexpr std::uint32_t max_vector = 1U << 20;  // bytes of all headers
constexpr std::uint32_t max_headers = 1U << 14;
constexpr std::uint32_t max_fields = 1U << 18;

std::string joined(const std::string& header, const std::string& field) { return header + '\n' + field; }

}  // namespace

void Loader::load_version() {
    const Json* meta = root_.find("__meta__");
    if (meta == nullptr || meta->find("version") == nullptr) return;
    const Json& version = meta->at("version");
    const std::int64_t major = version.at(0).integer(), minor = version.at(1).integer();
    if (major != 2 || minor > 24)
        version.fail("format version " + std::to_string(major) + "." + std::to_string(minor) +
                     " is not supported; this switch reads 2.0 to 2.24");
}

void Loader::claim(Names& names, const Json& json, std::uint32_t index, const char* kind) const {
    const Json& name = json.at("name");
    if (!names.emplace(name.string(), index).second)
        name.fail(std::string("a second ") + kind + " is called \"" + name.string() + "\"");
}

std::uint32_t Loader::lookup(const Names& names, const Json& value, const char* kind) const {
    const auto found = names.find(value.string());
    if (found == names.end()) value.fail(std::string("no ") + kind + " is called \"" + value.string() + "\"");
    return found->second;
}

std::uint32_t Loader::field_named(const std::string& header, const std::string& field) const {
    const auto found = field_names_.find(joined(header, field));
    return found == field_names_.end() ? none : found->second;
}

std::uint32_t Loader::field_ref(const Json& value) const {
    const std::string& header = value.at(0).string();
    const std::uint32_t found = field_named(header, value.at(1).string());
    if (found == none) value.fail("there is no field \"" + header + "." + value.at(1).string() + "\"");
    return found;
}

void Loader::load_header_types() {
    for (const Json* json : root_.list("header_types")) {
        HeaderType type;
        std::uint32_t fixed_bits = 0, variable = 0;
        for (const Json* item : json->list("fields")) {
            TypeField field;
            field.name = item->at(0).string();
            const Json& width = item->at(1);
            if (width.is_string()) {
                if (width.string() != "*") width.fail("a width is a number or \"*\"");
                if (++variable > 1) width.fail("a second variable field in one header is not supported");
                if (fixed_bits % 8 != 0)
                    width.fail("a variable field that does not start on a byte is not supported");
                field.variable = true;
            } else {
                field.width = width.number(max_width);
                if (field.width == 0) width.fail("a field has at least one bit");
                fixed_bits += field.width;
                if (fixed_bits > 8 * 65536) width.fail("the header is longer than 64 KiB");
            }
            if (item->size() > 2) field.is_signed = item->at(2).boolean();
            if (item->size() > 3) field.saturating = item->at(3).boolean();
            if (field.is_signed && field.width < 2) item->fail("a signed field has at least two bits");
            type.fields.push_back(std::move(field));
        }
        if (fixed_bits % 8 != 0)
            json->fail("the fields of the header are " + std::to_string(fixed_bits) +
                       " bits, which is not a whole number of bytes");
        type.max_bytes = fixed_bits / 8;
        if (variable != 0) {
            const Json* most = json->find("max_length");
            if (most == nullptr || most->is_null())
                json->fail("a header with a variable field needs a max_length");
            const std::uint32_t bytes = most->number(65536);
            if (bytes < type.max_bytes) most->fail("less than the fixed part of the header");
            for (TypeField& field : type.fields)
                if (field.variable) field.width = (bytes - type.max_bytes) * 8;
            type.max_bytes = bytes;
        }
        claim(type_names_, *json, static_cast<std::uint32_t>(types_.size()), "header type");
        types_.push_back(std::move(type));
    }
}

std::uint32_t Loader::place_header(const Json& at, const std::string& name, std::uint32_t type_index,
                                   bool metadata) {
    Layout& layout = out_.layout;
    const HeaderType& type = types_[type_index];
    const auto index = static_cast<std::uint32_t>(layout.headers.size());
    if (layout.bytes + type.max_bytes > max_vector || index >= max_headers ||
        layout.fields.size() + type.fields.size() >= max_fields)
        at.fail("the program has more headers than this switch can hold");
    Header header;
    header.name = name;
    header.type = type_index;
    header.metadata = metadata;
    header.offset = layout.bytes;
    header.storage = header.fixed_bytes = type.max_bytes;
    header.first_field = static_cast<std::uint32_t>(layout.fields.size());
    std::uint32_t bit = header.offset * 8;
    for (const TypeField& source : type.fields) {
        Field field;
        field.name = source.name;
        field.width = source.width;
        field.is_signed = source.is_signed;
        field.saturating = source.saturating;
        field.bit = bit;
        field.header = index;
        if (source.variable) {
            field.kind = FieldKind::varbit;
            header.var_field = static_cast<std::uint32_t>(layout.fields.size());
            header.var_offset = bit / 8 - header.offset;
            header.var_max = source.width / 8;
            header.fixed_bytes -= header.var_max;
        } else if (source.width > 64) {
            field.kind = FieldKind::wide;
        } else if (bit % 8 + source.width > 64) {
            field.kind = FieldKind::straddle;
            field.mask = low_mask(source.width);
        } else {
            field.kind = FieldKind::window;
            field.window = bit / 8;
            field.shift = static_cast<std::uint8_t>(64 - bit % 8 - source.width);
            field.mask = low_mask(source.width);
        }
        bit += source.width;
        if (!field_names_.emplace(joined(name, source.name), static_cast<std::uint32_t>(layout.fields.size()))
                 .second)
            at.fail("two fields are called \"" + source.name + "\"");
        layout.fields.push_back(std::move(field));
    }
    Field valid;
    valid.name = "$valid$";
    valid.kind = FieldKind::validity;
    valid.width = 1;
    valid.mask = 1;
    valid.header = index;
    field_names_.emplace(joined(name, valid.name), static_cast<std::uint32_t>(layout.fields.size()));
    layout.fields.push_back(std::move(valid));
    header.field_count = static_cast<std::uint32_t>(layout.fields.size()) - header.first_field;
    layout.bytes += header.storage;
    layout.headers.push_back(std::move(header));
    return index;
}

void Loader::load_headers() {
    for (const Json* json : root_.list("headers")) {
        const std::uint32_t type = lookup(type_names_, json->at("header_type"), "header type");
        claim(header_names_, *json, static_cast<std::uint32_t>(out_.layout.headers.size()), "header");
        const std::uint32_t index =
            place_header(*json, json->at("name").string(), type, json->flag("metadata"));
        const Json& id = json->at("id");
        if (!header_ids_.emplace(id.integer(), index).second) id.fail("a second header has this id");
    }
}

void Loader::load_stacks_and_unions() {
    Layout& layout = out_.layout;
    const auto elements = [&](const Json& json, const char* list,
                              const std::unordered_map<std::int64_t, std::uint32_t>& ids) {
        std::vector<std::uint32_t> found;
        for (const Json* id : json.at(list).items()) {
            const auto at = ids.find(id->integer());
            if (at == ids.end()) id->fail("nothing has this id");
            found.push_back(at->second);
        }
        if (found.empty()) json.at(list).fail("an empty list of elements");
        return found;
    };
    for (const Json* json : root_.list("header_stacks")) {
        claim(stack_names_, *json, static_cast<std::uint32_t>(layout.stacks.size()), "header stack");
        auto headers = elements(*json, "header_ids", header_ids_);
        for (std::uint32_t header : headers)
            if (layout.headers[header].type != layout.headers[headers.front()].type)
                json->fail("the elements of a stack have one type");
        layout.stacks.push_back(std::move(headers));
    }
    for (const Json* json : root_.list("header_union_types"))
        for (const Json* member : json->list("headers"))
            union_types_[json->at("name").string()].push_back(member->at(0).string());
    for (const Json* json : root_.list("header_unions")) {
        const auto index = static_cast<std::uint32_t>(layout.unions.size());
        claim(union_names_, *json, index, "header union");
        union_ids_.emplace(json->at("id").integer(), index);
        auto headers = elements(*json, "header_ids", header_ids_);
        for (std::uint32_t header : headers) layout.headers[header].in_union = index;
        layout.unions.push_back(std::move(headers));
    }
    for (const Json* json : root_.list("header_union_stacks")) {
        claim(union_stack_names_, *json, static_cast<std::uint32_t>(layout.union_stacks.size()),
              "header union stack");
        auto unions = elements(*json, "header_union_ids", union_ids_);
        for (std::uint32_t index : unions)
            if (layout.unions[index].size() != layout.unions[unions.front()].size())
                json->fail("the elements of a union stack have one type");
        layout.union_stacks.push_back(std::move(unions));
    }
}

void Loader::load_standard_fields() {
    for (const Json* alias : root_.list("field_aliases"))
        aliases_.emplace(alias->at(0).string(), field_ref(alias->at(1)));
    // An alias wins; without one the field of standard_metadata of that name counts.
    const auto named = [&](const char* header, const char* field) {
        const auto alias = aliases_.find(std::string(header) + "." + field);
        if (alias != aliases_.end()) return alias->second;
        const std::uint32_t direct = field_named(header, field);
        return direct != none ? direct : field_named("standard_metadata", field);
    };
    const auto required = [&](const char* field) {
        const std::uint32_t found = named("standard_metadata", field);
        if (found == none)
            root_.fail(std::string("the program has no field standard_metadata.") + field +
                       ", which v1model needs");
        return found;
    };
    StandardFields& standard = out_.standard;
    standard.ingress_port = required("ingress_port");
    standard.packet_length = required("packet_length");
    standard.instance_type = required("instance_type");
    standard.egress_spec = required("egress_spec");
    standard.egress_port = required("egress_port");
    standard.parser_error = named("standard_metadata", "parser_error");
    standard.checksum_error = named("standard_metadata", "checksum_error");
    standard.mcast_grp = named("intrinsic_metadata", "mcast_grp");
    standard.egress_rid = named("intrinsic_metadata", "egress_rid");
    standard.priority = named("intrinsic_metadata", "priority");
    standard.ingress_timestamp = named("intrinsic_metadata", "ingress_global_timestamp");
    standard.egress_timestamp = named("intrinsic_metadata", "egress_global_timestamp");
    standard.enq_timestamp = named("queueing_metadata", "enq_timestamp");
    standard.enq_qdepth = named("queueing_metadata", "enq_qdepth");
    standard.deq_timedelta = named("queueing_metadata", "deq_timedelta");
    standard.deq_qdepth = named("queueing_metadata", "deq_qdepth");
    standard.qid = named("queueing_metadata", "qid");
}

}  // namespace weft::p4switch
