// Layer norm: statistics in two passes over each group, result in a third; the row stays in L1.
#include "ops/layer_norm.h"
#include "cpu/kernel_support.h"

namespace tubelet::TUBELET_ISA {
namespace {

void run(const KernelCall &call, Pool &pool) {
  const auto &attributes = *static_cast<const LayerNorm::Attributes *>(call.attributes);
  const Tensor &x = call.inputs[LayerNorm::x];
  const int64_t columns = x.shape[1], width = columns / attributes.groups;
  const auto of_group = [&](const Tensor &vector, int64_t column) {
    const float *first = floats(vector);
    return first && vector.shape[0] == columns ? first + column : first;
  };

  parallel_rows(pool, x.shape[0], columns, [&](int64_t t) {
    for (int64_t column = 0; column < columns; column += width) {
      const float *in = floats(x) + t * x.row_stride + column;
      const float *weight = of_group(call.inputs[LayerNorm::weight], column);
      const float *bias = of_group(call.inputs[LayerNorm::bias], column);
      const RowOut out = RowOut::of(*call.output, t * columns + column);
      const float mean = row_sum(in, width) / (float)width;
      const float variance = row_squares(in, mean, width) / (float)width;
      const float inverse = 1.0f / __builtin_sqrtf(variance + (float)attributes.epsilon);
      for_row(width, [&](int64_t d, auto access) {
        Vec y = (access.load(in + d) - mean) * inverse;
        if (weight)
          y *= access.load(weight + d);
        if (bias)
          y += access.load(bias + d);
        out.store(d, access, y);
      });
    }
  });
}

constexpr Kernel rowwise = {
    .name = "layer_norm.rowwise", .accepts = accepts_any, .run = run, .writes_bf16 = is_narrow};
constexpr const Kernel *list[] = {&rowwise};

} // namespace

extern const KernelList layer_norm_kernels;
const KernelList layer_norm_kernels = {list, 1};

} // namespace tubelet::TUBELET_ISA
