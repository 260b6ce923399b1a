// User values to canonical byte strings: the examples of the specification, every form, every refusal.
#include <weft/p4runtime/error.hpp>
#include <weft/p4runtime/value_codec.hpp>

#include <gtest/gtest.h>

#include <cstdint>
#include <random>
#include <string>

namespace weft::p4runtime {
namespace {

std::string hex(const std::string& bytes) {
    static constexpr char digits[] = "0123456789abcdef";
    std::string text;
    for (const unsigned char c : bytes) {
        text += digits[c >> 4];
        text += digits[c & 15];
    }
    return text;
}

std::string encoded(std::uint32_t bitwidth, const Value& value) {
    return hex(encode_value("f", FieldType(bitwidth), value));
}

FieldInfo field(MatchType type, std::uint32_t bitwidth) {
    FieldInfo info;
    info.id = 1;
    info.name = "hdr.f";
    info.type = FieldType(bitwidth);
    info.match_type = type;
    return info;
}

std::string refusal(std::uint32_t bitwidth, const Value& value) {
    try {
        (void)encode_value("hdr.f", FieldType(bitwidth), value);
    } catch (const EncodingError& error) {
        return error.what();
    }
    return "";
}

TEST(ValueCodec, integers_take_their_shortest_form) {
    EXPECT_EQ(encoded(8, 99), "63");
    EXPECT_EQ(encoded(16, 99), "63");
    EXPECT_EQ(encoded(16, 12388), "3064");
    EXPECT_EQ(encoded(12, 0xfff), "0fff");
    EXPECT_EQ(encoded(32, 0), "00");
    EXPECT_EQ(encoded(64, UINT64_MAX), "ffffffffffffffff");
    EXPECT_EQ(encoded(1, true), "01");
}

TEST(ValueCodec, negative_numbers_fill_the_width) {
    EXPECT_EQ(encoded(8, -1), "ff");
    EXPECT_EQ(encoded(8, -128), "80");
    EXPECT_EQ(encoded(12, -739), "0d1d");
    EXPECT_EQ(encoded(64, std::int64_t{INT64_MIN}), "8000000000000000");
    EXPECT_EQ(encoded(72, -2), "fffffffffffffffffe");
    EXPECT_EQ(encoded(16, "-2"), "fffe");
    EXPECT_NE(refusal(8, -129), "");
    EXPECT_NE(refusal(0, -1), "");
}

TEST(ValueCodec, text_is_read_by_the_width_of_its_field) {
    EXPECT_EQ(encoded(32, "10.0.1.1"), "0a000101");
    EXPECT_EQ(encoded(32, "0.0.0.7"), "07");
    EXPECT_EQ(encoded(48, "00:11:22:33:44:55"), "1122334455");
    EXPECT_EQ(encoded(128, "2001:db8::1"), "20010db8000000000000000000000001");
    EXPECT_EQ(encoded(128, "::"), "00");
    EXPECT_EQ(encoded(16, "0xFf"), "ff");
    EXPECT_EQ(encoded(16, "0b1010"), "0a");
    EXPECT_EQ(encoded(16, "0o17"), "0f");
    EXPECT_EQ(encoded(128, "340282366920938463463374607431768211455"), "ffffffffffffffffffffffffffffffff");
}

TEST(ValueCodec, bytes_lose_leading_zeros_and_are_checked) {
    EXPECT_EQ(encoded(16, Bytes{0, 0, 0x12}), "12");
    EXPECT_EQ(encoded(9, Bytes{1, 0xff}), "01ff");
    EXPECT_NE(refusal(9, Bytes{2, 0}), "");
    EXPECT_NE(refusal(9, Bytes{}), "");
}

TEST(ValueCodec, refusals_name_field_width_and_value) {
    const std::string text = refusal(9, 512);
    EXPECT_NE(text.find("hdr.f"), std::string::npos) << text;
    EXPECT_NE(text.find("512"), std::string::npos) << text;
    EXPECT_NE(text.find("9 bits"), std::string::npos) << text;
}

TEST(ValueCodec, text_of_another_width_or_no_form_is_refused) {
    for (const char* bad : {"", "abc", "10.0.0", "10.0.0.0.1", "0x", "1.5", "fe80::1%eth0", "00:11:22:33:44",
                            "00:11:22:33:44:5g", " 1", "0b2", "99999999999", "10.0.0.256", "-", "--1"})
        EXPECT_NE(refusal(32, bad), "") << bad;
    EXPECT_NE(refusal(48, "10.0.0.1").find("32"), std::string::npos);
    EXPECT_NE(refusal(32, "00:11:22:33:44:55").find("MAC"), std::string::npos);
    EXPECT_NE(refusal(32, std::string(10000, '9')), "");
}

TEST(ValueCodec, strings_pass_through_where_the_type_is_translated_to_strings) {
    FieldType type(0);
    type.is_string = true;
    type.type_name = "port_name_t";
    EXPECT_EQ(encode_value("port", type, "Ethernet1/2"), "Ethernet1/2");
    EXPECT_EQ(decode_value("port", type, "Ethernet1/2"), Value("Ethernet1/2"));
    EXPECT_THROW((void)encode_value("port", type, 7), EncodingError);
    EXPECT_THROW((void)encode_value("port", type, ""), EncodingError);
}

TEST(ValueCodec, members_of_a_serializable_enum_are_values) {
    FieldType type(7);
    type.type_name = "reason_t";
    type.enumerators = std::make_shared<std::vector<std::pair<std::string, std::string>>>(
        std::vector<std::pair<std::string, std::string>>{{"NONE", std::string(1, '\0')}, {"ACL", "\4"}});
    EXPECT_EQ(hex(encode_value("reason", type, "ACL")), "04");
    EXPECT_EQ(hex(encode_value("reason", type, "NONE")), "00");
    EXPECT_EQ(hex(encode_value("reason", type, 3)), "03");
    EXPECT_THROW((void)encode_value("reason", type, "NOPE"), EncodingError);
}

TEST(ValueCodec, decoding_accepts_padding_and_refuses_empty_and_wide) {
    EXPECT_EQ(decode_value("f", FieldType(9), std::string("\0\0\1\0", 4)).to_uint64(), 256U);
    EXPECT_THROW((void)decode_value("f", FieldType(9), ""), EncodingError);
    EXPECT_THROW((void)decode_value("f", FieldType(9), "\2\1"), EncodingError);
}

TEST(ValueCodec, decoded_values_print_by_width) {
    const auto shown = [](std::uint32_t width, const Value& value) {
        return decode_value("f", FieldType(width), encode_value("f", FieldType(width), value)).to_string();
    };
    EXPECT_EQ(shown(32, "10.0.0.1"), "10.0.0.1");
    EXPECT_EQ(shown(48, "00:00:00:00:00:0a"), "00:00:00:00:00:0a");
    EXPECT_EQ(shown(128, "2001:db8::1"), "2001:db8::1");
    EXPECT_EQ(shown(9, 511), "511");
    EXPECT_EQ(shown(72, "0x010203040506070809"), "0x010203040506070809");
}

TEST(ValueCodec, a_decoded_value_equals_every_spelling_of_it) {
    const Value decoded = decode_value("f", FieldType(32), std::string("\x0a\0\1\1", 4));
    EXPECT_EQ(decoded, "10.0.1.1");
    EXPECT_EQ(decoded, 0x0a000101);
    EXPECT_EQ(decoded, (Bytes{10, 0, 1, 1}));
    EXPECT_FALSE(decoded == "10.0.1.2");
    EXPECT_FALSE(decoded == "nonsense");
}

TEST(ValueCodec, random_numbers_survive_the_round_trip) {
    std::mt19937_64 random(20261121);
    for (int i = 0; i < 20000; ++i) {
        const auto width = static_cast<std::uint32_t>(1 + random() % 64);
        const std::uint64_t number = width == 64 ? random() : random() & ((std::uint64_t{1} << width) - 1);
        const std::string bytes = encode_value("f", FieldType(width), number);
        ASSERT_TRUE(bytes.size() == 1 || bytes[0] != '\0');
        ASSERT_EQ(decode_value("f", FieldType(width), bytes).to_uint64(), number);
    }
}

TEST(MatchCodec, lpm_clears_host_bits_and_drops_length_zero) {
    const auto match = encode_match(field(MatchType::lpm, 32), "10.0.1.77/24");
    ASSERT_TRUE(match);
    EXPECT_EQ(hex(match->value), "0a000100");
    EXPECT_EQ(match->prefix_length, 24U);
    EXPECT_FALSE(encode_match(field(MatchType::lpm, 32), "10.0.0.0/0"));
    EXPECT_EQ(encode_match(field(MatchType::lpm, 32), "10.0.0.1")->prefix_length, 32U);
    EXPECT_EQ(hex(encode_match(field(MatchType::lpm, 9), lpm(0x1ff, 1))->value), "0100");
    EXPECT_EQ(hex(encode_match(field(MatchType::lpm, 128), "2001:db8:1::/33")->value),
              "20010db8000000000000000000000000");
}

TEST(MatchCodec, lpm_refuses_long_and_malformed_prefixes) {
    const FieldInfo ipv4 = field(MatchType::lpm, 32);
    for (const char* bad :
         {"10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/", "10.0.0.0/8x", "/8", "1&&&1", "10.0.0.0/99999999999"})
        EXPECT_THROW((void)encode_match(ipv4, bad), EncodingError) << bad;
    EXPECT_THROW((void)encode_match(ipv4, ternary(1, 1)), EncodingError);
}

TEST(MatchCodec, ternary_masks_its_value_and_drops_the_zero_mask) {
    const FieldInfo port = field(MatchType::ternary, 16);
    const auto match = encode_match(port, "0x0806&&&0xff00");
    ASSERT_TRUE(match);
    EXPECT_EQ(hex(match->value), "0800");
    EXPECT_EQ(hex(match->second), "ff00");
    EXPECT_FALSE(encode_match(port, ternary(5, 0)));
    EXPECT_EQ(hex(encode_match(port, 80)->second), "ffff");
    EXPECT_EQ(hex(encode_match(field(MatchType::ternary, 9), 1)->second), "01ff");
    EXPECT_EQ(hex(encode_match(field(MatchType::ternary, 32), "10.1.2.3/8")->second), "ff000000");
    EXPECT_THROW((void)encode_match(port, ternary(1, 0x10000)), EncodingError);
    EXPECT_THROW((void)encode_match(port, range(1, 2)), EncodingError);
}

TEST(MatchCodec, range_checks_its_order_and_drops_the_full_range) {
    const FieldInfo port = field(MatchType::range, 16);
    const auto match = encode_match(port, "1024..2047");
    ASSERT_TRUE(match);
    EXPECT_EQ(hex(match->value), "0400");
    EXPECT_EQ(hex(match->second), "07ff");
    EXPECT_FALSE(encode_match(port, range(0, 65535)));
    EXPECT_EQ(encode_match(port, 7)->second, encode_match(port, 7)->value);
    EXPECT_THROW((void)encode_match(port, range(9, 8)), EncodingError);
    EXPECT_THROW((void)encode_match(port, "256..9"), EncodingError);
    EXPECT_THROW((void)encode_match(port, range(0, 65536)), EncodingError);
}

TEST(MatchCodec, exact_and_optional_take_plain_values_only) {
    EXPECT_EQ(hex(encode_match(field(MatchType::exact, 9), 0)->value), "00");
    EXPECT_EQ(encode_match(field(MatchType::optional, 9), 3)->type, MatchType::optional);
    EXPECT_THROW((void)encode_match(field(MatchType::exact, 32), lpm("10.0.0.0", 8)), EncodingError);
    EXPECT_THROW((void)encode_match(field(MatchType::exact, 32), "10.0.0.0/8"), EncodingError);
    EXPECT_THROW((void)encode_match(field(MatchType::other, 32), 1), EncodingError);
}

TEST(MatchCodec, what_comes_back_equals_and_prints_as_it_was_written) {
    const auto back = [](const FieldInfo& info, const MatchValue& value) {
        return decode_match(info, *encode_match(info, value));
    };
    const MatchValue prefix = back(field(MatchType::lpm, 32), "10.0.1.77/24");
    EXPECT_EQ(prefix.to_string(), "10.0.1.0/24");
    EXPECT_EQ(prefix, MatchValue("10.0.1.0/24"));
    EXPECT_EQ(prefix, lpm("10.0.1.0", 24));
    EXPECT_FALSE(prefix == MatchValue("10.0.1.0/25"));
    EXPECT_EQ(back(field(MatchType::ternary, 16), "0x0800&&&0xff00").to_string(), "2048&&&65280");
    EXPECT_EQ(back(field(MatchType::range, 16), "1..9"), MatchValue("1..9"));
    EXPECT_EQ(back(field(MatchType::exact, 48), "00:00:00:00:00:01"), MatchValue("00:00:00:00:00:01"));
}

TEST(MatchCodec, a_match_of_another_type_than_declared_is_refused_when_read) {
    EXPECT_THROW((void)decode_match(field(MatchType::lpm, 32), EncodedMatch(MatchType::exact, "\1")),
                 EncodingError);
    EncodedMatch too_long(MatchType::lpm, "\1");
    too_long.prefix_length = 40;
    EXPECT_THROW((void)decode_match(field(MatchType::lpm, 32), too_long), EncodingError);
}

}  // namespace
}  // namespace weft::p4runtime
