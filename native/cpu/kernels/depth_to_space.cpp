// Depth to space: a task writes whole rows of pixels; channels of x are read with a stride.
#include "ops/depth_to_space.h"
#include "cpu/kernel_support.h"

namespace tubelet::TUBELET_ISA {
namespace {

/// out[c] = in[(c·stride + first) / repeats] without a division per channel.
void gather(const float *in, int64_t first, int64_t stride, int64_t repeats, float *out,
            int64_t channels) {
  const int64_t step = stride / repeats, step_rest = stride % repeats;
  const float *from = in + first / repeats;
  if (step_rest == 0) {
    for (int64_t c = 0; c < channels; c++)
      out[c] = from[c * step];
    return;
  }
  int64_t rest = first % repeats;
  for (int64_t c = 0; c < channels; c++) {
    out[c] = *from;
    from += step;
    rest += step_rest;
    if (rest >= repeats) {
      rest -= repeats;
      from++;
    }
  }
}

void run(const KernelCall &call, Pool &pool) {
  const auto &attributes = *static_cast<const DepthToSpace::Attributes *>(call.attributes);
  const Tensor &x = call.inputs[DepthToSpace::x], &y = *call.output;
  const int64_t height = y.shape[1], width = x.shape[2], channels = y.shape[3];
  const int64_t row_width = y.shape[2] * channels;

  parallel_rows(pool, y.shape[0] * height, row_width, [&](int64_t row) {
    const int64_t f = row / height, h = row % height;
    const int64_t first = f % attributes.factor_t * attributes.stride_t +
                          h % attributes.factor_h * attributes.stride_h;
    const int64_t pixel = (f / attributes.factor_t * x.shape[1] + h / attributes.factor_h) * width;
    const float *in = floats(x) + pixel * x.row_stride;
    float *out = floats_out(y) + row * row_width;
    for (int64_t w = 0; w < width; w++, in += x.row_stride)
      for (int64_t k = 0; k < attributes.factor_w; k++, out += channels)
        gather(in, first + k * attributes.stride_w, attributes.channel_stride, attributes.repeats,
               out, channels);
  });
}

constexpr Kernel rowwise = {"depth_to_space.rowwise", accepts_any, nullptr, nullptr, run};
constexpr const Kernel *list[] = {&rowwise};

} // namespace

extern const KernelList depth_to_space_kernels;
const KernelList depth_to_space_kernels = {list, 1};

} // namespace tubelet::TUBELET_ISA
