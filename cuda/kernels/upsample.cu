// Upsample: rows of channels are copied, each output pixel from the one it lies on.
#include "elementwise.cuh"
#include "ops/upsample.h"

namespace tubelet::cuda {
namespace {

constexpr const char *name = "upsample.elementwise";

struct Copy {
  __device__ float operator()(float x) const { return x; }
};

/// The pixels of x, by the pixel of y.
struct Pixels {
  const float *start;
  int64_t stride;
  uint32_t height, width; ///< of y
  uint32_t factor_t, factor_h, factor_w;

  __device__ const float *row(uint32_t pixel) const {
    const uint32_t w = pixel % width / factor_w, h = pixel / width % height / factor_h;
    const uint32_t f = pixel / width / height / factor_t;
    return start + ((f * (height / factor_h) + h) * (width / factor_w) + w) * stride;
  }
};

void run(const KernelCall &call, Pool &pool) {
  const auto &attributes = *static_cast<const Upsample::Attributes *>(call.attributes);
  const Tensor &x = call.inputs[Upsample::x], &y = *call.output;
  const Pixels pixels = {floats(x),
                         x.row_stride,
                         uint32_t(y.shape[1]),
                         uint32_t(y.shape[2]),
                         uint32_t(attributes.factor_t),
                         uint32_t(attributes.factor_h),
                         uint32_t(attributes.factor_w)};
  launch_elementwise(stream_of(pool), name,
                     {rows_of(y), last_of(y), last_of(y), is_vectored(x) && is_vectored(y)},
                     floats_out(y), Copy{}, pixels);
}

constexpr Kernel kernel = {name, accepts_flat, nullptr, nullptr, run};
constexpr const Kernel *list[] = {&kernel};

} // namespace

extern const KernelList upsample_kernels;
const KernelList upsample_kernels = {list, 1};

} // namespace tubelet::cuda
