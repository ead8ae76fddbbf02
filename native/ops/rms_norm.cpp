#include "ops/rms_norm.h"

namespace tubelet {

Shape RmsNorm::output_shape(const NodeTypes &node, const Attributes &attributes) {
  const Shape &shape = node[x].shape;
  if (shape.rank == 1)
    require_fixed(node, x, inputs[x]);
  if (shape.last() % attributes.groups != 0)
    fail_shape(node, "x columns must be",
               "a multiple of groups " + std::to_string(attributes.groups),
               std::to_string(shape.last()));
  if (node.has(weight) && !(node[weight].shape == Shape{shape.last() / attributes.groups}))
    require_shape(node, weight, inputs[weight], {shape.last()});
  return shape;
}

Cost RmsNorm::cost(const Tensor *inputs, const Tensor &output, const Attributes &) {
  const double elements = elements_of(output);
  return {4 * elements, bytes_of_all(inputs, weight + 1) + 4 * elements};
}

} // namespace tubelet
