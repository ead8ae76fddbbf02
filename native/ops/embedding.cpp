#include "ops/embedding.h"

namespace tubelet {

Shape Embedding::output_shape(const NodeTypes &node, const Attributes &) {
  require_rank(node, ids, inputs[ids], 1);
  require_rank(node, table, inputs[table], 2);
  require_fixed(node, table, inputs[table]);
  return {node[ids].shape[0], node[table].shape[1]};
}

Cost Embedding::cost(const Tensor *inputs, const Tensor &output, const Attributes &) {
  const double elements = elements_of(output);
  return {0, elements * double(4 + bytes_of(inputs[table].dtype)) + 4 * elements_of(inputs[ids])};
}

void Embedding::check_data(const Tensor *inputs, const Tensor &, const Attributes &) {
  require_indices("embedding", "ids", inputs[ids], 0, inputs[table].shape[0]);
}

} // namespace tubelet
