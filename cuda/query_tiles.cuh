// Where the blocks of attention work: every segment's queries in tiles, listed on the device, since only
// its memory has the segments. A launch has room for as many tiles as there can be.
#pragma once

#include "kernel_support.h"

namespace tubelet::cuda {
namespace {

constexpr int list_threads = 256;

struct Segment {
  int32_t q_start, q_end, k_start, k_end;
};

/// Rows from `first_row` of a segment on; no segment: no tile.
struct QueryTile {
  int32_t segment, first_row;
};

struct QueryTiles {
  const Segment *segments;
  int32_t count, tile_rows, room;
  QueryTile *tiles;
  int32_t *covered; ///< rows in all segments

  static int64_t room_for(int64_t rows, int64_t segments, int64_t tile_rows) {
    return (rows + tile_rows - 1) / tile_rows + segments;
  }
  static size_t bytes(int64_t room) { return (size_t(room) * sizeof(QueryTile) + 127) / 64 * 64; }

  QueryTiles(const Tensor &q, const Tensor &segments, int tile_rows, void *scratch)
      : segments(static_cast<const Segment *>(segments.data)), count(int32_t(segments.shape[0])),
        tile_rows(tile_rows), room(int32_t(room_for(q.shape[0], segments.shape[0], tile_rows))),
        tiles(static_cast<QueryTile *>(scratch)),
        covered(reinterpret_cast<int32_t *>(tiles + room)) {}
};

__global__ void __launch_bounds__(list_threads) list_query_tiles(const QueryTiles list) {
  __shared__ int32_t ends[list_threads]; // of the tiles of each segment
  __shared__ int32_t rows[list_threads];
  const int thread = threadIdx.x;
  int32_t listed = 0, covered = 0;
  for (int32_t first = 0; first < list.count; first += list_threads) {
    const int32_t own = first + thread;
    rows[thread] = own < list.count ? list.segments[own].q_end - list.segments[own].q_start : 0;
    const int32_t tiles = (rows[thread] + list.tile_rows - 1) / list.tile_rows;
    ends[thread] = tiles;
    __syncthreads();
    for (int distance = 1; distance < list_threads; distance *= 2) {
      const int32_t before = thread < distance ? 0 : ends[thread - distance];
      const int32_t rows_before = thread < distance ? 0 : rows[thread - distance];
      __syncthreads();
      ends[thread] += before;
      rows[thread] += rows_before;
      __syncthreads();
    }
    for (int32_t i = 0; i < tiles; i++)
      list.tiles[listed + ends[thread] - tiles + i] = {own, i * list.tile_rows};
    listed += ends[list_threads - 1];
    covered += rows[list_threads - 1];
    __syncthreads(); // both are written again
  }
  for (int32_t i = listed + thread; i < list.room; i += list_threads)
    list.tiles[i] = {-1, 0};
  if (thread == 0)
    *list.covered = covered;
}

/// Zeros to those of `tile_rows` rows, from `first` on, that no segment has. Does nothing where every row
/// has one.
__device__ inline void clear_uncovered(const QueryTiles &list, int64_t first, float *y,
                                       int64_t row_count, int64_t columns) {
  if (*list.covered >= row_count)
    return;
  for (int64_t row = first + threadIdx.x; row < first + list.tile_rows && row < row_count;
       row += blockDim.x) {
    bool is_covered = false;
    for (int32_t s = 0; s < list.count; s++)
      is_covered |= row >= list.segments[s].q_start && row < list.segments[s].q_end;
    for (int64_t i = 0; i < columns && !is_covered; i++)
      y[row * columns + i] = 0;
  }
}

inline void launch_list(Stream &stream, const char *name, const QueryTiles &list) {
  stream.launch(name, {1, list_threads}, list_query_tiles, list);
}

} // namespace
} // namespace tubelet::cuda
