// What a register tile multiplies: the numbers of A and of packed B, and the instruction that joins
// them. B is packed so that `step` numbers of the depth stand side by side for each column.
#pragma once

#include "core/precision.h"
#include "cpu/kernel_support.h"

namespace tubelet::TUBELET_ISA {
namespace {

/// Float32: products rounded once, sums in float32.
struct F32 {
  using Element = float;
  using Sum = Vec;
  static constexpr int64_t step = 1;
  static constexpr Precision precision = Precision::f32;

  static Vec columns(const Element *b) { return load(b); }
  static Vec rows(const Element *a) { return broadcast(*a); }
  static Sum multiply_add(Vec a, Vec b, Sum sum) { return fma(a, b, sum); }
  static Element of(float value) { return value; }
  static IntVec steps(const Vec (&values)[step]) { return (IntVec)values[0]; }
};

#if defined(__AVX512BF16__)
/// bfloat16, rounded to nearest even; sums in float32, denormals taken as 0 by the instruction.
struct Bf16 {
  using Element = uint16_t;
  using Sum = Vec;
  static constexpr int64_t step = 2;
  static constexpr Precision precision = Precision::bf16;

  static __m512i columns(const Element *b) { return _mm512_loadu_si512(b); }
  static __m512i rows(const Element *a) {
    int32_t pair;
    __builtin_memcpy(&pair, a, sizeof pair);
    return _mm512_set1_epi32(pair);
  }
  static Sum multiply_add(__m512i a, __m512i b, Sum sum) {
    return (Vec)_mm512_dpbf16_ps((__m512)sum, (__m512bh)a, (__m512bh)b);
  }
  static Element of(float value) {
    uint32_t bits;
    __builtin_memcpy(&bits, &value, sizeof bits);
    if ((bits & 0x7FFFFFFF) > 0x7F800000)
      return (uint16_t)(bits >> 16 | 0x40); // NaN stays NaN
    return (uint16_t)((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
  }
  static IntVec steps(const Vec (&values)[step]) {
    return (IntVec)_mm512_cvtne2ps_pbh((__m512)values[1], (__m512)values[0]);
  }
};
#endif

#if defined(__AVX512VNNI__)
/// 8-bit integers, sums in int32. A is unsigned, value / scale + 128 with a scale per row; B is signed
/// with a scale per column. Whoever multiplies takes 128 · sum(B) off again.
struct Int8 {
  using Element = uint8_t;
  using Sum = IntVec;
  static constexpr int64_t step = 4;
  static constexpr Precision precision = Precision::int8;
  static constexpr int zero_point = 128, largest = 127;

  static __m512i columns(const Element *b) { return _mm512_loadu_si512(b); }
  static __m512i rows(const Element *a) {
    int32_t four;
    __builtin_memcpy(&four, a, sizeof four);
    return _mm512_set1_epi32(four);
  }
  static Sum multiply_add(__m512i a, __m512i b, Sum sum) {
    return (Sum)_mm512_dpbusd_epi32((__m512i)sum, a, b);
  }
  /// Of values in units of the scale.
  static IntVec steps(const Vec (&values)[step]) {
    const auto bytes = [](Vec v) { return _mm512_cvtepi32_epi8(_mm512_cvtps_epi32((__m512)v)); };
    __m512i joined = _mm512_castsi128_si512(bytes(values[0]));
    joined = _mm512_inserti32x4(joined, bytes(values[1]), 1);
    joined = _mm512_inserti32x4(joined, bytes(values[2]), 2);
    return (IntVec)_mm512_inserti32x4(joined, bytes(values[3]), 3);
  }
  /// total + the signed bytes of each lane.
  static IntVec add_bytes(IntVec total, IntVec bytes) {
    return (IntVec)_mm512_dpbusd_epi32((__m512i)total, _mm512_set1_epi8(1), (__m512i)bytes);
  }
};
#endif

/// Depth in whole steps, with matrix tiles in as many steps as one takes at once; zeros fill it.
template <class F> constexpr int64_t stepped(int64_t depth) {
  constexpr int64_t whole = has_matrix_tiles ? 16 * F::step : F::step;
  return (depth + whole - 1) / whole * whole;
}

#if defined(__AVX512VNNI__)
/// Rounds a row to integers, zeros up to the next whole step. Returns the row's scale; NaN where a
/// value is not finite, so that the products are NaN as well.
template <class Value> inline float quantize_row(const Value *from, int64_t count, uint8_t *to) {
  Vec most{}, stain{}; // x - x is NaN where x is not finite
  for_row(count, [&](int64_t i, auto access) {
    const Vec x = access.load(from + i);
    most = max((Vec)((IntVec)x & 0x7FFFFFFF), most);
    stain += x - x;
  });
  const bool is_finite = sum(stain) == 0;
  const float scale = largest(most) / Int8::largest;
  const float inverse = scale > 0 && is_finite ? 1.0f / scale : 0.0f;
  for_row(count, [&](int64_t i, auto access) {
    const Vec x = is_finite ? access.load(from + i) : Vec{};
    const __m512i rounded = _mm512_cvtps_epi32((__m512)(x * inverse));
    const __m128i bytes =
        _mm512_cvtepi32_epi8(_mm512_add_epi32(rounded, _mm512_set1_epi32(Int8::zero_point)));
    _mm_mask_storeu_epi8(to + i, (__mmask16)((1u << access.count) - 1), bytes);
  });
  for (int64_t i = count; i < stepped<Int8>(count); i++)
    to[i] = Int8::zero_point;
  return is_finite ? scale : __builtin_nanf("");
}
#endif

/// Lane i holds the values from i · step on of a row of `valid` values, zeros after them.
template <class F> inline IntVec steps_along(const float *from, int64_t valid) {
  Vec values[F::step];
  for (int64_t s = 0; s < F::step; s++)
    values[s] = load_partial(from + s * lanes, smaller(lanes, larger(0, valid - s * lanes)));
  return F::steps(values);
}

#if defined(__AVX512BF16__)
/// Lane i: the bfloat16 i of both.
inline IntVec paired(__m256i low, __m256i high) {
  return (IntVec)_mm512_or_si512(_mm512_cvtepu16_epi32(low),
                                 _mm512_slli_epi32(_mm512_cvtepu16_epi32(high), 16));
}
#endif

/// Lane i holds column i of `step` rows that lie `stride` apart; of `valid` rows and `columns` columns,
/// zeros beyond.
template <class F>
inline IntVec steps_across(const float *from, [[maybe_unused]] int64_t stride, int64_t valid,
                           int64_t columns) {
  const int64_t count = smaller(lanes, larger(0, columns));
  const Vec first = load_partial(from, valid > 0 ? count : 0);
  if constexpr (F::step == 1)
    return (IntVec)first;
#if defined(__AVX512BF16__)
  else {
    const Vec second = load_partial(from + stride, valid > 1 ? count : 0);
    return paired(narrowed(first), narrowed(second));
  }
#endif
}

#if defined(__AVX512BF16__)
// The same of rows that are bfloat16 already.
template <class F> inline IntVec steps_along(const uint16_t *from, int64_t valid) {
  const int64_t count = smaller(lanes * F::step, larger(0, valid));
  return (IntVec)_mm512_maskz_loadu_epi16((__mmask32)((uint64_t(1) << count) - 1), from);
}
template <class F>
inline IntVec steps_across(const uint16_t *from, int64_t stride, int64_t valid, int64_t columns) {
  const __mmask16 mask = (__mmask16)((1u << smaller(lanes, larger(0, columns))) - 1);
  return paired(_mm256_maskz_loadu_epi16(valid > 0 ? mask : 0, from),
                _mm256_maskz_loadu_epi16(valid > 1 ? mask : 0, from + stride));
}
#endif

/// A vector in format F.
template <class F> inline void store_as(typename F::Element *to, Vec v) {
  if constexpr (F::step == 1)
    store(to, v);
#if defined(__AVX512BF16__)
  else
    _mm256_storeu_si256((__m256i *)to, narrowed(v));
#endif
}

/// Converts a row, zeros up to the next whole step.
template <class F, class Value>
inline void convert_row(const Value *from, int64_t count, typename F::Element *to) {
  for_row(count, [&](int64_t i, auto access) { access.store(to + i, access.load(from + i)); });
  for (int64_t i = count; i < stepped<F>(count); i++)
    to[i] = typename F::Element{};
}

} // namespace
} // namespace tubelet::TUBELET_ISA
