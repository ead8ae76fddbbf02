// Vectors of floats at the width of the ISA level this file is compiled for. Everything is static
// inline in a namespace of that level: no weak symbol of one level can replace another's.
#pragma once

#include <cstddef>
#include <cstdint>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#ifndef TUBELET_ISA
#error "TUBELET_ISA must name the ISA level: baseline, avx2, avx512"
#endif

#define TUBELET_INLINE static inline __attribute__((always_inline))

namespace tubelet::TUBELET_ISA {

#if defined(__AVX512F__)
constexpr int lanes = 16;
#elif defined(__AVX2__)
constexpr int lanes = 8;
#else
constexpr int lanes = 4;
#endif

typedef float Vec __attribute__((vector_size(4 * lanes)));
typedef int32_t IntVec __attribute__((vector_size(4 * lanes)));

TUBELET_INLINE Vec broadcast(float value) { return value - Vec{}; }

TUBELET_INLINE Vec load(const float *from) {
  Vec v;
  __builtin_memcpy(&v, from, sizeof v);
  return v;
}

TUBELET_INLINE void store(float *to, Vec v) { __builtin_memcpy(to, &v, sizeof v); }

/// The first `count` (0..lanes) floats, zeros after them; reads nothing beyond.
TUBELET_INLINE Vec load_partial(const float *from, int64_t count) {
#if defined(__AVX512F__)
  return (Vec)_mm512_maskz_loadu_ps((__mmask16)((1u << count) - 1), from);
#else
  Vec v{};
  for (int i = 0; i < lanes; i++)
    if (i < count)
      v[i] = from[i];
  return v;
#endif
}

TUBELET_INLINE void store_partial(float *to, Vec v, int64_t count) {
#if defined(__AVX512F__)
  _mm512_mask_storeu_ps(to, (__mmask16)((1u << count) - 1), (__m512)v);
#else
  for (int i = 0; i < lanes; i++)
    if (i < count)
      to[i] = v[i];
#endif
}

/// a·b + c, fused where the level has it.
TUBELET_INLINE Vec fma(Vec a, Vec b, Vec c) {
#if defined(__AVX512F__)
  return (Vec)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif defined(__FMA__)
  return (Vec)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#else
  return a * b + c;
#endif
}

/// a·b + c rounded once on every level.
TUBELET_INLINE Vec fma_exact(Vec a, Vec b, Vec c) {
#if defined(__FMA__) || defined(__AVX512F__)
  return fma(a, b, c);
#else
  for (int i = 0; i < lanes; i++)
    c[i] = __builtin_fmaf(a[i], b[i], c[i]);
  return c;
#endif
}

TUBELET_INLINE Vec select(IntVec condition, Vec yes, Vec no) {
  return (Vec)(((IntVec)yes & condition) | ((IntVec)no & ~condition));
}

/// b where either is NaN.
TUBELET_INLINE Vec max(Vec a, Vec b) {
#if defined(__AVX512F__)
  return (Vec)_mm512_max_ps((__m512)a, (__m512)b);
#else
  return select(a > b, a, b);
#endif
}
TUBELET_INLINE Vec min(Vec a, Vec b) {
#if defined(__AVX512F__)
  return (Vec)_mm512_min_ps((__m512)a, (__m512)b);
#else
  return select(a < b, a, b);
#endif
}

TUBELET_INLINE Vec sqrt(Vec v) {
#if defined(__AVX512F__)
  return (Vec)_mm512_sqrt_ps((__m512)v);
#elif defined(__AVX2__)
  return (Vec)_mm256_sqrt_ps((__m256)v);
#elif defined(__SSE2__)
  return (Vec)_mm_sqrt_ps((__m128)v);
#else
  for (int i = 0; i < lanes; i++)
    v[i] = __builtin_sqrtf(v[i]);
  return v;
#endif
}

/// a0 a0 a1 a1 … of the lower half.
TUBELET_INLINE Vec duplicate_lower(Vec v) {
#if defined(__AVX512F__)
  return __builtin_shufflevector(v, v, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7);
#elif defined(__AVX2__)
  return __builtin_shufflevector(v, v, 0, 0, 1, 1, 2, 2, 3, 3);
#else
  return __builtin_shufflevector(v, v, 0, 0, 1, 1);
#endif
}

/// a1 a0 a3 a2 …
TUBELET_INLINE Vec swap_pairs(Vec v) {
#if defined(__AVX512F__)
  return __builtin_shufflevector(v, v, 1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14);
#elif defined(__AVX2__)
  return __builtin_shufflevector(v, v, 1, 0, 3, 2, 5, 4, 7, 6);
#else
  return __builtin_shufflevector(v, v, 1, 0, 3, 2);
#endif
}

/// Lane i takes number at[i] of two vectors, one after the other. A table: the compiler knows it whole.
struct LaneTable {
  alignas(64) int32_t at[lanes];
  operator IntVec() const {
    IntVec index;
    __builtin_memcpy(&index, at, sizeof index);
    return index;
  }
};
/// i -> i ^ distance.
constexpr LaneTable swapping(int distance) {
  LaneTable table{};
  for (int i = 0; i < lanes; i++)
    table.at[i] = i ^ distance;
  return table;
}
/// One step of a transposition: what the lower or the upper of two rows becomes.
constexpr LaneTable exchanging(int distance, bool is_upper) {
  LaneTable table{};
  for (int i = 0; i < lanes; i++)
    table.at[i] =
        (i & distance) != 0 ? lanes + i - (is_upper ? 0 : distance) : i + (is_upper ? distance : 0);
  return table;
}

template <int half, class Join> TUBELET_INLINE Vec join_lanes(Vec v, Join join) {
  static constexpr LaneTable table = swapping(half);
  v = join(__builtin_shuffle(v, (IntVec)table), v);
  if constexpr (half > 1)
    return join_lanes<half / 2>(v, join);
  return v;
}

/// Sum of the lanes, pairwise.
TUBELET_INLINE float sum(Vec v) {
  return join_lanes<lanes / 2>(v, [](Vec a, Vec b) { return a + b; })[0];
}

TUBELET_INLINE float largest(Vec v) {
  return join_lanes<lanes / 2>(v, [](Vec a, Vec b) { return max(a, b); })[0];
}

/// rows[i][j] becomes rows[j][i].
template <int distance = lanes / 2> TUBELET_INLINE void transpose(IntVec (&rows)[lanes]) {
  static constexpr LaneTable lower = exchanging(distance, false),
                             upper = exchanging(distance, true);
#pragma GCC unroll 16
  for (int i = 0; i < lanes; i++)
    if ((i & distance) == 0) {
      const IntVec a = rows[i], b = rows[i + distance];
      rows[i] = __builtin_shuffle(a, b, (IntVec)lower);
      rows[i + distance] = __builtin_shuffle(a, b, (IntVec)upper);
    }
  if constexpr (distance > 1)
    transpose<distance / 2>(rows);
}

#if defined(__AVX512BF16__)
/// This level multiplies bfloat16 and integers: what it computes besides may be off by a twentieth of a
/// bfloat16's last bit.
constexpr bool is_narrow = true;

TUBELET_INLINE Vec widened(__m256i bfloats) {
  return (Vec)_mm512_slli_epi32(_mm512_cvtepu16_epi32(bfloats), 16);
}
/// Rounded to nearest even.
TUBELET_INLINE __m256i narrowed(Vec v) { return (__m256i)_mm512_cvtneps_pbh((__m512)v); }
#else
constexpr bool is_narrow = false;
#endif

#if defined(TUBELET_MATRIX_TILES)
/// This level multiplies by tile registers: the macro names the header of their instructions.
constexpr bool has_matrix_tiles = true;
#else
constexpr bool has_matrix_tiles = false;
#endif

/// 2^r for r = -0.5 to 0.5: to 1 ulp, or to 1.1e-4 where the level is narrow.
TUBELET_INLINE Vec exp2_polynomial(Vec r) {
  Vec p;
  if constexpr (is_narrow) {
    p = broadcast(0.0550090014f);
    p = fma(p, r, broadcast(0.242211004f));
    p = fma(p, r, broadcast(0.693282912f));
  } else {
    p = broadcast(1.53533096e-4f);
    p = fma(p, r, broadcast(1.33988773e-3f));
    p = fma(p, r, broadcast(9.61843785e-3f));
    p = fma(p, r, broadcast(5.55033237e-2f));
    p = fma(p, r, broadcast(2.40226477e-1f));
    p = fma(p, r, broadcast(6.93147182e-1f));
  }
  return fma(p, r, broadcast(1.0f));
}

/// 2^x for x <= 0, as exact as the polynomial; 0 below -150, NaN stays NaN.
TUBELET_INLINE Vec exp2_below(Vec x) {
#if defined(__AVX512F__)
  x = max(broadcast(-150.0f), x);
  const Vec n = (Vec)_mm512_roundscale_ps((__m512)x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  return (Vec)_mm512_scalef_ps((__m512)exp2_polynomial(x - n), (__m512)n);
#else
  const Vec magic = broadcast(12582912.0f); // 1.5·2^23: adding it rounds to an integer
  const IntVec is_tiny = x < -126.0f;
  x = select(is_tiny, broadcast(-126.0f), x);
  const Vec shifted = x + magic, n = shifted - magic;
  const Vec scale = (Vec)(((IntVec)shifted - (IntVec)magic + 127) << 23);
  return select(is_tiny, Vec{}, exp2_polynomial(x - n) * scale);
#endif
}

/// e^x to 1.5 ulp, or to 1.2e-4 where the level is narrow: x = n ln 2 + r, polynomial in r. 0 below
/// -103.97, infinity above 88.72, NaN stays NaN. Levels without AVX-512 give 0 for what is denormal.
TUBELET_INLINE Vec exp(Vec x) {
#if defined(__AVX512F__)
  // Beyond these bounds the result is 0 or infinity; inside them no step overflows.
  const Vec inside = min(broadcast(128.0f), max(broadcast(-128.0f), x));
  const Vec scaled = inside * 1.44269504f;
  const Vec n =
      (Vec)_mm512_roundscale_ps((__m512)scaled, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  if constexpr (is_narrow)
    return (Vec)_mm512_scalef_ps((__m512)exp2_polynomial(scaled - n), (__m512)n);
#else
  const Vec low = broadcast(-87.33654f), high = broadcast(88.72283f);
  Vec inside = select(x > low, x, low);
  inside = select(inside < high, inside, high);
  const Vec magic = broadcast(12582912.0f);
  const Vec shifted = fma(inside, broadcast(1.44269504f), magic), n = shifted - magic;
#endif
  Vec r = fma(n, broadcast(-0.693359375f), inside);
  r = fma(n, broadcast(2.12194440e-4f), r);
  Vec p = broadcast(1.9875691500e-4f);
  p = fma(p, r, broadcast(1.3981999507e-3f));
  p = fma(p, r, broadcast(8.3334519073e-3f));
  p = fma(p, r, broadcast(4.1665795894e-2f));
  p = fma(p, r, broadcast(1.6666665459e-1f));
  p = fma(p, r, broadcast(5.0000001201e-1f));
  p = fma(p, r * r, r + 1.0f);
#if defined(__AVX512F__)
  return (Vec)_mm512_scalef_ps((__m512)p, (__m512)n);
#else
  // Two steps, since 2^128 is no float: n may be 128.
  IntVec whole = (IntVec)shifted - (IntVec)magic;
  IntVec half = whole >> 1;
  Vec scale1 = (Vec)((half + 127) << 23), scale2 = (Vec)((whole - half + 127) << 23);
  Vec y = p * scale1 * scale2;
  y = select(x < low, Vec{}, y);
  y = select(x > high, broadcast(__builtin_inff()), y);
  return select(x == x, y, x);
#endif
}

/// 1 / x for x = 1 to infinity, what a sigmoid divides by: to 1 ulp, or to 2^-14 where the level is
/// narrow.
TUBELET_INLINE Vec inverse(Vec x) {
#if defined(__AVX512F__)
  const Vec guess = (Vec)_mm512_rcp14_ps((__m512)x);
  if constexpr (is_narrow)
    return guess;
  const Vec error = fma(-x, guess, broadcast(1.0f));
  // At infinity the guess is 0 and the error NaN.
  return select(x < __builtin_inff(), fma(guess, error, guess), guess);
#else
  return 1.0f / x;
#endif
}

TUBELET_INLINE Vec sigmoid(Vec x) { return inverse(1.0f + exp(-x)); }
TUBELET_INLINE Vec silu(Vec x) { return x * inverse(1.0f + exp(-x)); }

/// x·Φ(x) by tanh (Hendrycks and Gimpel 2016); 0.5·(1 + tanh u) = 1 / (1 + e^(-2u)).
TUBELET_INLINE Vec gelu_tanh(Vec x) {
  Vec minus_2u = x * fma(x * x, broadcast(-0.0713548162f), broadcast(-1.5957691216f));
  return x * inverse(1.0f + exp(minus_2u));
}

TUBELET_INLINE Vec quick_gelu(Vec x) { return x * inverse(1.0f + exp(-1.702f * x)); }

/// x·Φ(x). Φ(-|x|) = e^(-x²/2)·r(u) with u = 1 / (1 + 0.35·|x|), r fitted to 3.2e-8 of Φ: relative
/// error 1.3e-6 in the lower tail, where 1 + erf cancels; elsewhere that of rounding.
TUBELET_INLINE Vec gelu_erf(Vec x) {
  Vec size = select(x < 0.0f, -x, x);
  Vec u = inverse(fma(size, broadcast(0.35f), broadcast(1.0f)));
  Vec r = broadcast(-0.02914591133594513f);
  r = fma(r, u, broadcast(0.14397160708904266f));
  r = fma(r, u, broadcast(-0.25571408867836f));
  r = fma(r, u, broadcast(0.15917398035526276f));
  r = fma(r, u, broadcast(-0.023109715431928635f));
  r = fma(r, u, broadcast(0.10550795495510101f));
  r = fma(r, u, broadcast(0.11983288079500198f));
  r = fma(r, u, broadcast(0.13986186683177948f));
  r = fma(r, u, broadcast(0.13962140679359436f));
  Vec tail = r * u * exp(-0.5f * x * x);
  return x * select(x < 0.0f, tail, 1.0f - tail);
}

/// Below 0.625 a polynomial in x² fitted to 4e-9, above 1 - 2 / (e^(2|x|) + 1).
TUBELET_INLINE Vec tanh(Vec x) {
  Vec size = select(x < 0.0f, -x, x), s = x * x;
  Vec p = broadcast(-0.005717043299227953f);
  p = fma(p, s, broadcast(0.020650586113333702f));
  p = fma(p, s, broadcast(-0.05374349653720856f));
  p = fma(p, s, broadcast(0.13331490755081177f));
  p = fma(p, s, broadcast(-0.3333328366279602f));
  Vec near = fma(x * s, p, x);
  Vec far = 1.0f - 2.0f / (exp(2.0f * size) + 1.0f);
  return select(size < 0.625f, near, select(x < 0.0f, -far, far));
}

/// NaN stays NaN.
TUBELET_INLINE Vec relu(Vec x) { return select(x < 0.0f, Vec{}, x); }

TUBELET_INLINE float half_to_float(uint16_t half) {
#if defined(__F16C__)
  return _cvtsh_ss(half);
#else
  uint32_t sign = (uint32_t)(half & 0x8000) << 16, rest = half & 0x7FFF, bits;
  if (rest >= 0x7C00)
    bits = sign | 0x7F800000 | (rest & 0x3FF) << 13;
  else if (rest >= 0x400)
    bits = sign | ((rest + (112 << 10)) << 13);
  else {
    float tiny = (float)rest * 0x1p-24f;
    __builtin_memcpy(&bits, &tiny, 4);
    bits |= sign;
  }
  float value;
  __builtin_memcpy(&value, &bits, 4);
  return value;
#endif
}

TUBELET_INLINE float bfloat_to_float(uint16_t bfloat) {
  uint32_t bits = (uint32_t)bfloat << 16;
  float value;
  __builtin_memcpy(&value, &bits, 4);
  return value;
}

} // namespace tubelet::TUBELET_ISA
