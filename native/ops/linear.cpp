#include "ops/linear.h"

namespace tubelet {

Shape Linear::output_shape(const NodeTypes &node, const Attributes &attributes) {
  require_rank(node, x, inputs[x], 2);
  require_rank(node, weight, inputs[weight], 2);
  require_fixed(node, weight, inputs[weight]);
  const Shape output = {node[x].shape[0], node[weight].shape[0]};
  require_shape(node, weight, inputs[weight], {output[1], node[x].shape[1]});
  if (node.has(bias))
    require_shape(node, bias, inputs[bias], {output[1]});
  if (node.has(modulation) != node.has(row))
    fail_shape(node, "modulation and row must be", "given together",
               node.has(row) ? "row only" : "modulation only");
  if (node.has(modulation)) {
    require_rank(node, modulation, inputs[modulation], 2);
    require_shape(node, row, inputs[row], {output[0]});
    require_columns(node, modulation, inputs[modulation], attributes.gate_column + output[1]);
  }
  if (node.has(residual))
    require_shape(node, residual, inputs[residual], output);
  return output;
}

Cost Linear::cost(const Tensor *inputs, const Tensor &output, const Attributes &) {
  const double elements = elements_of(output);
  return {2 * elements * double(inputs[x].shape[1]),
          bytes_of_all(inputs, residual + 1) + 4 * elements};
}

void Linear::check_data(const Tensor *inputs, const Tensor &, const Attributes &) {
  if (inputs[row].rank > 0)
    require_indices("linear", "row", inputs[row], 0, inputs[modulation].shape[0]);
}

} // namespace tubelet
