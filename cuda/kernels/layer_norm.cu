// Layer norm: the row stays in registers as in adaln.cu; statistics take two passes over them.
#include "device/row.cuh"
#include "kernel_support.h"
#include "ops/layer_norm.h"

namespace tubelet::cuda {
namespace {

constexpr const char *name = "layer_norm.rowwise";

struct Node {
  const float *x, *weight, *bias;
  float *y;
  int64_t rows, width, x_stride;
  float epsilon;
  bool is_aligned;
};

template <bool is_warp, int chunks>
__global__ void __launch_bounds__(row_block_threads(is_warp)) layer_norm(const Node node) {
  using Threads = RowThreads<is_warp>;
  const int64_t t = Threads::row();
  if (t >= node.rows)
    return;
  const Row x{node.x + t * node.x_stride, node.width, node.is_aligned};
  const Row weight{node.weight, node.width, node.is_aligned};
  const Row bias{node.bias, node.width, node.is_aligned};
  const Row y{node.y + t * node.width, node.width, node.is_aligned};

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
  const int64_t rows = x.shape[0], width = x.shape[1];
  if (rows == 0)
    return;
  const Node node{floats(x),
                  floats(weight),
                  floats(bias),
                  floats_out(*call.output),
                  rows,
                  width,
                  x.row_stride,
                  float(attributes.epsilon),
                  is_vectored(x) && is_vectored(*call.output) && is_vectored(weight) &&
                      is_vectored(bias)};
  Stream &stream = stream_of(pool);
  launch_rows(width, rows, [&](auto is_warp, auto chunks, unsigned blocks, unsigned threads) {
    stream.launch(name, blocks, threads, layer_norm<is_warp(), chunks()>, node);
  });
}

constexpr Kernel kernel = {name, accepts_rows, nullptr, nullptr, run};
constexpr const Kernel *list[] = {&kernel};

} // namespace

extern const KernelList layer_norm_kernels;
const KernelList layer_norm_kernels = {list, 1};

} // namespace tubelet::cuda
