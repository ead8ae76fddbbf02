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
  static constexpr const char *name = "f32";

  static Vec columns(const Element *b) { return load(b); }
  static Vec rows(const Element *a) { return broadcast(*a); }
  static Sum multiply_add(Vec a, Vec b, Sum sum) { return fma(a, b, sum); }
  static Element of(float value) { return value; }
};

#if defined(__AVX512BF16__)
/// bfloat16 rounded to nearest even; sums in float32, denormals taken as 0 by the instruction.
struct Bf16 {
  using Element = uint16_t;
  using Sum = Vec;
  static constexpr int64_t step = 2;
  static constexpr Precision precision = Precision::bf16;
  static constexpr const char *name = "bf16";

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
};
#endif

/// Depth in whole steps.
template <class F> constexpr int64_t stepped(int64_t depth) {
  return (depth + F::step - 1) / F::step * F::step;
}

/// Converts a row, zeros up to the next whole step.
template <class F>
inline void convert_row(const float *from, int64_t count, typename F::Element *to) {
  int64_t i = 0;
#if defined(__AVX512BF16__)
  if constexpr (F::step == 2)
    for (; i + 2 * lanes <= count; i += 2 * lanes)
      _mm512_storeu_si512(to + i, (__m512i)_mm512_cvtne2ps_pbh((__m512)load(from + i + lanes),
                                                               (__m512)load(from + i)));
#endif
  for (; i < count; i++)
    to[i] = F::of(from[i]);
  for (; i < stepped<F>(count); i++)
    to[i] = F::of(0.0f);
}

} // namespace
} // namespace tubelet::TUBELET_ISA
