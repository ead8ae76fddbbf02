#include "ops/rotary.h"

namespace tubelet {

Shape Rotary::output_shape(const NodeTypes &node, const Attributes &attributes) {
  require_rank(node, x, inputs[x], 2);
  const Shape &shape = node[x].shape;
  if (shape[1] % attributes.head_dim != 0)
    fail_shape(node, "x columns must be",
               "a multiple of headDim " + std::to_string(attributes.head_dim),
               std::to_string(shape[1]));
  require_rank(node, cos, inputs[cos], 2);
  const int64_t pairs = node[cos].shape[1];
  require_shape(node, cos, inputs[cos], {shape[0], pairs});
  require_shape(node, sin, inputs[sin], {shape[0], pairs});
  if (2 * pairs > attributes.head_dim)
    fail_shape(node, "cos columns must be",
               "at most half of headDim " + std::to_string(attributes.head_dim),
               std::to_string(pairs));
  return shape;
}

Cost Rotary::cost(const Tensor *inputs, const Tensor &output, const Attributes &) {
  const double elements = elements_of(output);
  return {3 * elements, bytes_of_all(inputs, sin + 1) + 4 * elements};
}

} // namespace tubelet
