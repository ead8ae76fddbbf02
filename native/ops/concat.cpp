#include "ops/concat.h"

namespace tubelet {

Shape Concat::output_shape(const NodeTypes &node, const Attributes &attributes) {
  Shape output = node[0].shape;
  const int axis = int(attributes.axis);
  if (axis != 0 && axis != output.rank - 1)
    fail_shape(node, "axis must be", "0 or " + std::to_string(output.rank - 1),
               std::to_string(axis));
  output.dims[axis] = 0;
  for (int i = 0; i < int(node.inputs.size()); i++) {
    if (axis == 0)
      require_fixed(node, i, inputs[x]);
    Shape expected = node[0].shape;
    expected.dims[axis] = node[i].shape[axis];
    require_shape(node, i, inputs[x], expected);
    output.dims[axis] += node[i].shape[axis];
  }
  return output;
}

Cost Concat::cost(const Tensor *inputs, int input_count, const Tensor &output, const Attributes &) {
  return {0, bytes_of_all(inputs, input_count) + 4 * elements_of(output)};
}

} // namespace tubelet
