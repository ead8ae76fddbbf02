// Attention with bfloat16 factors on the tensor cores of compute capability 8.0 and later (FlashAttention-2, Dao
// 2023): a block of 4 warps has 64 queries of a segment and head, 16 to a warp, whose scores, softmax and
// output stay in registers in float32. Keys and values are rounded once per run, head by head, and come in
// tiles of 64 keys by asynchronous copies, from the segment's first key on. The softmax is in base 2. A
// head of 72 has 80 columns of keys and 72 of values.
#pragma once

#include "attention_tile.cuh"
#include "device/items.cuh"
#include "device/mma.cuh"

namespace tubelet::cuda {
namespace {

constexpr int flash_warps = 4, flash_rows = 16 * flash_warps, flash_keys = 64;
constexpr float log2_e = 1.4426950408889634f;

/// What a kernel of these depths has: columns of K and V as they are packed, and from row to row of a tile
/// in shared memory, an odd number of 16-byte units, so that eight rows meet in no bank.
template <int key_depth, int value_depth> struct FlashShape {
  static constexpr int k = key_depth, v = value_depth;
  static constexpr int k_units = k / 8, v_units = v / 8;
  static constexpr int k_row = (k_units | 1) * 16, v_row = (v_units | 1) * 16; ///< bytes
  static constexpr int stage_bytes = flash_keys * (k_row + v_row);
  static constexpr int shared_bytes = 2 * stage_bytes;
  static_assert(k % 16 == 0 && v % 8 == 0 && shared_bytes <= least_shared_bytes);
};

/// with(shape) for the narrowest shape that holds both depths.
template <class With>
decltype(auto) with_flash_shape(int64_t depth, int64_t value_depth, With with) {
  const int64_t wider = depth > value_depth ? depth : value_depth;
  if (wider <= 32)
    return with(FlashShape<32, 32>());
  if (wider <= 64)
    return with(FlashShape<64, 64>());
  if (wider <= 72)
    return with(FlashShape<80, 72>());
  if (wider <= 96)
    return with(FlashShape<96, 96>());
  return with(FlashShape<128, 128>());
}

inline size_t packed_bytes(int64_t depth, int64_t value_depth, int64_t keys, int64_t heads) {
  return with_flash_shape(depth, value_depth, [&](auto shape) {
    return size_t(keys * heads) * size_t(shape.k + shape.v) * 2;
  });
}

/// Keys, then values, [head, token, column], rounded; columns that a head does not have are 0.
template <class Shape>
__global__ void pack_keys(const AttentionNode node, const int64_t tokens, uint16_t *packed) {
  constexpr uint32_t units = Shape::k_units + Shape::v_units;
  each_item(tokens * node.heads * units, [&](uint32_t item) {
    const uint32_t heads = uint32_t(node.heads), row = item / units, unit = item - row * units;
    const uint32_t token = row / heads, head = row - token * heads;
    const bool is_key = unit < uint32_t(Shape::k_units);
    const int64_t at = (is_key ? unit : unit - Shape::k_units) * 8;
    const int64_t depth = is_key ? node.depth : node.value_depth;
    const float *from =
        (is_key ? node.k + token * node.k_stride : node.v + token * node.v_stride) + head * depth;
    const Row<const float> floats{from, depth, node.is_aligned};
    const Four low = floats.load(at), high = floats.load(at + 4);
    uint16_t *to =
        is_key ? packed + (int64_t(head) * tokens + token) * Shape::k
               : packed + tokens * heads * Shape::k + (int64_t(head) * tokens + token) * Shape::v;
    struct alignas(16) Unit {
      uint32_t pairs[4];
    };
    *reinterpret_cast<Unit *>(to + at) = {
        {bfloat_pair(low.v[0], low.v[1]), bfloat_pair(low.v[2], low.v[3]),
         bfloat_pair(high.v[0], high.v[1]), bfloat_pair(high.v[2], high.v[3])}};
  });
}

/// Starts the copies of `rows` rows of 16-byte units; rows from `present` on become 0.
template <int units, int row_bytes>
__device__ void copy_rows(unsigned char *to, const uint16_t *from, int present) {
  for (int i = threadIdx.x; i < flash_keys * units; i += flash_warps * 32) {
    const int row = i / units, unit = i % units;
    const bool is_there = row < present;
    copy_async(to + row * row_bytes + unit * 16,
               from + (is_there ? (int64_t(row) * units + unit) * 8 : 0), is_there ? 16 : 0);
  }
}

/// The largest of, and the sum over, the 4 lanes that share a row.
__device__ inline float row_max(float value) {
  value = fmaxf(value, __shfl_xor_sync(0xFFFFFFFFu, value, 1));
  return fmaxf(value, __shfl_xor_sync(0xFFFFFFFFu, value, 2));
}
__device__ inline float row_sum(float value) {
  value += __shfl_xor_sync(0xFFFFFFFFu, value, 1);
  return value + __shfl_xor_sync(0xFFFFFFFFu, value, 2);
}

/// Two rows of a warp's 16, as a lane has them: row `half` is lane / 4 + 8 · half.
struct Softmax {
  float largest[2] = {-INFINITY, -INFINITY}, total[2] = {0, 0};

  /// Scores in base 2 become weights; `sums` what was summed with the weights before.
  template <int key_groups, int N>
  __device__ void weigh(float (&scores)[key_groups][4], float (&sums)[N][4]) {
#pragma unroll
    for (int half = 0; half < 2; half++) {
      float most = largest[half];
#pragma unroll
      for (int n = 0; n < key_groups; n++)
        most = fmaxf(most, fmaxf(scores[n][2 * half], scores[n][2 * half + 1]));
      most = row_max(most);
      const float base = most == -INFINITY ? 0.0f : most;
      const float kept = power_of_two(largest[half] - base);
      largest[half] = most;
      float added = 0;
#pragma unroll
      for (int n = 0; n < key_groups; n++)
#pragma unroll
        for (int i = 2 * half; i < 2 * half + 2; i++) {
          scores[n][i] = power_of_two(scores[n][i] - base);
          added += scores[n][i];
        }
      total[half] = total[half] * kept + added; // of this lane's keys
#pragma unroll
      for (int n = 0; n < N; n++) {
        sums[n][2 * half] *= kept;
        sums[n][2 * half + 1] *= kept;
      }
    }
  }
};

/// The queries of a block and head, and the rows that this lane has of them: own_row and own_row + 8.
struct FlashRows {
  int64_t first_row;               ///< of q and y
  int32_t first_query, rows, head; ///< first_query: in the segment
  int own_row;

  __device__ FlashRows(const QueryTile &tile, const Segment &segment, int32_t most, int32_t head)
      : first_row(int64_t(segment.q_start) + tile.first_row), first_query(tile.first_row),
        rows(segment.q_end - segment.q_start - tile.first_row), head(head),
        own_row(threadIdx.x / 32 * 16 + threadIdx.x % 32 / 4) {
    if (rows > most)
      rows = most;
  }

  /// As factors A of multiply_add and multiply_tiles.
  template <int steps>
  __device__ void load(const AttentionNode &node, uint32_t (&queries)[steps][4]) const {
    const float *const q = node.q + first_row * node.q_stride + int64_t(head) * node.depth;
    const auto query = [&](int row, int column) {
      return row < rows && column < node.depth ? q[row * node.q_stride + column] : 0.0f;
    };
#pragma unroll
    for (int k = 0; k < steps; k++)
#pragma unroll
      for (int i = 0; i < 4; i++) {
        const int row = own_row + i % 2 * 8;
        const int column = k * 16 + threadIdx.x % 4 * 2 + i / 2 * 8;
        queries[k][i] = bfloat_pair(query(row, column), query(row, column + 1));
      }
  }

  /// Products of queries and keys, from `first_key` of the segment on, become scores in base 2.
  template <int key_groups>
  __device__ void score(const AttentionNode &node, int32_t first_key, int32_t key_count,
                        float (&scores)[key_groups][4]) const {
    const float scale = node.scale * log2_e;
    const bool is_whole = first_key + key_groups * 8 <= key_count && !node.is_causal && !node.bias;
#pragma unroll
    for (int n = 0; n < key_groups; n++)
#pragma unroll
      for (int i = 0; i < 4; i++) {
        scores[n][i] *= scale;
        const int row = own_row + i / 2 * 8;
        if (is_whole || row >= rows)
          continue;
        const int32_t key = first_key + n * 8 + threadIdx.x % 4 * 2 + i % 2;
        const float offset = node.offset(first_query + row, key, key_count, head);
        // What is dropped may be another segment's, and NaN.
        scores[n][i] = offset == -INFINITY ? offset : scores[n][i] + log2_e * offset;
      }
  }

  template <int N>
  __device__ void store(const AttentionNode &node, const Softmax &softmax,
                        const float (&sums)[N][4]) const {
#pragma unroll
    for (int half = 0; half < 2; half++) {
      const float total = row_sum(softmax.total[half]);
      const int row = own_row + half * 8;
      float *const y =
          node.y + (first_row + row) * node.columns() + int64_t(head) * node.value_depth;
#pragma unroll
      for (int n = 0; n < N; n++)
#pragma unroll
        for (int i = 0; i < 2; i++) {
          const int column = n * 8 + threadIdx.x % 4 * 2 + i;
          if (row < rows && column < node.value_depth)
            y[column] = total == 0 ? 0.0f : sums[n][2 * half + i] / total;
        }
    }
  }
};

/// Weights of 16 keys as a factor A.
__device__ inline void weights_of(const float (&low)[4], const float (&high)[4],
                                  uint32_t (&weights)[4]) {
  weights[0] = bfloat_pair(low[0], low[1]);
  weights[1] = bfloat_pair(low[2], low[3]);
  weights[2] = bfloat_pair(high[0], high[1]);
  weights[3] = bfloat_pair(high[2], high[3]);
}

template <class Shape>
__global__ void __launch_bounds__(flash_warps * 32, 1)
    flash_tiles(const AttentionNode node, const QueryTiles list, const int64_t tokens,
                const uint16_t *packed) {
  const int32_t place = int32_t(blockIdx.x % unsigned(list.room));
  const int32_t head = int32_t(blockIdx.x / unsigned(list.room));
  if (head == 0)
    clear_uncovered(list, int64_t(place) * flash_rows, node.y, node.rows, node.columns());
  const QueryTile tile = list.tiles[place];
  if (tile.segment < 0)
    return;
  const Segment segment = list.segments[tile.segment];
  const FlashRows own(tile, segment, flash_rows, head);
  const int32_t key_count = node.keys_of(segment, own.first_query + own.rows);
  const int lane = threadIdx.x % 32;

  unsigned char *const shared = launch_shared();
  const int64_t first_token = int64_t(head) * tokens + segment.k_start;
  const uint16_t *const keys = packed + first_token * Shape::k;
  const uint16_t *const values = packed + tokens * node.heads * Shape::k + first_token * Shape::v;
  const auto copy_tile = [&](int32_t first_key) {
    unsigned char *const to = shared + first_key / flash_keys % 2 * Shape::stage_bytes;
    if (first_key < key_count) {
      copy_rows<Shape::k_units, Shape::k_row>(to, keys + int64_t(first_key) * Shape::k,
                                              key_count - first_key);
      copy_rows<Shape::v_units, Shape::v_row>(to + flash_keys * Shape::k_row,
                                              values + int64_t(first_key) * Shape::v,
                                              key_count - first_key);
    }
    commit_copies();
  };
  copy_tile(0);

  uint32_t queries[Shape::k / 16][4];
  own.load(node, queries);

  Softmax softmax;
  float sums[Shape::v_units][4] = {};
  for (int32_t first_key = 0; first_key < key_count; first_key += flash_keys) {
    copy_tile(first_key + flash_keys);
    wait_for_copies<1>();
    __syncthreads();
    const unsigned char *const tile_k = shared + first_key / flash_keys % 2 * Shape::stage_bytes;
    const unsigned char *const tile_v = tile_k + flash_keys * Shape::k_row;

    float scores[flash_keys / 8][4] = {};
#pragma unroll
    for (int k = 0; k < Shape::k / 16; k++)
#pragma unroll
      for (int n = 0; n < flash_keys / 8; n += 2) {
        uint32_t pairs[4];
        load_matrices(pairs, tile_k + (n * 8 + lane / 16 * 8 + lane % 8) * Shape::k_row +
                                 (2 * k + lane / 8 % 2) * 16);
        multiply_add(scores[n], queries[k], {pairs[0], pairs[1]});
        multiply_add(scores[n + 1], queries[k], {pairs[2], pairs[3]});
      }
    own.score(node, first_key, key_count, scores);
    softmax.weigh(scores, sums);

#pragma unroll
    for (int k = 0; k < flash_keys / 16; k++) {
      uint32_t weights[4];
      weights_of(scores[2 * k], scores[2 * k + 1], weights);
#pragma unroll
      for (int n = 0; n < Shape::v_units; n += 2) {
        // Of an odd number of units the last is loaded twice.
        const int unit = n + 1 < Shape::v_units ? n + lane / 16 : n;
        uint32_t pairs[4];
        load_matrices_transposed(pairs, tile_v + (k * 16 + lane % 16) * Shape::v_row + unit * 16);
        multiply_add(sums[n], weights, {pairs[0], pairs[1]});
        if (n + 1 < Shape::v_units)
          multiply_add(sums[n + 1], weights, {pairs[2], pairs[3]});
      }
    }
    __syncthreads(); // the next copies go where this tile was
  }
  wait_for_copies<0>();
  own.store(node, softmax, sums);
}

inline void launch_flash(Stream &stream, const char *name, const AttentionNode &node,
                         const QueryTiles &list, int64_t tokens, uint16_t *packed) {
  if (node.rows == 0)
    return;
  launch_list(stream, name, list);
  with_flash_shape(node.depth, node.value_depth, [&](auto shape) {
    using Shape = decltype(shape);
    const FlatLaunch flat = flat_launch(tokens * node.heads * (Shape::k_units + Shape::v_units));
    if (tokens > 0)
      stream.launch(name, {flat.blocks, flat.threads}, pack_keys<Shape>, node, tokens, packed);
    stream.launch(name, {unsigned(list.room * node.heads), flash_warps * 32, Shape::shared_bytes},
                  flash_tiles<Shape>, node, list, tokens, packed);
  });
}

} // namespace
} // namespace tubelet::cuda
