// Space to depth: a thread per element of y adds up its group in the order of the op's definition, for
// each place in the block only over the channels that fall into the group.
#include "device/items.cuh"
#include "kernel_support.h"
#include "ops/space_to_depth.h"

namespace tubelet::cuda {
namespace {

constexpr const char *name = "space_to_depth.gather";

struct Node {
  const float *x;
  float *y;
  int64_t elements, x_stride, x_height, x_width, x_channels;
  uint32_t height, width, channels; ///< of y
  SpaceToDepth::Attributes attributes;
};

/// Channels of a pixel of x that are z channels [low, low + group), c·stride + first being that of c.
__device__ float sum_of(const float *pixel, int64_t channels, int64_t first, int64_t low,
                        const SpaceToDepth::Attributes &attributes, float total) {
  const int64_t stride = attributes.channel_stride > 0 ? attributes.channel_stride : 1;
  int64_t c = first >= low ? 0 : (low - first + stride - 1) / stride;
  for (; c < channels && first + c * stride < low + attributes.group; c++)
    total += pixel[c];
  return total;
}

__global__ void space_to_depth(const Node node) {
  const SpaceToDepth::Attributes &attributes = node.attributes;
  each_item(node.elements, [&](uint32_t item) {
    const uint32_t o = item % node.channels, pixel = item / node.channels;
    const uint32_t w = pixel % node.width, h = pixel / node.width % node.height;
    const uint32_t f = pixel / node.width / node.height;
    const int64_t low = o * attributes.group;
    float total = 0.0f;
    for (int64_t i = 0; i < attributes.factor_t; i++) {
      const int64_t frame = f * attributes.factor_t + i - attributes.pad_front;
      if (frame < 0)
        continue;
      for (int64_t j = 0; j < attributes.factor_h; j++)
        for (int64_t k = 0; k < attributes.factor_w; k++) {
          const int64_t row = frame * node.x_height + h * attributes.factor_h + j;
          const int64_t at = row * node.x_width + w * attributes.factor_w + k;
          const int64_t first =
              i * attributes.stride_t + j * attributes.stride_h + k * attributes.stride_w;
          total =
              sum_of(node.x + at * node.x_stride, node.x_channels, first, low, attributes, total);
        }
    }
    node.y[item] = attributes.group > 1 ? total / float(attributes.group) : total;
  });
}

void run(const KernelCall &call, Pool &pool) {
  const Tensor &x = call.inputs[SpaceToDepth::x], &y = *call.output;
  if (element_count(y) == 0)
    return;
  const Node node{floats(x),
                  floats_out(y),
                  element_count(y),
                  x.row_stride,
                  x.shape[1],
                  x.shape[2],
                  x.shape[3],
                  uint32_t(y.shape[1]),
                  uint32_t(y.shape[2]),
                  uint32_t(y.shape[3]),
                  *static_cast<const SpaceToDepth::Attributes *>(call.attributes)};
  launch_flat(pool, name, node.elements, space_to_depth, node);
}

constexpr Kernel kernel = {name, accepts_flat, nullptr, nullptr, run};
constexpr const Kernel *list[] = {&kernel};

} // namespace

extern const KernelList space_to_depth_kernels;
const KernelList space_to_depth_kernels = {list, 1};

} // namespace tubelet::cuda
