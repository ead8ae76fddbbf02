#include "ops/layer_norm.h"

namespace tubelet {

Shape LayerNorm::output_shape(const NodeTypes &node, const Attributes &attributes) {
  require_rank(node, x, inputs[x], 2);
  const int64_t columns = node[x].shape[1], groups = attributes.groups;
  if (columns % groups != 0)
    fail_shape(node, "x columns must be", "a multiple of groups " + std::to_string(groups),
               std::to_string(columns));
  for (int vector : {weight, bias})
    if (node.has(vector) && !(node[vector].shape == Shape{columns / groups}))
      require_shape(node, vector, inputs[vector], {columns});
  return node[x].shape;
}

Cost LayerNorm::cost(const Tensor *inputs, const Tensor &output, const Attributes &) {
  const double elements = elements_of(output);
  return {8 * elements, bytes_of_all(inputs, bias + 1) + 4 * elements};
}

} // namespace tubelet
