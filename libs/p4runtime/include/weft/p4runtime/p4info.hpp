// A loaded P4Info with its indexes: every object by name and by ID.
//
// A name is the full name ("MyIngress.ipv4_lpm"), the alias, or any dotted end of the full name that fits
// one object only ("ipv4_lpm"). Copies share one immutable index, so passing a P4Info by value is cheap and
// it may be used by any number of threads.
#pragma once

#include <weft/p4runtime/schema.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace weft::p4runtime {

class P4InfoIndex;  // private: src/p4info_index.hpp

class P4Info {
public:
    // An empty program.
    P4Info();

    // Protobuf text (p4c's .txtpb). Throws P4InfoError with line and column.
    [[nodiscard]] static P4Info from_text(std::string_view text);

    // A serialised p4.config.v1.P4Info. Throws P4InfoError.
    [[nodiscard]] static P4Info from_binary(std::string_view bytes);

    // Either of the two, told apart by its content. Throws P4InfoError that names the file.
    [[nodiscard]] static P4Info load(const std::string& path);

    // Lookups throw the NoSuch...Error of their kind, which lists close names. The references live as long as
    // any copy of this P4Info.
    [[nodiscard]] const TableInfo& table(std::string_view name) const;
    [[nodiscard]] const TableInfo& table(std::uint32_t id) const;
    [[nodiscard]] const ActionInfo& action(std::string_view name) const;
    [[nodiscard]] const ActionInfo& action(std::uint32_t id) const;
    [[nodiscard]] const ActionProfileInfo& action_profile(std::string_view name) const;
    [[nodiscard]] const ActionProfileInfo& action_profile(std::uint32_t id) const;
    [[nodiscard]] const CounterInfo& counter(std::string_view name) const;
    [[nodiscard]] const CounterInfo& counter(std::uint32_t id) const;
    [[nodiscard]] const CounterInfo& direct_counter(std::string_view name) const;
    [[nodiscard]] const CounterInfo& direct_counter(std::uint32_t id) const;
    [[nodiscard]] const MeterInfo& meter(std::string_view name) const;
    [[nodiscard]] const MeterInfo& meter(std::uint32_t id) const;
    [[nodiscard]] const MeterInfo& direct_meter(std::string_view name) const;
    [[nodiscard]] const MeterInfo& direct_meter(std::uint32_t id) const;
    [[nodiscard]] const RegisterInfo& register_array(std::string_view name) const;
    [[nodiscard]] const RegisterInfo& register_array(std::uint32_t id) const;
    [[nodiscard]] const DigestInfo& digest(std::string_view name) const;
    [[nodiscard]] const DigestInfo& digest(std::uint32_t id) const;
    [[nodiscard]] const ValueSetInfo& value_set(std::string_view name) const;
    [[nodiscard]] const ValueSetInfo& value_set(std::uint32_t id) const;
    [[nodiscard]] const PacketHeaderInfo& packet_header(std::string_view name) const;
    [[nodiscard]] const PacketHeaderInfo& packet_header(std::uint32_t id) const;

    // Fields inside an object, by name with the same rules; throw NoSuchFieldError.
    [[nodiscard]] const FieldInfo& match_field(const TableInfo& table, std::string_view name) const;
    [[nodiscard]] const FieldInfo& match_field(const TableInfo& table, std::uint32_t id) const;
    [[nodiscard]] const FieldInfo& match_field(const ValueSetInfo& value_set, std::string_view name) const;
    [[nodiscard]] const FieldInfo& match_field(const ValueSetInfo& value_set, std::uint32_t id) const;
    [[nodiscard]] const FieldInfo& param(const ActionInfo& action, std::string_view name) const;
    [[nodiscard]] const FieldInfo& param(const ActionInfo& action, std::uint32_t id) const;
    [[nodiscard]] const FieldInfo& packet_field(const PacketHeaderInfo& header, std::string_view name) const;
    [[nodiscard]] const FieldInfo& packet_field(const PacketHeaderInfo& header, std::uint32_t id) const;

    // In the order of the P4Info.
    [[nodiscard]] const std::vector<TableInfo>& tables() const noexcept;
    [[nodiscard]] const std::vector<ActionInfo>& actions() const noexcept;
    [[nodiscard]] const std::vector<ActionProfileInfo>& action_profiles() const noexcept;
    [[nodiscard]] const std::vector<CounterInfo>& counters() const noexcept;
    [[nodiscard]] const std::vector<CounterInfo>& direct_counters() const noexcept;
    [[nodiscard]] const std::vector<MeterInfo>& meters() const noexcept;
    [[nodiscard]] const std::vector<MeterInfo>& direct_meters() const noexcept;
    [[nodiscard]] const std::vector<RegisterInfo>& registers() const noexcept;
    [[nodiscard]] const std::vector<DigestInfo>& digests() const noexcept;
    [[nodiscard]] const std::vector<ValueSetInfo>& value_sets() const noexcept;
    [[nodiscard]] const std::vector<PacketHeaderInfo>& packet_headers() const noexcept;

    [[nodiscard]] const std::string& program_name() const noexcept;
    [[nodiscard]] const std::string& architecture() const noexcept;

    // The serialised p4.config.v1.P4Info that it was loaded from, for SetForwardingPipelineConfig.
    [[nodiscard]] const std::string& binary() const noexcept;

    // The same as protobuf text.
    [[nodiscard]] std::string text() const;

private:
    explicit P4Info(std::shared_ptr<const P4InfoIndex> index) : index_(std::move(index)) {}
    std::shared_ptr<const P4InfoIndex> index_;
};

}  // namespace weft::p4runtime
