// Launch shapes for every width and number of items that a model can have.
#include "launch.h"

#include <cstdio>
#include <initializer_list>

namespace {

using namespace tubelet::cuda;

int failures = 0;

void require(bool holds, const char *what, int64_t size) {
  if (holds)
    return;
  std::printf("FAIL %s at %lld\n", what, static_cast<long long>(size));
  failures++;
}

void check_row(int64_t width) {
  const RowLaunch shape = row_launch(width);
  const int64_t held = int64_t(shape.threads) * shape.chunks * vector_elements;
  require(shape.chunks == 0 || held >= width, "the threads of a row hold all of it", width);
  require(shape.chunks == 0 || held / 2 < width + warp_size * shape.chunks * vector_elements,
          "half of the threads have work, but for a warp", width);
  require(shape.chunks != 0 || width > 4 * most_threads * vector_elements,
          "only rows too wide for registers are read again", width);
  require(shape.threads % warp_size == 0 && shape.threads >= warp_size, "whole warps", width);
  const bool is_warp = shape.rows_per_block > 1;
  require(!is_warp || shape.threads == warp_size, "several rows of a block have a warp each",
          width);
  require(int(shape.block_threads()) <= row_block_threads(is_warp), "the block's limit", width);
}

void check_blocks(int64_t width, int64_t rows) {
  const RowLaunch shape = row_launch(width);
  const int64_t covered = int64_t(shape.blocks(rows)) * shape.rows_per_block;
  require(covered >= rows && covered - rows < shape.rows_per_block, "each row has one place", rows);
}

void check_flat(int64_t items) {
  const FlatLaunch shape = flat_launch(items);
  const int64_t threads = int64_t(shape.blocks) * shape.threads;
  require(shape.blocks >= 1 && shape.blocks <= 65536, "a grid of 1 to 65536 blocks", items);
  require(threads >= items || shape.blocks == 65536, "a thread per item up to the limit", items);
}

void check_wgmma_tile(int64_t rows, int64_t columns) {
  const int chosen = wgmma_tile_for(rows, columns);
  for (const WgmmaTile &tile : wgmma_tiles_of)
    require(wgmma_cost(wgmma_tiles_of[chosen], rows, columns) <= wgmma_cost(tile, rows, columns),
            "no tile costs less than the chosen one", rows);
}

/// DiT-XL/2 at 256 pixels, a single image: at least half of 132 multiprocessors have a tile, none has two.
constexpr bool fills_once(int64_t rows, int64_t columns) {
  const WgmmaTile tile = wgmma_tiles_of[wgmma_tile_for(rows, columns)];
  const int64_t row_tiles = (rows + tile.rows - 1) / tile.rows;
  const int64_t tiles = row_tiles * ((columns + tile.columns - 1) / tile.columns);
  return tiles >= 66 && tiles <= 132;
}
static_assert(fills_once(256, 1152) && fills_once(256, 3456) && fills_once(256, 4608));

} // namespace

int main() {
  for (int64_t width = 1; width <= 40000; width++)
    check_row(width);
  for (int64_t rows : {1, 2, 3, 4, 5, 127, 32760, 2147483647})
    for (int64_t width : {1, 256, 512, 513, 1152, 20000})
      check_blocks(width, rows);
  for (int64_t rows : {1, 10, 65, 130, 256, 512, 8192, 32760, 2147483647})
    for (int64_t columns : {1, 1152, 3456, 4608, 9216, 16904})
      check_wgmma_tile(rows, columns);
  for (int64_t items : {int64_t(1), int64_t(255), int64_t(257), int64_t(16777216),
                        int64_t(16777217), int64_t(1) << 40})
    check_flat(items);
  static_assert(row_launch(1152).threads == 160 && row_launch(1152).chunks == 2);
  std::printf("launch: %d failures\n", failures);
  return failures ? 1 : 0;
}
