// multiply_tile by the tile registers of AMX: tiles 0 to 3 are the sums of 32 rows by 32 columns, 4 and 5
// two times 16 rows of A, 6 and 7 two times 16 columns of B. Packed panels are what a tile of B wants:
// 16 steps of the depth, `step` numbers of a column side by side. Included by tile.h.
#pragma once

#include "cpu/tile.h"
#include TUBELET_MATRIX_TILES

namespace tubelet::TUBELET_ISA {
namespace {

constexpr int register_rows = 16, register_bytes = 64;

/// What ldtilecfg loads; eight of the sixteen entries are of tiles that exist.
struct alignas(64) TileConfig {
  uint8_t palette = 1, start_row = 0, reserved[14] = {};
  uint16_t row_bytes[16] = {};
  uint8_t rows[16] = {};
};

/// Every tile as large as it can be: fewer rows, columns or steps are filled up, since another
/// configuration would clear the sums.
constexpr TileConfig whole_tiles = [] {
  TileConfig config;
  for (int i = 0; i < 8; i++) {
    config.row_bytes[i] = register_bytes;
    config.rows[i] = register_rows;
  }
  return config;
}();

/// Of the calling thread. Only where the system has given leave (cpu/amx.h).
TUBELET_INLINE void configure_tiles() { _tile_loadconfig(&whole_tiles); }
TUBELET_INLINE void release_tiles() { _tile_release(); }

struct TileState {
  TileState() { configure_tiles(); }
  ~TileState() { release_tiles(); }
  TileState(const TileState &) = delete;
};

/// The instructions are opaque to the compiler: what they read must have been written before.
TUBELET_INLINE void finish_stores() { asm volatile("" ::: "memory"); }

/// 16 rows of A under one tap, or fewer and copies of the last, whose sums go nowhere.
template <class Element> struct RowGroup {
  const Element *const *rows;
  const Element *filled[register_rows];
  int64_t stride = 0; ///< bytes from one row to the next; 0 where they have to be gathered

  RowGroup(const Element *const *from, int count) : rows(from) {
    if (count < register_rows) {
      fill(count);
      return;
    }
    const int64_t first = rows[1] - rows[0];
    int64_t difference = 0;
    for (int r = 1; r < register_rows; r++)
      difference |= rows[r] - rows[r - 1] - first;
    if (difference == 0)
      stride = first * (int64_t)sizeof(Element);
  }
  RowGroup(const RowGroup &) = delete;

  __attribute__((noinline)) void fill(int count) {
    for (int r = 0; r < register_rows; r++)
      filled[r] = rows[smaller(r, count - 1)];
    rows = filled;
  }

  /// Where the tile from element `k` on lies, rows `pitch` apart.
  const void *at(int64_t k, char *gathered) const {
    if (stride != 0)
      return rows[0] + k;
#pragma GCC unroll 16
    for (int r = 0; r < register_rows; r++)
      store((float *)(gathered + r * register_bytes), load((const float *)(rows[r] + k)));
    finish_stores();
    return gathered;
  }
  int64_t pitch() const { return stride != 0 ? stride : register_bytes; }
};

#define TUBELET_MULTIPLY(sums, a, b)                                                               \
  if constexpr (F::precision == Precision::bf16)                                                   \
    _tile_dpbf16ps(sums, a, b);                                                                    \
  else                                                                                             \
    _tile_dpbusd(sums, a, b)

/// `is_tall`: more than 16 rows; `is_wide`: more than 16 columns.
template <class F, bool is_tall, bool is_wide>
inline void matrix_tile(int rows, const Tap<F> *taps, int64_t tap_count, int64_t depth,
                        const typename F::Element *panel, float *c, bool accumulate, Ahead ahead) {
  using Element = typename F::Element;
  constexpr int64_t steps = register_bytes / (int64_t)sizeof(Element); // of the depth, in a tile
  constexpr int64_t width = is_wide ? panel_width : lanes;
  constexpr int64_t c_pitch = panel_width * sizeof(float), b_pitch = width * sizeof(float);
  float *const lower = c + register_rows * panel_width;
  alignas(64) char gathered[2][register_rows * register_bytes];
  finish_stores();
  if (accumulate) {
    _tile_loadd(0, c, c_pitch);
    if constexpr (is_wide)
      _tile_loadd(1, c + lanes, c_pitch);
    if constexpr (is_tall)
      _tile_loadd(2, lower, c_pitch);
    if constexpr (is_tall && is_wide)
      _tile_loadd(3, lower + lanes, c_pitch);
  } else {
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
  }
  const int64_t lines =
      ahead.lines == 0 ? 0 : ceil_div(ahead.lines, tap_count * ceil_div(depth, steps));
  for (int64_t t = 0; t < tap_count; t++) {
    const auto *b = (const char *)(panel + taps[t].first * width);
    const RowGroup<Element> upper_rows(taps[t].rows, is_tall ? register_rows : rows);
    const RowGroup<Element> lower_rows(taps[t].rows + (is_tall ? register_rows : 0),
                                       is_tall ? rows - register_rows : 1);
    for (int64_t k = 0; k < depth; k += steps, b += register_rows * b_pitch) {
      for (int64_t line = 0; line < lines; line++, ahead.from += line_bytes)
        __builtin_prefetch(ahead.from, 0, 2);
      _tile_loadd(6, b, b_pitch);
      _tile_loadd(4, upper_rows.at(k, gathered[0]), upper_rows.pitch());
      TUBELET_MULTIPLY(0, 4, 6);
      if constexpr (is_wide) {
        _tile_loadd(7, b + register_bytes, b_pitch);
        TUBELET_MULTIPLY(1, 4, 7);
      }
      if constexpr (is_tall) {
        _tile_loadd(5, lower_rows.at(k, gathered[1]), lower_rows.pitch());
        TUBELET_MULTIPLY(2, 5, 6);
        if constexpr (is_wide) {
          TUBELET_MULTIPLY(3, 5, 7);
        }
      }
    }
  }
  _tile_stored(0, c, c_pitch);
  if constexpr (is_wide)
    _tile_stored(1, c + lanes, c_pitch);
  if constexpr (is_tall)
    _tile_stored(2, lower, c_pitch);
  if constexpr (is_tall && is_wide)
    _tile_stored(3, lower + lanes, c_pitch);
}
#undef TUBELET_MULTIPLY

/// As in tile.h, but sums go on from what c has, and c's rows are written by sixteens. Callers hold a
/// TileState.
template <class F>
inline void multiply_tile(int rows, const Tap<F> *taps, int64_t tap_count, int64_t depth,
                          const typename F::Element *panel, int64_t vectors, float *c,
                          bool accumulate, Ahead ahead = {}) {
  const bool is_tall = rows > register_rows, is_wide = vectors > 1;
  const auto chosen = is_tall
                          ? (is_wide ? matrix_tile<F, true, true> : matrix_tile<F, true, false>)
                          : (is_wide ? matrix_tile<F, false, true> : matrix_tile<F, false, false>);
  chosen(rows, taps, tap_count, depth, panel, c, accumulate, ahead);
}

} // namespace
} // namespace tubelet::TUBELET_ISA
