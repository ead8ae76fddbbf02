#include "ops/adaln.h"

#include <algorithm>

namespace tubelet {

Shape Adaln::output_shape(const NodeTypes &node, const Attributes &attributes) {
  require_rank(node, x, inputs[x], 2);
  require_rank(node, modulation, inputs[modulation], 2);
  require_shape(node, row, inputs[row], {node[x].shape[0]});
  require_columns(node, modulation, inputs[modulation],
                  std::max(attributes.shift_column, attributes.scale_column) + node[x].shape[1]);
  return node[x].shape;
}

Cost Adaln::cost(const Tensor *inputs, const Tensor &output, const Attributes &) {
  double elements = double(output.shape[0]) * double(output.shape[1]);
  double rows = double(inputs[modulation].shape[0]) * 2 * double(output.shape[1]);
  return {8 * elements, 4 * (2 * elements + rows)};
}

void Adaln::check_data(const Tensor *inputs, const Tensor &, const Attributes &) {
  require_indices("adaln", "row", inputs[row], 0, inputs[modulation].shape[0]);
}

} // namespace tubelet
