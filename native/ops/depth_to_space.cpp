#include "ops/depth_to_space.h"

namespace tubelet {

Shape DepthToSpace::output_shape(const NodeTypes &node, const Attributes &attributes) {
  require_rank(node, x, inputs[x], 4);
  require_fixed(node, x, inputs[x]);
  const Shape &in = node[x].shape;
  const std::string what = "channel reached by the strides";
  const int64_t reached =
      require_product(node, what, {attributes.channels - 1, attributes.channel_stride}) +
      require_product(node, what, {attributes.factor_t - 1, attributes.stride_t}) +
      require_product(node, what, {attributes.factor_h - 1, attributes.stride_h}) +
      require_product(node, what, {attributes.factor_w - 1, attributes.stride_w});
  if (reached / attributes.repeats >= in[3])
    fail_shape(node, what + " must be", "below x's " + std::to_string(in[3]),
               std::to_string(reached / attributes.repeats));
  return {require_product(node, "output frames", {in[0], attributes.factor_t}),
          require_product(node, "output height", {in[1], attributes.factor_h}),
          require_product(node, "output width", {in[2], attributes.factor_w}), attributes.channels};
}

Cost DepthToSpace::cost(const Tensor *inputs, const Tensor &output, const Attributes &) {
  return {0, bytes_of_all(inputs, x + 1) + 4 * elements_of(output)};
}

} // namespace tubelet
