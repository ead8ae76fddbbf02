// RMS norm: a group of columns is a row of its own, in registers as in adaln.cu.
#include "device/activation.cuh"
#include "device/row.cuh"
#include "kernel_support.h"
#include "ops/rms_norm.h"

namespace tubelet::cuda {
namespace {

constexpr const char *name = "rms_norm.rowwise";

struct Node {
  const float *x, *weight;
  float *y;
  int64_t parts, groups, width, x_stride, weight_stride; ///< a part is a group of a row
  float epsilon;
  bool is_l2, is_silu, is_aligned;
};

/// What the group is multiplied with.
__device__ float factor(const Node &node, float squares) {
  if (!node.is_l2)
    return 1.0f / sqrtf(squares / float(node.width) + node.epsilon);
  const float length = sqrtf(squares); // fmaxf would lose a NaN
  return sqrtf(float(node.width)) / (length < node.epsilon ? node.epsilon : length);
}

template <bool is_warp, int chunks>
__global__ void __launch_bounds__(row_block_threads(is_warp)) rms_norm(const Node node) {
  using Threads = RowThreads<is_warp>;
  const int64_t part = Threads::row();
  if (part >= node.parts)
    return;
  const int64_t row = part / node.groups, group = part % node.groups;
  const Row x{node.x + row * node.x_stride + group * node.width, node.width, node.is_aligned};
  const Row weight{node.weight + group * node.weight_stride, node.width, node.is_aligned};
  const Row y{node.y + part * node.width, node.width, node.is_aligned};

  const RowValues<Threads, chunks, const float> values(x);
  const float inverse = factor(node, values.squares(0.0f));
  values.each([&](int64_t at, const Four &in) {
    const Four gain = node.weight ? weight.load(at) : Four{1.0f, 1.0f, 1.0f, 1.0f};
    Four out;
#pragma unroll
    for (int i = 0; i < 4; i++) {
      const float normed = in.v[i] * inverse * gain.v[i];
      out.v[i] = node.is_silu ? silu(normed) : normed;
    }
    y.store(at, out);
  });
}

void run(const KernelCall &call, Pool &pool) {
  const auto &attributes = *static_cast<const RmsNorm::Attributes *>(call.attributes);
  const Tensor &x = call.inputs[RmsNorm::x], &weight = call.inputs[RmsNorm::weight];
  const int64_t columns = last_of(x), width = columns / attributes.groups;
  const int64_t parts = rows_of(x) * attributes.groups;
  if (parts == 0)
    return;
  const bool is_per_column = weight.data && weight.shape[0] == columns;
  const Node node{floats(x),
                  floats(weight),
                  floats_out(*call.output),
                  parts,
                  attributes.groups,
                  width,
                  x.row_stride,
                  is_per_column ? width : 0,
                  float(attributes.epsilon),
                  attributes.form == RmsNorm::Form::l2,
                  attributes.activation == RmsNorm::Activation::silu,
                  is_vectored(x, width) && is_vectored(*call.output) && is_vectored(weight)};
  Stream &stream = stream_of(pool);
  launch_rows(width, parts, [&](auto is_warp, auto chunks, unsigned blocks, unsigned threads) {
    stream.launch(name, {blocks, threads}, rms_norm<is_warp(), chunks()>, node);
  });
}

constexpr Kernel kernel = {name, accepts_groups<RmsNorm>, nullptr, nullptr, run};
constexpr const Kernel *list[] = {&kernel};

} // namespace

extern const KernelList rms_norm_kernels;
const KernelList rms_norm_kernels = {list, 1};

} // namespace tubelet::cuda
