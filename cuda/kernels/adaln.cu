// adaLN: a warp holds a row of up to 512 elements in registers, a block one of up to 16384, so that x
// is read once and y written once; statistics take two passes over the registers. The odd decision: an
// unaligned row gives each thread the same elements as an aligned one, in single loads, so that how a
// row is summed depends on its width alone.
#include "device/row.cuh"
#include "kernel_support.h"
#include "ops/adaln.h"

namespace tubelet::cuda {
namespace {

constexpr const char *name = "adaln.rowwise";

struct Node {
  const float *x, *modulation;
  const int32_t *row;
  float *y;
  int64_t rows, width, x_stride, modulation_stride, shift_column, scale_column;
  float epsilon;
  bool is_layer, is_aligned;
};

template <bool is_warp, int chunks>
__global__ void __launch_bounds__(row_block_threads(is_warp)) adaln(const Node node) {
  using Threads = RowThreads<is_warp>;
  const int64_t t = Threads::row();
  if (t >= node.rows)
    return;
  const float *modulated = node.modulation + node.row[t] * node.modulation_stride;
  const Row x{node.x + t * node.x_stride, node.width, node.is_aligned};
  const Row scale{modulated + node.scale_column, node.width, node.is_aligned};
  const Row shift{modulated + node.shift_column, node.width, node.is_aligned};
  const Row y{node.y + t * node.width, node.width, node.is_aligned};

  const RowValues<Threads, chunks, const float> values(x);
  const float mean = node.is_layer ? values.sum() / float(node.width) : 0.0f;
  const float variance = values.squares(mean) / float(node.width);
  const float inverse = 1.0f / sqrtf(variance + node.epsilon);
  values.each([&](int64_t at, const Four &in) {
    const Four gain = scale.load(at), offset = shift.load(at);
    Four out;
#pragma unroll
    for (int i = 0; i < 4; i++) {
      const float normed = (in.v[i] - mean) * inverse;
      out.v[i] = fmaf(normed, gain.v[i], normed) + offset.v[i];
    }
    y.store(at, out);
  });
}

void run(const KernelCall &call, Pool &pool) {
  const auto &attributes = *static_cast<const Adaln::Attributes *>(call.attributes);
  const Tensor &x = call.inputs[Adaln::x], &modulation = call.inputs[Adaln::modulation];
  const int64_t rows = x.shape[0], width = x.shape[1];
  if (rows == 0)
    return;
  const Node node{floats(x),
                  floats(modulation),
                  integers(call.inputs[Adaln::row]),
                  floats_out(*call.output),
                  rows,
                  width,
                  x.row_stride,
                  modulation.row_stride,
                  attributes.shift_column,
                  attributes.scale_column,
                  float(attributes.epsilon),
                  attributes.norm == Adaln::Norm::layer,
                  is_vectored(x) && is_vectored(*call.output) &&
                      is_vectored(modulation, attributes.shift_column) &&
                      is_vectored(modulation, attributes.scale_column)};
  Stream &stream = stream_of(pool);
  launch_rows(width, rows, [&](auto is_warp, auto chunks, unsigned blocks, unsigned threads) {
    stream.launch(name, {blocks, threads}, adaln<is_warp(), chunks()>, node);
  });
}

constexpr Kernel rowwise = {name, accepts_rows, nullptr, nullptr, run};
constexpr const Kernel *list[] = {&rowwise};

} // namespace

extern const KernelList adaln_kernels;
const KernelList adaln_kernels = {list, 1};

} // namespace tubelet::cuda
