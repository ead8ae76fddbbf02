// Space to depth: a task writes whole pixels; the pixels of x that make one up are added to it, or
// placed in it, one after another.
#include "ops/space_to_depth.h"
#include "cpu/kernel_support.h"

namespace tubelet::TUBELET_ISA {
namespace {

/// out[(c·stride + first) / group] += in[c] without a division per channel.
void scatter(const float *in, int64_t channels, int64_t first, int64_t stride, int64_t group,
             float *out) {
  const int64_t step = stride / group, step_rest = stride % group;
  float *to = out + first / group;
  int64_t rest = first % group;
  for (int64_t c = 0; c < channels; c++) {
    *to += in[c];
    to += step;
    rest += step_rest;
    if (rest >= group) {
      rest -= group;
      to++;
    }
  }
}

void run(const KernelCall &call, Pool &pool) {
  const auto &attributes = *static_cast<const SpaceToDepth::Attributes *>(call.attributes);
  const Tensor &x = call.inputs[SpaceToDepth::x], &y = *call.output;
  const int64_t channels = x.shape[3], columns = y.shape[3];

  auto pixel = [&](int64_t f, int64_t h, int64_t w, float *out) {
    for (int64_t o = 0; o < columns; o++)
      out[o] = 0.0f;
    for (int64_t i = 0; i < attributes.factor_t; i++) {
      const int64_t frame = f * attributes.factor_t + i - attributes.pad_front;
      if (frame < 0)
        continue;
      for (int64_t j = 0; j < attributes.factor_h; j++)
        for (int64_t k = 0; k < attributes.factor_w; k++) {
          const int64_t row = frame * x.shape[1] + h * attributes.factor_h + j;
          const int64_t at = row * x.shape[2] + w * attributes.factor_w + k;
          scatter(floats(x) + at * x.row_stride, channels,
                  i * attributes.stride_t + j * attributes.stride_h + k * attributes.stride_w,
                  attributes.channel_stride, attributes.group, out);
        }
    }
    if (attributes.group > 1)
      for (int64_t o = 0; o < columns; o++)
        out[o] /= (float)attributes.group;
  };

  parallel_rows(pool, rows_of(y), columns * attributes.group, [&](int64_t row) {
    const int64_t w = row % y.shape[2], h = row / y.shape[2] % y.shape[1];
    pixel(row / y.shape[2] / y.shape[1], h, w, floats_out(y) + row * columns);
  });
}

constexpr Kernel pixelwise = {"space_to_depth.pixelwise", accepts_any, nullptr, nullptr, run};
constexpr const Kernel *list[] = {&pixelwise};

} // namespace

extern const KernelList space_to_depth_kernels;
const KernelList space_to_depth_kernels = {list, 1};

} // namespace tubelet::TUBELET_ISA
