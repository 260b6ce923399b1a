// The serialisers against bytes that Python wrote, and against bytes that mean harm.
#include "hex.hpp"

#include <weft/mesh/error.hpp>
#include <weft/mesh/serde.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

namespace weft::mesh {
namespace {

using testing::from_hex;
using testing::to_hex;

Value everything() {
    return Dict{{"id", 7},
                {"name", "Müller"},
                {"neg", -5},
                {"big", std::int64_t{1} << 40},
                {"u", ~std::uint64_t{0}},
                {"pi", 2.5},
                {"t", true},
                {"n", nullptr},
                {"raw", Bytes{std::byte{0}, std::byte{255}}},
                {"l", List{1, List{2, 3}, Tuple{}}},
                {"s", Set{1}},
                {"tt", Tuple{1, 2, 3, 4}}};
}

// What JSON and MSGPACK can carry of it.
Value plain() {
    return Dict{{"id", 7},
                {"name", "Mü\"\\\n\x01"},
                {"neg", -5},
                {"big", std::int64_t{1} << 40},
                {"pi", 2.5},
                {"t", true},
                {"n", nullptr},
                {"u", ~std::uint64_t{0}},
                {"e", Dict{}},
                {"one", 1.0},
                {"l", List{1, List{2, 3}, List{}}}};
}

class PickleOf : public ::testing::TestWithParam<const char*> {};

TEST_P(PickleOf, python_is_read) {
    const Arguments read = decode_arguments(Serde::pickle, true, from_hex(GetParam()));
    ASSERT_EQ(read.positional.size(), 1u);
    EXPECT_EQ(read.positional[0], everything()) << read.positional[0].to_string();
    ASSERT_NE(read.keyword.find("k"), nullptr);
    EXPECT_EQ(*read.keyword.find("k"), Value(1));
}

INSTANTIATE_TEST_SUITE_P(
    Protocols2To5, PickleOf,
    ::testing::Values(
        // protocol 2
        "80027d7100285802000000696471014b0758040000006e616d65710258070000004dc3bc6c6c6572710358030000006e"
        "656771044afbffffff580300000062696771058a0600000000000158010000007571068a09ffffffffffffffff005802"
        "0000007069710747400400000000000058010000007471088858010000006e71094e5803000000726177710a635f636f"
        "646563730a656e636f64650a710b580300000000c3bf710c58060000006c6174696e31710d86710e52710f5801000000"
        "6c71105d7111284b015d7112284b024b036529655801000000737113635f5f6275696c74696e5f5f0a7365740a71145d"
        "71154b0161857116527117580200000074747118284b014b024b034b047471197585711a7d711b58010000006b711c4b"
        "017386711d2e",
        // protocol 3
        "80037d7100285802000000696471014b0758040000006e616d65710258070000004dc3bc6c6c6572710358030000006e"
        "656771044afbffffff580300000062696771058a0600000000000158010000007571068a09ffffffffffffffff005802"
        "0000007069710747400400000000000058010000007471088858010000006e71094e5803000000726177710a430200ff"
        "710b58010000006c710c5d710d284b015d710e284b024b03652965580100000073710f636275696c74696e730a736574"
        "0a71105d71114b0161857112527113580200000074747114284b014b024b034b04747115758571167d71175801000000"
        "6b71184b01738671192e",
        // protocol 4
        "800495a2000000000000007d94288c026964944b078c046e616d65948c074dc3bc6c6c6572948c036e6567944afbffff"
        "ff8c03626967948a060000000000018c0175948a09ffffffffffffffff008c027069944740040000000000008c017494"
        "888c016e944e8c0372617794430200ff948c016c945d94284b015d94284b024b036529658c0173948f94284b01908c02"
        "747494284b014b024b034b0474947585947d948c016b944b017386942e",
        // protocol 5
        "800595a2000000000000007d94288c026964944b078c046e616d65948c074dc3bc6c6c6572948c036e6567944afbffff"
        "ff8c03626967948a060000000000018c0175948a09ffffffffffffffff008c027069944740040000000000008c017494"
        "888c016e944e8c0372617794430200ff948c016c945d94284b015d94284b024b036529658c0173948f94284b01908c02"
        "747494284b014b024b034b0474947585947d948c016b944b017386942e"));

TEST(Pickle, reads_back_what_it_wrote) {
    Buffer out;
    EXPECT_TRUE(encode_arguments(Serde::pickle, std::vector<Value>{everything(), 3}, Dict{{"b", 2}}, out));
    const Arguments read = decode_arguments(Serde::pickle, true, out.bytes());
    ASSERT_EQ(read.positional.size(), 2u);
    EXPECT_EQ(read.positional[0], everything());
    EXPECT_EQ(*read.keyword.find("b"), Value(2));
}

TEST(Pickle, integers_of_every_width_read_back) {
    for (const std::int64_t n :
         {INT64_MIN, std::int64_t{INT32_MIN} - 1, std::int64_t{INT32_MIN}, std::int64_t{-1}, std::int64_t{0},
          std::int64_t{255}, std::int64_t{256}, std::int64_t{65536}, std::int64_t{INT32_MAX} + 1, INT64_MAX})
        for (const Serde serde : {Serde::pickle, Serde::json, Serde::msgpack}) {
            Buffer out;
            encode_value(serde, n, out);
            EXPECT_EQ(decode_value(serde, out.bytes()), Value(n)) << n;
        }
}

// The text of the error, or "" when it was read.
std::string refusal(std::string_view hex) {
    try {
        (void)decode_arguments(Serde::pickle, true, from_hex(hex));
        return "";
    } catch (const DecodeError& error) {
        return error.what();
    }
}

TEST(Pickle, refuses_functions_and_names_them) {
    EXPECT_THAT(refusal("8004951a000000000000008c05706f736978948c0673797374656d94939485947d9486942e"),
                ::testing::HasSubstr("posix.system"));
}

TEST(Pickle, refuses_objects_and_names_their_class) {
    EXPECT_THAT(
        refusal(
            "80049526000000000000008c086461746574696d65948c0464617465949394430407e40102948594529485947d948694"
            "2e"),
        ::testing::HasSubstr("datetime.date"));
}

TEST(Pickle, refuses_a_list_that_contains_itself) {
    EXPECT_THAT(refusal("8004950c000000000000005d9468006185947d9486942e"),
                ::testing::HasSubstr("contains itself"));
}

TEST(Pickle, refuses_sharing_that_multiplies) {
    EXPECT_THAT(
        refusal(
            "800495f3000000000000005d94285d94285d94285d94285d94285d94285d94285d94285d94285d94285d94285d94285d"
            "94285d94285d94285d94285d94285d94285d94285d94285d94285d94285d94285d94285d94285d94285d94285d94285d"
            "94285d94285d948c32787878787878787878787878787878787878787878787878787878787878787878787878787878"
            "78787878787878787878789461681e65681d65681c65681b65681a656819656818656817656816656815656814656813"
            "65681265681165681065680f65680e65680d65680c65680b65680a656809656808656807656806656805656804656803"
            "6568026568016585947d9486942e"),
        ::testing::AnyOf(::testing::HasSubstr("8 Mi values"), ::testing::HasSubstr("multiply")));
}

TEST(Pickle, refuses_sets_that_multiply) {
    std::string message("\x80\x04](", 4);
    message.append(500'000, 'N');
    message += "e\x94";
    // Each makes a set of the same list, and drops it.
    for (int i = 0; i < 100; ++i) message += std::string("cbuiltins\nset\nh\0\x85R0", 19);
    message += "\x85}\x86.";
    EXPECT_THROW((void)decode_arguments(Serde::pickle, true, std::as_bytes(std::span(message))), DecodeError);
}

TEST(Pickle, a_container_that_is_filled_in_several_steps_between_others_is_whole) {
    // [1, [2, 3], 4, 5]: the outer list's items come in three steps, the inner list's between them.
    const auto value = decode_value(Serde::pickle, from_hex("8004"
                                                            "5d94"
                                                            "4b0161"
                                                            "5d94"
                                                            "284b024b0365"
                                                            "61"
                                                            "28"
                                                            "4b044b0565"
                                                            "2e"));
    EXPECT_EQ(value, Value(List{1, List{2, 3}, 4, 5}));
}

TEST(Pickle, bytearrays_and_frozen_sets_of_every_protocol_are_data) {
    for (const char* hex :
         {"8002635f5f6275696c74696e5f5f0a6279746561727261790a7100635f636f646563730a656e636f64650a7101580200"
          "00006162710258060000006c6174696e317103867104527105857106527107635f5f6275696c74696e5f5f0a66726f7a"
          "656e7365740a71085d71094b016185710a52710b635f5f6275696c74696e5f5f0a62797465730a710c2952710d87710e"
          "7d710f8671102e",
          "80049531000000000000008c086275696c74696e73948c09627974656172726179949394430261629485945294284b01"
          "919443009487947d9486942e",
          "8005951b00000000000000960200000000000000616294284b01919443009487947d9486942e"}) {
        const Arguments read = decode_arguments(Serde::pickle, true, from_hex(hex));
        ASSERT_EQ(read.positional.size(), 3u);
        EXPECT_EQ(read.positional[0], Value(Bytes{std::byte{'a'}, std::byte{'b'}}));
        EXPECT_EQ(read.positional[1], Value(Set{1}));
        EXPECT_EQ(read.positional[2], Value(Bytes{}));
    }
}

TEST(Pickle, an_error_with_an_object_behind_it_is_read) {
    const Failure failure = decode_failure(
        Serde::pickle, true,
        from_hex(
            "8004954800000000000000288c0a56616c75654572726f72948c086275696c74696e73948c04626f6f6d948c08646174"
            "6574696d65948c0464617465949394430407e401029485945294749485947d9486942e"));
    EXPECT_EQ(failure.type, "ValueError");
    EXPECT_EQ(failure.module, "builtins");
    EXPECT_EQ(failure.text, "boom");
    EXPECT_EQ(failure.traceback, "");
}

TEST(Messages, every_cut_of_one_is_refused) {
    for (const Serde serde : {Serde::pickle, Serde::json, Serde::msgpack}) {
        Buffer out;
        const Value value = serde == Serde::pickle ? everything() : plain();
        encode_arguments(serde, std::vector<Value>{value}, Dict{{"b", 2}}, out);
        for (std::size_t size = 0; size < out.size(); ++size)
            EXPECT_THROW((void)decode_arguments(serde, true, out.bytes().first(size)), DecodeError)
                << to_string(serde) << " " << size;
        out.push(' ' + 1);
        if (serde != Serde::pickle) {
            EXPECT_THROW((void)decode_arguments(serde, true, out.bytes()), DecodeError);
        }
    }
}

TEST(Messages, plain_values_read_back) {
    for (const Serde serde : {Serde::pickle, Serde::json, Serde::msgpack}) {
        Buffer out;
        EXPECT_EQ(encode_result(serde, plain(), out), serde != Serde::json);
        EXPECT_EQ(decode_result(serde, true, out.bytes()), plain()) << to_string(serde);
    }
}

TEST(Messages, are_daffis_bytes) {
    Buffer json;
    encode_arguments(Serde::json, std::vector<Value>{1}, Dict{{"b", 2}}, json);
    EXPECT_EQ(json.text(), R"({"args": [1], "kwargs": {"b": 2}})");
    Buffer msgpack;
    encode_arguments(Serde::msgpack, std::vector<Value>{1}, Dict{{"b", 2}}, msgpack);
    EXPECT_EQ(to_hex(msgpack.bytes()), "92910181a16202");
    Buffer result;
    encode_result(Serde::msgpack, 3, result);
    EXPECT_EQ(to_hex(result.bytes()), "92910380");
}

TEST(Messages, failures_read_back_and_opaque_ones_travel_as_pickle) {
    Failure failure;
    failure.type = "ValueError";
    failure.module = "builtins";
    failure.text = "boom";
    for (Serde serde : {Serde::pickle, Serde::json, Serde::msgpack, Serde::opaque}) {
        Buffer out;
        const bool is_bytes = encode_failure(serde, failure, out);
        EXPECT_NE(serde, Serde::opaque);
        const Failure again = decode_failure(serde, is_bytes, out.bytes());
        EXPECT_EQ(again.type, "ValueError");
        EXPECT_EQ(again.text, "boom");
    }
}

TEST(Messages, failures_that_cannot_be_read_are_still_failures) {
    const auto rubbish = from_hex("ffeedd");
    for (const Serde serde : {Serde::pickle, Serde::json, Serde::msgpack, Serde::opaque})
        EXPECT_FALSE(decode_failure(serde, true, rubbish).text.empty());
}

TEST(Opaque, carries_bytes_and_text_as_they_are) {
    Buffer out;
    EXPECT_TRUE(encode_arguments(Serde::opaque, std::vector<Value>{Bytes{std::byte{0}}}, Dict(), out));
    EXPECT_EQ(to_hex(out.bytes()), "00");
    out.clear();
    EXPECT_FALSE(encode_arguments(Serde::opaque, std::vector<Value>{"abc"}, Dict(), out));
    EXPECT_EQ(out.text(), "abc");
    EXPECT_THROW(encode_arguments(Serde::opaque, std::vector<Value>{"a", "b"}, Dict(), out), EncodeError);
    EXPECT_THROW(encode_arguments(Serde::opaque, std::vector<Value>{1}, Dict(), out), EncodeError);
}

TEST(Opaque, other_results_become_pythons_text) {
    const auto text = [](const Value& value) {
        Buffer out;
        EXPECT_FALSE(encode_result(Serde::opaque, value, out));
        return std::string(out.text());
    };
    EXPECT_EQ(text(nullptr), "None");
    EXPECT_EQ(text(42), "42");
    EXPECT_EQ(text(1.0), "1.0");
    EXPECT_EQ(text(List{1, "a"}), "[1, 'a']");
    EXPECT_EQ(text(Tuple{1}), "(1,)");
}

TEST(Json, pythons_own_numbers) {
    for (const char* text : {"NaN", "Infinity", "-Infinity", "1e999"}) {
        const Value value = decode_value(Serde::json, std::as_bytes(std::span(std::string_view(text))));
        ASSERT_NE(value.get_if<double>(), nullptr) << text;
        EXPECT_FALSE(std::isfinite(*value.get_if<double>())) << text;
    }
    Buffer out;
    encode_value(Serde::json, List{HUGE_VAL, -HUGE_VAL, 1.0, 1e300}, out);
    EXPECT_EQ(out.text(), "[Infinity, -Infinity, 1.0, 1e+300]");
}

TEST(Json, refuses_what_is_not_json) {
    for (const std::string_view text :
         {"", "tru", "01", "1.", "1e", "-", "+1", "[1,]", "{\"a\":}", "{a:1}", "\"\\x\"", "\"\\ud800\"",
          "\"\n\"", "[1", "nul", "1 2", "18446744073709551616", "\"\xff\""})
        EXPECT_THROW((void)decode_value(Serde::json, std::as_bytes(std::span(text))), DecodeError) << text;
    EXPECT_EQ(
        decode_value(Serde::json, std::as_bytes(std::span(std::string_view(R"(" \u20ac\ud83d\ude00\/")")))),
        Value(" €😀/"));
}

TEST(Json, keys_that_are_no_text_become_text) {
    Buffer out;
    encode_value(Serde::json, Dict{{1, 2}, {true, 3}, {nullptr, 4}}, out);
    EXPECT_EQ(out.text(), R"({"1": 2, "true": 3, "null": 4})");
    EXPECT_THROW(encode_value(Serde::json, Dict{{Tuple{1}, 2}}, out), EncodeError);
}

TEST(Depth, beyond_the_limit_is_refused_in_both_directions) {
    const std::string json = std::string(1000, '[') + std::string(1000, ']');
    EXPECT_THROW((void)decode_value(Serde::json, std::as_bytes(std::span(json))), DecodeError);
    const std::string msgpack = std::string(100000, '\x91') + '\x01';
    EXPECT_THROW((void)decode_value(Serde::msgpack, std::as_bytes(std::span(msgpack))), DecodeError);
    const std::string pickle = "\x80\x04K\x01" + std::string(100000, '\x85') + ".";
    EXPECT_THROW((void)decode_value(Serde::pickle, std::as_bytes(std::span(pickle))), DecodeError);
    Value deep;
    for (int i = 0; i < 300; ++i) deep = List(std::vector<Value>{std::move(deep)});
    for (const Serde serde : {Serde::pickle, Serde::json, Serde::msgpack}) {
        Buffer out;
        EXPECT_THROW(encode_value(serde, deep, out), EncodeError);
    }
}

TEST(Msgpack, counts_that_the_message_cannot_hold_allocate_nothing) {
    for (const char* hex : {"ddffffffff", "dfffffffff", "c6ffffffff", "dbffffffff"})
        EXPECT_THROW((void)decode_value(Serde::msgpack, from_hex(hex)), DecodeError);
    EXPECT_THROW((void)decode_value(Serde::msgpack, from_hex("d6ff00000000")), DecodeError);
    EXPECT_THROW((void)decode_value(Serde::msgpack, from_hex("c1")), DecodeError);
}

TEST(Text, that_is_not_utf8_is_never_sent) {
    for (const Serde serde : {Serde::pickle, Serde::json, Serde::msgpack, Serde::opaque}) {
        Buffer out;
        EXPECT_THROW(encode_value(serde, "\xff", out), EncodeError);
    }
}

TEST(ValueText, is_pythons_repr) {
    EXPECT_EQ(
        everything().to_string(),
        "{'id': 7, 'name': 'Müller', 'neg': -5, 'big': 1099511627776, 'u': 18446744073709551615, 'pi': 2.5, "
        "'t': True, 'n': None, 'raw': b'\\x00\\xff', 'l': [1, [2, 3], ()], 's': {1}, 'tt': (1, 2, 3, 4)}");
    EXPECT_EQ(Value("it's").to_string(), "\"it's\"");
    EXPECT_EQ(Value(std::string(100, 'x')).to_string(10).substr(0, 5), "'xxxx");
}

}  // namespace
}  // namespace weft::mesh
