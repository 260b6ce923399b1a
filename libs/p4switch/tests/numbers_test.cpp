// Wide integers, hashes, meters and expressions against values from the specification.
#include "fixture.hpp"
#include "hash.hpp"
#include "meter.hpp"
#include "wide_int.hpp"

#include <random>

namespace weft::p4switch {
namespace {

using namespace test;

TEST(WideInt, agrees_with_128_bit_arithmetic) {
    __extension__ using int128 = __int128;
    std::mt19937_64 random(7);
    const auto wide = [](int128 value) {
        return WideInt(static_cast<std::int64_t>(value >> 64)).shifted_left(64) +
               WideInt::from_limbs(std::array{static_cast<std::uint64_t>(value)}.data(), 1);
    };
    for (int i = 0; i < 2000; ++i) {
        const int128 a = static_cast<std::int64_t>(random()) >> (random() % 64);
        const int128 b = (static_cast<int128>(static_cast<std::int64_t>(random())) << 30) >> (random() % 90);
        EXPECT_TRUE(wide(a) + wide(b) == wide(a + b));
        EXPECT_TRUE(wide(a) - wide(b) == wide(a - b));
        EXPECT_TRUE((wide(a) & wide(b)) == wide(a & b));
        EXPECT_TRUE((wide(a) | wide(b)) == wide(a | b));
        EXPECT_TRUE((wide(a) ^ wide(b)) == wide(a ^ b));
        EXPECT_TRUE(~wide(b) == wide(~b));
        EXPECT_EQ(wide(a) < wide(b), a < b);
        const auto by = static_cast<unsigned>(random() % 40);
        EXPECT_TRUE(wide(b).shifted_right(by) == wide(b >> by));
        const int128 small = static_cast<std::int32_t>(random());
        EXPECT_TRUE(wide(a) * wide(small) == wide(a * small));
    }
}

TEST(WideInt, cuts_extends_and_divides_as_the_operators_say) {
    EXPECT_EQ(WideInt(257).sign_extended(8).low(), 1);     // two_comp_mod(257, 8)
    EXPECT_EQ(WideInt(-129).sign_extended(8).low(), 127);  // two_comp_mod(-129, 8)
    EXPECT_EQ(WideInt(-1).low_bits(128).to_decimal(), "340282366920938463463374607431768211455");
    EXPECT_EQ(WideInt(-5).shifted_right(1).low(), -3);
    WideInt quotient, remainder;
    WideInt::divide(WideInt(-1).low_bits(200), WideInt(1000), quotient, remainder);
    EXPECT_TRUE(quotient * WideInt(1000) + remainder == WideInt(-1).low_bits(200));
    WideInt::divide(WideInt(7), WideInt(0), quotient, remainder);
    EXPECT_TRUE(quotient.zero() && remainder.zero());
    EXPECT_TRUE(WideInt(1).shifted_left(1000000).zero());
}

TEST(Hash, known_values_of_every_algorithm) {
    const Frame digits = {'1', '2', '3', '4', '5', '6', '7', '8', '9'};
    const Frame tuple = test::frame("0a000101 0a000202 06 1f90 0050");
    struct Known {
        HashAlgorithm algorithm;
        std::uint64_t of_digits, of_tuple, of_nothing;
    };
    const Known table[] = {
        {HashAlgorithm::crc16, 0xbb3d, 0x749e, 0},
        {HashAlgorithm::crc32, 0xcbf43926, 0x455cf58b, 0},
        {HashAlgorithm::crc_ccitt, 0x29b1, 0x3aa7, 0xffff},
        {HashAlgorithm::csum16, 0xf62a, 0x02dd, 0xffff},
        {HashAlgorithm::xor16, 0x3908, 0xc51c, 0},
        {HashAlgorithm::xor32, 0x3d04040c, 0x561f9303, 0},
        {HashAlgorithm::identity, 0x3132333435363738, 0x0a0001010a000202, 0},
        {HashAlgorithm::xxh64, 0x8cb841db40e6ae83, 0xcc903e9f99538828, 0xef46db3751d8e999},
        {HashAlgorithm::hash_ex, 0xaf67fb84, 0x7fba07f5, 0x5902879e},
        {HashAlgorithm::crc8, 0xf4, 0xdc, 0},
        {HashAlgorithm::crc64, 0x46a5a9388a5beffe, 0x7fa387579d016360, 0},
    };
    for (const Known& known : table) {
        const auto number = static_cast<int>(known.algorithm);
        EXPECT_EQ(hash_bytes(known.algorithm, digits), known.of_digits) << number;
        EXPECT_EQ(hash_bytes(known.algorithm, tuple), known.of_tuple) << number;
        EXPECT_EQ(hash_bytes(known.algorithm, {}), known.of_nothing) << number;
    }
    const Frame ipv4 = test::frame("4500003c1c46400040060000ac100a63ac100a0c");
    EXPECT_EQ(hash_bytes(HashAlgorithm::csum16, ipv4), 0xb1e6U);
}

TEST(Meter, two_rates_three_colours) {
    using std::chrono::milliseconds;
    MeterCell cell;
    EXPECT_EQ(cell.execute(1000, milliseconds(0)), MeterCell::green);  // not configured
    cell.configure({1000, 2, 2000, 4}, milliseconds(0));
    EXPECT_EQ(cell.execute(1, milliseconds(0)), MeterCell::green);
    EXPECT_EQ(cell.execute(1, milliseconds(0)), MeterCell::green);
    EXPECT_EQ(cell.execute(1, milliseconds(0)), MeterCell::yellow);
    EXPECT_EQ(cell.execute(1, milliseconds(0)), MeterCell::yellow);
    EXPECT_EQ(cell.execute(1, milliseconds(0)), MeterCell::red);
    // After 1 ms two peak tokens and one committed token are back.
    EXPECT_EQ(cell.execute(1, milliseconds(1)), MeterCell::green);
    EXPECT_EQ(cell.execute(1, milliseconds(1)), MeterCell::yellow);
    EXPECT_EQ(cell.execute(1, milliseconds(1)), MeterCell::red);
    // Never more than the burst.
    EXPECT_EQ(cell.execute(5, milliseconds(100000)), MeterCell::red);
    EXPECT_EQ(cell.execute(4, milliseconds(100000)), MeterCell::yellow);
    cell.reset();
    EXPECT_EQ(cell.execute(1000, milliseconds(100000)), MeterCell::green);
}

// The value of `expression` when it is stored in `target` of the small program, as egress port (low 9 bits of
// s16…).
class Expressions : public testing::Test {
protected:
    // Runs: scalars.<field> := expression; h.d := scalars.<field> (its low 32 bits); the 32 bits come back.
    static std::uint32_t value(const std::string& field, const std::string& expression, const Frame& frame) {
        SmallProgram program;
        program.key = {{"a", "exact"}};
        program.out_more = R"(,{"op":"assign","parameters":[{"type":"field","value":["scalars",")" + field +
                           R"("]},)" + expression +
                           R"(]},{"op":"assign","parameters":[{"type":"field","value":["h","d"]},
            {"type":"field","value":["scalars",")" +
                           field + R"("]}]})";
        Switch target = program.start();
        target.insert("t", to_port({exact("h.a", bytes({1}))}, 2));
        const auto out = run(target, 1, frame);
        if (out.size() != 1) return 0xdeadbeef;
        const Frame& seen = out.front().second;
        return static_cast<std::uint32_t>(seen[3]) << 24 | static_cast<std::uint32_t>(seen[4]) << 16 |
               static_cast<std::uint32_t>(seen[5]) << 8 | seen[6];
    }
    static std::string wrap(const std::string& inner) {
        return R"({"type":"expression","value":)" + inner + "}";
    }
    static std::string node(const std::string& op, const std::string& left, const std::string& right) {
        return wrap(R"({"op":")" + op + R"(","left":)" + left + R"(,"right":)" + right + "}");
    }
    static std::string constant(const std::string& hex) {
        return R"({"type":"hexstr","value":")" + hex + R"("})";
    }
    static std::string field(const std::string& name) {
        return R"({"type":"field","value":["h",")" + name + R"("]})";
    }
};

TEST_F(Expressions, wrap_where_the_mask_says_so) {
    const Frame frame = small_frame(1, 0xfff, 5);
    EXPECT_EQ(value("s16", node("&", node("+", field("b"), constant("0xfff1")), constant("0xffff")), frame),
              0x0ff0U);
    EXPECT_EQ(value("s8", node("-", constant("0x0"), field("d")), frame), 0xfbU);
    EXPECT_EQ(
        value("s64", node("&", node("<<", field("d"), constant("0x3e")), constant("0xffffffffffffffff")),
              frame),
        0U);
    EXPECT_EQ(value("s64", node(">>", node("<<", field("d"), constant("0x3e")), constant("0x3e")), frame),
              5U);
    EXPECT_EQ(value("s16", node("<<", field("d"), constant("0x40")), frame), 0U);
}

TEST_F(Expressions, of_128_bits_are_exact) {
    Frame frame = small_frame(1);
    for (std::size_t i = 7; i < 23; ++i) frame[i] = 0xff;  // e = 2^128 - 1
    const std::string carry = node(">>", node("+", field("e"), constant("0x1")), constant("0x80"));
    EXPECT_EQ(value("s16", carry, frame), 1U);
    EXPECT_EQ(value("w",
                    node("&", node("+", field("e"), constant("0x6")),
                         constant("0xffffffffffffffffffffffffffffffff")),
                    frame),
              5U);
    EXPECT_EQ(value("s16",
                    wrap(R"({"op":"b2d","left":null,"right":)" +
                         node(">", field("e"), constant("0xffffffffffffffff")) + "}"),
                    frame),
              1U);
    EXPECT_EQ(value("s16", node(">>", field("e"), constant("0x70")), frame), 0xffffU);
}

TEST_F(Expressions, signed_values_keep_their_sign) {
    const Frame frame = small_frame(1, 0x0fd, 0);  // b's low byte is -3 as int<8>
    const std::string minus_three = node("two_comp_mod", field("b"), constant("0x8"));
    EXPECT_EQ(value("i8", minus_three, frame), 0xfffffffdU);  // sign-extended into h.d
    EXPECT_EQ(value("s16", node(">>", minus_three, constant("0x1")), frame), 0xfffeU);
    EXPECT_EQ(value("s8", node("usat_cast", node("-", field("a"), constant("0x5")), constant("0x8")), frame),
              0U);
    EXPECT_EQ(
        value("s16", node("usat_cast", node("+", field("b"), constant("0xffff")), constant("0x10")), frame),
        0xffffU);
    EXPECT_EQ(
        value("i8", node("sat_cast", node("-", constant("0x0"), constant("0xfff")), constant("0x8")), frame),
        0xffffff80U);
}

TEST_F(Expressions, division_by_zero_gives_zero) {
    const Frame frame = small_frame(1, 7, 0);
    EXPECT_EQ(value("s16", node("/", field("b"), field("d")), frame), 0U);
    EXPECT_EQ(value("s16", node("%", field("b"), constant("0x4")), frame), 3U);
}

}  // namespace
}  // namespace weft::p4switch
