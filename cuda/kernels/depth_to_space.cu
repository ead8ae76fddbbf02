// Depth to space: a thread per element of y; neighbours read channels of x a stride apart, which the
// cache makes up for.
#include "device/items.cuh"
#include "kernel_support.h"
#include "ops/depth_to_space.h"

namespace tubelet::cuda {
namespace {

constexpr const char *name = "depth_to_space.gather";

struct Node {
  const float *x;
  float *y;
  int64_t elements, x_stride;
  uint32_t height, width, channels; ///< of y
  DepthToSpace::Attributes attributes;
};

__global__ void depth_to_space(const Node node) {
  const DepthToSpace::Attributes &attributes = node.attributes;
  const auto factor_t = uint32_t(attributes.factor_t), factor_h = uint32_t(attributes.factor_h);
  const auto factor_w = uint32_t(attributes.factor_w);
  each_item(node.elements, [&](uint32_t item) {
    const uint32_t c = item % node.channels, pixel = item / node.channels;
    const uint32_t w = pixel % node.width, h = pixel / node.width % node.height;
    const uint32_t f = pixel / node.width / node.height;
    const int64_t from =
        ((f / factor_t) * (node.height / factor_h) + h / factor_h) * (node.width / factor_w) +
        w / factor_w;
    const int64_t z = c * attributes.channel_stride + f % factor_t * attributes.stride_t +
                      h % factor_h * attributes.stride_h + w % factor_w * attributes.stride_w;
    node.y[item] = node.x[from * node.x_stride + uint32_t(z) / uint32_t(attributes.repeats)];
  });
}

void run(const KernelCall &call, Pool &pool) {
  const Tensor &x = call.inputs[DepthToSpace::x], &y = *call.output;
  if (element_count(y) == 0)
    return;
  const Node node{floats(x),
                  floats_out(y),
                  element_count(y),
                  x.row_stride,
                  uint32_t(y.shape[1]),
                  uint32_t(y.shape[2]),
                  uint32_t(y.shape[3]),
                  *static_cast<const DepthToSpace::Attributes *>(call.attributes)};
  launch_flat(pool, name, node.elements, depth_to_space, node);
}

constexpr Kernel kernel = {name, accepts_flat, nullptr, nullptr, run};
constexpr const Kernel *list[] = {&kernel};

} // namespace

extern const KernelList depth_to_space_kernels;
const KernelList depth_to_space_kernels = {list, 1};

} // namespace tubelet::cuda
