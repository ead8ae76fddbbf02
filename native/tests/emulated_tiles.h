// The tile instructions of AMX that kernels use, in plain C++ after the operation sections of Intel's
// Software Developer's Manual (volume 2: LDTILECFG, TILELOADD, TDPBF16PS, TDPBUSD ...): palette 1, eight
// tiles of at most 16 rows of 64 bytes, a set for every thread. Traps where the instruction faults. Loads
// and stores touch the bytes that the instruction touches, so sanitizers see them. A row is one vector of
// 16 lanes.
#pragma once

#include "cpu/simd.h"

namespace tubelet::TUBELET_ISA {
namespace {

constexpr int most_tiles = 8, most_rows = 16, most_row_bytes = 64;

struct EmulatedTile {
  int rows, row_bytes; ///< 0: not configured
  alignas(64) uint8_t bytes[most_rows][most_row_bytes];
};
thread_local EmulatedTile emulated_tiles[most_tiles];

inline void require(bool holds) {
  if (!holds)
    __builtin_trap();
}

inline EmulatedTile &emulated_tile(int index) {
  require(index >= 0 && index < most_tiles && emulated_tiles[index].rows != 0);
  return emulated_tiles[index];
}

inline void emulated_release() { __builtin_memset(emulated_tiles, 0, sizeof emulated_tiles); }

inline void emulated_loadconfig(const void *from) {
  const auto *config = (const uint8_t *)from;
  emulated_release();
  require(config[0] <= 1);
  if (config[0] == 0)
    return;
  for (int i = 2; i < 16; i++)
    require(config[i] == 0);
  for (int i = 0; i < 16; i++) {
    const int row_bytes = config[16 + 2 * i] | config[17 + 2 * i] << 8, rows = config[48 + i];
    require((row_bytes == 0) == (rows == 0));
    if (i < most_tiles) {
      require(row_bytes <= most_row_bytes && rows <= most_rows);
      emulated_tiles[i].rows = rows;
      emulated_tiles[i].row_bytes = row_bytes;
    } else
      require(rows == 0);
  }
}

inline void emulated_zero(int index) {
  __builtin_memset(emulated_tile(index).bytes, 0, sizeof emulated_tiles[0].bytes);
}

inline void emulated_loadd(int index, const void *from, int64_t stride) {
  EmulatedTile &tile = emulated_tile(index);
  __builtin_memset(tile.bytes, 0, sizeof tile.bytes);
  for (int row = 0; row < tile.rows; row++)
    __builtin_memcpy(tile.bytes[row], (const char *)from + row * stride, (size_t)tile.row_bytes);
}

inline void emulated_stored(int index, void *to, int64_t stride) {
  const EmulatedTile &tile = emulated_tile(index);
  for (int row = 0; row < tile.rows; row++)
    __builtin_memcpy((char *)to + row * stride, tile.bytes[row], (size_t)tile.row_bytes);
}

/// C is m x n, A is m x k, B is k x n, counted in 32-bit elements.
inline void require_product(int c, int a, int b) {
  require(c != a && c != b && a != b);
  const EmulatedTile &sums = emulated_tile(c), &left = emulated_tile(a), &right = emulated_tile(b);
  require(sums.row_bytes % 4 == 0 && left.row_bytes % 4 == 0 && right.row_bytes % 4 == 0);
  require(left.rows == sums.rows && right.row_bytes == sums.row_bytes &&
          left.row_bytes / 4 == right.rows);
}

/// Denormals are zero, before and after every operation.
TUBELET_INLINE Vec flushed(Vec v) {
  const IntVec is_tiny = ((IntVec)v & 0x7F800000) == 0;
  return (Vec)((IntVec)v & ~(is_tiny & 0x7FFFFFFF));
}

/// Number `place` (0 or 1) of the pair of bfloat16 in every lane.
TUBELET_INLINE Vec bfloats(IntVec pairs, int place) {
  return flushed((Vec)(place == 0 ? pairs << 16 : pairs & (int32_t)0xFFFF0000));
}

/// Byte `place` (0 to 3) of every lane, with its sign.
TUBELET_INLINE IntVec signed_bytes(IntVec fours, int place) {
  return fours << (24 - 8 * place) >> 24;
}

TUBELET_INLINE IntVec row_of(const EmulatedTile &tile, int row) {
  return (IntVec)load((const float *)tile.bytes[row]);
}

TUBELET_INLINE IntVec repeated(const EmulatedTile &tile, int row, int step) {
  int32_t element;
  __builtin_memcpy(&element, tile.bytes[row] + 4 * step, sizeof element);
  return element - IntVec{};
}

/// The first and the second products of the pairs are summed apart, each rounded once; then their sum is
/// added to C.
inline void emulated_dpbf16ps(int c, int a, int b) {
  require_product(c, a, b);
  EmulatedTile &sums = emulated_tiles[c];
  const EmulatedTile &left = emulated_tiles[a], &right = emulated_tiles[b];
  Vec factors[most_rows][2];
  for (int k = 0; k < right.rows; k++)
    for (int place = 0; place < 2; place++)
      factors[k][place] = bfloats(row_of(right, k), place);
  for (int m = 0; m < sums.rows; m++) {
    Vec parts[2] = {};
    for (int k = 0; k < right.rows; k++)
      for (int place = 0; place < 2; place++)
        parts[place] =
            flushed(fma(bfloats(repeated(left, m, k), place), factors[k][place], parts[place]));
    const Vec sum = flushed(flushed((Vec)row_of(sums, m)) + flushed(parts[0] + parts[1]));
    __builtin_memcpy(sums.bytes[m], &sum, (size_t)sums.row_bytes);
  }
}

/// A of unsigned bytes, B of signed ones, sums of 32 bits that wrap.
inline void emulated_dpbusd(int c, int a, int b) {
  require_product(c, a, b);
  EmulatedTile &sums = emulated_tiles[c];
  const EmulatedTile &left = emulated_tiles[a], &right = emulated_tiles[b];
  IntVec factors[most_rows][4];
  for (int k = 0; k < right.rows; k++)
    for (int place = 0; place < 4; place++)
      factors[k][place] = signed_bytes(row_of(right, k), place);
  for (int m = 0; m < sums.rows; m++) {
    IntVec sum = row_of(sums, m);
    for (int k = 0; k < right.rows; k++)
      for (int place = 0; place < 4; place++)
        sum += (repeated(left, m, k) >> 8 * place & 0xFF) * factors[k][place];
    __builtin_memcpy(sums.bytes[m], &sum, (size_t)sums.row_bytes);
  }
}

} // namespace
} // namespace tubelet::TUBELET_ISA

#undef _tile_loadd
#undef _tile_stored
#undef _tile_zero
#undef _tile_dpbf16ps
#undef _tile_dpbusd
#define _tile_loadconfig emulated_loadconfig
#define _tile_release emulated_release
#define _tile_zero emulated_zero
#define _tile_loadd emulated_loadd
#define _tile_stored emulated_stored
#define _tile_dpbf16ps emulated_dpbf16ps
#define _tile_dpbusd emulated_dpbusd
