// Upsample: a task writes whole rows of pixels of the output.
#include "ops/upsample.h"
#include "cpu/kernel_support.h"

namespace tubelet::TUBELET_ISA {
namespace {

void run(const KernelCall &call, Pool &pool) {
  const auto &attributes = *static_cast<const Upsample::Attributes *>(call.attributes);
  const Tensor &x = call.inputs[Upsample::x], &y = *call.output;
  const int64_t height = y.shape[1], width = x.shape[2], channels = x.shape[3];
  const int64_t row_width = y.shape[2] * channels;

  parallel_rows(pool, y.shape[0] * height, row_width, [&](int64_t row) {
    const int64_t f = row / height / attributes.factor_t, h = row % height / attributes.factor_h;
    const float *in = floats(x) + (f * x.shape[1] + h) * width * x.row_stride;
    float *out = floats_out(y) + row * row_width;
    for (int64_t w = 0; w < width; w++, in += x.row_stride)
      for (int64_t k = 0; k < attributes.factor_w; k++, out += channels)
        copy_floats(out, in, channels);
  });
}

constexpr Kernel rowwise = {"upsample.rowwise", accepts_any, nullptr, nullptr, run};
constexpr const Kernel *list[] = {&rowwise};

} // namespace

extern const KernelList upsample_kernels;
const KernelList upsample_kernels = {list, 1};

} // namespace tubelet::TUBELET_ISA
