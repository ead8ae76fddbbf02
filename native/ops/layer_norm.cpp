#include "ops/layer_norm.h"

namespace tubelet {

Shape LayerNorm::output_shape(const NodeTypes &node, const Attributes &) {
  require_rank(node, x, inputs[x], 2);
  for (int vector : {weight, bias})
    if (node.has(vector))
      require_shape(node, vector, inputs[vector], {node[x].shape[1]});
  return node[x].shape;
}

Cost LayerNorm::cost(const Tensor *inputs, const Tensor &output, const Attributes &) {
  const double elements = elements_of(output);
  return {8 * elements, bytes_of_all(inputs, bias + 1) + 4 * elements};
}

} // namespace tubelet
