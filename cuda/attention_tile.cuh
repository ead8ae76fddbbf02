// Attention in float32: a block of 4 warps has 32 queries of a segment and head, each warp 8 of them; keys
// come in tiles of 32, a key to a lane, from the segment's first key on. Softmax is online (Milakov and
// Gimelshein 2018).
#pragma once

#include "device/reduce.cuh"
#include "device/vector.cuh"
#include "ops/attention.h"
#include "query_tiles.cuh"

namespace tubelet::cuda {
namespace {

struct AttentionNode {
  const float *q, *k, *v, *bias;
  float *y;
  int64_t rows, q_stride, k_stride, v_stride, bias_stride;
  int32_t heads, depth, value_depth, reach; ///< reach: of the bias, (B - 1) / 2
  float scale;
  bool is_causal, is_aligned;

  AttentionNode(const KernelCall &call) {
    const auto &attributes = *static_cast<const Attention::Attributes *>(call.attributes);
    const Tensor &query = call.inputs[Attention::q], &key = call.inputs[Attention::k];
    const Tensor &value = call.inputs[Attention::v], &offset = call.inputs[Attention::bias];
    q = floats(query);
    k = floats(key);
    v = floats(value);
    bias = floats(offset);
    y = floats_out(*call.output);
    rows = query.shape[0];
    q_stride = query.row_stride;
    k_stride = key.row_stride;
    v_stride = value.row_stride;
    bias_stride = offset.row_stride;
    heads = int32_t(attributes.heads);
    depth = int32_t(query.shape[1] / heads);
    value_depth = int32_t(value.shape[1] / heads);
    reach = int32_t(offset.rank > 0 ? (offset.shape[0] - 1) / 2 : 0);
    scale = float(attributes.scale);
    is_causal = attributes.causal;
    is_aligned = is_vectored(query, depth) && is_vectored(key, depth) &&
                 is_vectored(value, value_depth) && is_vectored(*call.output, value_depth);
  }

  __device__ int64_t columns() const { return int64_t(heads) * value_depth; }
  /// Keys that the first `queries` queries of a segment see.
  __device__ int32_t keys_of(const Segment &segment, int32_t queries) const {
    const int32_t keys = segment.k_end - segment.k_start;
    return is_causal && queries < keys ? queries : keys;
  }
  /// What is added to the score of a query and a key, both counted in their segment; -infinity drops the key.
  __device__ float offset(int32_t query, int32_t key, int32_t keys, int32_t head) const {
    if (key >= keys || (is_causal && key > query))
      return -INFINITY;
    return bias ? bias[(key - query + reach) * bias_stride + head] : 0.0f;
  }
};

constexpr int plain_warps = 4, plain_warp_rows = 8, plain_rows = plain_warps * plain_warp_rows;
constexpr int plain_keys = 32, plain_depth = 32; ///< of a tile; of q and k at a time

/// rows x plain_depth of q or k from (first, column) on; zeros outside.
__device__ inline void stage_rows(float (*to)[plain_depth + 4], const float *from, int64_t stride,
                                  int32_t rows, int32_t column, int32_t depth, bool is_aligned) {
  for (int i = threadIdx.x; i < 32 * plain_depth / 4; i += plain_warps * 32) {
    const int row = i / (plain_depth / 4), at = i % (plain_depth / 4) * 4;
    Four four = {};
    if (row < rows)
      four = Row<const float>{from + row * stride, depth, is_aligned}.load(column + at);
#pragma unroll
    for (int j = 0; j < 4; j++)
      to[row][at + j] = four.v[j];
  }
}

/// A lane has `width` columns of the values, 32 apart; a block 32 · width of them.
template <int width>
__global__ void __launch_bounds__(plain_warps * 32, 1)
    attention_tiles(const AttentionNode node, const QueryTiles list, const int32_t column_blocks) {
  __shared__ float queries[plain_rows][plain_depth + 4], keys[plain_keys][plain_depth + 4];
  __shared__ float weights[plain_warps][plain_warp_rows][plain_keys];
  const int32_t place = int32_t(blockIdx.x % unsigned(list.room));
  const int32_t rest = int32_t(blockIdx.x / unsigned(list.room));
  const int32_t head = rest / column_blocks;
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  const int32_t first_column = rest % column_blocks * 32 * width + lane;
  if (rest == 0)
    clear_uncovered(list, int64_t(place) * plain_rows, node.y, node.rows, node.columns());
  const QueryTile tile = list.tiles[place];
  if (tile.segment < 0)
    return;
  const Segment segment = list.segments[tile.segment];
  const int64_t first_row = int64_t(segment.q_start) + tile.first_row;
  const int32_t left = segment.q_end - segment.q_start - tile.first_row;
  const int32_t rows = left < plain_rows ? left : plain_rows;
  const int32_t key_count = node.keys_of(segment, tile.first_row + rows);

  float largest[plain_warp_rows], total[plain_warp_rows], sums[plain_warp_rows][width] = {};
#pragma unroll
  for (int r = 0; r < plain_warp_rows; r++) {
    largest[r] = -INFINITY;
    total[r] = 0;
  }
  for (int32_t first_key = 0; first_key < key_count; first_key += plain_keys) {
    const int32_t tile_keys =
        key_count - first_key < plain_keys ? key_count - first_key : plain_keys;
    float scores[plain_warp_rows] = {};
    for (int32_t column = 0; column < node.depth; column += plain_depth) {
      __syncthreads(); // nobody reads the staged rows any more
      const int64_t of_head = int64_t(head) * node.depth;
      stage_rows(queries, node.q + first_row * node.q_stride + of_head, node.q_stride, rows, column,
                 node.depth, node.is_aligned);
      stage_rows(keys, node.k + (int64_t(segment.k_start) + first_key) * node.k_stride + of_head,
                 node.k_stride, tile_keys, column, node.depth, node.is_aligned);
      __syncthreads();
#pragma unroll 4
      for (int d = 0; d < plain_depth; d++)
#pragma unroll
        for (int r = 0; r < plain_warp_rows; r++)
          scores[r] = fmaf(queries[warp * plain_warp_rows + r][d], keys[lane][d], scores[r]);
    }
#pragma unroll
    for (int r = 0; r < plain_warp_rows; r++) {
      const int32_t query = tile.first_row + warp * plain_warp_rows + r;
      const bool is_row = warp * plain_warp_rows + r < rows;
      const float score =
          is_row ? scores[r] * node.scale + node.offset(query, first_key + lane, key_count, head)
                 : 0.0f;
      const float most = fmaxf(largest[r], warp_max(score));
      const float weight = most == -INFINITY ? 0.0f : expf(score - most);
      const float kept = most == -INFINITY ? 1.0f : expf(largest[r] - most);
      largest[r] = most;
      total[r] = total[r] * kept + warp_sum(weight);
      weights[warp][r][lane] = weight;
#pragma unroll
      for (int i = 0; i < width; i++)
        sums[r][i] *= kept;
    }
    __syncwarp();
    const float *v = node.v + (int64_t(segment.k_start) + first_key) * node.v_stride +
                     int64_t(head) * node.value_depth;
    for (int32_t key = 0; key < tile_keys; key++, v += node.v_stride) {
      float values[width];
#pragma unroll
      for (int i = 0; i < width; i++)
        values[i] = first_column + 32 * i < node.value_depth ? v[first_column + 32 * i] : 0.0f;
#pragma unroll
      for (int r = 0; r < plain_warp_rows; r++)
#pragma unroll
        for (int i = 0; i < width; i++)
          sums[r][i] = fmaf(weights[warp][r][key], values[i], sums[r][i]);
    }
    __syncwarp();
  }
#pragma unroll
  for (int r = 0; r < plain_warp_rows; r++) {
    const int32_t row = warp * plain_warp_rows + r;
#pragma unroll
    for (int i = 0; i < width; i++)
      if (row < rows && first_column + 32 * i < node.value_depth)
        node.y[(first_row + row) * node.columns() + int64_t(head) * node.value_depth +
               first_column + 32 * i] = total[r] == 0 ? 0.0f : sums[r][i] / total[r];
  }
}

} // namespace
} // namespace tubelet::cuda
