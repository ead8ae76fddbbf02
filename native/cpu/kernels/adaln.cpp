// adaLN: statistics in two passes over the row (mean, then squared deviations), result in a third;
// the row stays in L1 between them.
#include "ops/adaln.h"
#include "cpu/kernel_support.h"

namespace tubelet::TUBELET_ISA {
namespace {

constexpr int64_t rows_per_task = 16;

void run(const KernelCall &call, Pool &pool) {
  const auto &attributes = *static_cast<const Adaln::Attributes *>(call.attributes);
  const Tensor &x = call.inputs[Adaln::x], &modulation = call.inputs[Adaln::modulation];
  const int32_t *row = integers(call.inputs[Adaln::row]);
  const int64_t tokens = x.shape[0], width = x.shape[1];
  const bool layer = attributes.norm == Adaln::Norm::layer;

  parallel(pool, ceil_div(tokens, rows_per_task), [&](int64_t task, int) {
    const int64_t end = smaller(tokens, (task + 1) * rows_per_task);
    for (int64_t t = task * rows_per_task; t < end; t++) {
      const float *in = floats(x) + t * x.row_stride;
      const float *modulated = floats(modulation) + row[t] * modulation.row_stride;
      const float *scale = modulated + attributes.scale_column;
      const float *shift = modulated + attributes.shift_column;
      const RowOut out = RowOut::of(*call.output, t * width);

      const float mean = layer ? row_sum(in, width) / (float)width : 0.0f;
      const float variance = row_squares(in, mean, width) / (float)width;
      const float inverse = 1.0f / __builtin_sqrtf(variance + (float)attributes.epsilon);
      for_row(width, [&](int64_t d, auto access) {
        Vec normed = (access.load(in + d) - mean) * inverse;
        Vec scaled = fma(normed, access.load(scale + d), normed);
        out.store(d, access, scaled + access.load(shift + d));
      });
    }
  });
}

constexpr Kernel rowwise = {
    .name = "adaln.rowwise", .accepts = accepts_any, .run = run, .writes_bf16 = is_narrow};
constexpr const Kernel *list[] = {&rowwise};

} // namespace

extern const KernelList adaln_kernels;
const KernelList adaln_kernels = {list, 1};

} // namespace tubelet::TUBELET_ISA
