// Winograd's minimal filtering F(4x4, 3x3) (Lavin and Gray 2016): sixteen outputs of a 3x3 kernel by 36
// products per channel instead of 144. The points are 0, ±1/√2, ±√2 and infinity: the usual ±1 and ±2
// give three times the error of the plain sum, these give less than the plain sum may be off by.
#pragma once

#include "cpu/simd.h"

namespace tubelet::TUBELET_ISA {
namespace {

constexpr int tile_in = 6, tile_out = 4; ///< pixels of a tile along each side
constexpr int positions = tile_in * tile_in;
constexpr float root_half = 0.70710678f, root_two = 1.41421356f;

/// Bᵀd along one axis.
TUBELET_INLINE void transform_input(const Vec (&d)[tile_in], Vec (&v)[tile_in]) {
  const Vec even1 = fma(broadcast(-2.0f), d[2], d[4]), odd1 = fma(broadcast(-2.0f), d[1], d[3]);
  const Vec even2 = fma(broadcast(-0.5f), d[2], d[4]), odd2 = fma(broadcast(-0.5f), d[1], d[3]);
  v[0] = fma(broadcast(-2.5f), d[2], d[0] + d[4]);
  v[1] = fma(broadcast(root_half), odd1, even1);
  v[2] = fma(broadcast(-root_half), odd1, even1);
  v[3] = fma(broadcast(root_two), odd2, even2);
  v[4] = fma(broadcast(-root_two), odd2, even2);
  v[5] = fma(broadcast(-2.5f), d[3], d[1] + d[5]);
}

/// Aᵀm along one axis.
TUBELET_INLINE void transform_output(const Vec (&m)[tile_in], Vec (&y)[tile_out]) {
  const Vec sum1 = m[1] + m[2], difference1 = m[1] - m[2];
  const Vec sum2 = m[3] + m[4], difference2 = m[3] - m[4];
  y[0] = m[0] + sum1 + sum2;
  y[1] = fma(broadcast(root_half), difference1, broadcast(root_two) * difference2);
  y[2] = fma(broadcast(0.5f), sum1, 2.0f * sum2);
  y[3] =
      fma(broadcast(root_half / 2), difference1, fma(broadcast(2 * root_two), difference2, m[5]));
}

TUBELET_INLINE bool has_nan(Vec v) {
#if defined(__AVX512F__)
  return _mm512_cmp_ps_mask((__m512)v, (__m512)v, _CMP_UNORD_Q) != 0;
#else
  return sum(v) != sum(v);
#endif
}

/// G g Gᵀ of a kernel, in double.
inline void transform_filter(const double (&g)[9], float (&u)[positions]) {
  constexpr double a = 0.70710678118654752, b = 1.4142135623730951;
  auto along = [](double g0, double g1, double g2, double *to, int step) {
    to[0] = g0;
    to[1 * step] = (g0 + a * g1 + 0.5 * g2) / -1.5;
    to[2 * step] = (g0 - a * g1 + 0.5 * g2) / -1.5;
    to[3 * step] = (g0 + b * g1 + 2 * g2) / 6;
    to[4 * step] = (g0 - b * g1 + 2 * g2) / 6;
    to[5 * step] = g2;
  };
  double half[tile_in][3], whole[positions];
  for (int k = 0; k < 3; k++)
    along(g[k], g[3 + k], g[6 + k], &half[0][k], 3);
  for (int i = 0; i < tile_in; i++)
    along(half[i][0], half[i][1], half[i][2], whole + i * tile_in, 1);
  for (int i = 0; i < positions; i++)
    u[i] = (float)whole[i];
}

/// A vector of kernels' element (j, k), from their transform: element (i) of it is at u + i · stride.
TUBELET_INLINE Vec filter_element(const float *u, int64_t stride, int j, int k) {
  constexpr float middle = -1.5f / (2 * root_half);
  auto along = [&](int row) {
    const float *at = u + row * tile_in * stride;
    if (k == 1)
      return (load(at + stride) - load(at + 2 * stride)) * middle;
    return load(k == 0 ? at : at + 5 * stride);
  };
  return j == 1 ? (along(1) - along(2)) * middle : along(j == 0 ? 0 : 5);
}

} // namespace
} // namespace tubelet::TUBELET_ISA
