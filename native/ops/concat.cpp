#include "ops/concat.h"

namespace tubelet {

Shape Concat::output_shape(const NodeTypes &node, const Attributes &) {
  Shape output = node[0].shape;
  output.dims[0] = 0;
  for (int i = 0; i < int(node.inputs.size()); i++) {
    require_fixed(node, i, inputs[x]);
    Shape expected = node[0].shape;
    expected.dims[0] = node[i].shape[0];
    require_shape(node, i, inputs[x], expected);
    output.dims[0] += node[i].shape[0];
  }
  return output;
}

Cost Concat::cost(const Tensor *inputs, int input_count, const Tensor &output, const Attributes &) {
  return {0, bytes_of_all(inputs, input_count) + 4 * elements_of(output)};
}

} // namespace tubelet
