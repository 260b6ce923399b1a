// Compiles a JSON document: one Loader per document, its parts spread over the load_*.cpp files.
#pragma once

#include "compiled.hpp"
#include "json.hpp"

#include <string>
#include <unordered_map>
#include <vector>

namespace weft::p4switch {

class Loader {
public:
    explicit Loader(const Json& root, Compiled& out) : root_(root), out_(out) {}
    void run();

private:
    using Names = std::unordered_map<std::string, std::uint32_t>;

    // load_headers.cpp
    void load_version();
    void load_header_types();
    void load_headers();
    void load_stacks_and_unions();
    void load_standard_fields();
    std::uint32_t place_header(const Json& at, const std::string& name, std::uint32_t type, bool metadata);

    // load_expression.cpp
    std::uint32_t number_node(const Json& value, const Action* action);
    std::uint32_t boolean_node(const Json& value, const Action* action);
    std::uint32_t header_node(const Json& value, const Action* action);
    std::uint32_t union_node(const Json& value, const Action* action);
    std::uint32_t operator_node(const Json& op, const Action* action);
    std::uint32_t compare_node(const Json& op, const Action* action);
    std::uint32_t add_node(ExprNode node);
    std::uint32_t constant_node(const WideInt& value);
    // A complete expression of which the low `demand` bits matter (0 = all).
    std::uint32_t number(const Json& value, const Action* action, std::uint32_t demand = 0);
    std::uint32_t condition(const Json& value, const Action* action);
    const Json& unwrapped(const Json& value) const;
    WideInt hexstr(const Json& value) const;
    std::vector<std::uint8_t> hex_bytes(const Json& value, std::size_t count) const;

    // load_actions.cpp
    void load_actions();
    void load_primitives(const std::vector<const Json*>& list, const Action* action, OpRange& range);
    Op primitive(const Json& call, const Action* action, std::size_t count, std::uint32_t first);
    Op assign(const Json& target, const Json& source, const Action* action);
    Op arithmetic(const Json& call, const Action* action, ExprOp op, bool with_target);
    void target_field(Op& op, const Json& value, const Action* action);

    // load_parser.cpp
    void load_value_sets();
    void load_parsers();
    void load_state(const Json& json, ParserState& state, const Names& states);
    Op parser_op(const Json& json);
    KeyElement key_element(const Json& json);
    void load_deparser();

    // load_externs.cpp
    void load_errors();
    void load_calculations();
    void load_calc_input(const Json& list, Calculation& calculation);
    HashAlgorithm algorithm(const Json& value) const;
    void load_arrays();
    void load_checksums();
    void load_lists();

    // load_pipelines.cpp
    void load_pipelines();
    void load_profiles(const Json& pipeline);
    void load_table(const Json& json, TableDef& table);
    void load_table_key(const Json& json, TableDef& table);
    void load_table_default(const Json& json, TableDef& table);
    void load_fixed_entries(const Json& json, TableDef& table);
    void link_table(const Json& json, TableDef& table, Node& node);
    void inline_constant_actions();
    std::uint32_t node_named(const Json& value) const;

    std::uint32_t lookup(const Names& names, const Json& value, const char* kind) const;
    std::uint32_t field_ref(const Json& value) const;  // [header, field]
    std::uint32_t field_named(const std::string& header, const std::string& field) const;
    void claim(Names& names, const Json& json, std::uint32_t index, const char* kind) const;

    struct TypeField {
        std::string name;
        std::uint32_t width = 0;
        bool variable = false, is_signed = false, saturating = false;
    };
    struct HeaderType {
        std::vector<TypeField> fields;
        std::uint32_t max_bytes = 0;
    };

    const Json& root_;
    Compiled& out_;
    std::vector<HeaderType> types_;
    Names type_names_, header_names_, stack_names_, union_names_, union_stack_names_, field_names_;
    std::unordered_map<std::int64_t, std::uint32_t> header_ids_, union_ids_, action_ids_;
    std::unordered_map<std::string, std::vector<std::string>> union_types_;
    Names calculation_names_, counter_names_, meter_names_, register_names_, value_set_names_, profile_names_,
        node_names_;
    Names aliases_;
    std::vector<std::uint32_t> action_list_;
};

}  // namespace weft::p4switch
