#include "ops/linear_combination.h"

namespace tubelet {

Shape LinearCombination::output_shape(const NodeTypes &node, const Attributes &) {
  const int count = int(node.inputs.size());
  require_shape(node, coefficients, inputs[coefficients], {count - x});
  require_rank(node, x, inputs[x], 1);
  for (int i = x + 1; i < count; i++)
    require_shape(node, i, inputs[x], node[x].shape);
  return node[x].shape;
}

Cost LinearCombination::cost(const Tensor *inputs, int input_count, const Tensor &output,
                             const Attributes &) {
  const double elements = elements_of(output);
  return {2 * elements * (input_count - x), bytes_of_all(inputs, input_count) + 4 * elements};
}

} // namespace tubelet
