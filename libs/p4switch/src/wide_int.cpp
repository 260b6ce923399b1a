#include "wide_int.hpp"

#include <algorithm>
#include <bit>

namespace weft::p4switch {

WideInt WideInt::sized(std::size_t limbs) {
    WideInt result;
    result.count_ = std::clamp<std::size_t>(limbs, 1, max_bits / 64);
    if (result.count_ > inline_limbs) result.large_.resize(result.count_);
    return result;
}

void WideInt::normalise() {
    std::uint64_t* limbs = data();
    while (count_ > 1) {
        const std::uint64_t top = limbs[count_ - 1];
        const std::uint64_t extension = (limbs[count_ - 2] >> 63) != 0 ? ~std::uint64_t{0} : 0;
        if (top != extension) break;
        --count_;
    }
}

WideInt WideInt::from_bytes(const std::uint8_t* bytes, std::size_t count) {
    WideInt result = sized(count / 8 + 1);
    std::uint64_t* limbs = result.data();
    for (std::size_t i = 0; i < count && i / 8 < result.count_; ++i)
        limbs[i / 8] |= static_cast<std::uint64_t>(bytes[count - 1 - i]) << (8 * (i % 8));
    result.normalise();
    return result;
}

WideInt WideInt::from_limbs(const std::uint64_t* source, std::size_t count) {
    WideInt result = sized(count + 1);
    std::copy_n(source, std::min(count, result.count_), result.data());
    result.normalise();
    return result;
}

WideInt WideInt::ones(std::size_t bits) { return WideInt(1).shifted_left(bits) - WideInt(1); }

bool WideInt::zero() const { return count_ == 1 && data()[0] == 0; }

std::size_t WideInt::signed_bits() const {
    const std::uint64_t top = data()[count_ - 1];
    const auto used = 64U - static_cast<unsigned>(std::countl_zero(negative() ? ~top : top));
    return (count_ - 1) * 64 + used + 1;
}

WideInt WideInt::low_bits(std::size_t bits) const {
    if (!negative() && signed_bits() <= bits + 1) return *this;
    WideInt result = sized(bits / 64 + 1);
    std::uint64_t* limbs = result.data();
    for (std::size_t i = 0; i < result.count_; ++i) limbs[i] = limb(i);
    if (bits / 64 < result.count_) limbs[bits / 64] &= (std::uint64_t{1} << (bits % 64)) - 1;
    result.normalise();
    return result;
}

WideInt WideInt::sign_extended(std::size_t bits) const {
    if (bits == 0) return WideInt();
    const std::size_t sign = bits - 1;
    if (((limb(sign / 64) >> (sign % 64)) & 1) == 0) return low_bits(bits);
    return low_bits(bits) - WideInt(1).shifted_left(bits);
}

void WideInt::to_bytes(std::uint8_t* out, std::size_t count) const {
    for (std::size_t i = 0; i < count; ++i)
        out[count - 1 - i] = static_cast<std::uint8_t>(limb(i / 8) >> (8 * (i % 8)));
}

std::string WideInt::to_decimal() const {
    if (zero()) return "0";
    WideInt rest = negative() ? WideInt() - *this : *this;
    std::string digits;
    const WideInt ten(10);
    while (!rest.zero()) {
        WideInt quotient, remainder;
        divide(rest, ten, quotient, remainder);
        digits.push_back(static_cast<char>('0' + remainder.low()));
        rest = quotient;
    }
    if (negative()) digits.push_back('-');
    std::reverse(digits.begin(), digits.end());
    return digits;
}

WideInt operator+(const WideInt& a, const WideInt& b) {
    WideInt result = WideInt::sized(std::max(a.count_, b.count_) + 1);
    std::uint64_t* out = result.data();
    std::uint64_t carry = 0;
    for (std::size_t i = 0; i < result.count_; ++i) {
        const std::uint64_t left = a.limb(i);
        const std::uint64_t partial = left + b.limb(i);
        const std::uint64_t sum = partial + carry;
        carry = static_cast<std::uint64_t>(partial < left) | static_cast<std::uint64_t>(sum < partial);
        out[i] = sum;
    }
    result.normalise();
    return result;
}

WideInt operator-(const WideInt& a, const WideInt& b) { return a + (~b + WideInt(1)); }

WideInt operator*(const WideInt& a, const WideInt& b) {
    WideInt result = WideInt::sized(a.count_ + b.count_);
    std::uint64_t* out = result.data();
    for (std::size_t i = 0; i < result.count_; ++i) {
        const std::uint64_t left = a.limb(i);
        if (left == 0) continue;
        std::uint64_t carry = 0;
        for (std::size_t j = 0; i + j < result.count_; ++j) {
            __extension__ using uint128 = unsigned __int128;
            const uint128 term = static_cast<uint128>(left) * b.limb(j) + out[i + j] + carry;
            out[i + j] = static_cast<std::uint64_t>(term);
            carry = static_cast<std::uint64_t>(term >> 64);
        }
    }
    result.normalise();
    return result;
}

WideInt operator&(const WideInt& a, const WideInt& b) {
    WideInt result = WideInt::sized(std::max(a.count_, b.count_));
    for (std::size_t i = 0; i < result.count_; ++i) result.data()[i] = a.limb(i) & b.limb(i);
    result.normalise();
    return result;
}

WideInt operator|(const WideInt& a, const WideInt& b) {
    WideInt result = WideInt::sized(std::max(a.count_, b.count_));
    for (std::size_t i = 0; i < result.count_; ++i) result.data()[i] = a.limb(i) | b.limb(i);
    result.normalise();
    return result;
}

WideInt operator^(const WideInt& a, const WideInt& b) {
    WideInt result = WideInt::sized(std::max(a.count_, b.count_));
    for (std::size_t i = 0; i < result.count_; ++i) result.data()[i] = a.limb(i) ^ b.limb(i);
    result.normalise();
    return result;
}

WideInt WideInt::operator~() const {
    WideInt result = *this;
    for (std::size_t i = 0; i < count_; ++i) result.data()[i] = ~result.data()[i];
    return result;
}

WideInt WideInt::shifted_left(std::size_t bits) const {
    if (bits >= max_bits) return WideInt();
    WideInt result = sized(count_ + bits / 64 + 1);
    std::uint64_t* out = result.data();
    const std::size_t skip = bits / 64, shift = bits % 64;
    for (std::size_t i = skip; i < result.count_; ++i) {
        const std::uint64_t high = limb(i - skip) << shift;
        const std::uint64_t low = shift != 0 && i > skip ? limb(i - skip - 1) >> (64 - shift) : 0;
        out[i] = high | low;
    }
    result.normalise();
    return result;
}

WideInt WideInt::shifted_right(std::size_t bits) const {
    WideInt result = sized(count_);
    std::uint64_t* out = result.data();
    const std::size_t skip = std::min(bits / 64, max_bits), shift = bits % 64;
    for (std::size_t i = 0; i < result.count_; ++i) {
        const std::uint64_t low = limb(i + skip) >> shift;
        const std::uint64_t high = shift != 0 ? limb(i + skip + 1) << (64 - shift) : 0;
        out[i] = low | high;
    }
    result.normalise();
    return result;
}

void WideInt::divide(const WideInt& a, const WideInt& b, WideInt& quotient, WideInt& remainder) {
    quotient = WideInt();
    remainder = WideInt();
    if (a.negative() || b.negative() || b.zero()) return;
    WideInt q = sized(a.count_), r;
    for (std::size_t bit = a.signed_bits(); bit-- > 0;) {
        r = r.shifted_left(1) | WideInt(static_cast<std::int64_t>((a.limb(bit / 64) >> (bit % 64)) & 1));
        if (r < b) continue;
        r = r - b;
        if (bit / 64 < q.count_) q.data()[bit / 64] |= std::uint64_t{1} << (bit % 64);
    }
    q.normalise();
    quotient = q;
    remainder = r;
}

std::strong_ordering operator<=>(const WideInt& a, const WideInt& b) {
    if (a.negative() != b.negative())
        return a.negative() ? std::strong_ordering::less : std::strong_ordering::greater;
    for (std::size_t i = std::max(a.count_, b.count_); i-- > 0;)
        if (a.limb(i) != b.limb(i)) return a.limb(i) <=> b.limb(i);
    return std::strong_ordering::equal;
}

}  // namespace weft::p4switch
