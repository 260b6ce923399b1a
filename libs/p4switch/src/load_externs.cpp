// Errors, calculations, checksums, counter, meter and register arrays, field lists and digests.
#include "loader.hpp"

#include <algorithm>

namespace weft::p4switch {
namespace {

constexpr std::uint32_t max_cells = 1U << 24;
constexpr std::uint64_t max_array_bytes = std::uint64_t{256} << 20;  // of all arrays together

struct AlgorithmName {
    const char* name;
    HashAlgorithm algorithm;
};
// The custom CRCs have the defaults of the plain ones until somebody sets their parameters.
constexpr AlgorithmName algorithms[] = {
    {"crc16", HashAlgorithm::crc16},        {"crc16_custom", HashAlgorithm::crc16},
    {"crc32", HashAlgorithm::crc32},        {"crc32_custom", HashAlgorithm::crc32},
    {"crc8_custom", HashAlgorithm::crc8},   {"crc64_custom", HashAlgorithm::crc64},
    {"crcCCITT", HashAlgorithm::crc_ccitt}, {"csum16", HashAlgorithm::csum16},
    {"cksum16", HashAlgorithm::csum16},     {"xor16", HashAlgorithm::xor16},
    {"xor32", HashAlgorithm::xor32},        {"identity", HashAlgorithm::identity},
    {"xxh64", HashAlgorithm::xxh64},        {"bmv2_hash", HashAlgorithm::xxh64},
    {"hash_ex", HashAlgorithm::hash_ex},    {"round_robin", HashAlgorithm::round_robin},
    {"toeplitz", HashAlgorithm::toeplitz},
};

}  // namespace

void Loader::load_errors() {
    for (const Json* item : root_.list("errors")) {
        const std::string& name = item->at(0).string();
        const std::uint32_t value = item->at(1).number(0x7fffffff);
        if (name == "PacketTooShort") out_.too_short_error = value;
        if (name == "StackOutOfBounds") out_.stack_error = value;
        if (name == "HeaderTooShort") out_.header_error = value;
        if (name == "ParserTimeout") out_.timeout_error = value;
        if (name == "ParserInvalidArgument") out_.argument_error = value;
    }
}

HashAlgorithm Loader::algorithm(const Json& value) const {
    for (const AlgorithmName& known : algorithms)
        if (value.string() == known.name) return known.algorithm;
    value.fail("hash algorithm \"" + value.string() + "\" is not supported");
}

void Loader::load_calc_input(const Json& list, Calculation& calculation) {
    const Layout& layout = out_.layout;
    std::vector<CalcInput>& input = calculation.input;
    const auto add_bits = [&](std::uint32_t header, std::uint32_t bit, std::uint32_t width) {
        if (!input.empty() && input.back().kind == CalcInput::Kind::bits && input.back().header == header &&
            input.back().bit + input.back().width == bit) {
            input.back().width += width;
            return;
        }
        CalcInput part;
        part.header = header;
        part.bit = bit;
        part.width = width;
        input.push_back(std::move(part));
    };
    const auto add_field = [&](const Json& at, std::uint32_t index) {
        const Field& field = layout.fields[index];
        if (field.kind == FieldKind::validity) at.fail("$valid$ cannot be hashed");
        if (field.kind != FieldKind::varbit) return add_bits(field.header, field.bit, field.width);
        CalcInput part;
        part.kind = CalcInput::Kind::varbit;
        part.header = field.header;
        part.bit = field.bit;
        input.push_back(std::move(part));
    };
    for (const Json* item : list.items()) {
        const std::string& type = item->at("type").string();
        const Json* value = item->find("value");
        if (type == "field") {
            add_field(*item, field_ref(item->at("value")));
        } else if (type == "header") {
            const Header& header = layout.headers[lookup(header_names_, item->at("value"), "header")];
            for (std::uint32_t i = 0; i + 1 < header.field_count; ++i)
                add_field(*item, header.first_field + i);
        } else if (type == "hexstr") {
            CalcInput part;
            part.kind = CalcInput::Kind::constant;
            part.width = item->at("bitwidth").number(8192);
            const WideInt number = hexstr(*value).shifted_left((8 - part.width % 8) % 8);
            part.bytes.resize((part.width + 7) / 8);
            number.to_bytes(part.bytes.data(), part.bytes.size());
            input.push_back(std::move(part));
        } else if (type == "payload") {
            CalcInput part;
            part.kind = CalcInput::Kind::payload;
            input.push_back(std::move(part));
        } else {
            item->fail("an input of type \"" + type + "\" is not supported");
        }
    }
}

void Loader::load_calculations() {
    for (const Json* json : root_.list("calculations")) {
        Calculation calculation;
        calculation.name = json->at("name").string();
        calculation.algorithm = algorithm(json->at("algo"));
        if (calculation.algorithm == HashAlgorithm::round_robin)
            calculation.round_robin = out_.round_robins++;
        load_calc_input(json->at("input"), calculation);
        claim(calculation_names_, *json, static_cast<std::uint32_t>(out_.calculations.size()), "calculation");
        out_.calculations.push_back(std::move(calculation));
    }
}

void Loader::load_arrays() {
    std::uint64_t total = 0;
    const auto sized = [&](const Json& json, std::uint64_t cell) {
        const std::uint32_t size = json.at("size").number(max_cells);
        total += size * cell;
        if (total > max_array_bytes) json.fail("the arrays of the program need more than 256 MiB");
        return size;
    };
    for (const Json* json : root_.list("counter_arrays")) {
        if (json->flag("is_direct")) continue;  // the table's with_counters rules
        CounterDef counter{json->at("name").string(), sized(*json, 16)};
        claim(counter_names_, *json, static_cast<std::uint32_t>(out_.counters.size()), "counter");
        out_.counters.push_back(std::move(counter));
    }
    for (const Json* json : root_.list("meter_arrays")) {
        MeterDef meter;
        meter.name = json->at("name").string();
        meter.direct = json->flag("is_direct");
        const Json& unit = json->at("type");
        if (unit.string() != "packets" && unit.string() != "bytes")
            unit.fail("a meter counts packets or bytes");
        meter.bytes = unit.string() == "bytes";
        if (const Json* rates = json->find("rate_count"))
            if (rates->integer() != 2) rates->fail("only meters of two rates are supported");
        if (meter.direct) {
            const Json* target = json->find("result_target");
            if (target != nullptr && !target->is_null()) meter.result = field_ref(*target);
        } else {
            meter.size = sized(*json, 64);
        }
        claim(meter_names_, *json, static_cast<std::uint32_t>(out_.meters.size()), "meter");
        out_.meters.push_back(std::move(meter));
    }
    for (const Json* json : root_.list("register_arrays")) {
        RegisterDef array;
        array.name = json->at("name").string();
        array.width = json->at("bitwidth").number(8192);
        if (array.width == 0) json->at("bitwidth").fail("a register has at least one bit");
        array.size = sized(*json, (array.width + 63) / 64 * 8);
        claim(register_names_, *json, static_cast<std::uint32_t>(out_.registers.size()), "register");
        out_.registers.push_back(std::move(array));
    }
}

void Loader::load_checksums() {
    for (const Json* json : root_.list("checksums")) {
        Checksum checksum;
        checksum.target = field_ref(json->at("target"));
        const FieldKind kind = out_.layout.fields[checksum.target].kind;
        if (kind == FieldKind::varbit || kind == FieldKind::validity)
            json->at("target").fail("a checksum needs a plain field");
        checksum.calculation = lookup(calculation_names_, json->at("calculation"), "calculation");
        const Json* guard = json->find("if_cond");
        if (guard != nullptr && !guard->is_null()) checksum.condition = condition(*guard, nullptr);
        if (json->flag("verify", true)) out_.verify.push_back(checksum);
        if (json->flag("update", true)) out_.update.push_back(checksum);
    }
}

void Loader::load_lists() {
    for (const Json* json : root_.list("field_lists")) {
        const std::uint32_t id = json->at("id").number(65535);
        if (id >= out_.field_lists.size()) out_.field_lists.resize(id + 1);
        for (const Json* item : json->list("elements"))
            if (item->at("type").string() == "field")
                out_.field_lists[id].push_back(field_ref(item->at("value")));
    }
    for (const Json* json : root_.list("learn_lists")) {
        const std::uint32_t id = json->at("id").number(65535);
        DigestDef digest;
        digest.name = json->at("name").string();
        for (const Json* item : json->list("elements")) {
            digest.fields.push_back(field_ref(item->at("value")));
            digest.names.push_back(item->at("value").at(1).string());
        }
        if (id >= out_.digest_by_id.size()) out_.digest_by_id.resize(id + 1, none);
        out_.digest_by_id[id] = static_cast<std::uint32_t>(out_.digests.size());
        out_.digests.push_back(std::move(digest));
    }
}

}  // namespace weft::p4switch
