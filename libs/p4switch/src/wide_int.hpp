// A signed integer of any width, for the few values that do not fit into 64 bits.
//
// Two's complement in 64-bit limbs, least significant first; infinite sign extension is implied, so & | ^ ~
// act as BMv2's unlimited numbers do. Up to 384 bits live in the object itself. Results are cut to max_bits,
// which no field can reach; only hostile programs get there.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace weft::p4switch {

class WideInt {
public:
    static constexpr std::size_t max_bits = 16384;

    WideInt() = default;
    explicit WideInt(std::int64_t value) { small_[0] = static_cast<std::uint64_t>(value); }

    // Big-endian, unsigned.
    [[nodiscard]] static WideInt from_bytes(const std::uint8_t* bytes, std::size_t count);
    [[nodiscard]] static WideInt from_limbs(const std::uint64_t* limbs, std::size_t count);
    // 2^bits - 1
    [[nodiscard]] static WideInt ones(std::size_t bits);

    [[nodiscard]] bool negative() const { return (data()[count_ - 1] >> 63) != 0; }
    [[nodiscard]] bool zero() const;
    [[nodiscard]] bool fits_int64() const { return count_ == 1; }
    [[nodiscard]] std::int64_t low() const { return static_cast<std::int64_t>(data()[0]); }
    // Sign-extended beyond the end.
    [[nodiscard]] std::uint64_t limb(std::size_t index) const {
        return index < count_ ? data()[index] : negative() ? ~std::uint64_t{0} : 0;
    }
    // The least W for which the value is in -2^(W-1) … 2^(W-1)-1.
    [[nodiscard]] std::size_t signed_bits() const;

    // The low `bits` bits as an unsigned number, or sign-extended from bit `bits`-1.
    [[nodiscard]] WideInt low_bits(std::size_t bits) const;
    [[nodiscard]] WideInt sign_extended(std::size_t bits) const;

    // The low bits as a big-endian string of `count` bytes.
    void to_bytes(std::uint8_t* out, std::size_t count) const;
    [[nodiscard]] std::string to_decimal() const;

    friend WideInt operator+(const WideInt& a, const WideInt& b);
    friend WideInt operator-(const WideInt& a, const WideInt& b);
    friend WideInt operator*(const WideInt& a, const WideInt& b);
    friend WideInt operator&(const WideInt& a, const WideInt& b);
    friend WideInt operator|(const WideInt& a, const WideInt& b);
    friend WideInt operator^(const WideInt& a, const WideInt& b);
    WideInt operator~() const;
    [[nodiscard]] WideInt shifted_left(std::size_t bits) const;
    [[nodiscard]] WideInt shifted_right(std::size_t bits) const;  // rounds down
    // Quotient and remainder; both zero unless a >= 0 and b > 0, where BMv2 leaves them undefined.
    static void divide(const WideInt& a, const WideInt& b, WideInt& quotient, WideInt& remainder);

    friend std::strong_ordering operator<=>(const WideInt& a, const WideInt& b);
    friend bool operator==(const WideInt& a, const WideInt& b) { return std::is_eq(a <=> b); }

private:
    static constexpr std::size_t inline_limbs = 6;

    [[nodiscard]] std::uint64_t* data() { return large_.empty() ? small_.data() : large_.data(); }
    [[nodiscard]] const std::uint64_t* data() const { return large_.empty() ? small_.data() : large_.data(); }
    static WideInt sized(std::size_t limbs);
    void normalise();

    std::array<std::uint64_t, inline_limbs> small_{};
    std::vector<std::uint64_t> large_;
    std::size_t count_ = 1;
};

}  // namespace weft::p4switch
