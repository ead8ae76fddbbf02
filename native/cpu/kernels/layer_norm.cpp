// Layer norm: statistics in two passes over the row, result in a third; the row stays in L1.
#include "ops/layer_norm.h"
#include "cpu/kernel_support.h"

namespace tubelet::TUBELET_ISA {
namespace {

void run(const KernelCall &call, Pool &pool) {
  const auto &attributes = *static_cast<const LayerNorm::Attributes *>(call.attributes);
  const Tensor &x = call.inputs[LayerNorm::x];
  const float *weight = floats(call.inputs[LayerNorm::weight]);
  const float *bias = floats(call.inputs[LayerNorm::bias]);
  const int64_t width = x.shape[1];

  parallel_rows(pool, x.shape[0], width, [&](int64_t t) {
    const float *in = floats(x) + t * x.row_stride;
    float *out = floats_out(*call.output) + t * width;
    const float mean = row_sum(in, width) / (float)width;
    const float variance = row_squares(in, mean, width) / (float)width;
    const float inverse = 1.0f / __builtin_sqrtf(variance + (float)attributes.epsilon);
    for_row(width, [&](int64_t d, auto access) {
      Vec y = (access.load(in + d) - mean) * inverse;
      if (weight)
        y *= access.load(weight + d);
      if (bias)
        y += access.load(bias + d);
      access.store(out + d, y);
    });
  });
}

constexpr Kernel rowwise = {"layer_norm.rowwise", accepts_any, nullptr, nullptr, run};
constexpr const Kernel *list[] = {&rowwise};

} // namespace

extern const KernelList layer_norm_kernels;
const KernelList layer_norm_kernels = {list, 1};

} // namespace tubelet::TUBELET_ISA
