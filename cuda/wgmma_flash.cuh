// Attention with bfloat16 factors on the tensor cores of compute capability 9.0 (FlashAttention-3, Shah et al.
// 2024): each warpgroup of a block has 64 queries of a segment and head, whose scores, softmax and output stay in
// registers in float32. Keys and values are rounded once per run, head by head, the values transposed, so that
// both are rows along what is summed over; one warp has the copy engine bring tiles of 128 keys, two deep, from the
// segment's first key on. A head of 72 has 80 columns of keys and 72 of values.
#pragma once

#include "device/wgmma.cuh"
#include "flash_tile.cuh"
#include "tile_map.h"

namespace tubelet::cuda {
namespace {

constexpr int wide_keys = 128;

template <int key_depth, int value_depth> struct WgmmaFlashShape {
  static constexpr int k = key_depth, v = value_depth;
  static constexpr int k_tiles = (k + tile_columns - 1) / tile_columns;
  static constexpr int k_tile_bytes = wide_keys * tile_row_bytes;
  static constexpr int v_tiles = wide_keys / tile_columns, v_tile_bytes = v * tile_row_bytes;
  static constexpr int k_bytes = k_tiles * k_tile_bytes;
  static constexpr int stages = 2, stage_bytes = k_bytes + v_tiles * v_tile_bytes;
  static constexpr int shared_bytes =
      tile_alignment + stages * stage_bytes + (2 * stages + 1) * int(sizeof(Barrier));
  static_assert(k % 16 == 0 && v % 8 == 0);
};

/// with(shape) for the narrowest shape that holds both depths.
template <class With> void with_wgmma_flash_shape(int64_t depth, int64_t value_depth, With with) {
  const int64_t wider = depth > value_depth ? depth : value_depth;
  if (wider <= 64)
    return with(WgmmaFlashShape<64, 64>());
  if (wider <= 72)
    return with(WgmmaFlashShape<80, 72>());
  if (wider <= 96)
    return with(WgmmaFlashShape<96, 96>());
  return with(WgmmaFlashShape<128, 128>());
}

/// Where keys, [head, token, column], and values, [head, column, token], are.
struct PackedKeys {
  int64_t tokens, token_room; ///< of a row of values, a multiple of 8
  int32_t heads;
  uint16_t *keys, *values;

  PackedKeys(int64_t tokens, int32_t heads, int k, uint16_t *start)
      : tokens(tokens), token_room((tokens + 7) / 8 * 8), heads(heads), keys(start),
        values(start + token_room * heads * k) {}

  static size_t bytes(int64_t tokens, int64_t heads, int k, int v) {
    return size_t((tokens + 7) / 8 * 8 * heads) * size_t(k + v) * 2;
  }
};

/// Columns that a head does not have, and tokens up to the room, are 0.
template <class Shape>
__global__ void pack_transposed(const AttentionNode node, const PackedKeys packed) {
  constexpr uint32_t units = Shape::k / 8;
  const uint32_t heads = uint32_t(packed.heads);
  const int64_t key_items = packed.tokens * heads * units;
  struct alignas(16) Unit {
    uint32_t pairs[4];
  };
  each_item(key_items + packed.token_room / 8 * heads * Shape::v, [&](uint32_t item) {
    if (item < key_items) {
      const uint32_t row = item / units, at = item % units * 8;
      const uint32_t token = row / heads, head = row % heads;
      const float *from = node.k + token * node.k_stride + int64_t(head) * node.depth;
      const Row<const float> floats{from, node.depth, node.is_aligned};
      const Four low = floats.load(at), high = floats.load(at + 4);
      uint16_t *const to = packed.keys + (head * packed.tokens + token) * Shape::k + at;
      *reinterpret_cast<Unit *>(to) = {
          {bfloat_pair(low.v[0], low.v[1]), bfloat_pair(low.v[2], low.v[3]),
           bfloat_pair(high.v[0], high.v[1]), bfloat_pair(high.v[2], high.v[3])}};
      return;
    }
    const uint32_t rest = item - uint32_t(key_items);
    const uint32_t column = rest % Shape::v, head = rest / Shape::v % heads;
    const int64_t token = rest / Shape::v / heads * 8;
    const float *const from =
        node.v + token * node.v_stride + int64_t(head) * node.value_depth + column;
    float values[8];
#pragma unroll
    for (int i = 0; i < 8; i++)
      values[i] = column < uint32_t(node.value_depth) && token + i < packed.tokens
                      ? from[i * node.v_stride]
                      : 0.0f;
    uint16_t *const to =
        packed.values + (int64_t(head) * Shape::v + column) * packed.token_room + token;
    *reinterpret_cast<Unit *>(to) = {
        {bfloat_pair(values[0], values[1]), bfloat_pair(values[2], values[3]),
         bfloat_pair(values[4], values[5]), bfloat_pair(values[6], values[7])}};
  });
}

/// Zeros to the values of keys from `present` on, which may be another segment's: 0 · NaN would be NaN.
template <class Shape> __device__ void clear_values(unsigned char *values, int32_t present) {
  constexpr int units = tile_columns / 8;
  for (int i = threadIdx.x % 32; i < Shape::v_tiles * Shape::v * units; i += 32) {
    const int unit = i % units, row = i / units % Shape::v, tile = i / units / Shape::v;
    auto *const of_unit =
        reinterpret_cast<uint16_t *>(unit_of(values + tile * Shape::v_tile_bytes, row, unit));
    for (int j = 0; j < 8; j++)
      if (tile * tile_columns + unit * 8 + j >= present)
        of_unit[j] = 0;
  }
}

/// Two warpgroups that multiply leave no more than 168 registers to each thread of the block, so that a third one
/// copies, which gives its registers to them; beside a single one a warp copies.
constexpr int flash_threads(int warpgroups) {
  return warpgroups * warpgroup_threads + (warpgroups > 1 ? warpgroup_threads : 32);
}

template <class Shape, int warpgroups>
__global__ void __launch_bounds__(flash_threads(warpgroups), 1)
    flash_warpgroups(const __grid_constant__ TileMap map_k, const __grid_constant__ TileMap map_v,
                     const AttentionNode node, const QueryTiles list, const int64_t tokens) {
#if TUBELET_HAS_WGMMA
  constexpr int block_rows = 64 * warpgroups;
  const int32_t place = int32_t(blockIdx.x % unsigned(list.room));
  const int32_t head = int32_t(blockIdx.x / unsigned(list.room));
  if (head == 0)
    clear_uncovered(list, int64_t(place) * block_rows, node.y, node.rows, node.columns());
  const QueryTile tile = list.tiles[place];
  if (tile.segment < 0)
    return;
  const Segment segment = list.segments[tile.segment];
  const FlashRows own(tile, segment, block_rows, head);
  const int32_t key_count = node.keys_of(segment, own.first_query + own.rows);

  unsigned char *const stages = first_tile(launch_shared());
  auto *const full = reinterpret_cast<Barrier *>(stages + Shape::stages * Shape::stage_bytes);
  Barrier *const empty = full + Shape::stages, *const last = empty + Shape::stages;
  if (threadIdx.x == 0) {
    for (int i = 0; i < Shape::stages; i++) {
      make_barrier(full + i, 1);
      make_barrier(empty + i, 4 * warpgroups); // a lane of each warp
    }
    make_barrier(last, 1);
    show_barriers();
  }
  __syncthreads();

  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  if (warp >= 4 * warpgroups) {
    if constexpr (warpgroups > 1)
      shrink_registers<24>();
    if (warp > 4 * warpgroups)
      return;
    for (int32_t first_key = 0; first_key < key_count; first_key += wide_keys) {
      const int step = first_key / wide_keys, stage = step % Shape::stages;
      unsigned char *const keys = stages + stage * Shape::stage_bytes;
      unsigned char *const values = keys + Shape::k_bytes;
      const int32_t present = key_count - first_key;
      Barrier *const copied = present < wide_keys ? last : full + stage;
      if (step >= Shape::stages)
        wait_for(empty + stage, (step / Shape::stages - 1) % 2);
      if (lane == 0) {
        const int32_t token = segment.k_start + first_key;
        arrive_expecting(copied, Shape::stage_bytes);
        for (int i = 0; i < Shape::k_tiles; i++)
          load_tile(keys + i * Shape::k_tile_bytes, map_k, i * tile_columns,
                    int32_t(head * tokens) + token, copied);
        for (int i = 0; i < Shape::v_tiles; i++)
          load_tile(values + i * Shape::v_tile_bytes, map_v, token + i * tile_columns,
                    head * Shape::v, copied);
      }
      __syncwarp();
      if (present < wide_keys) {
        wait_for(last, 0);
        clear_values<Shape>(values, present);
        show_stores();
        __syncwarp();
        if (lane == 0)
          arrive(full + stage);
      }
    }
  } else {
    if constexpr (warpgroups > 1)
      grow_registers<240>();
    uint32_t queries[Shape::k / 16][4];
    own.load(node, queries);
    Softmax softmax;
    float sums[Shape::v / 8][4] = {};
    for (int32_t first_key = 0; first_key < key_count; first_key += wide_keys) {
      const int step = first_key / wide_keys, stage = step % Shape::stages;
      const unsigned char *const keys = stages + stage * Shape::stage_bytes;
      const unsigned char *const values = keys + Shape::k_bytes;
      wait_for(full + stage, step / Shape::stages % 2);

      float scores[wide_keys / 8][4];
      start_products();
#pragma unroll
      for (int k = 0; k < Shape::k / 16; k++)
        multiply_tiles(scores, queries[k],
                       tile_descriptor(keys + k / 4 * Shape::k_tile_bytes, k % 4 * 16), k > 0);
      commit_products();
      products_done<0>(scores);
      own.score(node, first_key, key_count, scores);
      softmax.weigh(scores, sums);

      uint32_t weights[wide_keys / 16][4];
#pragma unroll
      for (int k = 0; k < wide_keys / 16; k++)
        weights_of(scores[2 * k], scores[2 * k + 1], weights[k]);
      start_products();
#pragma unroll
      for (int k = 0; k < wide_keys / 16; k++)
        multiply_tiles(sums, weights[k],
                       tile_descriptor(values + k / 4 * Shape::v_tile_bytes, k % 4 * 16), true);
      commit_products();
      products_done<0>(sums);
      if (lane == 0)
        arrive(empty + stage);
    }
    own.store(node, softmax, sums);
  }
#endif
}

/// Of a block of two warpgroups: where those do not give every multiprocessor a block, one.
constexpr int wide_rows = 128, narrow_rows = 64;

inline void launch_wgmma_flash(Stream &stream, const char *name, const AttentionNode &node,
                               const QueryTiles &list, int64_t tokens, uint16_t *start) {
  if (node.rows == 0)
    return;
  launch_list(stream, name, list);
  with_wgmma_flash_shape(node.depth, node.value_depth, [&](auto shape) {
    using Shape = decltype(shape);
    const PackedKeys packed(tokens, node.heads, Shape::k, start);
    TileMap map_k = {}, map_v = {};
    if (tokens > 0) {
      const FlatLaunch flat = flat_launch(tokens * node.heads * (Shape::k + Shape::v) / 8);
      stream.launch(name, {flat.blocks, flat.threads}, pack_transposed<Shape>, node, packed);
      stream.note(
          name, map_tiles(&map_k, packed.keys, Shape::k, tokens * node.heads, Shape::k, wide_keys));
      stream.note(name, map_tiles(&map_v, packed.values, tokens, int64_t(node.heads) * Shape::v,
                                  packed.token_room, Shape::v));
    }
    const auto launch = [&](auto warpgroups) {
      stream.launch(name,
                    {unsigned(list.room * node.heads), unsigned(flash_threads(warpgroups())),
                     Shape::shared_bytes},
                    flash_warpgroups<Shape, warpgroups()>, map_k, map_v, node, list, tokens);
    };
    if (list.tile_rows == wide_rows)
      launch(std::integral_constant<int, 2>());
    else
      launch(std::integral_constant<int, 1>());
  });
}

} // namespace
} // namespace tubelet::cuda
