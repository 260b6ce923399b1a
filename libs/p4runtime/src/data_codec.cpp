// Structured values (registers, digests) to P4Data and back, guided by the type in the P4Info.
#include "entity_codec.hpp"

#include <weft/p4runtime/error.hpp>
#include <weft/p4runtime/value_codec.hpp>

#include <algorithm>

namespace weft::p4runtime {

namespace {

[[noreturn]] void fail(const std::string& owner, const std::string& what) {
    throw EncodingError(owner, "'" + owner + "': " + what);
}

std::string bytes_of(const std::string& owner, const FieldType& type, const Data& data) {
    if (data.kind() == Data::Kind::composite) fail(owner, "a plain value is needed, not " + data.to_string());
    return encode_value(owner, type, data.value());
}

void check_members(const std::string& owner, std::size_t wanted, std::size_t given) {
    if (wanted != given)
        fail(owner, "its type has " + std::to_string(wanted) + " members, but " + std::to_string(given) +
                        " are given");
}

// The members in the type's order: by name where the data names them, by position otherwise.
std::vector<const Data*> ordered(const std::string& owner, const DataType& type, const Data& data) {
    if (data.kind() != Data::Kind::composite)
        fail(owner, "members are needed, not the plain value " + data.to_string());
    check_members(owner, type.members.size(), data.members().size());
    std::vector<const Data*> members;
    for (std::size_t i = 0; i < type.members.size(); ++i) {
        const bool named = !data.members()[i].first.empty() && !type.member_names[i].empty();
        members.push_back(named ? &data[type.member_names[i]] : &data.members()[i].second);
    }
    return members;
}

void encode_header(const std::string& owner, const DataType& type, const Data& data,
                   p4::v1::P4Header& message) {
    message.set_is_valid(data.valid());
    if (!data.valid()) return;
    const auto members = ordered(owner, type, data);
    for (std::size_t i = 0; i < members.size(); ++i)
        message.add_bitstrings(bytes_of(type.member_names[i], type.members[i].field, *members[i]));
}

Data decode_header(const std::string& owner, const DataType& type, const p4::v1::P4Header& message) {
    Data data = Data::composite(message.is_valid());
    if (!message.is_valid()) return data;
    check_members(owner, type.members.size(), static_cast<std::size_t>(message.bitstrings_size()));
    for (std::size_t i = 0; i < type.members.size(); ++i)
        data.member(type.member_names[i], Data(decode_value(type.member_names[i], type.members[i].field,
                                                            message.bitstrings(static_cast<int>(i)))));
    return data;
}

Data decode_struct(const std::string& owner, const DataType& type, const p4::v1::P4StructLike& message) {
    check_members(owner, type.members.size(), static_cast<std::size_t>(message.members_size()));
    Data data = Data::composite();
    for (std::size_t i = 0; i < type.members.size(); ++i)
        data.member(type.member_names[i], decode(type.member_names[i].empty() ? owner : type.member_names[i],
                                                 type.members[i], message.members(static_cast<int>(i))));
    return data;
}

}  // namespace

void encode(const std::string& owner, const DataType& type, const Data& data, p4::v1::P4Data& message) {
    switch (type.kind) {
        case DataType::Kind::bitstring:
            message.set_bitstring(bytes_of(owner, type.field, data));
            return;
        case DataType::Kind::varbit: {
            const std::string bytes = bytes_of(owner, type.field, data);
            message.mutable_varbit()->set_bitstring(bytes);
            message.mutable_varbit()->set_bitwidth(static_cast<std::int32_t>(bytes.size() * 8));
            return;
        }
        case DataType::Kind::boolean:
            if (data.kind() == Data::Kind::composite) fail(owner, "true or false is needed");
            message.set_bool_(data.to_uint64() != 0);
            return;
        case DataType::Kind::tuple:
        case DataType::Kind::structure: {
            auto& out =
                type.kind == DataType::Kind::tuple ? *message.mutable_tuple() : *message.mutable_struct_();
            const auto members = ordered(owner, type, data);
            for (std::size_t i = 0; i < members.size(); ++i)
                encode(type.member_names[i].empty() ? owner : type.member_names[i], type.members[i],
                       *members[i], *out.add_members());
            return;
        }
        case DataType::Kind::header:
            encode_header(owner, type, data, *message.mutable_header());
            return;
        case DataType::Kind::header_stack: {
            auto& stack = *message.mutable_header_stack();
            for (const auto& [name, member] : data.members())
                encode_header(owner, type.members.at(0), member, *stack.add_entries());
            check_members(owner, static_cast<std::size_t>(std::max(type.size, 0)), data.members().size());
            return;
        }
        case DataType::Kind::enumeration:
            message.set_enum_(data.value().to_string());
            return;
        case DataType::Kind::error:
            message.set_error(data.value().to_string());
            return;
        case DataType::Kind::unsupported:
            break;
    }
    fail(owner, "its type is a header union, or is not defined in the P4Info");
}

Data decode(const std::string& owner, const DataType& type, const p4::v1::P4Data& message) {
    using Message = p4::v1::P4Data;
    const auto got = message.data_case();
    const auto need = [&](Message::DataCase wanted) {
        if (got != wanted) fail(owner, "the switch sent data of another type than the P4Info declares");
    };
    switch (type.kind) {
        case DataType::Kind::bitstring:
            // Serializable enums travel as enum_value, and older servers send them as bitstring.
            if (got == Message::kEnumValue)
                return Data(decode_value(owner, type.field, message.enum_value()));
            need(Message::kBitstring);
            return Data(decode_value(owner, type.field, message.bitstring()));
        case DataType::Kind::varbit:
            need(Message::kVarbit);
            return Data(decode_value(owner, type.field, message.varbit().bitstring()));
        case DataType::Kind::boolean:
            need(Message::kBool);
            return Data(message.bool_());
        case DataType::Kind::tuple:
            need(Message::kTuple);
            return decode_struct(owner, type, message.tuple());
        case DataType::Kind::structure:
            need(Message::kStruct);
            return decode_struct(owner, type, message.struct_());
        case DataType::Kind::header:
            need(Message::kHeader);
            return decode_header(owner, type, message.header());
        case DataType::Kind::header_stack: {
            need(Message::kHeaderStack);
            Data data = Data::composite();
            for (const auto& entry : message.header_stack().entries())
                data.member("", decode_header(owner, type.members.at(0), entry));
            return data;
        }
        case DataType::Kind::enumeration:
            need(Message::kEnum);
            return Data(message.enum_());
        case DataType::Kind::error:
            need(Message::kError);
            return Data(message.error());
        case DataType::Kind::unsupported:
            break;
    }
    fail(owner, "its type is a header union, or is not defined in the P4Info");
}

}  // namespace weft::p4runtime
