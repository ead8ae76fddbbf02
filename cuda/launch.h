// Launch shapes, as host code: they depend on sizes alone, never on the GPU, so that a row is summed
// in the same order everywhere.
#pragma once

#include <cstdint>

namespace tubelet::cuda {

constexpr int warp_size = 32;
constexpr int most_threads = 1024;
constexpr int vector_elements = 4;
constexpr int rows_by_warps = 4;             ///< rows of a block where each has a warp
constexpr int least_shared_bytes = 99 << 10; ///< that every GPU from 8.0 on gives a block

/// A row of `width` elements is shared by `threads` threads, each holding `chunks` vectors of 4 in
/// registers; a row too wide for that (chunks 0) is read again for every pass.
struct RowLaunch {
  int threads;
  int rows_per_block;
  int chunks;

  unsigned blocks(int64_t rows) const {
    return unsigned((rows + rows_per_block - 1) / rows_per_block);
  }
  unsigned block_threads() const { return unsigned(threads * rows_per_block); }
};

/// The most threads of a block, for __launch_bounds__.
constexpr int row_block_threads(bool is_warp) {
  return is_warp ? warp_size * rows_by_warps : most_threads;
}

constexpr RowLaunch row_launch(int64_t width) {
  const int64_t vectors = (width + vector_elements - 1) / vector_elements;
  const auto warps_for = [&](int chunks) {
    const int64_t threads = (vectors + chunks - 1) / chunks;
    return int((threads + warp_size - 1) / warp_size * warp_size);
  };
  if (vectors <= warp_size)
    return {warp_size, rows_by_warps, 1};
  if (vectors <= 2 * warp_size)
    return {warp_size, rows_by_warps, 2};
  if (vectors <= 4 * warp_size)
    return {warp_size, rows_by_warps, 4};
  if (vectors <= most_threads)
    return {warps_for(2), 1, 2};
  if (vectors <= 4 * most_threads)
    return {warps_for(4), 1, 4};
  return {most_threads, 1, 0};
}

/// One thread per element or vector. The grid is at most `most_blocks`; kernels stride over the rest.
struct FlatLaunch {
  unsigned blocks;
  unsigned threads;
};

constexpr FlatLaunch flat_launch(int64_t items) {
  constexpr int64_t threads = 256, most_blocks = int64_t(1) << 16;
  const int64_t blocks = (items + threads - 1) / threads;
  return {unsigned(blocks < most_blocks ? blocks : most_blocks), unsigned(threads)};
}

/// Whether the tiles of a matrix product are enough for the multiprocessors of a large GPU. A sum does not
/// depend on its tile, so that the number of rows may decide.
constexpr bool has_tiles(int64_t rows, int64_t columns, int64_t tile_rows, int64_t tile_columns) {
  constexpr int64_t enough = 128;
  const int64_t row_tiles = (rows + tile_rows - 1) / tile_rows;
  return row_tiles * ((columns + tile_columns - 1) / tile_columns) >= enough;
}
constexpr bool has_large_tiles(int64_t rows, int64_t columns) {
  return has_tiles(rows, columns, 128, 128);
}
constexpr bool has_medium_tiles(int64_t rows, int64_t columns) {
  return has_tiles(rows, columns, 64, 64);
}

/// A block's tile of a product on warpgroups (wgmma): 64 rows to a warpgroup.
struct WgmmaTile {
  int rows, columns;
};

constexpr WgmmaTile wgmma_tiles_of[] = {{128, 256}, {128, 192}, {128, 128},
                                        {64, 128},  {64, 64},   {64, 32}};

/// How long a product takes by these tiles, in cycles for a step of 64 along its depth: a multiprocessor of the 132
/// multiplies 2048 pairs, or brings about 40 bytes from the second cache, in a cycle.
constexpr int64_t wgmma_cost(const WgmmaTile &tile, int64_t rows, int64_t columns) {
  constexpr int64_t multiprocessors = 132;
  const int64_t row_tiles = (rows + tile.rows - 1) / tile.rows;
  const int64_t tiles = row_tiles * ((columns + tile.columns - 1) / tile.columns);
  const int64_t multiply = int64_t(tile.rows) * tile.columns * 64 / 2048;
  const int64_t bring = int64_t(tile.rows + tile.columns) * 128 / 40;
  return (tiles + multiprocessors - 1) / multiprocessors * (multiply > bring ? multiply : bring);
}

/// The place in wgmma_tiles_of of the tile that takes least, the largest where several do. It follows from sizes
/// alone; sums do not depend on it.
constexpr int wgmma_tile_for(int64_t rows, int64_t columns) {
  int best = 0, place = 0;
  for (const WgmmaTile &tile : wgmma_tiles_of) {
    if (wgmma_cost(tile, rows, columns) < wgmma_cost(wgmma_tiles_of[best], rows, columns))
      best = place;
    place++;
  }
  return best;
}

} // namespace tubelet::cuda
