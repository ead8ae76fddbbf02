// Gated residual: one pass.
#include "ops/gated_residual.h"
#include "cpu/kernel_support.h"

namespace tubelet::TUBELET_ISA {
namespace {

void run(const KernelCall &call, Pool &pool) {
  const auto &attributes = *static_cast<const GatedResidual::Attributes *>(call.attributes);
  const Tensor &x = call.inputs[GatedResidual::x], &y = call.inputs[GatedResidual::y];
  const Tensor &modulation = call.inputs[GatedResidual::modulation];
  const int32_t *row = integers(call.inputs[GatedResidual::row]);
  const int64_t width = x.shape[1];

  parallel_rows(pool, x.shape[0], width, [&](int64_t t) {
    const float *left = floats(x) + t * x.row_stride, *right = floats(y) + t * y.row_stride;
    const float *gate =
        floats(modulation) + row[t] * modulation.row_stride + attributes.gate_column;
    float *out = floats_out(*call.output) + t * width;
    for_row(width, [&](int64_t d, auto access) {
      access.store(out + d,
                   fma(access.load(gate + d), access.load(right + d), access.load(left + d)));
    });
  });
}

constexpr Kernel rowwise = {"gated_residual.rowwise", accepts_any, nullptr, nullptr, run};
constexpr const Kernel *list[] = {&rowwise};

} // namespace

extern const KernelList gated_residual_kernels;
const KernelList gated_residual_kernels = {list, 1};

} // namespace tubelet::TUBELET_ISA
