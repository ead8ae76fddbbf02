#include "ops/multiply.h"

namespace tubelet {

Shape Multiply::output_shape(const NodeTypes &node, const Attributes &) {
  const Shape &shape = node[a].shape;
  if (!(node[b].shape == Shape{shape.last()}))
    require_shape(node, b, inputs[b], shape);
  return shape;
}

Cost Multiply::cost(const Tensor *inputs, const Tensor &output, const Attributes &) {
  const double elements = elements_of(output);
  return {elements, bytes_of_all(inputs, b + 1) + 4 * elements};
}

} // namespace tubelet
