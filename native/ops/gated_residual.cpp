#include "ops/gated_residual.h"

namespace tubelet {

Shape GatedResidual::output_shape(const NodeTypes &node, const Attributes &attributes) {
  require_rank(node, x, inputs[x], 2);
  require_shape(node, y, inputs[y], node[x].shape);
  require_rank(node, modulation, inputs[modulation], 2);
  require_columns(node, modulation, inputs[modulation], attributes.gate_column + node[x].shape[1]);
  require_shape(node, row, inputs[row], {node[x].shape[0]});
  return node[x].shape;
}

Cost GatedResidual::cost(const Tensor *inputs, const Tensor &output, const Attributes &) {
  const double elements = elements_of(output);
  const double gates = double(inputs[modulation].shape[0]) * double(output.shape[1]);
  return {2 * elements, 4 * (3 * elements + gates)};
}

void GatedResidual::check_data(const Tensor *inputs, const Tensor &, const Attributes &) {
  require_indices("gated_residual", "row", inputs[row], 0, inputs[modulation].shape[0]);
}

} // namespace tubelet
