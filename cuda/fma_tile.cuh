// y = finish(A · Wᵀ) in float32, by blocks of tile x tile outputs: 256 threads, each with tile / 16 rows and
// columns in registers. An output is one chain of fused multiply-adds over k, whatever the tile.
//
// A is a Source of rows: row(index) is what a block keeps of a row of A, absent from the last on;
// column(k) is where elements k to k + 3 lie in all rows; load(row, column) reads them, 0 where there are
// none. A convolution's rows are pixels, so nothing is unrolled into columns.
#pragma once

#include "device/vector.cuh"
#include "epilogue.cuh"

namespace tubelet::cuda {
namespace {

constexpr int fma_threads = 256;
constexpr int fma_depth = 16; ///< of K at a time

/// W as it is stored, [N, K]; absent rows are 0.
template <class T> struct StoredWeight {
  const T *start;
  int64_t rows, depth;
  bool is_aligned;

  __device__ Four load(int64_t row, int64_t k) const {
    if (row >= rows)
      return {};
    return Row<const T>{start + row * depth, depth, is_aligned}.load(k);
  }
};

/// Tiles in bands of 8 rows of tiles, column after column, so that neighbours share what they read.
struct TilePlace {
  unsigned row, column;

  __device__ TilePlace(unsigned block, unsigned row_tiles, unsigned column_tiles) {
    constexpr unsigned band_rows = 8;
    const unsigned band = block / (band_rows * column_tiles), first = band * band_rows;
    const unsigned height = row_tiles - first < band_rows ? row_tiles - first : band_rows;
    const unsigned place = block - first * column_tiles;
    row = first + place % height;
    column = place / height;
  }
};

struct Extents {
  int64_t rows, columns;
  int32_t depth; ///< of A's columns
  unsigned row_tiles, column_tiles;

  Extents(int64_t rows, int64_t columns, int64_t depth, int tile_rows, int tile_columns)
      : rows(rows), columns(columns), depth(int32_t(depth)),
        row_tiles(unsigned((rows + tile_rows - 1) / tile_rows)),
        column_tiles(unsigned((columns + tile_columns - 1) / tile_columns)) {}
};

template <int tile, class Source, class Weight>
__global__ void __launch_bounds__(fma_threads)
    fma_tiles(const Extents extents, const Source source, const Weight weight,
              const Epilogue epilogue) {
  constexpr int vectors = fma_depth / 4, rows_by_pass = fma_threads / vectors;
  constexpr int passes = tile / rows_by_pass, groups = tile / 64, width = tile + 4;
  __shared__ float a[2][fma_depth][width], b[2][fma_depth][width];
  __shared__ typename Source::Place places[tile];
  const TilePlace place(blockIdx.x, extents.row_tiles, extents.column_tiles);
  const int64_t first_row = int64_t(place.row) * tile, first_column = int64_t(place.column) * tile;
  for (int i = threadIdx.x; i < tile; i += fma_threads)
    places[i] = source.row(first_row + i);
  __syncthreads();

  const int vector = threadIdx.x % vectors, own_row = threadIdx.x / vectors;
  Four next_a[passes], next_b[passes];
  const auto load = [&](int k0) {
    const auto column = source.column(k0 + 4 * vector);
#pragma unroll
    for (int i = 0; i < passes; i++) {
      const int row = own_row + i * rows_by_pass;
      next_a[i] = source.load(places[row], column);
      next_b[i] = weight.load(first_column + row, k0 + 4 * vector);
    }
  };
  const auto store = [&](int stage) {
#pragma unroll
    for (int i = 0; i < passes; i++)
#pragma unroll
      for (int j = 0; j < 4; j++) {
        a[stage][4 * vector + j][own_row + i * rows_by_pass] = next_a[i].v[j];
        b[stage][4 * vector + j][own_row + i * rows_by_pass] = next_b[i].v[j];
      }
  };

  const int y = threadIdx.x / 16, x = threadIdx.x % 16;
  float sums[4 * groups][4 * groups] = {};
  load(0);
  store(0);
  __syncthreads();
  for (int k0 = 0, stage = 0; k0 < extents.depth; k0 += fma_depth, stage ^= 1) {
    const bool has_next = k0 + fma_depth < extents.depth;
    if (has_next)
      load(k0 + fma_depth);
#pragma unroll
    for (int k = 0; k < fma_depth; k++) {
      float left[4 * groups], right[4 * groups];
#pragma unroll
      for (int i = 0; i < 4 * groups; i++) {
        left[i] = a[stage][k][i / 4 * 64 + y * 4 + i % 4];
        right[i] = b[stage][k][i / 4 * 64 + x * 4 + i % 4];
      }
#pragma unroll
      for (int i = 0; i < 4 * groups; i++)
#pragma unroll
        for (int j = 0; j < 4 * groups; j++)
          sums[i][j] = fmaf(left[i], right[j], sums[i][j]);
    }
    if (has_next)
      store(stage ^ 1);
    __syncthreads();
  }
#pragma unroll
  for (int i = 0; i < 4 * groups; i++)
#pragma unroll
    for (int j = 0; j < 4 * groups; j++) {
      const int64_t t = first_row + i / 4 * 64 + y * 4 + i % 4;
      const int64_t n = first_column + j / 4 * 64 + x * 4 + j % 4;
      if (t < extents.rows && n < extents.columns)
        epilogue.finish(t, n, sums[i][j]);
    }
}

template <class Source, class Weight>
void launch_fma(Stream &stream, const char *name, int64_t rows, int64_t columns, int64_t depth,
                const Source &source, const Weight &weight, const Epilogue &epilogue) {
  const auto launch = [&](auto tile) {
    const Extents extents(rows, columns, depth, tile, tile);
    stream.launch(name, {extents.row_tiles * extents.column_tiles, fma_threads},
                  fma_tiles<tile(), Source, Weight>, extents, source, weight, epilogue);
  };
  if (rows == 0)
    return;
  if (has_large_tiles(rows, columns))
    launch(std::integral_constant<int, 128>());
  else
    launch(std::integral_constant<int, 64>());
}

} // namespace
} // namespace tubelet::cuda
