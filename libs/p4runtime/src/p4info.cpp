// Loading of P4Info files and the lookups.
#include "p4info_index.hpp"

#include <weft/p4runtime/error.hpp>
#include <weft/p4runtime/p4info.hpp>

#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/text_format.h>

#include <algorithm>
#include <climits>
#include <fstream>
#include <sstream>

#include <p4/config/v1/p4info.pb.h>

namespace weft::p4runtime {

namespace {

// Keeps the first complaint, and keeps protobuf from printing it.
class FirstError : public google::protobuf::io::ErrorCollector {
public:
    void AddError(int line, google::protobuf::io::ColumnNumber column, const std::string& message) override {
        if (!text_.empty()) return;
        text_ = message;
        if (line >= 0)
            text_ =
                "line " + std::to_string(line + 1) + ", column " + std::to_string(column + 1) + ": " + text_;
    }
    void AddWarning(int, google::protobuf::io::ColumnNumber, const std::string&) override {}

    [[nodiscard]] const std::string& text() const noexcept { return text_; }

private:
    std::string text_;
};

template <class Missing, class T>
const T& lookup(const ObjectTable<T>& table, std::string_view name, const char* kind) {
    const std::uint32_t position = table.position(name);
    if (position < NameIndex::ambiguous) return table.objects()[position];
    if (position == NameIndex::ambiguous) {
        std::vector<std::string> fitting;
        for (const auto& object : table.objects())
            if (object.alias == name || has_dotted_suffix(object.name, name)) fitting.push_back(object.name);
        throw Missing(kind, std::string(name), "", std::move(fitting), true);
    }
    std::vector<std::string_view> names;
    for (const auto& object : table.objects()) names.emplace_back(object.name);
    throw Missing(kind, std::string(name), "", closest_names(name, names));
}

template <class Missing, class T>
const T& lookup(const ObjectTable<T>& table, std::uint32_t id, const char* kind) {
    const T* object = table.find(id);
    if (!object) throw Missing(kind, "ID " + std::to_string(id), "", std::vector<std::string>());
    return *object;
}

const FieldInfo& lookup(const std::vector<FieldInfo>& fields, std::string_view name, const char* kind,
                        const std::string& owner) {
    for (const auto& field : fields)
        if (field.name == name) return field;
    const FieldInfo* found = nullptr;
    std::vector<std::string> fitting;
    for (const auto& field : fields)
        if (has_dotted_suffix(field.name, name)) {
            found = &field;
            fitting.push_back(field.name);
        }
    if (fitting.size() == 1) return *found;
    const std::string scope = "'" + owner + "'";
    if (!fitting.empty()) throw NoSuchFieldError(kind, std::string(name), scope, std::move(fitting), true);
    std::vector<std::string_view> names;
    for (const auto& field : fields) names.emplace_back(field.name);
    throw NoSuchFieldError(kind, std::string(name), scope, closest_names(name, names));
}

const FieldInfo& lookup(const std::vector<FieldInfo>& fields, std::uint32_t id, const char* kind,
                        const std::string& owner) {
    for (const auto& field : fields)
        if (field.id == id) return field;
    throw NoSuchFieldError(kind, "ID " + std::to_string(id), "'" + owner + "'", std::vector<std::string>());
}

}  // namespace

P4Info::P4Info() : index_(std::make_shared<P4InfoIndex>()) {}

P4Info P4Info::from_text(std::string_view text) {
    p4::config::v1::P4Info message;
    google::protobuf::TextFormat::Parser parser;
    FirstError error;
    parser.RecordErrorsTo(&error);
    parser.SetRecursionLimit(100);
    if (!parser.ParseFromString(std::string(text), &message))
        throw P4InfoError("cannot read P4Info text: " +
                          (error.text().empty() ? std::string("it is malformed") : error.text()));
    return P4Info(std::make_shared<P4InfoIndex>(message));
}

P4Info P4Info::from_binary(std::string_view bytes) {
    p4::config::v1::P4Info message;
    if (bytes.size() > INT_MAX || !message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
        throw P4InfoError("cannot read binary P4Info: these " + std::to_string(bytes.size()) +
                          " bytes are no p4.config.v1.P4Info message");
    return P4Info(std::make_shared<P4InfoIndex>(message));
}

P4Info P4Info::load(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    std::ostringstream content;
    if (!file || !(content << file.rdbuf())) throw P4InfoError("cannot read P4Info file '" + path + "'");
    const std::string bytes = std::move(content).str();
    // A serialised message is full of tags and lengths below 0x20 that no text has.
    const bool binary = std::any_of(bytes.begin(), bytes.end(), [](unsigned char c) {
        return c < 0x20 && c != '\n' && c != '\r' && c != '\t';
    });
    try {
        return binary ? from_binary(bytes) : from_text(bytes);
    } catch (const P4InfoError& error) {
        throw P4InfoError("'" + path + "': " + error.what());
    }
}

#define WEFT_P4INFO_LOOKUP(function, Info, member, Missing, kind) \
    const Info& P4Info::function(std::string_view name) const {   \
        return lookup<Missing>(index_->member, name, kind);       \
    }                                                             \
    const Info& P4Info::function(std::uint32_t id) const {        \
        return lookup<Missing>(index_->member, id, kind);         \
    }                                                             \
    const std::vector<Info>& P4Info::member() const noexcept { return index_->member.objects(); }

WEFT_P4INFO_LOOKUP(table, TableInfo, tables, NoSuchTableError, "table")
WEFT_P4INFO_LOOKUP(action, ActionInfo, actions, NoSuchActionError, "action")
WEFT_P4INFO_LOOKUP(action_profile, ActionProfileInfo, action_profiles, NoSuchActionProfileError,
                   "action profile")
WEFT_P4INFO_LOOKUP(counter, CounterInfo, counters, NoSuchCounterError, "counter")
WEFT_P4INFO_LOOKUP(direct_counter, CounterInfo, direct_counters, NoSuchCounterError, "direct counter")
WEFT_P4INFO_LOOKUP(meter, MeterInfo, meters, NoSuchMeterError, "meter")
WEFT_P4INFO_LOOKUP(direct_meter, MeterInfo, direct_meters, NoSuchMeterError, "direct meter")
WEFT_P4INFO_LOOKUP(register_array, RegisterInfo, registers, NoSuchRegisterError, "register")
WEFT_P4INFO_LOOKUP(digest, DigestInfo, digests, NoSuchDigestError, "digest")
WEFT_P4INFO_LOOKUP(value_set, ValueSetInfo, value_sets, NoSuchValueSetError, "value set")
WEFT_P4INFO_LOOKUP(packet_header, PacketHeaderInfo, packet_headers, NoSuchPacketHeaderError,
                   "controller header")
#undef WEFT_P4INFO_LOOKUP

const FieldInfo& P4Info::match_field(const TableInfo& table, std::string_view name) const {
    return lookup(table.match_fields, name, "match field", table.name);
}
const FieldInfo& P4Info::match_field(const TableInfo& table, std::uint32_t id) const {
    return lookup(table.match_fields, id, "match field", table.name);
}
const FieldInfo& P4Info::match_field(const ValueSetInfo& value_set, std::string_view name) const {
    return lookup(value_set.match_fields, name, "match field", value_set.name);
}
const FieldInfo& P4Info::match_field(const ValueSetInfo& value_set, std::uint32_t id) const {
    return lookup(value_set.match_fields, id, "match field", value_set.name);
}
const FieldInfo& P4Info::param(const ActionInfo& action, std::string_view name) const {
    return lookup(action.params, name, "parameter", action.name);
}
const FieldInfo& P4Info::param(const ActionInfo& action, std::uint32_t id) const {
    return lookup(action.params, id, "parameter", action.name);
}
const FieldInfo& P4Info::packet_field(const PacketHeaderInfo& header, std::string_view name) const {
    return lookup(header.fields, name, "metadata field", header.name);
}
const FieldInfo& P4Info::packet_field(const PacketHeaderInfo& header, std::uint32_t id) const {
    return lookup(header.fields, id, "metadata field", header.name);
}

const std::string& P4Info::program_name() const noexcept { return index_->program_name; }
const std::string& P4Info::architecture() const noexcept { return index_->architecture; }
const std::string& P4Info::binary() const noexcept { return index_->binary; }

std::string P4Info::text() const {
    p4::config::v1::P4Info message;
    std::string text;
    if (message.ParseFromString(index_->binary)) google::protobuf::TextFormat::PrintToString(message, &text);
    return text;
}

}  // namespace weft::p4runtime
