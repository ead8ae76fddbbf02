// y = finish(A · Wᵀ) with bfloat16 factors and float32 sums, on the tensor cores of compute capability 9.0. Both
// factors are rows of bfloat16 in memory whose K is filled up to whole steps: W is packed so, A is rounded by
// round_rows before. One thread of the last warp has the copy engine bring tiles of both, `stages` deep; each of the
// warpgroups multiplies 64 rows by all columns of the block.
//
// An output is a chain of products over k, 16 at a time, whatever the tile.
#pragma once

#include "device/items.cuh"
#include "device/mma.cuh"
#include "device/wgmma.cuh"
#include "fma_tile.cuh"
#include "tile_map.h"

namespace tubelet::cuda {
namespace {

template <int tile_rows, int tile_columns, int stage_count, int block_count> struct WgmmaShape {
  static constexpr int rows = tile_rows, columns = tile_columns, stages = stage_count;
  static constexpr int blocks = block_count; ///< of a multiprocessor
  static constexpr int warpgroups = rows / 64, threads = warpgroups * warpgroup_threads + 32;
  static constexpr int a_bytes = rows * tile_row_bytes,
                       stage_bytes = a_bytes + columns * tile_row_bytes;
  static constexpr int shared_bytes =
      tile_alignment + stages * (stage_bytes + 2 * int(sizeof(Barrier)));
  /// Of the sums on their way out, padded so that the rows of a warp's lanes meet in no bank.
  static constexpr int out_row = columns + 8;
  static_assert(rows * out_row * int(sizeof(float)) <= stages * stage_bytes);
  static_assert(blocks * (shared_bytes + 1024) <= 228 << 10);
};

template <class Shape>
__global__ void __launch_bounds__(Shape::threads, Shape::blocks)
    wgmma_tiles(const __grid_constant__ TileMap map_a, const __grid_constant__ TileMap map_b,
                const Extents extents, const Epilogue epilogue) {
#if TUBELET_HAS_WGMMA
  unsigned char *const tiles = first_tile(launch_shared());
  Barrier *const full = reinterpret_cast<Barrier *>(tiles + Shape::stages * Shape::stage_bytes);
  Barrier *const empty = full + Shape::stages;
  if (threadIdx.x == 0) {
    for (int i = 0; i < Shape::stages; i++) {
      make_barrier(full + i, 1);
      make_barrier(empty + i, 4 * Shape::warpgroups); // a lane of each warp
    }
    show_barriers();
  }
  __syncthreads();

  const TilePlace place(blockIdx.x, extents.row_tiles, extents.column_tiles);
  const int64_t first_row = int64_t(place.row) * Shape::rows;
  const int64_t first_column = int64_t(place.column) * Shape::columns;
  const int steps = (extents.depth + tile_columns - 1) / tile_columns;
  const int warpgroup = threadIdx.x / warpgroup_threads;
  if (warpgroup == Shape::warpgroups) {
    if (threadIdx.x % 32 == 0)
      for (int step = 0; step < steps; step++) {
        const int stage = step % Shape::stages, turn = step / Shape::stages;
        if (turn > 0)
          wait_for(empty + stage, (turn - 1) % 2);
        unsigned char *const tile = tiles + stage * Shape::stage_bytes;
        arrive_expecting(full + stage, Shape::stage_bytes);
        load_tile(tile, map_a, step * tile_columns, int32_t(first_row), full + stage);
        load_tile(tile + Shape::a_bytes, map_b, step * tile_columns, int32_t(first_column),
                  full + stage);
      }
  } else {
    const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    float sums[Shape::columns / 8][4];
    for (int step = 0; step < steps; step++) {
      const int stage = step % Shape::stages;
      const unsigned char *const tile_a = tiles + stage * Shape::stage_bytes;
      const unsigned char *const tile_b = tile_a + Shape::a_bytes;
      wait_for(full + stage, step / Shape::stages % 2);
      start_products();
#pragma unroll
      for (int k = 0; k < tile_columns; k += 16)
        multiply_tiles(sums, tile_descriptor(tile_a + warpgroup * 64 * tile_row_bytes, k),
                       tile_descriptor(tile_b, k), step > 0 || k > 0);
      commit_products();
      products_done<1>(sums);
      if (step > 0 && lane == 0)
        arrive(empty + (step - 1) % Shape::stages);
    }
    products_done<0>(sums);
    meet(1, Shape::warpgroups * warpgroup_threads); // the sums go where the tiles were

    float *const out = reinterpret_cast<float *>(tiles) + warp * 16 * Shape::out_row;
#pragma unroll
    for (int n = 0; n < Shape::columns / 8; n++)
#pragma unroll
      for (int half = 0; half < 2; half++) {
        float *const to = out + (lane / 4 + half * 8) * Shape::out_row + n * 8 + lane % 4 * 2;
        to[0] = sums[n][2 * half];
        to[1] = sums[n][2 * half + 1];
      }
    __syncwarp();
    constexpr int row_lanes = Shape::columns < 128 ? Shape::columns / 4 : 32;
    constexpr int rows_at_once = 32 / row_lanes, batch = Shape::blocks > 1 ? 2 : 4;
    for (int column = lane % row_lanes * 4; column < Shape::columns; column += row_lanes * 4)
      for (int row = lane / row_lanes; row < 16; row += batch * rows_at_once) {
        Four four[batch];
#pragma unroll
        for (int i = 0; i < batch; i++)
          four[i] = *reinterpret_cast<const Four *>(
              out + (row + i * rows_at_once) * Shape::out_row + column);
        epilogue.finish_rows(first_row + warp * 16 + row, rows_at_once, extents.rows,
                             first_column + column, four);
      }
  }
#endif
}

/// A for wgmma_tiles.
template <class Source>
__global__ void round_rows(const Source source, const int64_t rows, const uint32_t units,
                           uint16_t *rounded) {
  each_item(rows * units, [&](uint32_t item) {
    const uint32_t row = item / units, at = item % units * 8;
    const auto place = source.row(row);
    const Four low = source.load(place, source.column(at));
    const Four high = source.load(place, source.column(at + 4));
    struct alignas(16) Unit {
      uint32_t pairs[4];
    };
    reinterpret_cast<Unit *>(rounded)[item] = {
        {bfloat_pair(low.v[0], low.v[1]), bfloat_pair(low.v[2], low.v[3]),
         bfloat_pair(high.v[0], high.v[1]), bfloat_pair(high.v[2], high.v[3])}};
  });
}

template <int place>
using WgmmaShapeAt = WgmmaShape<wgmma_tiles_of[place].rows, wgmma_tiles_of[place].columns,
                                wgmma_tiles_of[place].columns == 256   ? 4
                                : wgmma_tiles_of[place].columns == 192 ? 5
                                : wgmma_tiles_of[place].rows == 128    ? 3
                                : wgmma_tiles_of[place].columns == 128 ? 4
                                                                       : 6,
                                wgmma_tiles_of[place].columns >= 192 ? 1 : 2>;

/// `rounded` has room for the rows of A, `depth` being that of a packed row.
template <class Source>
void launch_wgmma(Stream &stream, const char *name, int64_t rows, int64_t columns, int64_t depth,
                  const Source &source, const uint16_t *weight, uint16_t *rounded,
                  const Epilogue &epilogue) {
  if (rows == 0)
    return;
  const FlatLaunch flat = flat_launch(rows * (depth / 8));
  stream.launch(name, {flat.blocks, flat.threads}, round_rows<Source>, source, rows,
                uint32_t(depth / 8), rounded);
  const auto launch = [&](auto place) {
    using Shape = WgmmaShapeAt<place()>;
    const Extents extents(rows, columns, depth, Shape::rows, Shape::columns);
    TileMap a, b;
    stream.note(name, map_tiles(&a, rounded, depth, rows, depth, Shape::rows));
    stream.note(name, map_tiles(&b, weight, depth, columns, depth, Shape::columns));
    stream.launch(name,
                  {extents.row_tiles * extents.column_tiles, Shape::threads, Shape::shared_bytes},
                  wgmma_tiles<Shape>, a, b, extents, epilogue);
  };
  const int chosen = wgmma_tile_for(rows, columns);
  [&]<int... place>(std::integer_sequence<int, place...>) {
    (void)((place == chosen && (launch(std::integral_constant<int, place>()), true)) || ...);
  }(std::make_integer_sequence<int, int(std::size(wgmma_tiles_of))>());
}

} // namespace
} // namespace tubelet::cuda
