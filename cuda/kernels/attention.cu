// Attention over segments: with bfloat16 factors on the tensor cores for heads of up to 128, where the plan
// allows it, by warpgroups where the GPU has them; in float32 otherwise.
#include "attention_tile.cuh"
#include "flash_tile.cuh"
#include "wgmma_flash.cuh"

namespace tubelet::cuda {
namespace {

constexpr const char *wgmma_name = "attention.wgmma", *tensor_name = "attention.tensor_cores";
constexpr const char *plain_name = "attention.tiles";

int64_t depth_of(const Tensor &tensor, const void *attributes) {
  return tensor.shape[1] / static_cast<const Attention::Attributes *>(attributes)->heads;
}

int64_t room_of(const NodeSpec &node, int64_t tile_rows) {
  return QueryTiles::room_for(node.inputs[Attention::q].shape[0],
                              node.inputs[Attention::segments].shape[0], tile_rows);
}

int64_t column_blocks(int64_t value_depth) { return (value_depth + 511) / 512; }

const char *accepts_blocks(const NodeSpec &node, int64_t tile_rows, int64_t by_tile) {
  const auto &attributes = *static_cast<const Attention::Attributes *>(node.attributes);
  for (int input : {Attention::q, Attention::k, Attention::v})
    if (node.inputs[input].shape[1] > INT32_MAX / 2)
      return "it counts at most 1073741823 columns";
  return double(room_of(node, tile_rows)) * double(attributes.heads) * double(by_tile) > INT32_MAX
             ? "a grid has at most 2147483647 blocks"
             : nullptr;
}

const char *accepts_plain(const NodeSpec &node) {
  const int64_t value_depth = depth_of(node.inputs[Attention::v], node.attributes);
  return accepts_blocks(node, plain_rows, column_blocks(value_depth));
}

void plan_plain(const NodeSpec &node, KernelNeeds &needs) {
  needs.scratch_bytes = QueryTiles::bytes(room_of(node, plain_rows));
}

void run_plain(const KernelCall &call, Pool &pool) {
  Stream &stream = stream_of(pool);
  const AttentionNode node(call);
  const QueryTiles query_tiles(call.inputs[Attention::q], call.inputs[Attention::segments],
                               plain_rows, call.scratch);
  if (node.rows == 0)
    return;
  launch_list(stream, plain_name, query_tiles);
  const int64_t blocks = column_blocks(node.value_depth);
  const Grid grid = {unsigned(query_tiles.room * node.heads * blocks), plain_warps * 32};
  const auto kernel = node.value_depth <= 64    ? attention_tiles<2>
                      : node.value_depth <= 128 ? attention_tiles<4>
                                                : attention_tiles<16>;
  stream.launch(plain_name, grid, kernel, node, query_tiles, int32_t(blocks));
}

const char *accepts_tensor(const NodeSpec &node) {
  if (node.precision < Precision::bf16)
    return "the plan asks for more precision";
  if (depth_of(node.inputs[Attention::q], node.attributes) > 128 ||
      depth_of(node.inputs[Attention::v], node.attributes) > 128)
    return "it takes heads of at most 128";
  const auto &attributes = *static_cast<const Attention::Attributes *>(node.attributes);
  if (double(node.inputs[Attention::k].shape[0]) * double(attributes.heads) * 32 > UINT32_MAX)
    return "it counts at most 4294967295 units of packed keys and values";
  return accepts_blocks(node, flash_rows, 1);
}

void plan_tensor(const NodeSpec &node, KernelNeeds &needs) {
  const auto &attributes = *static_cast<const Attention::Attributes *>(node.attributes);
  const Tensor &k = node.inputs[Attention::k], &v = node.inputs[Attention::v];
  needs.scratch_bytes = QueryTiles::bytes(room_of(node, flash_rows)) +
                        packed_bytes(depth_of(k, &attributes), depth_of(v, &attributes), k.shape[0],
                                     attributes.heads);
}

void run_tensor(const KernelCall &call, Pool &pool) {
  const Tensor &q = call.inputs[Attention::q], &segments = call.inputs[Attention::segments];
  const AttentionNode node(call);
  const QueryTiles query_tiles(q, segments, flash_rows, call.scratch);
  void *packed = static_cast<char *>(call.scratch) + QueryTiles::bytes(query_tiles.room);
  launch_flash(stream_of(pool), tensor_name, node, query_tiles, call.inputs[Attention::k].shape[0],
               static_cast<uint16_t *>(packed));
}

const char *accepts_wgmma(const NodeSpec &node) {
  if (const char *refusal = accepts_tensor(node))
    return refusal;
  if (depth_of(node.inputs[Attention::q], node.attributes) <= 32 &&
      depth_of(node.inputs[Attention::v], node.attributes) <= 32)
    return "it is for heads of more than 32";
  const auto &attributes = *static_cast<const Attention::Attributes *>(node.attributes);
  if (double(node.inputs[Attention::k].shape[0] + 8) * double(attributes.heads) * 32 > UINT32_MAX)
    return "it counts at most 4294967295 units of packed keys and values";
  return wgmma_refusal();
}

void plan_wgmma(const NodeSpec &node, KernelNeeds &needs) {
  const auto &attributes = *static_cast<const Attention::Attributes *>(node.attributes);
  const Tensor &k = node.inputs[Attention::k], &v = node.inputs[Attention::v];
  needs.scratch_bytes = QueryTiles::bytes(room_of(node, narrow_rows));
  with_wgmma_flash_shape(depth_of(k, &attributes), depth_of(v, &attributes), [&](auto shape) {
    needs.scratch_bytes += PackedKeys::bytes(k.shape[0], attributes.heads, shape.k, shape.v);
  });
}

/// A row is summed in the same order in blocks of one warpgroup and of two, so that the number of rows may decide.
void run_wgmma(const KernelCall &call, Pool &pool) {
  constexpr int64_t multiprocessors = 132;
  const Tensor &q = call.inputs[Attention::q], &segments = call.inputs[Attention::segments];
  const AttentionNode node(call);
  const int64_t wide_room = QueryTiles::room_for(q.shape[0], segments.shape[0], wide_rows);
  const bool is_wide = wide_room * node.heads >= multiprocessors;
  const QueryTiles query_tiles(q, segments, is_wide ? wide_rows : narrow_rows, call.scratch);
  void *packed = static_cast<char *>(call.scratch) + QueryTiles::bytes(query_tiles.room);
  launch_wgmma_flash(stream_of(pool), wgmma_name, node, query_tiles,
                     call.inputs[Attention::k].shape[0], static_cast<uint16_t *>(packed));
}

constexpr Kernel wgmma = {wgmma_name, accepts_wgmma, plan_wgmma,
                          nullptr,    run_wgmma,     Precision::bf16};
constexpr Kernel tensor_cores = {tensor_name, accepts_tensor, plan_tensor,
                                 nullptr,     run_tensor,     Precision::bf16};
constexpr Kernel tiles = {plain_name, accepts_plain, plan_plain, nullptr, run_plain};
constexpr const Kernel *list[] = {&wgmma, &tensor_cores, &tiles};

} // namespace

extern const KernelList attention_kernels;
const KernelList attention_kernels = {list, 3};

} // namespace tubelet::cuda
