// Layer norm: a group of columns is a row of its own, in registers as in adaln.cu; statistics take
// two passes over them.
#include "device/row.cuh"
#include "kernel_support.h"
#include "ops/layer_norm.h"

namespace tubelet::cuda {
namespace {

constexpr const char *name = "layer_norm.rowwise";

struct Node {
  const float *x, *weight, *bias;
  float *y;
  int64_t parts, groups, width; ///< a part is a group of a row
  int64_t x_stride, weight_stride, bias_stride;
  float epsilon;
  bool is_aligned;
};

template <bool is_warp, int chunks>
__global__ void __launch_bounds__(row_block_threads(is_warp)) layer_norm(const Node node) {
  using Threads = RowThreads<is_warp>;
  const int64_t part = Threads::row();
  if (part >= node.parts)
    return;
  const int64_t row = part / node.groups, group = part % node.groups;
  const Row x{node.x + row * node.x_stride + group * node.width, node.width, node.is_aligned};
  const Row weight{node.weight + group * node.weight_stride, node.width, node.is_aligned};
  const Row bias{node.bias + group * node.bias_stride, node.width, node.is_aligned};
  const Row y{node.y + part * node.width, node.width, node.is_aligned};

  const RowValues<Threads, chunks, const float> values(x);
  const float mean = values.sum() / float(node.width);
  const float variance = values.squares(mean) / float(node.width);
  const float inverse = 1.0f / sqrtf(variance + node.epsilon);
  values.each([&](int64_t at, const Four &in) {
    const Four gain = node.weight ? weight.load(at) : Four{1.0f, 1.0f, 1.0f, 1.0f};
    const Four offset = node.bias ? bias.load(at) : Four{};
    Four out;
#pragma unroll
    for (int i = 0; i < 4; i++)
      out.v[i] = (in.v[i] - mean) * inverse * gain.v[i] + offset.v[i];
    y.store(at, out);
  });
}

void run(const KernelCall &call, Pool &pool) {
  const auto &attributes = *static_cast<const LayerNorm::Attributes *>(call.attributes);
  const Tensor &x = call.inputs[LayerNorm::x], &weight = call.inputs[LayerNorm::weight];
  const Tensor &bias = call.inputs[LayerNorm::bias];
  const int64_t columns = x.shape[1], width = columns / attributes.groups;
  const int64_t parts = x.shape[0] * attributes.groups;
  if (parts == 0)
    return;
  const auto stride = [&](const Tensor &vector) {
    return vector.data && vector.shape[0] == columns ? width : 0;
  };
  const Node node{floats(x),
                  floats(weight),
                  floats(bias),
                  floats_out(*call.output),
                  parts,
                  attributes.groups,
                  width,
                  x.row_stride,
                  stride(weight),
                  stride(bias),
                  float(attributes.epsilon),
                  is_vectored(x, width) && is_vectored(*call.output) && is_vectored(weight) &&
                      is_vectored(bias)};
  Stream &stream = stream_of(pool);
  launch_rows(width, parts, [&](auto is_warp, auto chunks, unsigned blocks, unsigned threads) {
    stream.launch(name, {blocks, threads}, layer_norm<is_warp(), chunks()>, node);
  });
}

constexpr Kernel kernel = {name, accepts_groups<LayerNorm>, nullptr, nullptr, run};
constexpr const Kernel *list[] = {&kernel};

} // namespace

extern const KernelList layer_norm_kernels;
const KernelList layer_norm_kernels = {list, 1};

} // namespace tubelet::cuda
