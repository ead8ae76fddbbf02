// The register tile that linear, convolution and attention share: R rows of A against one panel of
// packed B, over one or several taps. A is read where it lies, through row pointers, so nothing is
// copied or unrolled into columns: a convolution is the same loop with more taps.
#pragma once

#include "cpu/format.h"

namespace tubelet::TUBELET_ISA {
namespace {

#if defined(TUBELET_MATRIX_TILES)
constexpr int tile_rows = 32, tile_vectors = 2; // four of eight tile registers
#elif defined(__AVX512F__)
constexpr int tile_rows = 8, tile_vectors = 3; // 24 accumulators of 32 registers
#elif defined(__AVX2__)
constexpr int tile_rows = 6, tile_vectors = 2; // 12 of 16
#else
constexpr int tile_rows = 4, tile_vectors = 2; // 8 of 16
#endif
constexpr int panel_width = tile_vectors * lanes;

/// B of n columns is packed as panels of panel_width columns, k major inside a panel. The last panel is
/// as narrow as whole vectors allow, filled with zeros; where one vector would be left, which keeps the
/// tile from its speed, it takes one from the panel before.
struct Panels {
  int64_t columns;
  int64_t padded() const { return ceil_div(columns, lanes) * lanes; }
  int64_t count() const { return ceil_div(columns, panel_width); }
  bool is_shared() const {
    return tile_vectors > 2 && columns > panel_width && padded() % panel_width == lanes;
  }
  /// First column; that of panel count() is padded().
  int64_t start(int64_t panel) const {
    if (panel == count())
      return padded();
    return panel * panel_width - (is_shared() && panel == count() - 1 ? lanes : 0);
  }
  int64_t width(int64_t panel) const { return start(panel + 1) - start(panel); }
  int64_t panel_of(int64_t column) const {
    const int64_t last = count() - 1;
    return column >= start(last) ? last : column / panel_width;
  }
  /// Elements before a panel, for `depth` rows of B.
  int64_t offset(int64_t panel, int64_t depth) const { return start(panel) * depth; }
};

/// Where element (k, column) of a panel of this width lies, k counted from the panel's start.
template <class F> inline int64_t packed_index(int64_t k, int64_t column, int64_t width) {
  return (k / F::step * width + column) * F::step + k % F::step;
}

/// One tap of a tile: a row pointer per tile row, and the packed rows of B they meet.
template <class F> struct Tap {
  const typename F::Element *rows[tile_rows];
  int64_t first; ///< row of the panel, in B's depth; a whole number of steps
};

/// What comes after this tile: lines of memory to fetch into L2 while it computes.
struct Ahead {
  const char *from;
  int64_t lines;
};
constexpr int64_t line_bytes = 64;

} // namespace
} // namespace tubelet::TUBELET_ISA

#if defined(TUBELET_MATRIX_TILES)
#include "cpu/matrix_tile.h"
#else
namespace tubelet::TUBELET_ISA {
namespace {

/// What a task that calls multiply_tile holds meanwhile: the set-up of matrix tiles, where there are any.
struct [[maybe_unused]] TileState {};

template <class F, int R, int V>
inline void tile(const Tap<F> *taps, int64_t tap_count, int64_t depth,
                 const typename F::Element *panel, float *c, bool accumulate, Ahead ahead) {
  typename F::Sum sums[R][V];
#pragma GCC unroll 8
  for (int r = 0; r < R; r++)
#pragma GCC unroll 4
    for (int v = 0; v < V; v++)
      sums[r][v] = typename F::Sum{};
  constexpr int64_t stretch = 16 * F::step;
  const int64_t lines =
      ahead.lines == 0 ? 0 : ceil_div(ahead.lines, tap_count * ceil_div(depth, stretch));
  for (int64_t t = 0; t < tap_count; t++) {
    const typename F::Element *b = panel + taps[t].first * (V * lanes);
    const typename F::Element *a[R];
#pragma GCC unroll 8
    for (int r = 0; r < R; r++)
      a[r] = taps[t].rows[r];
    for (int64_t start = 0; start < depth; start += stretch) {
      for (int64_t line = 0; line < lines; line++, ahead.from += line_bytes)
        __builtin_prefetch(ahead.from, 0, 2);
      const int64_t end = smaller(depth, start + stretch);
      for (int64_t k = start; k < end; k += F::step, b += V * lanes * F::step) {
        decltype(F::columns(b)) columns[V];
#pragma GCC unroll 4
        for (int v = 0; v < V; v++)
          columns[v] = F::columns(b + v * lanes * F::step);
#pragma GCC unroll 8
        for (int r = 0; r < R; r++) {
          const auto row = F::rows(a[r] + k);
#pragma GCC unroll 4
          for (int v = 0; v < V; v++)
            sums[r][v] = F::multiply_add(row, columns[v], sums[r][v]);
        }
      }
    }
  }
  if (accumulate) {
#pragma GCC unroll 8
    for (int r = 0; r < R; r++)
#pragma GCC unroll 4
      for (int v = 0; v < V; v++)
        sums[r][v] += (typename F::Sum)load(c + r * panel_width + v * lanes);
  }
#pragma GCC unroll 8
  for (int r = 0; r < R; r++)
#pragma GCC unroll 4
    for (int v = 0; v < V; v++)
      store(c + r * panel_width + v * lanes, (Vec)sums[r][v]);
}

template <class F, int R>
inline void tile_of_rows(const Tap<F> *taps, int64_t tap_count, int64_t depth,
                         const typename F::Element *panel, int64_t vectors, float *c,
                         bool accumulate, Ahead ahead) {
  if (vectors == 1)
    tile<F, R, 1>(taps, tap_count, depth, panel, c, accumulate, ahead);
  else if (vectors == 2)
    tile<F, R, 2>(taps, tap_count, depth, panel, c, accumulate, ahead);
  else
    tile<F, R, tile_vectors>(taps, tap_count, depth, panel, c, accumulate, ahead);
}

/// c (rows panel_width apart) = or += sum over taps of A · B, k ascending within each tap. Integer
/// formats keep their sums' bits in c. What is added to c is summed first. The order of an element's sum
/// does not depend on `rows` or `vectors`.
template <class F>
inline void multiply_tile(int rows, const Tap<F> *taps, int64_t tap_count, int64_t depth,
                          const typename F::Element *panel, int64_t vectors, float *c,
                          bool accumulate, Ahead ahead = {}) {
  switch (rows) {
  case 1:
    return tile_of_rows<F, 1>(taps, tap_count, depth, panel, vectors, c, accumulate, ahead);
  case 2:
    return tile_of_rows<F, 2>(taps, tap_count, depth, panel, vectors, c, accumulate, ahead);
  case 3:
    return tile_of_rows<F, 3>(taps, tap_count, depth, panel, vectors, c, accumulate, ahead);
  case 4:
    return tile_of_rows<F, 4>(taps, tap_count, depth, panel, vectors, c, accumulate, ahead);
#if defined(__AVX2__)
  case 5:
    return tile_of_rows<F, 5>(taps, tap_count, depth, panel, vectors, c, accumulate, ahead);
  case 6:
    return tile_of_rows<F, 6>(taps, tap_count, depth, panel, vectors, c, accumulate, ahead);
#endif
#if defined(__AVX512F__)
  case 7:
    return tile_of_rows<F, 7>(taps, tap_count, depth, panel, vectors, c, accumulate, ahead);
  case 8:
    return tile_of_rows<F, 8>(taps, tap_count, depth, panel, vectors, c, accumulate, ahead);
#endif
  }
}

} // namespace
} // namespace tubelet::TUBELET_ISA
#endif
