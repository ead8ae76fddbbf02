#include "ops/gather.h"

namespace tubelet {

Shape Gather::output_shape(const NodeTypes &node, const Attributes &) {
  require_rank(node, index, inputs[index], 1);
  require_rank(node, x, inputs[x], 2);
  const int64_t width = node[x].shape[1];
  for (int i = x + 1; i < int(node.inputs.size()); i++) {
    require_rank(node, i, inputs[x], 2);
    require_shape(node, i, inputs[x], {node[i].shape[0], width});
  }
  return {node[index].shape[0], width};
}

Cost Gather::cost(const Tensor *inputs, int, const Tensor &output, const Attributes &) {
  return {0, 8 * elements_of(output) + 4 * elements_of(inputs[index])};
}

void Gather::check_data(const Tensor *inputs, int input_count, const Tensor &, const Attributes &) {
  int64_t rows = 0;
  for (int i = x; i < input_count; i++)
    rows += inputs[i].shape[0];
  require_indices("gather", "index", inputs[index], 0, rows);
}

} // namespace tubelet
