// Linear: with bfloat16 factors on the tensor cores, where the plan allows it, by warpgroups where the GPU has
// them; in float32 otherwise, from the weight as it is stored.
#include "fma_tile.cuh"
#include "mma_tile.cuh"
#include "ops/linear.h"
#include "pack.h"
#include "wgmma_tile.cuh"

namespace tubelet::cuda {
namespace {

constexpr const char *wgmma_name = "linear.wgmma", *tensor_name = "linear.tensor_cores";
constexpr const char *plain_name = "linear.tiles";

/// Rows of x.
struct Tokens {
  const float *x;
  int64_t rows, stride, depth;
  bool is_aligned;

  explicit Tokens(const Tensor &x)
      : x(floats(x)), rows(x.shape[0]), stride(x.row_stride), depth(x.shape[1]),
        is_aligned(is_vectored(x)) {}

  using Place = const float *;
  __device__ Place row(int64_t t) const { return t < rows ? x + t * stride : nullptr; }
  __device__ int64_t column(int64_t k) const { return k; }
  __device__ Four load(Place row, int64_t k) const {
    if (!row)
      return {};
    return Row<const float>{row, depth, is_aligned}.load(k);
  }
};

const char *accepts(const NodeSpec &node) {
  const Tensor &x = node.inputs[Linear::x];
  if (x.shape[1] > INT32_MAX / 2)
    return "it counts at most 1073741823 columns of x";
  return element_count(*node.output) / 4 > INT32_MAX ? "a grid has at most 2147483647 blocks"
                                                     : nullptr;
}

const char *accepts_tensor(const NodeSpec &node) {
  if (node.precision < Precision::bf16)
    return "the plan asks for more precision";
  return node.is_weight[Linear::weight] ? accepts(node) : "weight must be constant to be packed";
}

/// Whatever the number of rows, whose sums another kernel would give other bits.
const char *accepts_wgmma(const NodeSpec &node) {
  if (const char *refusal = accepts_tensor(node))
    return refusal;
  const Tensor &x = node.inputs[Linear::x];
  if (double(x.shape[0]) * double(packed_depth(x.shape[1]) / 8) > UINT32_MAX)
    return "it counts at most 4294967295 units of rounded x";
  return wgmma_refusal();
}

Epilogue epilogue_of(const KernelCall &call) {
  const auto &attributes = *static_cast<const Linear::Attributes *>(call.attributes);
  const Tensor *in = call.inputs;
  return epilogue_of(*call.output, in[Linear::bias], in[Linear::modulation], in[Linear::row],
                     attributes.gate_column, in[Linear::residual], attributes.activation);
}

void plan_tensor(const NodeSpec &node, KernelNeeds &needs) {
  const Tensor &weight = node.inputs[Linear::weight];
  needs.weight_form[Linear::weight] = WeightForm::packed;
  needs.packed_bytes[Linear::weight] = size_t(weight.shape[0] * packed_depth(weight.shape[1])) * 2;
}

void plan_wgmma(const NodeSpec &node, KernelNeeds &needs) {
  plan_tensor(node, needs);
  const Tensor &x = node.inputs[Linear::x];
  needs.scratch_bytes = size_t(x.shape[0] * packed_depth(x.shape[1])) * 2;
}

void pack_tensor(const NodeSpec &, int, const WeightRows &rows, void *packed) {
  const int64_t depth = rows.row_elements;
  auto *to = static_cast<uint16_t *>(packed) + rows.first_row * packed_depth(depth);
  for (int64_t row = 0; row < rows.rows; row++, to += packed_depth(depth))
    for (int64_t k = 0; k < depth; k++)
      to[k] = bfloat_of(stored_value(rows, row * depth + k));
}

void run_tensor(const KernelCall &call, Pool &pool) {
  const Tensor &x = call.inputs[Linear::x], &y = *call.output;
  launch_mma(stream_of(pool), tensor_name, x.shape[0], y.shape[1], x.shape[1], Tokens(x),
             static_cast<const uint16_t *>(call.inputs[Linear::weight].data), epilogue_of(call));
}

void run_wgmma(const KernelCall &call, Pool &pool) {
  const Tensor &x = call.inputs[Linear::x], &y = *call.output;
  launch_wgmma(stream_of(pool), wgmma_name, x.shape[0], y.shape[1], packed_depth(x.shape[1]),
               Tokens(x), static_cast<const uint16_t *>(call.inputs[Linear::weight].data),
               static_cast<uint16_t *>(call.scratch), epilogue_of(call));
}

void plan_plain(const NodeSpec &, KernelNeeds &needs) {
  needs.weight_form[Linear::weight] = WeightForm::stored;
}

template <class T> void run_stored(const KernelCall &call, Stream &stream) {
  const Tensor &x = call.inputs[Linear::x], &weight = call.inputs[Linear::weight];
  const int64_t depth = x.shape[1], columns = weight.shape[0];
  const bool is_aligned =
      reinterpret_cast<uintptr_t>(weight.data) % (4 * sizeof(T)) == 0 && depth % 4 == 0;
  const StoredWeight<T> stored = {static_cast<const T *>(weight.data), columns, depth, is_aligned};
  launch_fma(stream, plain_name, x.shape[0], columns, depth, Tokens(x), stored, epilogue_of(call));
}

void run_plain(const KernelCall &call, Pool &pool) {
  Stream &stream = stream_of(pool);
  switch (call.inputs[Linear::weight].dtype) {
  case DType::f16:
    return run_stored<Half>(call, stream);
  case DType::bf16:
    return run_stored<Bfloat>(call, stream);
  default:
    return run_stored<float>(call, stream);
  }
}

constexpr Kernel wgmma = {wgmma_name,  accepts_wgmma, plan_wgmma,
                          pack_tensor, run_wgmma,     Precision::bf16};
constexpr Kernel tensor_cores = {tensor_name, accepts_tensor, plan_tensor,
                                 pack_tensor, run_tensor,     Precision::bf16};
constexpr Kernel tiles = {plain_name, accepts, plan_plain, nullptr, run_plain};
constexpr const Kernel *list[] = {&wgmma, &tensor_cores, &tiles};

} // namespace

extern const KernelList linear_kernels;
const KernelList linear_kernels = {list, 3};

} // namespace tubelet::cuda
