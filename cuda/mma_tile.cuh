// y = finish(A · Wᵀ) with bfloat16 factors and float32 sums, on the tensor cores of compute capability 8.0 and
// later. W is packed as rows of bfloat16 whose K is filled up to whole steps; its tiles come by
// asynchronous copies, `stages` deep. A is a Source of float32 rows (fma_tile.cuh), rounded on the way to
// shared memory, one step ahead. Both tiles have rows of 128 bytes whose 16-byte units are swizzled by the
// row, so that no two rows of a matrix meet in a bank.
//
// An output is a chain of multiply-adds over k, 16 at a time, whatever the tile.
#pragma once

#include "device/mma.cuh"
#include "fma_tile.cuh"

namespace tubelet::cuda {
namespace {

constexpr int mma_depth = 64; ///< of K at a time: 128 bytes

/// Warps side by side, and the tiles of 16 x 8 that each has.
template <int warp_rows, int warp_columns, int tiles_m, int tiles_n, int stage_count>
struct MmaShape {
  static constexpr int stages = stage_count, threads = 32 * warp_rows * warp_columns;
  static constexpr int m = tiles_m, n = tiles_n, columns_of_warps = warp_columns;
  static constexpr int rows = warp_rows * tiles_m * 16, columns = warp_columns * tiles_n * 8;
  static constexpr int stage_bytes = (rows + columns) * mma_depth * 2;
  static constexpr int shared_bytes = stages * stage_bytes;
  static constexpr int place_bytes = 16; ///< the most of a row of A
  static_assert(shared_bytes + rows * place_bytes <= least_shared_bytes && tiles_n % 2 == 0);
};

template <class Shape, class Source>
__global__ void __launch_bounds__(Shape::threads, 1)
    mma_tiles(const Extents extents, const Source source, const uint16_t *weight,
              const Epilogue epilogue) {
  constexpr int vectors = mma_depth / 4, a_rows = Shape::threads / vectors;
  constexpr int a_passes = Shape::rows / a_rows;
  constexpr int units = mma_depth / 8, b_rows = Shape::threads / units;
  constexpr int b_passes = Shape::columns / b_rows;
  constexpr int a_bytes = Shape::rows * mma_depth * 2;
  __shared__ typename Source::Place places[Shape::rows];
  unsigned char *const shared = launch_shared();
  const TilePlace place(blockIdx.x, extents.row_tiles, extents.column_tiles);
  const int64_t first_row = int64_t(place.row) * Shape::rows;
  const int64_t first_column = int64_t(place.column) * Shape::columns;
  for (int i = threadIdx.x; i < Shape::rows; i += Shape::threads)
    places[i] = source.row(first_row + i);
  __syncthreads();

  const int steps = (extents.depth + mma_depth - 1) / mma_depth;
  const int a_vector = threadIdx.x % vectors, a_row = threadIdx.x / vectors;
  Four held[a_passes];
  const auto load_a = [&](int step) {
    const auto column = source.column(step * mma_depth + 4 * a_vector);
#pragma unroll
    for (int i = 0; i < a_passes; i++)
      held[i] = source.load(places[a_row + i * a_rows], column);
  };
  const auto store_a = [&](int step) {
    unsigned char *const tile = shared + step % Shape::stages * Shape::stage_bytes;
#pragma unroll
    for (int i = 0; i < a_passes; i++) {
      const float (&v)[4] = held[i].v;
      auto *to = reinterpret_cast<uint32_t *>(unit_of(tile, a_row + i * a_rows, a_vector / 2) +
                                              a_vector % 2 * 8);
      to[0] = bfloat_pair(v[0], v[1]);
      to[1] = bfloat_pair(v[2], v[3]);
    }
  };
  const auto copy_b = [&](int step) {
    unsigned char *const tile = shared + step % Shape::stages * Shape::stage_bytes + a_bytes;
    const int unit = threadIdx.x % units;
#pragma unroll
    for (int i = 0; i < b_passes; i++) {
      const int row = threadIdx.x / units + i * b_rows;
      const bool is_there = first_column + row < extents.columns;
      const int64_t from = is_there ? (first_column + row) * steps + step : 0;
      copy_async(unit_of(tile, row, unit), weight + from * mma_depth + unit * 8, is_there ? 16 : 0);
    }
  };

  for (int step = 0; step < Shape::stages - 1; step++) {
    if (step < steps) {
      copy_b(step);
      load_a(step);
      store_a(step);
    }
    commit_copies();
  }
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  const int warp_row = warp / Shape::columns_of_warps * Shape::m * 16;
  const int warp_column = warp % Shape::columns_of_warps * Shape::n * 8;
  float sums[Shape::m][Shape::n][4] = {};
  for (int step = 0; step < steps; step++) {
    wait_for_copies<Shape::stages - 2>();
    __syncthreads(); // this step is there for all, and nobody reads the one before it
    const int next = step + Shape::stages - 1;
    if (next < steps) {
      load_a(next);
      copy_b(next);
    }
    commit_copies();
    unsigned char *const tile_a = shared + step % Shape::stages * Shape::stage_bytes;
    unsigned char *const tile_b = tile_a + a_bytes;
#pragma unroll
    for (int k = 0; k < mma_depth / 16; k++) {
      uint32_t a[Shape::m][4], b[Shape::n][2];
#pragma unroll
      for (int m = 0; m < Shape::m; m++)
        load_matrices(a[m], unit_of(tile_a, warp_row + m * 16 + lane % 16, 2 * k + lane / 16));
#pragma unroll
      for (int n = 0; n < Shape::n; n += 2) {
        uint32_t pairs[4];
        load_matrices(pairs, unit_of(tile_b, warp_column + n * 8 + lane / 16 * 8 + lane % 8,
                                     2 * k + lane / 8 % 2));
        b[n][0] = pairs[0];
        b[n][1] = pairs[1];
        b[n + 1][0] = pairs[2];
        b[n + 1][1] = pairs[3];
      }
#pragma unroll
      for (int m = 0; m < Shape::m; m++)
#pragma unroll
        for (int n = 0; n < Shape::n; n++)
          multiply_add(sums[m][n], a[m], b[n]);
    }
    if (next < steps)
      store_a(next);
  }
#pragma unroll
  for (int m = 0; m < Shape::m; m++)
#pragma unroll
    for (int n = 0; n < Shape::n; n++)
#pragma unroll
      for (int half = 0; half < 2; half++) {
        const int64_t t = first_row + warp_row + m * 16 + half * 8 + lane / 4;
        const int64_t column = first_column + warp_column + n * 8 + lane % 4 * 2;
        if (t < extents.rows)
          epilogue.finish_pair(t, column, sums[m][n][2 * half], sums[m][n][2 * half + 1]);
      }
}

inline int64_t packed_depth(int64_t depth) {
  return (depth + mma_depth - 1) / mma_depth * mma_depth;
}

template <class Source>
void launch_mma(Stream &stream, const char *name, int64_t rows, int64_t columns, int64_t depth,
                const Source &source, const uint16_t *weight, const Epilogue &epilogue) {
  const auto launch = [&](auto shape) {
    using Shape = decltype(shape);
    const Extents extents(rows, columns, depth, Shape::rows, Shape::columns);
    stream.launch(name,
                  {extents.row_tiles * extents.column_tiles, Shape::threads, Shape::shared_bytes},
                  mma_tiles<Shape, Source>, extents, source, weight, epilogue);
  };
  if (rows == 0)
    return;
  if (rows <= 16)
    launch(MmaShape<1, 4, 1, 2, 4>()); // 16 x 64
  else if (has_large_tiles(rows, columns))
    launch(MmaShape<2, 4, 4, 4, 3>()); // 128 x 128
  else if (has_medium_tiles(rows, columns))
    launch(MmaShape<2, 2, 2, 4, 4>()); // 64 x 64
  else
    launch(MmaShape<2, 2, 1, 4, 4>()); // 32 x 64
}

} // namespace
} // namespace tubelet::cuda
