#include "ops/space_to_depth.h"

#include <algorithm>

namespace tubelet {
namespace {

void require_divisible(const NodeTypes &node, const char *axis, int64_t size, int64_t factor) {
  if (size % factor != 0)
    fail_shape(node, std::string(axis) + " must be", "a multiple of " + std::to_string(factor),
               std::to_string(size));
}

/// The strides are those of some order of the four axes: every channel of z is reached once.
void require_permutation(const NodeTypes &node, const SpaceToDepth::Attributes &attributes,
                         int64_t channels) {
  std::pair<int64_t, int64_t> axes[] = {{attributes.channel_stride, channels},
                                        {attributes.stride_t, attributes.factor_t},
                                        {attributes.stride_h, attributes.factor_h},
                                        {attributes.stride_w, attributes.factor_w}};
  std::sort(std::begin(axes), std::end(axes));
  int64_t expected = 1;
  for (const auto &[stride, size] : axes) {
    if (size == 1)
      continue;
    if (stride != expected)
      fail_attribute(node, "strides must be",
                     "those of some order of c, t, h, w with " + std::to_string(expected) +
                         " among them",
                     std::to_string(stride));
    expected *= size;
  }
}

} // namespace

Shape SpaceToDepth::output_shape(const NodeTypes &node, const Attributes &attributes) {
  require_rank(node, x, inputs[x], 4);
  require_fixed(node, x, inputs[x]);
  const Shape &in = node[x].shape;
  const int64_t channels = require_product(
      node, "channels", {in[3], attributes.factor_t, attributes.factor_h, attributes.factor_w});
  require_permutation(node, attributes, in[3]);
  require_divisible(node, "padFront + frames", attributes.pad_front + in[0], attributes.factor_t);
  require_divisible(node, "height", in[1], attributes.factor_h);
  require_divisible(node, "width", in[2], attributes.factor_w);
  require_divisible(node, "channels", channels, attributes.group);
  return {(attributes.pad_front + in[0]) / attributes.factor_t, in[1] / attributes.factor_h,
          in[2] / attributes.factor_w, channels / attributes.group};
}

Cost SpaceToDepth::cost(const Tensor *inputs, const Tensor &output, const Attributes &) {
  const double read = elements_of(inputs[x]);
  return {read, 4 * (read + elements_of(output))};
}

} // namespace tubelet
